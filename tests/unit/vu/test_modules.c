/* SPDX-License-Identifier: MIT */
/* require, loadfile, dofile and open: where files are looked for, and that each VU has its own. */
#include "body.h"
#include <sys/stat.h>

struct place {
    char dir[64]; /* made for the test, with the folders lib/ and more/ */
    struct rig *rig;
    struct tt_vu *vu;
    struct tt_err err;
};

static void put(const struct place *p, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int setup(void **state)
{
    struct place *p = tt_xcalloc(1, sizeof *p);
    char path[256];
    snprintf(p->dir, sizeof p->dir, "/tmp/ttload-modules-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    static const char *const folders[] = {"lib", "more", "more/deep"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", p->dir, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    char command[128];
    tt_vu_free(p->vu);
    if (p->rig)
        rig_free(p->rig);
    snprintf(command, sizeof command, "rm -rf '%s'", p->dir);
    unsetenv("TTLOAD_PATH");
    tt_free(p);
    return system(command);
}

/* Runs the chunk as the top level of main.lua in the place, with more/ as --lib; NULL: it raised.
 */
static struct tt_vu *top_level(struct place *p, const char *chunk)
{
    char text[4096], path[256], more[256];
    const char *libs[] = {more};
    const struct rig_config config = {.libs = {libs, 1}};
    snprintf(text, sizeof text, "%s\nreturn { default = function() end }\n", chunk);
    put(p, "main.lua", text);
    snprintf(path, sizeof path, "%s/main.lua", p->dir);
    snprintf(more, sizeof more, "%s/more", p->dir);
    p->rig = rig_open(path, &config);
    return p->vu = tt_vu_new(p->rig->w, 1, &p->err);
}

static void holds_in(struct place *p, const char *chunk)
{
    if (!top_level(p, chunk))
        fail_msg("%s", p->err.text);
}

static void fails_in(struct place *p, const char *chunk, const char *const *says)
{
    if (top_level(p, chunk))
        fail_msg("'%s' passed", chunk);
    assert_int_equal(p->err.exit_code, 107);
    for (; *says; says++)
        if (!strstr(p->err.text, *says))
            fail_msg("'%s' is not in '%s'", *says, p->err.text);
}

#define FAILS_IN(p, chunk, ...) fails_in(p, chunk, (const char *const[]){__VA_ARGS__, NULL})

static void modules_are_found_beside_the_script_and_in_libs(void **state)
{
    struct place *p = *state;
    put(p, "beside.lua", "return { from = 'beside' }");
    put(p, "lib/deep.lua", "return { from = 'lib' }");
    put(p, "more/other.lua", "return { from = 'more' }");
    put(p, "more/deep/init.lua", "return { from = 'init' }");
    holds_in(p, "assert(require('beside').from == 'beside')\n"
                "assert(require('lib.deep').from == 'lib')\n"
                "assert(require('other').from == 'more')\n"
                "assert(require('deep').from == 'init')");
}

static void what_lies_beside_the_script_wins(void **state)
{
    struct place *p = *state;
    char path[128];
    put(p, "m.lua", "return 'beside'");
    put(p, "more/m.lua", "return 'more'");
    put(p, "more/n.lua", "return 'more'");
    put(p, "lib/n.lua", "return 'path'");
    put(p, "lib/o.lua", "return 'path'");
    snprintf(path, sizeof path, "/nonexistent:%s/lib", p->dir);
    setenv("TTLOAD_PATH", path, 1);
    holds_in(p, "assert(require('m') == 'beside' and require('n') == 'more')\n"
                "assert(require('o') == 'path')");
}

static void a_module_runs_once_with_its_name_and_path(void **state)
{
    struct place *p = *state;
    put(p, "m.lua", "runs = (runs or 0) + 1 return { name = ..., path = select(2, ...) }");
    put(p, "none.lua", "done = (done or 0) + 1");
    put(p, "no.lua", "return false");
    holds_in(p,
             "local m = require 'm'\n"
             "assert(require 'm' == m and runs == 1 and m.name == 'm' and m.path:find('/m.lua$'))\n"
             "assert(require 'none' == true and require 'none' == true and done == 1)\n"
             "assert(require 'no' == false)");
}

static void each_vu_has_its_own_of_a_module(void **state)
{
    struct place *p = *state;
    put(p, "m.lua", "local n = 0 return { next = function() n = n + 1 g = n return n end }");
    put(p, "main.lua",
        "local m = require 'm'\nreturn { default = function()\n"
        "require 'ttload'.fail(('%d %s'):format(m.next(), g)) end }");
    char path[256];
    const struct rig_config config = {0};
    snprintf(path, sizeof path, "%s/main.lua", p->dir);
    p->rig = rig_open(path, &config);
    struct tt_vu *a = rig_vu(p->rig, 1), *b = rig_vu(p->rig, 2);
    static const char *const want[] = {"1 1", "2 2", "1 1", "3 3"};
    for (int i = 0; i < 4; i++) {
        rig_begin(p->rig, i == 2 ? b : a);
        assert_string_equal(p->rig->message, want[i]);
    }
    tt_vu_free(a);
    tt_vu_free(b);
}

static void a_missing_module_says_where_it_was_looked_for(void **state)
{
    struct place *p = *state;
    char beside[128], more[128];
    snprintf(beside, sizeof beside, "no file '%s/a/b.lua'", p->dir);
    snprintf(more, sizeof more, "no file '%s/more/a/b/init.lua'", p->dir);
    FAILS_IN(p, "require 'a.b'", "module 'a.b' not found", beside, more, "main.lua:1:");
}

static void a_module_of_the_library_that_is_none_is_suggested(void **state)
{
    FAILS_IN(*state, "require 'ttload.htpp'", "no module 'ttload.htpp'",
             "did you mean 'ttload.http'");
}

static void an_error_in_a_module_has_its_place_and_is_raised_again(void **state)
{
    struct place *p = *state;
    put(p, "bad.lua", "local x = nil\nx()");
    FAILS_IN(p,
             "local ok, e = pcall(require, 'bad') assert(not ok and e:find('bad.lua:2:'))\n"
             "require 'bad'",
             "bad.lua:2:", "attempt to call a nil value");
}

static void a_syntax_error_in_a_module_has_its_place(void **state)
{
    struct place *p = *state;
    put(p, "bad.lua", "\n\nlocal = 1");
    FAILS_IN(p, "require 'bad'", "bad.lua:3:");
}

static void a_first_line_for_the_shell_is_passed_over(void **state)
{
    struct place *p = *state;
    put(p, "tool.lua", "#!/usr/bin/env lua\nreturn { line = select(2, pcall(error, 'x', 1)) }");
    put(p, "only.lua", "#!/usr/bin/env lua");
    put(p, "empty.lua", "");
    holds_in(p, "assert(require 'tool'.line) assert(require 'only' == true)\n"
                "assert(require 'empty' == true)");
}

static void binary_modules_are_refused(void **state)
{
    struct place *p = *state;
    put(p, "bin.lua", "\033Lua not text");
    FAILS_IN(p, "require 'bin'", "attempt to load a binary chunk");
}

static void require_works_while_an_iteration_runs(void **state)
{
    struct place *p = *state;
    char path[256];
    const struct rig_config config = {0};
    put(p, "late.lua", "return { word = 'late' }");
    put(p, "main.lua",
        "return { default = function() require 'ttload'.fail(require 'late'.word) end }");
    snprintf(path, sizeof path, "%s/main.lua", p->dir);
    p->rig = rig_open(path, &config);
    p->vu = rig_vu(p->rig, 1);
    rig_begin(p->rig, p->vu);
    assert_string_equal(p->rig->message, "late");
}

/* --- loadfile, dofile ---------------------------------------------------------------------------
 */

static void loaded_files_see_the_environment_they_are_given(void **state)
{
    struct place *p = *state;
    char chunk[1024];
    put(p, "f.lua", "n = (n or 0) + 1 return word, n");
    snprintf(chunk, sizeof chunk,
             "local path = '%s/f.lua'\nword = 'mine'\n"
             "local w, c = dofile(path) assert(w == 'mine' and c == 1)\n"
             "w, c = loadfile(path)() assert(w == 'mine' and c == 2 and n == 2)\n"
             "local env = { word = 'given' }\n"
             "w, c = loadfile(path, 't', env)() assert(w == 'given' and c == 1 and env.n == 1)\n"
             "assert(n == 2)\n"
             "local f, e = loadfile(path .. '.not') assert(not f and e:find('cannot open'))\n"
             "assert(not pcall(dofile, path .. '.not'))",
             p->dir);
    holds_in(p, chunk);
}

/* --- open ---------------------------------------------------------------------------------------
 */

static void open_counts_from_the_file_that_asks(void **state)
{
    struct place *p = *state;
    put(p, "data.txt", "beside");
    put(p, "lib/data.txt", "in lib");
    put(p, "lib/m.lua",
        "local tt = require 'ttload'\n"
        "return { mine = tt.open('data.txt'), up = tt.open('../data.txt', 'text') }");
    put(p, "lib/fails.lua", "error('x')");
    put(p, "empty.bin", "");
    holds_in(
        p, "local tt = require 'ttload'\nlocal m = require 'lib.m'\n"
           "assert(m.mine == 'in lib' and m.up == 'beside')\n"
           "pcall(require, 'lib.fails')\n"
           "assert(tt.open('data.txt') == 'beside')\n" /* again from here */
           "assert(tt.open('empty.bin', 'binary') == '')\n"
           "local ok, e = pcall(tt.open, 'nothing.txt') assert(not ok and e:find('nothing.txt'))\n"
           "ok, e = pcall(tt.open, 'data.txt', 'utf') assert(not ok and e:find(\"'text' or "
           "'binary'\"))");
}

static void open_is_for_init_only(void **state)
{
    (void)state;
    ends("tt.open('/dev/null')", 0, TT_FAILED, "in init only");
}

/* --- the scenario file --------------------------------------------------------------------------
 */

static void the_scenario_file_must_return_a_table(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"return 5", "must return a table (return M), it returned number"},
        {"", "it returned nil"},
        {"#!/bin/sh", "it returned nil"},
        {"return {", "<eof>"},
        {"local tt = require 'ttload' tt.fail('stop')", "fail is not allowed in init"},
        {"error { code = 1 }", "table"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tt_err err = {0};
        struct rig *r = rig_new(cases[i].text);
        assert_null(tt_vu_new(r->w, 1, &err));
        assert_int_equal(err.exit_code, 107);
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
        rig_free(r);
    }
}

static void abort_in_init_has_its_exit_code(void **state)
{
    (void)state;
    struct tt_err err = {0};
    struct rig *r = rig_new("pcall(require 'ttload'.abort, 'no data')");
    assert_null(tt_vu_new(r->w, 1, &err));
    assert_int_equal(err.exit_code, 108);
    assert_non_null(strstr(err.text, "no data"));
    rig_free(r);
}

static void a_script_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    struct tt_err err = {0};
    const struct tt_text_list no_libs = {0};
    assert_null(tt_script_load("/nonexistent/x.lua", &no_libs, &err));
    assert_int_equal(err.exit_code, 255);
    assert_non_null(strstr(err.text, "/nonexistent/x.lua"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(modules_are_found_beside_the_script_and_in_libs),
        TEST(what_lies_beside_the_script_wins),
        TEST(a_module_runs_once_with_its_name_and_path),
        TEST(each_vu_has_its_own_of_a_module),
        TEST(a_missing_module_says_where_it_was_looked_for),
        TEST(a_module_of_the_library_that_is_none_is_suggested),
        TEST(an_error_in_a_module_has_its_place_and_is_raised_again),
        TEST(a_syntax_error_in_a_module_has_its_place),
        TEST(a_first_line_for_the_shell_is_passed_over),
        TEST(binary_modules_are_refused),
        TEST(require_works_while_an_iteration_runs),
        TEST(loaded_files_see_the_environment_they_are_given),
        TEST(open_counts_from_the_file_that_asks),
        cmocka_unit_test(open_is_for_init_only),
        cmocka_unit_test(the_scenario_file_must_return_a_table),
        cmocka_unit_test(abort_in_init_has_its_exit_code),
        cmocka_unit_test(a_script_that_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
