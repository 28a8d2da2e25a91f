/* SPDX-License-Identifier: MIT */
/* The command line's flags: forms, repetition, messages; the texts made from the table of options.
 */
#include "plan/options_int.h"
#include "unit.h"

enum { WORDS_MAX = 12 };

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

struct words {
    const char *argv[WORDS_MAX];
};

static bool apply(struct fixture *f, struct words w)
{
    char *argv[WORDS_MAX];
    int argc = 0;
    for (; argc < WORDS_MAX && w.argv[argc]; argc++)
        argv[argc] = (char *)(uintptr_t)w.argv[argc];
    f->err = (struct tt_err){0};
    return tt_options_apply_flags(&f->o, &f->arena, argc, argv, &f->rest, &f->err);
}

#define FLAGS(...) ((struct words){.argv = {__VA_ARGS__}})

static void taken(struct fixture *f, struct words w)
{
    if (!apply(f, w))
        fail_msg("%s", f->err.text);
}

static void refused(struct fixture *f, struct words w, const char *text)
{
    if (apply(f, w))
        fail_msg("'%s' was taken", w.argv[0]);
    if (!strstr(f->err.text, text))
        fail_msg("'%s' is not in: %s", text, f->err.text);
}

static void a_short_flags_value_may_follow_in_three_ways(void **state)
{
    struct fixture *f = *state;
    taken(f, FLAGS("-u5"));
    assert_int_equal(f->o.vus, 5);
    taken(f, FLAGS("-u=6"));
    assert_int_equal(f->o.vus, 6);
    taken(f, FLAGS("-u", "7", "t.lua"));
    assert_int_equal(f->o.vus, 7);
    assert_int_equal(f->rest.n, 1);
}

static void short_flags_without_values_may_be_written_together(void **state)
{
    struct fixture *f = *state;
    taken(f, FLAGS("-qw"));
    assert_true(f->o.quiet && f->o.throw);
    taken(f, FLAGS("-plu12"));
    assert_true(f->o.paused && f->o.linger);
    assert_int_equal(f->o.vus, 12);
    taken(f, FLAGS("-qi", "13"));
    assert_int_equal(f->o.iterations, 13);
    assert_int_equal(f->rest.n, 0);
}

static void a_value_may_look_like_a_flag_or_be_empty(void **state)
{
    struct fixture *f = *state;
    taken(f, FLAGS("--user-agent", "--strange"));
    assert_string_equal(f->o.user_agent, "--strange");
    taken(f, FLAGS("--user-agent="));
    assert_string_equal(f->o.user_agent, "");
    taken(f, FLAGS("--user-agent", "a=b"));
    assert_string_equal(f->o.user_agent, "a=b");
    taken(f, FLAGS("--seed", "-5"));
    assert_int_equal(f->o.seed, -5);
}

static void words_that_are_no_flags_keep_their_order(void **state)
{
    struct fixture *f = *state;
    taken(f, FLAGS("a.lua", "-u", "1", "-", "", "--quiet", "--", "--vus", "-x"));
    static const char *const expected[] = {"a.lua", "-", "", "--vus", "-x"};
    assert_int_equal(f->rest.n, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(f->rest.items[i], expected[i]);
    assert_int_equal(f->o.vus, 1);
    assert_true(f->o.quiet);
}

static void a_flag_without_its_value_says_what_it_needs(void **state)
{
    struct fixture *f = *state;
    refused(f, FLAGS("--vus"), "--vus needs a value (N)");
    refused(f, FLAGS("t.lua", "-d"), "-d needs a value (DURATION)");
    refused(f, FLAGS("-qu"), "-qu needs a value (N)");
    assert_int_equal(f->err.exit_code, 255);
}

static void unknown_flags_are_told_by_name_alone(void **state)
{
    struct fixture *f = *state;
    refused(f, FLAGS("--address-tokn=secret"), "unknown flag --address-tokn");
    assert_null(strstr(f->err.text, "secret"));
    assert_non_null(strstr(f->err.text, "did you mean --address-token?"));
    assert_int_equal(f->err.exit_code, 255);
    refused(f, FLAGS("--qqqqqqqqq"), "unknown flag --qqqqqqqqq; see");
    refused(f, FLAGS("--=x"), "unknown flag --;");
    refused(f, FLAGS("-qZ"), "unknown flag -Z");
    refused(f, FLAGS("--scenarios", "{}"), "unknown flag --scenarios"); /* of scripts only */
    refused(f, FLAGS("--max_redirects", "1"), "did you mean --max-redirects?");
}

static void bad_values_name_their_flag(void **state)
{
    struct fixture *f = *state;
    refused(f, FLAGS("--vus=many"), "--vus: 'many' is not a whole number");
    refused(f, FLAGS("-u", "1.5"), "--vus: '1.5' is not a whole number");
    refused(f, FLAGS("-d", "5x"), "--duration: ");
    refused(f, FLAGS("--quiet=maybe"), "--quiet: 'maybe': expected true or false");
    refused(f, FLAGS("--tag", "novalue"), "--tag: 'novalue': expected NAME=VALUE");
    refused(f, FLAGS("--tag", "=x"), "neither of them empty");
    refused(f, FLAGS("-e", "1A=x"), "--env: '1A=x': expected NAME=VALUE");
    refused(f, FLAGS("-s", "5s"), "expected DURATION:TARGET");
    refused(f, FLAGS("-s", "5s:-1"), "the target '-1' is not a whole number from 0 on");
    refused(f, FLAGS("--hosts", "name"), "expected NAME=IP[:PORT]");
}

static void a_single_value_given_twice_is_the_last(void **state)
{
    struct fixture *f = *state;
    taken(f, FLAGS("--vus", "1", "-u", "2"));
    assert_int_equal(f->o.vus, 2);
    taken(f, FLAGS("--user-agent", "a", "--user-agent", "b"));
    assert_string_equal(f->o.user_agent, "b");
    taken(f, FLAGS("--quiet", "--quiet=false"));
    assert_false(f->o.quiet);
}

static void repeated_lists_add_up_after_replacing_the_lower_layer(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->o.summary_trend_stats.n, 6);
    taken(f, FLAGS("--summary-trend-stats", "avg,max", "--summary-trend-stats=p(99)"));
    assert_int_equal(f->o.summary_trend_stats.n, 3);
    assert_string_equal(f->o.summary_trend_stats.items[0], "avg");
    assert_string_equal(f->o.summary_trend_stats.items[2], "p(99)");
    taken(f, FLAGS("-o", "csv=a=1,b=2", "--out=json")); /* each one text, commas and all */
    assert_int_equal(f->o.out.n, 2);
    assert_string_equal(f->o.out.items[0], "csv=a=1,b=2");
    taken(f, FLAGS("--lib", "a", "--lib", "b"));
    assert_int_equal(f->o.lib.n, 2);
    taken(f, FLAGS("--lib", "c")); /* another command line */
    assert_int_equal(f->o.lib.n, 1);
    assert_string_equal(f->o.lib.items[0], "c");
}

static void repeated_stages_and_hosts_add_up(void **state)
{
    struct fixture *f = *state;
    taken(f, FLAGS("-s", "1m:5,30s:5", "--stage", "10s:0"));
    assert_int_equal(cJSON_GetArraySize(f->o.stages), 3);
    const cJSON *last = cJSON_GetArrayItem(f->o.stages, 2);
    assert_string_equal(cJSON_GetObjectItem(last, "duration")->valuestring, "10s");
    assert_int_equal(cJSON_GetObjectItem(last, "target")->valueint, 0);
    taken(f, FLAGS("--hosts", "a=1.1.1.1,c=4.4.4.4", "--hosts", "b=2.2.2.2:80", "--hosts",
                   "a=3.3.3.3,c=4.4.4.4"));
    assert_int_equal(cJSON_GetArraySize(f->o.hosts), 3);
    assert_string_equal(cJSON_GetObjectItem(f->o.hosts, "a")->valuestring, "3.3.3.3");
    assert_string_equal(cJSON_GetObjectItem(f->o.hosts, "b")->valuestring, "2.2.2.2:80");
}

static void an_environment_variable_may_be_set_to_nothing(void **state)
{
    struct fixture *f = *state;
    taken(f, FLAGS("-e", "A=", "--env", "B=x=y"));
    assert_int_equal(f->o.env.n, 2);
    assert_string_equal(f->o.env.items[0].value, "");
    assert_string_equal(f->o.env.items[1].value, "x=y");
}

/* --- the texts */

static char *written(void (*write_text)(FILE *out))
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    write_text(out);
    fclose(out);
    char *copy = tt_xstrdup(text);
    free(text); /* the C library's */
    return copy;
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *s = strstr(text, what); s; s = strstr(s + 1, what))
        n++;
    return n;
}

static void help_has_every_flag_once(void **state)
{
    char *text = written(tt_options_help);
    (void)state;
    for (int i = 0; i < TT_OPT_COUNT; i++) {
        const struct tt__option *o = &tt__options[i];
        char line[128];
        if (!o->flag[0])
            continue;
        const char *space = o->metavar[0] && o->metavar[0] != '[' ? " " : "";
        snprintf(line, sizeof line, "--%s%s%s ", o->flag, space, o->metavar);
        if (count(text, line) != 1)
            fail_msg("'%s' is %u times in the help", line, count(text, line));
        assert_non_null(strstr(text, o->help));
    }
    assert_non_null(strstr(text, "-u, --vus N "));
    assert_non_null(strstr(text, "[60s]")); /* a default */
    assert_null(strstr(text, "[false]"));
    tt_free(text);
}

static void flags_and_letters_are_given_to_one_option_each(void **state)
{
    (void)state;
    for (int i = 0; i < TT_OPT_COUNT; i++)
        for (int k = i + 1; k < TT_OPT_COUNT; k++) {
            const struct tt__option *a = &tt__options[i], *b = &tt__options[k];
            if (a->flag[0] && strcmp(a->flag, b->flag) == 0)
                fail_msg("--%s is given twice", a->flag);
            if (a->short_flag && a->short_flag == b->short_flag)
                fail_msg("-%c is given twice", a->short_flag);
            assert_string_not_equal(a->name, b->name);
        }
}

static void the_reference_has_a_row_per_option(void **state)
{
    char *text = written(tt_options_markdown);
    (void)state;
    for (int i = 0; i < TT_OPT_COUNT; i++) {
        char row[64];
        snprintf(row, sizeof row, "\n| `%s` | ", tt__options[i].name);
        assert_int_equal(count(text, row), 1);
    }
    assert_non_null(strstr(text, "| `vus` | `--vus N` `-u` | `TTLOAD_VUS` |"));
    assert_null(strstr(text, "`TTLOAD_ENV`")); /* variables have their own names */
    tt_free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_short_flags_value_may_follow_in_three_ways),
        TEST(short_flags_without_values_may_be_written_together),
        TEST(a_value_may_look_like_a_flag_or_be_empty),
        TEST(words_that_are_no_flags_keep_their_order),
        TEST(a_flag_without_its_value_says_what_it_needs),
        TEST(unknown_flags_are_told_by_name_alone),
        TEST(bad_values_name_their_flag),
        TEST(a_single_value_given_twice_is_the_last),
        TEST(repeated_lists_add_up_after_replacing_the_lower_layer),
        TEST(repeated_stages_and_hosts_add_up),
        TEST(an_environment_variable_may_be_set_to_nothing),
        cmocka_unit_test(help_has_every_flag_once),
        cmocka_unit_test(flags_and_letters_are_given_to_one_option_each),
        cmocka_unit_test(the_reference_has_a_row_per_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
