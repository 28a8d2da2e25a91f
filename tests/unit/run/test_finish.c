/* SPDX-License-Identifier: MIT */
/* The end of a run: what the summary's data say, and where handle_summary's texts go. */
#include "base/file.h"
#include "capture.h"
#include "run_rig.h"
#include "vectors.h"
#include <lauxlib.h>
#include <sys/stat.h>

static char folder[] = "/tmp/ttload-finish-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"a.txt", "deep/b.txt", "export.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(names[i]);
    rmdir("deep");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void assert_file(const char *path, const char *expected)
{
    struct tt_err err = {0};
    struct tt_buf text;
    if (!tt_file_read(path, 1 << 20, &text, 1, &err))
        fail_msg("%s", err.text);
    assert_string_equal(text.data, expected);
    tt_buf_fini(&text);
    unlink(path);
}

/* A run that has ended after 10 s, judged, its summary built. */
static struct run_rig *ended(const char *options)
{
    struct run_rig *g = run_rig_new(options);
    run_rig_add(g, TT_M_iterations, 1, 20);
    run_rig_pass(g, 10000);
    g->run.end_ns = tt_loop_now(g->run.loop);
    tt__judge(&g->run, true);
    tt__summary_build(&g->run);
    return g;
}

/* What stdout gets when handle_summary returned the Lua expression; NULL: there was none. */
static char *write_summary(struct run_rig *g, const char *expression)
{
    struct capture c;
    struct tt_buf flat;
    struct tt_err err = {0};
    char chunk[512];
    tt_buf_init(&flat, 1 << 20);
    if (expression) {
        lua_State *L = luaL_newstate();
        snprintf(chunk, sizeof chunk, "return %s", expression);
        assert_int_equal(luaL_dostring(L, chunk), LUA_OK);
        assert_true(tt_lua_flatten(L, -1, "summary", &flat, &err));
        lua_close(L);
    }
    capture_begin(&c, stdout);
    tt__summary_write(&g->run, expression ? &flat : NULL);
    char *text = capture_end(&c);
    tt_buf_fini(&flat);
    return text;
}

static void assert_standard(const char *text)
{
    assert_non_null(strstr(text, "iterations"));
    assert_non_null(strstr(text, "20"));
}

static void without_handle_summary_the_standard_text_is_printed(void **state)
{
    struct run_rig *g = ended("{}");
    char *text = write_summary(g, NULL);
    (void)state;
    assert_standard(text);
    assert_null(strchr(text, '\x1b')); /* a file is no terminal */
    tt_free(text);
    run_rig_free(g);
}

static void nil_and_false_mean_the_standard_text(void **state)
{
    static const char *const values[] = {"nil", "false"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct run_rig *g = ended("{}");
        char *text = write_summary(g, values[i]);
        assert_standard(text);
        assert_string_equal(g->log, "");
        tt_free(text);
        run_rig_free(g);
    }
}

static void returned_texts_go_to_their_files_and_streams(void **state)
{
    struct run_rig *g = ended("{}");
    char *text = write_summary(g, "{ ['a.txt'] = 'first', ['deep/b.txt'] = 'second\\n', "
                                  "stdout = 'mine\\n' }");
    (void)state;
    assert_string_equal(text, "mine\n");
    assert_file("a.txt", "first");
    assert_file("deep/b.txt", "second\n");
    tt_free(text);
    run_rig_free(g);
}

static void an_empty_table_prints_nothing(void **state)
{
    struct run_rig *g = ended("{}");
    char *text = write_summary(g, "{}");
    (void)state;
    assert_string_equal(text, "");
    assert_string_equal(g->log, "");
    tt_free(text);
    run_rig_free(g);
}

static void pairs_that_are_not_text_are_skipped_with_a_word(void **state)
{
    struct run_rig *g = ended("{}");
    char *text = write_summary(g, "{ ['a.txt'] = 'kept', ['c.txt'] = 5, [1] = 'x' }");
    (void)state;
    assert_string_equal(text, "");
    assert_file("a.txt", "kept");
    assert_int_equal(access("c.txt", F_OK), -1);
    assert_non_null(strstr(g->log, "expected path = text pairs"));
    tt_free(text);
    run_rig_free(g);
}

static void anything_else_is_an_error_and_the_standard_text(void **state)
{
    static const char *const values[] = {"'text'", "true", "42"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct run_rig *g = ended("{}");
        char *text = write_summary(g, values[i]);
        assert_standard(text);
        assert_non_null(strstr(g->log, "handle_summary must return a table"));
        tt_free(text);
        run_rig_free(g);
    }
}

static void a_file_that_cannot_be_written_keeps_the_others(void **state)
{
    struct run_rig *g = ended("{}");
    mkdir("deep", 0777);
    char *text = write_summary(g, "{ deep = 'a folder is no file', ['a.txt'] = 'kept' }");
    (void)state;
    assert_file("a.txt", "kept");
    assert_non_null(strstr(g->log, "cannot write 'deep'"));
    rmdir("deep");
    tt_free(text);
    run_rig_free(g);
}

static void the_export_is_written_beside_what_handle_summary_returns(void **state)
{
    struct run_rig *g = run_rig_new("{\"thresholds\":{\"iterations\":\"count>100\"}}");
    struct tt_run *r = &g->run;
    struct tt_err err = {0};
    struct tt_buf text;
    char path[] = "export.json";
    (void)state;
    r->plan->opt.summary_export = path;
    r->plan->opt.set[TT_OPT_summary_export] = true;
    run_rig_add(g, TT_M_iterations, 1, 20);
    run_rig_pass(g, 10000);
    r->end_ns = tt_loop_now(r->loop);
    tt__judge(r, true);
    tt__summary_build(r);
    char *out = write_summary(g, "{}");
    assert_string_equal(out, "");
    assert_true(tt_file_read(path, 1 << 20, &text, 1, &err));
    cJSON *v = tt_json_read(text.data, text.len, 1, &err);
    const cJSON *m = field(field(v, "metrics"), "iterations");
    assert_true(number(m, "count") == 20);
    assert_true(cJSON_IsTrue(field(field(m, "thresholds"), "count>100")));
    cJSON_Delete(v);
    tt_buf_fini(&text);
    tt_free(out);
    run_rig_free(g);
}

static void the_data_carry_durations_setup_and_timeline(void **state)
{
    struct run_rig *g = run_rig_new("{\"scenarios\":{\"a\":{\"executor\":\"constant-vus\","
                                    "\"duration\":\"10s\",\"warmup\":\"4s\"}}}");
    struct tt_run *r = &g->run;
    (void)state;
    run_rig_add(g, TT_M_iterations, 1, 12);
    run_rig_pass(g, 10000);
    r->end_ns = tt_loop_now(r->loop);
    r->setup_json = cJSON_CreateString("from setup");
    r->timeline = cJSON_CreateArray();
    cJSON_AddItemToArray(r->timeline, cJSON_CreateString("pause"));
    tt__judge(r, true);
    tt__summary_build(r);
    const cJSON *run = field(r->summary, "state");
    assert_true(number(run, "test_run_duration_ms") == 10000);
    assert_true(number(run, "measured_duration_ms") == 6000);
    assert_string_equal(text(r->summary, "setup_data"), "from setup");
    assert_int_equal(cJSON_GetArraySize(field(r->summary, "timeline")), 1);
    const cJSON *values = field(field(field(r->summary, "metrics"), "iterations"), "values");
    assert_true(number(values, "rate") == 2); /* per measured second */
    run_rig_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_handle_summary_the_standard_text_is_printed),
        cmocka_unit_test(nil_and_false_mean_the_standard_text),
        cmocka_unit_test(returned_texts_go_to_their_files_and_streams),
        cmocka_unit_test(an_empty_table_prints_nothing),
        cmocka_unit_test(pairs_that_are_not_text_are_skipped_with_a_word),
        cmocka_unit_test(anything_else_is_an_error_and_the_standard_text),
        cmocka_unit_test(a_file_that_cannot_be_written_keeps_the_others),
        cmocka_unit_test(the_export_is_written_beside_what_handle_summary_returns),
        cmocka_unit_test(the_data_carry_durations_setup_and_timeline),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
