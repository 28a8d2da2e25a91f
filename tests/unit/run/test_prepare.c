/* SPDX-License-Identifier: MIT */
/* From the command line's words to a plan: layers, what init needs early, and what is wrong. */
#include "run_rig.h"
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/ttload-prepare-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink("test.lua");
    unlink("config.json");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    fclose(f);
}

enum { WORDS_MAX = 8 };
struct words {
    const char *argv[WORDS_MAX], *env[WORDS_MAX];
};

static struct tt_run *prepare(struct words w, struct tt_err *err)
{
    char *argv[WORDS_MAX + 1] = {0}, *env[WORDS_MAX + 1] = {0};
    int argc = 0;
    for (; argc < WORDS_MAX && w.argv[argc]; argc++)
        argv[argc] = (char *)(uintptr_t)w.argv[argc];
    for (int i = 0; i < WORDS_MAX && w.env[i]; i++)
        env[i] = (char *)(uintptr_t)w.env[i];
    *err = (struct tt_err){0};
    return tt_run_prepare(argc, argv, env, TT_RUN_GO, err);
}

static struct tt_run *prepared(struct words w)
{
    struct tt_err err;
    struct tt_run *r = prepare(w, &err);
    if (!r)
        fail_msg("%s", err.text);
    return r;
}

static void assert_refused(struct words w, int exit_code, const char *text)
{
    struct tt_err err;
    assert_null(prepare(w, &err));
    if (!strstr(err.text, text))
        fail_msg("'%s' is not in: %s", text, err.text);
    assert_int_equal(err.exit_code, exit_code);
}

static void every_layer_wins_over_those_below(void **state)
{
    (void)state;
    put("config.json", "{\"vus\":1,\"max_redirects\":1,\"seed\":1,\"user_agent\":\"config\"}");
    put("test.lua", "return { options = { vus = 2, max_redirects = 2, seed = 2 },"
                    " default = function() end }");
    struct tt_run *r = prepared((struct words){
        .argv = {"test.lua", "--vus", "4", "--config", "config.json"},
        .env = {"TTLOAD_VUS=3", "TTLOAD_MAX_REDIRECTS=3"},
    });
    const struct tt_plan *p = tt_run_plan(r);
    assert_int_equal(p->opt.vus, 4);
    assert_int_equal(p->opt.max_redirects, 3);
    assert_int_equal(p->opt.seed, 2);
    assert_string_equal(p->opt.user_agent, "config");
    assert_int_equal(p->n_scenarios, 1);
    assert_int_equal(p->scenarios[0].vus, 4);
    tt_run_free(r);
}

static void the_config_file_may_come_from_the_environment(void **state)
{
    (void)state;
    put("config.json", "{\"vus\":7}");
    put("test.lua", "return { default = function() end }");
    struct tt_run *r = prepared((struct words){
        .argv = {"test.lua"},
        .env = {"TTLOAD_CONFIG=config.json"},
    });
    assert_int_equal(tt_run_plan(r)->opt.vus, 7);
    tt_run_free(r);
}

static void init_sees_the_environment_that_flags_set(void **state)
{
    (void)state;
    put("test.lua", "local tt = require 'ttload'\n"
                    "return { options = { vus = tonumber(tt.env.USERS), seed = tonumber(tt.env.S) "
                    "}, default = function() end }");
    struct tt_run *r = prepared((struct words){
        .argv = {"-e", "USERS=11", "test.lua"},
        .env = {"S=5", "USERS=1"},
    });
    assert_int_equal(tt_run_plan(r)->opt.vus, 11);
    assert_int_equal(tt_run_plan(r)->opt.seed, 5);
    tt_run_free(r);
}

static void it_is_known_which_functions_the_script_has(void **state)
{
    (void)state;
    put("test.lua", "return { default = function() end, setup = function() end,"
                    " handle_summary = function() end }");
    struct tt_run *r = prepared((struct words){.argv = {"test.lua"}});
    assert_true(r->has_setup);
    assert_true(r->has_summary);
    assert_false(r->has_teardown);
    assert_true(tt_registry_frozen(r->registry));
    tt_run_free(r);
    put("test.lua", "return { default = function() end, teardown = 'text' }");
    assert_refused((struct words){.argv = {"test.lua"}}, 104, "teardown: expected a function");
}

static void metrics_of_the_scripts_init_can_have_thresholds(void **state)
{
    (void)state;
    put("test.lua", "local m = require 'ttload.metrics'\nlocal mine = m.counter('mine')\n"
                    "return { options = { thresholds = { mine = 'count>5' } },"
                    " default = function() end }");
    struct tt_run *r = prepared((struct words){.argv = {"test.lua"}});
    assert_int_equal(tt_run_plan(r)->n_thresholds, 1);
    assert_string_equal(tt_run_plan(r)->thresholds[0].metric, "mine");
    tt_run_free(r);
}

static void one_script_is_expected(void **state)
{
    (void)state;
    put("test.lua", "return { default = function() end }");
    assert_refused((struct words){.argv = {"--vus", "1"}}, 255, "expected a script");
    assert_refused((struct words){.argv = {"test.lua", "other.lua"}}, 255,
                   "expected one script, found 2 ('test.lua', 'other.lua'");
    assert_refused((struct words){.argv = {"nowhere.lua"}}, 255, "nowhere.lua");
    assert_refused((struct words){.argv = {"test.lua", "--vuss", "1"}}, 255, "did you mean --vus?");
}

static void errors_of_init_are_the_scripts(void **state)
{
    (void)state;
    put("test.lua", "return {");
    assert_refused((struct words){.argv = {"test.lua"}}, 107, "test.lua:1:");
    put("test.lua", "local x = nil\nreturn x.y");
    assert_refused((struct words){.argv = {"test.lua"}}, 107, "test.lua:2:");
    put("test.lua", "return 5");
    assert_refused((struct words){.argv = {"test.lua"}}, 107, "table");
}

static void wrong_options_name_the_script_and_the_place(void **state)
{
    (void)state;
    put("test.lua", "return { options = { vus = 'many' }, default = function() end }");
    assert_refused((struct words){.argv = {"test.lua"}}, 104, "vus");
    assert_refused((struct words){.argv = {"test.lua"}}, 104, "test.lua");
    put("test.lua", "return { options = { tags = { f = function() end } } }");
    assert_refused((struct words){.argv = {"test.lua"}}, 104, "options.tags.f");
    put("test.lua", "return { options = 5, default = function() end }");
    assert_refused((struct words){.argv = {"test.lua"}}, 104, "options");
    put("test.lua", "return { options = { vus = 1 } }");
    assert_refused((struct words){.argv = {"test.lua"}}, 255, "no function 'default'");
}

static void a_bad_config_file_is_named_with_the_place(void **state)
{
    (void)state;
    put("test.lua", "return { default = function() end }");
    assert_refused((struct words){.argv = {"test.lua", "-c", "none.json"}}, 104, "--config");
    put("config.json", "{\n  \"vus\": 1,\n  oops\n}");
    assert_refused((struct words){.argv = {"test.lua", "-c", "config.json"}}, 104, "line 3");
    put("config.json", "{\"vuss\": 1}");
    assert_refused((struct words){.argv = {"test.lua", "-c", "config.json"}}, 104,
                   "did you mean 'vus'?");
    put("config.json", "[1]");
    assert_refused((struct words){.argv = {"test.lua", "-c", "config.json"}}, 104, "config.json");
}

static void a_bad_variable_is_named(void **state)
{
    (void)state;
    put("test.lua", "return { default = function() end }");
    assert_refused((struct words){.argv = {"test.lua"}, .env = {"TTLOAD_DURATION=soon"}}, 104,
                   "TTLOAD_DURATION");
}

static void files_and_ports_for_a_connection_each_are_looked_at(void **state)
{
    (void)state;
    char text[512] = "";
    assert_false(tt__connections_short(900, 1000, 28232, text, sizeof text));
    assert_true(tt__connections_short(950, 1000, 28232, text, sizeof text));
    assert_non_null(strstr(text, "950 virtual users"));
    assert_non_null(strstr(text, "1000 open files"));
    assert_false(tt__connections_short(28232, UINT64_MAX, 28232, text, sizeof text));
    assert_true(tt__connections_short(28233, UINT64_MAX, 28232, text, sizeof text));
    assert_non_null(strstr(text, "local_ips"));
}

static void a_script_of_the_programs_own_needs_no_file(void **state)
{
    (void)state;
    static const char text[] = "return { options = { vus = 3 }, default = function() end }";
    const struct tt_own_script own = {"own.lua", text, sizeof text - 1};
    char *argv[] = {(char[]){"passed over"}, (char[]){"--iterations"}, (char[]){"5"}, NULL};
    char *env[] = {NULL};
    struct tt_err err = {0};
    struct tt_run *r = tt_run_prepare_own(&own, 3, argv, env, &err);
    assert_non_null(r);
    assert_int_equal(tt_run_plan(r)->opt.vus, 3);
    assert_int_equal(tt_run_plan(r)->opt.iterations, 5);
    assert_string_equal(tt_run_plan(r)->script_path, "own.lua");
    tt_run_free(r);
    const struct tt_own_script bad = {"own.lua", "error('here')", 13};
    assert_null(tt_run_prepare_own(&bad, 3, argv, env, &err));
    assert_non_null(strstr(err.text, "own.lua:1: here"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_wins_over_those_below),
        cmocka_unit_test(the_config_file_may_come_from_the_environment),
        cmocka_unit_test(init_sees_the_environment_that_flags_set),
        cmocka_unit_test(it_is_known_which_functions_the_script_has),
        cmocka_unit_test(metrics_of_the_scripts_init_can_have_thresholds),
        cmocka_unit_test(files_and_ports_for_a_connection_each_are_looked_at),
        cmocka_unit_test(one_script_is_expected),
        cmocka_unit_test(a_script_of_the_programs_own_needs_no_file),
        cmocka_unit_test(errors_of_init_are_the_scripts),
        cmocka_unit_test(wrong_options_name_the_script_and_the_place),
        cmocka_unit_test(a_bad_config_file_is_named_with_the_place),
        cmocka_unit_test(a_bad_variable_is_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
