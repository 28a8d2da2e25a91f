/* SPDX-License-Identifier: MIT */
/* Options: layers, flags, environment, JSON, messages. */
#include "base/json.h"
#include "plan/options.h"
#include "unit.h"

struct fixture {
    struct tt_arena arena;
    struct tt_options o;
    struct tt_err err;
    struct tt_text_list rest;
};

static int setup(void **state)
{
    struct fixture *f = tt_xcalloc(1, sizeof *f);
    tt_arena_init(&f->arena);
    tt_options_init(&f->o, &f->arena);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tt_options_fini(&f->o);
    tt_arena_fini(&f->arena);
    tt_free(f);
    return 0;
}

static bool json(struct fixture *f, enum tt_opt_layer layer, const char *text)
{
    cJSON *v = tt_json_read(text, strlen(text), 1, &f->err);
    assert_non_null(v);
    bool ok = tt_options_apply_json(&f->o, &f->arena, v, layer, "options", &f->err);
    cJSON_Delete(v);
    return ok;
}

static bool flags(struct fixture *f, const char *a, const char *b, const char *c, const char *d)
{
    char *argv[] = {(char *)(uintptr_t)a, (char *)(uintptr_t)b, (char *)(uintptr_t)c,
                    (char *)(uintptr_t)d};
    int argc = 0;
    while (argc < 4 && argv[argc])
        argc++;
    return tt_options_apply_flags(&f->o, &f->arena, argc, argv, &f->rest, &f->err);
}

static bool environment(struct fixture *f, const char *a, const char *b)
{
    char *list[] = {(char *)(uintptr_t)a, (char *)(uintptr_t)b, NULL};
    return tt_options_apply_env(&f->o, &f->arena, list, &f->err);
}

static void commas_in_braces_divide_no_list(void **state)
{
    struct fixture *f = *state;
    assert_true(
        environment(f, "TTLOAD_SUBMETRICS=checks{a:1,b:2} , iterations,data_sent{c:3}", NULL));
    assert_int_equal(f->o.submetrics.n, 3);
    assert_string_equal(f->o.submetrics.items[0], "checks{a:1,b:2}");
    assert_string_equal(f->o.submetrics.items[1], "iterations");
    assert_string_equal(f->o.submetrics.items[2], "data_sent{c:3}");
    assert_true(
        environment(f, "TTLOAD_SUBMETRICS=checks{a:1,b", NULL)); /* told as it is found wrong */
    assert_int_equal(f->o.submetrics.n, 2);
}

static void defaults_are_set_and_known_as_such(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->o.max_redirects, 10);
    assert_int_equal(f->o.setup_timeout, 60000000000);
    assert_true(f->o.set[TT_OPT_max_redirects]);
    assert_int_equal(f->o.layer[TT_OPT_max_redirects], TT_LAYER_DEFAULT);
    assert_false(f->o.set[TT_OPT_vus]);
    assert_int_equal(f->o.summary_trend_stats.n, 6);
}

static void later_layers_win(void **state)
{
    struct fixture *f = *state;
    assert_true(
        json(f, TT_LAYER_CONFIG, "{\"vus\":1,\"max_redirects\":1,\"seed\":1,\"workers\":1}"));
    assert_true(json(f, TT_LAYER_SCRIPT, "{\"vus\":2,\"max_redirects\":2,\"seed\":2}"));
    assert_true(environment(f, "TTLOAD_VUS=3", "TTLOAD_MAX_REDIRECTS=3"));
    assert_true(flags(f, "--vus", "4", NULL, NULL));
    assert_int_equal(f->o.vus, 4);
    assert_int_equal(f->o.max_redirects, 3);
    assert_int_equal(f->o.seed, 2);
    assert_int_equal(f->o.workers, 1);
    assert_int_equal(f->o.layer[TT_OPT_vus], TT_LAYER_FLAG);
    assert_int_equal(f->o.layer[TT_OPT_max_redirects], TT_LAYER_ENV);
}

static void execution_in_a_higher_layer_replaces_all_of_the_lower(void **state)
{
    struct fixture *f = *state;
    assert_true(json(f, TT_LAYER_SCRIPT, "{\"stages\":[{\"duration\":\"30s\",\"target\":5}]}"));
    assert_true(flags(f, "--vus", "5", "--duration", "2m"));
    assert_false(f->o.set[TT_OPT_stages]);
    assert_int_equal(f->o.duration, 120000000000);
}

static void every_type_is_read_from_json(void **state)
{
    struct fixture *f = *state;
    assert_true(json(f, TT_LAYER_SCRIPT,
                     "{\"throw\":true,\"vus\":7,\"duration\":1.5,\"user_agent\":\"me\","
                     "\"submetrics\":[\"a{b:c}\"],\"tags\":{\"k\":\"v\"}}"));
    assert_true(f->o.throw);
    assert_int_equal(f->o.vus, 7);
    assert_int_equal(f->o.duration, 1500000000);
    assert_string_equal(f->o.user_agent, "me");
    assert_string_equal(f->o.submetrics.items[0], "a{b:c}");
    assert_string_equal(f->o.tags.items[0].value, "v");
}

static void wrong_types_name_the_option(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[][2] = {
        {"{\"vus\":\"many\"}", "vus"},        {"{\"vus\":1.5}", "vus"},
        {"{\"throw\":1}", "throw"},           {"{\"duration\":\"1x\"}", "duration"},
        {"{\"duration\":[]}", "duration"},    {"{\"user_agent\":5}", "user_agent"},
        {"{\"submetrics\":5}", "submetrics"}, {"{\"tags\":[1]}", "tags"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        f->err = (struct tt_err){0};
        if (json(f, TT_LAYER_SCRIPT, bad[i][0]))
            fail_msg("%s was taken", bad[i][0]);
        assert_non_null(strstr(f->err.text, bad[i][1]));
        assert_int_equal(f->err.exit_code, 104);
    }
}

static void unknown_options_get_a_suggestion(void **state)
{
    struct fixture *f = *state;
    assert_false(json(f, TT_LAYER_SCRIPT, "{\"max_redirect\":1}"));
    assert_non_null(strstr(f->err.text, "did you mean 'max_redirects'"));
    f->err = (struct tt_err){0};
    assert_false(json(f, TT_LAYER_SCRIPT, "{\"quiet\":true}")); /* of the command line only */
    assert_non_null(strstr(f->err.text, "quiet"));
    f->err = (struct tt_err){0};
    assert_false(flags(f, "--max-redirect", "1", NULL, NULL));
    assert_non_null(strstr(f->err.text, "--max-redirect"));
}

static void flags_take_their_value_either_way(void **state)
{
    struct fixture *f = *state;
    assert_true(flags(f, "--vus=3", "t.lua", "-d", "5s"));
    assert_int_equal(f->o.vus, 3);
    assert_int_equal(f->o.duration, 5000000000);
    assert_int_equal(f->rest.n, 1);
    assert_string_equal(f->rest.items[0], "t.lua");
    assert_true(flags(f, "--throw", "-q", NULL, NULL));
    assert_true(f->o.throw &&f->o.quiet);
    assert_true(flags(f, "--throw=false", NULL, NULL, NULL));
    assert_false(f->o.throw);
    assert_false(flags(f, "t.lua", "--vus", NULL, NULL));
    assert_non_null(strstr(f->err.text, "--vus"));
}

static void repeated_flags_add_up(void **state)
{
    struct fixture *f = *state;
    assert_true(flags(f, "--tag", "a=1", "--tag", "b=2=3"));
    assert_int_equal(f->o.tags.n, 2);
    assert_string_equal(f->o.tags.items[1].value, "2=3");
    assert_true(flags(f, "-s", "10s:5", "-s", "1m:0"));
    assert_int_equal(cJSON_GetArraySize(f->o.stages), 2);
    assert_false(flags(f, "--stage", "10s", NULL, NULL));
}

static void the_scripts_environment_is_the_systems_then_ours(void **state)
{
    struct fixture *f = *state;
    char *system[] = {(char *)(uintptr_t) "A=system", (char *)(uintptr_t) "B=system", NULL};
    struct tt_tag_list env;
    const char *a = NULL, *b = NULL;
    assert_true(flags(f, "--env", "A=ours", NULL, NULL));
    assert_true(tt_options_script_env(&f->o, &f->arena, system, &env, &f->err));
    for (size_t i = 0; i < env.n; i++) { /* the later one counts */
        if (strcmp(env.items[i].key, "A") == 0)
            a = env.items[i].value;
        if (strcmp(env.items[i].key, "B") == 0)
            b = env.items[i].value;
    }
    assert_string_equal(a, "ours");
    assert_string_equal(b, "system");
    assert_true(flags(f, "--include-system-env-vars=false", NULL, NULL, NULL));
    assert_true(tt_options_script_env(&f->o, &f->arena, system, &env, &f->err));
    assert_int_equal(env.n, 1);
}

static void bad_variables_name_themselves(void **state)
{
    struct fixture *f = *state;
    assert_true(environment(f, "TTLOAD_NO_SUCH=1", "TTLOAD_VUS="));
    assert_false(f->o.set[TT_OPT_vus]);
    assert_false(environment(f, "TTLOAD_VUS=many", NULL));
    assert_non_null(strstr(f->err.text, "TTLOAD_VUS"));
}

static void stages_of_a_higher_layer_replace_the_lower_ones(void **state)
{
    struct fixture *f = *state;
    assert_true(json(f, TT_LAYER_CONFIG, "{\"stages\":[{\"duration\":\"30s\",\"target\":5}]}"));
    assert_true(json(f, TT_LAYER_SCRIPT,
                     "{\"stages\":[{\"duration\":\"1s\",\"target\":1},"
                     "{\"duration\":\"1s\",\"target\":2}]}"));
    assert_int_equal(cJSON_GetArraySize(f->o.stages), 2);
    assert_true(environment(f, "TTLOAD_STAGES=3s:3", NULL));
    assert_true(flags(f, "--stage", "", NULL, NULL));
    assert_true(f->o.set[TT_OPT_stages]);
    assert_int_equal(cJSON_GetArraySize(f->o.stages), 0);
}

static void numbers_may_come_as_text(void **state)
{
    struct fixture *f = *state;
    assert_true(json(f, TT_LAYER_SCRIPT, "{\"vus\":\"7\"}")); /* vus = tt.env.VUS */
    assert_int_equal(f->o.vus, 7);
    assert_false(json(f, TT_LAYER_SCRIPT, "{\"vus\":\"7x\"}"));
}

static void days_are_not_for_the_command_line(void **state)
{
    struct fixture *f = *state;
    assert_true(json(f, TT_LAYER_SCRIPT, "{\"duration\":\"1d\"}"));
    assert_int_equal(f->o.duration, 86400000000000);
    assert_false(flags(f, "--duration", "1d", NULL, NULL));
    assert_non_null(strstr(f->err.text, "24h"));
    assert_false(flags(f, "--stage", "1d:5", NULL, NULL));
}

static void everything_wrong_in_a_layer_is_told(void **state)
{
    struct fixture *f = *state;
    assert_false(json(f, TT_LAYER_SCRIPT, "{\"vuss\":1,\"throw\":\"x\",\"setup_timeout\":true}"));
    assert_non_null(strstr(f->err.text, "vuss"));
    assert_non_null(strstr(f->err.text, "options.throw"));
    assert_non_null(strstr(f->err.text, "options.setup_timeout"));
    assert_false(environment(f, "TTLOAD_VUS=a", "TTLOAD_SEED=b"));
    assert_non_null(strstr(f->err.text, "TTLOAD_VUS"));
    assert_non_null(strstr(f->err.text, "TTLOAD_SEED"));
    assert_false(flags(f, "--vus=a", "--nope", "--seed=b", NULL));
    assert_non_null(strstr(f->err.text, "--vus"));
    assert_non_null(strstr(f->err.text, "--nope"));
    assert_non_null(strstr(f->err.text, "--seed"));
    assert_int_equal(f->err.exit_code, 255);
}

static void lists_as_text_take_blanks_and_quotes(void **state)
{
    struct fixture *f = *state;
    assert_true(flags(f, "--system-tags", "  url ,  , check", NULL, NULL));
    assert_int_equal(f->o.system_tags.n, 2);
    assert_string_equal(f->o.system_tags.items[0], "url");
    assert_string_equal(f->o.system_tags.items[1], "check");
    assert_true(environment(f, "TTLOAD_SYSTEM_TAGS=\"\"", NULL));
    assert_int_equal(f->o.system_tags.n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commas_in_braces_divide_no_list),
        TEST(defaults_are_set_and_known_as_such),
        TEST(later_layers_win),
        TEST(stages_of_a_higher_layer_replace_the_lower_ones),
        TEST(numbers_may_come_as_text),
        TEST(days_are_not_for_the_command_line),
        TEST(everything_wrong_in_a_layer_is_told),
        TEST(lists_as_text_take_blanks_and_quotes),
        TEST(execution_in_a_higher_layer_replaces_all_of_the_lower),
        TEST(every_type_is_read_from_json),
        TEST(wrong_types_name_the_option),
        TEST(unknown_options_get_a_suggestion),
        TEST(flags_take_their_value_either_way),
        TEST(repeated_flags_add_up),
        TEST(the_scripts_environment_is_the_systems_then_ours),
        TEST(bad_variables_name_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
