/* SPDX-License-Identifier: MIT */
/* What scripts find of the standard library: whole, shared and frozen, without what would harm the
 * process or let virtual users see one another. */
#include "body.h"

/* Runs the chunk as the scenario file's top level. */
static void in_init(const char *chunk, bool allow_unsafe)
{
    char text[4096];
    struct tt_err err = {0};
    const struct rig_config config = {.allow_unsafe = allow_unsafe};
    snprintf(text, sizeof text, "%s\nreturn { default = function() end }\n", chunk);
    struct rig *r = rig_new_as(text, &config);
    struct tt_vu *vu = tt_vu_new(r->w, 1, &err);
    if (!vu)
        fail_msg("'%s': %s", chunk, err.text);
    tt_vu_free(vu);
    rig_free(r);
}

#define SAYS                                                                                       \
    "local function says(text, f, ...)\n"                                                          \
    "  local ok, e = pcall(f, ...)\n"                                                              \
    "  assert(not ok and tostring(e):find(text), e)\n"                                             \
    "end\n"

static void library_tables_are_frozen(void **state)
{
    (void)state;
    in_init(
        SAYS
        "for _, name in ipairs { 'string', 'table', 'math', 'utf8', 'os', 'io', 'coroutine' } do\n"
        "  local lib = _G[name]\n"
        "  says('read%-only', function() lib.mine = 1 end)\n"
        "  says('read%-only', function() for k in pairs(lib) do lib[k] = nil end end)\n"
        "  says('read%-only', rawset, lib, 'mine', 1)\n"
        "  says('protected', setmetatable, lib, {})\n"
        "  assert(getmetatable(lib) == 'frozen')\n"
        "end\n"
        "says('read%-only', table.insert, string, 1)",
        false);
}

static void modules_and_their_tables_are_frozen(void **state)
{
    (void)state;
    in_init(
        SAYS
        "for _, name in ipairs { 'ttload', 'ttload.http', 'ttload.json', 'ttload.metrics' } do\n"
        "  local m = require(name)\n"
        "  says('read%-only', function() m.mine = 1 end)\n"
        "  says('has no field', function() return m.mine end)\n"
        "end\n"
        "local tt = require 'ttload'\n"
        "says('read%-only', function() tt.log.info = print end)\n"
        "says('read%-only', rawset, tt.log, 'info', print)\n"
        "says('no field .inf.*did you mean .info', function() tt.log.inf() end)\n"
        "local n = 0 for _ in pairs(tt.log) do n = n + 1 end assert(n == 4)",
        false);
}

static void a_frozen_table_reads_like_the_real_one(void **state)
{
    (void)state;
    in_init("local n = 0\n"
            "for k, v in pairs(string) do assert(string[k] == v) n = n + 1 end\n"
            "assert(n == 17 and ('x'):rep(2) == 'xx' and math.pi > 3 and string.nothing == nil)\n"
            "for k in pairs(_G) do assert(k ~= 'mine') end\n"
            "mine = 1 assert(_G.mine == 1 and rawget(_G, 'mine') == 1)\n"
            "rawset(_G, 'other', 2) assert(other == 2)\n"
            "print = nil assert(print ~= nil)", /* what a VU takes away, the shared one still has */
            false);
}

static void metatables_that_all_share_are_out_of_reach(void **state)
{
    (void)state;
    in_init(SAYS
            "assert(getmetatable('') == 'locked' and getmetatable(_G) == 'locked')\n"
            "says('protected', setmetatable, _G, {})\n"
            "local f = io.open('/dev/null')\n"
            "assert(getmetatable(f) == 'locked' and io.type(f) == 'file' and f:read(1) == nil)\n"
            "f:close()\n"
            "assert(getmetatable(require('ttload').env) == 'frozen')",
            false);
}

static void what_touches_the_system_is_missing(void **state)
{
    (void)state;
    in_init(
        "for _, name in ipairs { 'exit', 'execute', 'remove', 'rename', 'tmpname', 'setlocale' } "
        "do\n"
        "  assert(os[name] == nil, name)\n"
        "end\n"
        "for _, name in ipairs { 'popen', 'output', 'input', 'write', 'tmpfile', 'stdout' } do\n"
        "  assert(io[name] == nil, name)\n"
        "end\n"
        "assert(debug == nil and package == nil)\n"
        "assert(os.time() and os.clock() and os.date() and os.getenv('PATH'))",
        false);
    in_init("assert(os.exit and io.popen and debug.getinfo and os.tmpname)", true);
}

static void files_are_read_and_not_written_in_init_only(void **state)
{
    (void)state;
    in_init(SAYS "for _, mode in ipairs { 'w', 'a', 'r+', 'w+b' } do\n"
                 "  says('only be read', io.open, '/dev/null', mode)\n"
                 "end\n"
                 "local f, e = io.open('/nonexistent/x') assert(not f and e:find('No such file'))\n"
                 "for _ in io.lines('/dev/null') do error('a line') end\n"
                 "assert(io.open('/dev/null', 'rb'):close())",
            false);
    ends("io.open('/dev/null')", 0, TT_FAILED, "in init only");
    ends("io.lines('/dev/null')", 0, TT_FAILED, "in init only");
}

static void finalizers_are_refused(void **state)
{
    (void)state;
    in_init(SAYS "says('__gc is not available', setmetatable, {}, { __gc = print })\n"
                 "says('__gc is not available', setmetatable, {}, { __gc = false })\n"
                 "local t = setmetatable({}, { __len = function() return 7 end }) assert(#t == 7)\n"
                 "assert(setmetatable(t, nil) == t and getmetatable(t) == nil)\n"
                 "says('expected', setmetatable, {}) says('table expected', setmetatable, 1, {})",
            false);
    in_init("setmetatable({}, { __gc = function() end })", true);
}

static void binary_chunks_are_refused(void **state)
{
    (void)state;
    in_init("local dumped = string.dump(function() return 5 end)\n"
            "local f, e = load(dumped, 'x', 'b') assert(not f and e:find('attempt to load'))\n"
            "f, e = load(dumped) assert(not f and e:find('attempt to load'))",
            false);
    in_init("assert(load(string.dump(function() return 5 end))() == 5)", true);
}

static void load_runs_in_the_vus_environment(void **state)
{
    (void)state;
    in_init(
        "mine = 4 assert(load('return mine')() == 4)\n"
        "load('other = 6')() assert(other == 6)\n"
        "assert(load('return mine', 'name', 't', { mine = 9 })() == 9)\n"
        "local f, e = load('syntax error here', '=place') assert(not f and e:find('^place:1'))\n"
        "local parts = { 'return ', '1 + ', '2' }\n"
        "assert(load(function() return table.remove(parts, 1) end)() == 3)\n"
        "assert(not pcall(load('return mine', 'x', 't', nil)))", /* no environment at all */
        false);
}

static void collections_are_not_for_scripts(void **state)
{
    (void)state;
    in_init(SAYS "assert(collectgarbage('count') > 1)\n"
                 "says('only \"count\"', collectgarbage) says('only', collectgarbage, 'stop')",
            false);
}

/* --- random numbers -----------------------------------------------------------------------------
 */

static void random_numbers_stay_in_their_interval(void **state)
{
    (void)state;
    in_init(
        SAYS
        "for _ = 1, 1000 do\n"
        "  local v = math.random() assert(v >= 0 and v < 1)\n"
        "  v = math.random(3) assert(v == 1 or v == 2 or v == 3)\n"
        "  v = math.random(-2, 2) assert(v >= -2 and v <= 2)\n"
        "  assert(math.random(7, 7) == 7)\n"
        "end\n"
        "local seen = {}\n"
        "for _ = 1, 1000 do seen[math.random(0, 3)] = true end\n"
        "assert(seen[0] and seen[1] and seen[2] and seen[3])\n"
        "assert(math.type(math.random(0)) == 'integer')\n"
        "assert(math.type(math.random(math.mininteger, math.maxinteger)) == 'integer')\n"
        "says('interval is empty', math.random, 2, 1) says('interval is empty', math.random, -1)\n"
        "says('wrong number', math.random, 1, 2, 3) says('integer', math.random, 1.5)",
        false);
}

static void a_seed_gives_the_same_numbers_again(void **state)
{
    (void)state;
    in_init("local function three(...)\n"
            "  math.randomseed(...) return table.concat({ math.random(9999), math.random(9999), "
            "math.random(9999) }, ' ')\n"
            "end\n"
            "assert(three(5) == three(5) and three(5) ~= three(6) and three(5) == three(5.0))\n"
            "assert(three(0.25) == three(0.25) and three(0.25) ~= three(0.5))\n"
            "assert(three(1e300) == three(1e300) and three(1e300) ~= three(-1e300))\n"
            "three(0 / 0) assert(not pcall(math.randomseed, 'x'))",
            false);
}

static void the_seed_option_seeds_each_vu_in_its_own_way(void **state)
{
    (void)state;
    char first[2][2][512];
    for (int i = 0; i < 2; i++) {
        struct rig *r = rig_new(
            "return { default = function() require 'ttload'.fail(math.random(1 << 40)) end }");
        r->plan->opt.seed = 42;
        r->plan->opt.set[TT_OPT_seed] = true;
        struct tt_vu *a = rig_vu(r, 1), *b = rig_vu(r, 2);
        for (int k = 0; k < 2; k++) { /* the order of VUs and what others draw do not matter */
            if (i)
                rig_begin(r, b);
            rig_begin(r, a);
            snprintf(first[i][k], sizeof first[i][k], "%s", r->message);
        }
        assert_string_not_equal(first[i][0], first[i][1]);
        rig_begin(r, b);
        assert_string_not_equal(r->message, first[i][1]);
        tt_vu_free(a);
        tt_vu_free(b);
        rig_free(r);
    }
    assert_string_equal(first[0][0], first[1][0]);
    assert_string_equal(first[0][1], first[1][1]);
}

static void a_script_that_seeds_itself_keeps_its_stream(void **state)
{
    (void)state;
    char drawn[2][512];
    struct rig *r =
        rig_new("math.randomseed(5)\n"
                "return { default = function() error(math.random(1 << 40) .. '', 0) end }");
    r->plan->opt.set[TT_OPT_seed] = true;
    struct tt_vu *a = rig_vu(r, 1), *b = rig_vu(r, 2);
    for (int k = 0; k < 2; k++) {
        rig_begin(r, a);
        snprintf(drawn[k], sizeof drawn[k], "%s", r->message);
        rig_begin(r, b);
        assert_string_equal(r->message, drawn[k]);
    }
    assert_string_not_equal(drawn[0], drawn[1]);
    tt_vu_free(a);
    tt_vu_free(b);
    rig_free(r);
}

static void one_vus_seed_does_not_touch_anothers(void **state)
{
    (void)state;
    struct rig *r = rig_new("local n = 0\nreturn { default = function() n = n + 1\n"
                            "math.randomseed(7) error(math.random(1 << 40) .. '', 0) end }");
    struct tt_vu *a = rig_vu(r, 1), *b = rig_vu(r, 2);
    struct tt_rng copy = *tt_vu_rng(b);
    const uint64_t before = tt_rng_next(&copy);
    rig_begin(r, a);
    assert_true(before == tt_rng_next(tt_vu_rng(b)));
    tt_vu_free(a);
    tt_vu_free(b);
    rig_free(r);
}

static void print_goes_to_the_log(void **state)
{
    (void)state;
    struct tt_vu *vu;
    struct rig *r = run(
        "print('a', nil, 1.5, setmetatable({}, {__tostring = function() return 'T' end}))", 0, &vu);
    assert_non_null(strstr(r->log, "a\tnil\t1.5\tT"));
    tt_vu_free(vu);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(library_tables_are_frozen),
        cmocka_unit_test(modules_and_their_tables_are_frozen),
        cmocka_unit_test(a_frozen_table_reads_like_the_real_one),
        cmocka_unit_test(metatables_that_all_share_are_out_of_reach),
        cmocka_unit_test(what_touches_the_system_is_missing),
        cmocka_unit_test(files_are_read_and_not_written_in_init_only),
        cmocka_unit_test(finalizers_are_refused),
        cmocka_unit_test(binary_chunks_are_refused),
        cmocka_unit_test(load_runs_in_the_vus_environment),
        cmocka_unit_test(collections_are_not_for_scripts),
        cmocka_unit_test(random_numbers_stay_in_their_interval),
        cmocka_unit_test(a_seed_gives_the_same_numbers_again),
        cmocka_unit_test(the_seed_option_seeds_each_vu_in_its_own_way),
        cmocka_unit_test(a_script_that_seeds_itself_keeps_its_stream),
        cmocka_unit_test(one_vus_seed_does_not_touch_anothers),
        cmocka_unit_test(print_goes_to_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
