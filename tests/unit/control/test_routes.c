/* SPDX-License-Identifier: MIT */
/* The control API's answers, over its unix socket. */
#include "control_rig.h"
#include <sys/stat.h>

static const char snapshot[] =
    "{\"status\":{\"vus\":3,\"phase\":\"running\"},"
    "\"metrics\":[{\"id\":\"http_reqs\",\"attributes\":{\"type\":\"counter\",\"sample\":{\"count\":"
    "7}}},{\"id\":\"http_reqs{name:a+b&c d}\",\"attributes\":{\"type\":\"counter\"}}],"
    "\"groups\":[{\"id\":\"abc\",\"attributes\":{\"name\":\"login\"}}],"
    "\"setup\":{\"token\":\"t\"},\"timeline\":[{\"what\":\"pause\"}]}";

static int setup(void **state)
{
    *state = rig_new(NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

/* --- reading */

static void the_status_is_one_resource(void **state)
{
    struct rig *g = *state;
    rig_publish(g, snapshot);
    cJSON *v = rig_ask(g, "GET", "/v1/status", NULL, 200);
    const cJSON *data = field(v, "data");
    assert_string_equal(text(data, "type"), "status");
    assert_string_equal(text(data, "id"), "default");
    assert_true(number(field(data, "attributes"), "vus") == 3);
    cJSON_Delete(v);
}

static void before_the_first_figures_everything_is_empty(void **state)
{
    struct rig *g = *state;
    static const char *const lists[] = {"/v1/metrics", "/v1/groups", "/v1/timeline"};
    cJSON *v = rig_ask(g, "GET", "/v1/status", NULL, 200);
    const cJSON *attributes = field(field(v, "data"), "attributes");
    assert_true(cJSON_IsObject(attributes));
    assert_null(attributes->child);
    cJSON_Delete(v);
    for (size_t i = 0; i < 3; i++) {
        v = rig_ask(g, "GET", lists[i], NULL, 200);
        assert_true(cJSON_IsArray(field(v, "data")));
        assert_int_equal(cJSON_GetArraySize(field(v, "data")), 0);
        cJSON_Delete(v);
    }
    v = rig_ask(g, "GET", "/v1/setup", NULL, 200);
    assert_true(cJSON_IsNull(field(field(field(v, "data"), "attributes"), "data")));
    cJSON_Delete(v);
}

static void a_newer_snapshot_replaces_the_older(void **state)
{
    struct rig *g = *state;
    rig_publish(g, snapshot);
    rig_publish(g, "{\"status\":{\"vus\":9}}");
    cJSON *v = rig_ask(g, "GET", "/v1/status", NULL, 200);
    assert_true(number(field(field(v, "data"), "attributes"), "vus") == 9);
    cJSON_Delete(v);
    v = rig_ask(g, "GET", "/v1/metrics", NULL, 200);
    assert_int_equal(cJSON_GetArraySize(field(v, "data")), 0);
    cJSON_Delete(v);
}

static void lists_hold_a_resource_each(void **state)
{
    struct rig *g = *state;
    rig_publish(g, snapshot);
    cJSON *v = rig_ask(g, "GET", "/v1/metrics", NULL, 200);
    const cJSON *first = cJSON_GetArrayItem(field(v, "data"), 0);
    assert_int_equal(cJSON_GetArraySize(field(v, "data")), 2);
    assert_string_equal(text(first, "type"), "metrics");
    assert_string_equal(text(first, "id"), "http_reqs");
    assert_true(number(field(field(first, "attributes"), "sample"), "count") == 7);
    cJSON_Delete(v);
    v = rig_ask(g, "GET", "/v1/groups", NULL, 200);
    assert_string_equal(text(cJSON_GetArrayItem(field(v, "data"), 0), "type"), "groups");
    cJSON_Delete(v);
}

static void one_is_found_by_its_name(void **state)
{
    struct rig *g = *state;
    rig_publish(g, snapshot);
    cJSON *v = rig_ask(g, "GET", "/v1/metrics/http_reqs", NULL, 200);
    assert_string_equal(text(field(v, "data"), "id"), "http_reqs");
    cJSON_Delete(v);
    v = rig_ask(g, "GET", "/v1/groups/abc", NULL, 200);
    assert_string_equal(text(field(field(v, "data"), "attributes"), "name"), "login");
    cJSON_Delete(v);
    rig_expect_error(g, "GET", "/v1/metrics/http_req", NULL, 404, "none of this name");
    rig_expect_error(g, "GET", "/v1/groups/http_reqs", NULL, 404, "none of this name");
}

/* In a path "+" and "&" mean themselves (RFC 3986 3.3). */
static void names_are_decoded_as_paths_are(void **state)
{
    struct rig *g = *state;
    static const char *const targets[] = {"/v1/metrics/http_reqs%7Bname:a+b&c%20d%7D",
                                          "/v1/metrics/http_reqs%7bname%3Aa%2Bb%26c%20d%7d"};
    rig_publish(g, snapshot);
    for (size_t i = 0; i < 2; i++) {
        cJSON *v = rig_ask(g, "GET", targets[i], NULL, 200);
        assert_string_equal(text(field(v, "data"), "id"), "http_reqs{name:a+b&c d}");
        cJSON_Delete(v);
    }
    rig_expect_error(g, "GET", "/v1/metrics/bad%zzescape", NULL, 404, "");
}

static void setup_and_timeline_are_as_published(void **state)
{
    struct rig *g = *state;
    rig_publish(g, snapshot);
    cJSON *v = rig_ask(g, "GET", "/v1/setup", NULL, 200);
    const cJSON *data = field(v, "data");
    assert_string_equal(text(data, "type"), "setupData");
    assert_string_equal(text(field(field(data, "attributes"), "data"), "token"), "t");
    cJSON_Delete(v);
    v = rig_ask(g, "GET", "/v1/timeline?x=1", NULL, 200);
    assert_string_equal(text(cJSON_GetArrayItem(field(v, "data"), 0), "what"), "pause");
    cJSON_Delete(v);
}

static void other_resources_and_methods_are_refused(void **state)
{
    struct rig *g = *state;
    struct client_answer a;
    rig_publish(g, snapshot);
    rig_expect_error(g, "GET", "/", NULL, 404, "no such resource");
    rig_expect_error(g, "GET", "/v1/metrics/", NULL, 404, "no such resource");
    rig_expect_error(g, "DELETE", "/v1/metrics/http_reqs", NULL, 404, "no such resource");
    rig_expect_error(g, "POST", "/v1/status", "{}", 405, "Allow");
    rig_expect_error(g, "GET", "/v1/abort", NULL, 405, "Allow");
    int fd = client_unix(g->path);
    client_request(fd, "DELETE", "/v1/status", "", NULL);
    client_read_answer(fd, &a, true);
    assert_string_equal(client_header(&a, "allow"), "GET, PATCH");
    client_answer_fini(&a);
    close(fd);
    assert_int_equal(g->n, 0);
}

/* --- commands */

static void patch(struct rig *g, const char *attributes, int status)
{
    char body[512];
    snprintf(body, sizeof body, "{\"data\":{\"attributes\":%s}}", attributes);
    cJSON_Delete(rig_ask(g, "PATCH", "/v1/status", body, status));
}

static void a_patch_becomes_one_command(void **state)
{
    struct rig *g = *state;
    static const struct {
        const char *attributes;
        enum tt_intervention_kind kind;
        int64_t vus, max_vus;
        double rate;
        const char *scenario;
    } cases[] = {
        {"{\"paused\":true}", TT_INTERVENE_PAUSE, -1, -1, -1, "-"},
        {"{\"paused\":false}", TT_INTERVENE_RESUME, -1, -1, -1, "-"},
        {"{\"stopped\":true}", TT_INTERVENE_STOP, -1, -1, -1, "-"},
        {"{\"vus\":5}", TT_INTERVENE_SCALE, 5, -1, -1, "-"},
        {"{\"vus\":0,\"vus-max\":7}", TT_INTERVENE_SCALE, 0, 7, -1, "-"},
        {"{\"rate\":2.5,\"scenario\":\"s\"}", TT_INTERVENE_SCALE, -1, -1, 2.5, "s"},
        /* k6's clients send the whole status back */
        {"{\"stopped\":true,\"paused\":true,\"vus\":3}", TT_INTERVENE_STOP, 3, -1, -1, "-"},
        {"{\"stopped\":false,\"paused\":true,\"vus\":3}", TT_INTERVENE_SCALE, 3, -1, -1, "-"},
        {"{\"stopped\":null,\"vus\":null,\"paused\":true}", TT_INTERVENE_PAUSE, -1, -1, -1, "-"},
    };
    rig_publish(g, snapshot);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        patch(g, cases[i].attributes, 200);
        assert_int_equal(g->n, i + 1);
        assert_int_equal(g->last.kind, cases[i].kind);
        assert_int_equal(g->last.vus, cases[i].vus);
        assert_int_equal(g->last.max_vus, cases[i].max_vus);
        assert_true(g->last.rate == cases[i].rate);
        assert_string_equal(g->scenario, cases[i].scenario);
        assert_string_equal(g->client, "unix");
    }
}

static void a_command_is_answered_with_the_status_after_it(void **state)
{
    struct rig *g = *state;
    rig_publish(g, snapshot);
    cJSON *v = rig_ask(g, "PATCH", "/v1/status", "{\"data\":{\"attributes\":{\"vus\":5}}}", 200);
    assert_string_equal(text(field(v, "data"), "type"), "status");
    assert_true(number(field(field(v, "data"), "attributes"), "vus") == 3);
    cJSON_Delete(v);
}

static void bad_patches_never_reach_the_run(void **state)
{
    struct rig *g = *state;
    static const char *const bad[][2] = {
        {"", "expected {\"data\""},
        {"nonsense", "expected {\"data\""},
        {"[]", "expected {\"data\""},
        {"{\"data\":{\"attributes\":5}}", "expected {\"data\""},
        {"{\"data\":{\"attributes\":{}}}", "nothing to change"},
        {"{\"data\":{\"attributes\":{\"scenario\":\"s\"}}}", "nothing to change"},
        {"{\"data\":{\"attributes\":{\"stopped\":false}}}", "nothing to change"},
        {"{\"data\":{\"attributes\":{\"vus\":\"5\"}}}", "numbers"},
        {"{\"data\":{\"attributes\":{\"vus\":-1}}}", "numbers"},
        {"{\"data\":{\"attributes\":{\"vus\":2.5}}}", "whole"},
        {"{\"data\":{\"attributes\":{\"vus-max\":0.5}}}", "whole"},
        {"{\"data\":{\"attributes\":{\"rate\":1e99}}}", "numbers"},
        {"{\"data\":{\"attributes\":{\"stopped\":1}}}", "true or false"},
        {"{\"data\":{\"attributes\":{\"paused\":\"yes\"}}}", "true or false"},
        {"{\"data\":{\"attributes\":{\"vuss\":1}}}", "unknown attribute"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        rig_expect_error(g, "PATCH", "/v1/status", bad[i][0], 400, bad[i][1]);
    assert_int_equal(g->n, 0);
}

static void an_abort_carries_its_reason(void **state)
{
    struct rig *g = *state;
    cJSON_Delete(rig_ask(g, "POST", "/v1/abort", "{\"reason\":\"enough\"}", 200));
    assert_int_equal(g->last.kind, TT_INTERVENE_ABORT);
    assert_string_equal(g->reason, "enough");
    cJSON_Delete(rig_ask(g, "POST", "/v1/abort", NULL, 200));
    assert_string_equal(g->reason, "-");
    rig_expect_error(g, "POST", "/v1/abort", "\"enough\"", 400, "reason");
    assert_int_equal(g->n, 2);
}

static void what_the_run_refuses_is_a_conflict(void **state)
{
    struct rig *g = *state;
    rig_mode(g, FAKE_REFUSES);
    rig_expect_error(g, "POST", "/v1/abort", NULL, 409, "not now");
    rig_mode(g, FAKE_IS_OVER);
    rig_expect_error(g, "POST", "/v1/abort", NULL, 409, "the test is over");
}

static void a_client_may_leave_before_its_answer(void **state)
{
    struct rig *g = *state;
    rig_mode(g, FAKE_HOLDS);
    int fd = client_unix(g->path);
    client_request(fd, "POST", "/v1/abort", "", NULL);
    struct tt_intervention *c = rig_wait_held(g);
    close(fd);
    rig_mode(g, FAKE_DOES);
    cJSON_Delete(rig_ask(g, "GET", "/v1/status", NULL, 200)); /* the server has turned since */
    c->ok = true;
    c->done(c);
    cJSON_Delete(rig_ask(g, "GET", "/v1/status", NULL, 200));
}

static void a_command_may_outlive_the_api(void **state)
{
    struct rig *g = rig_new(NULL, NULL);
    (void)state;
    rig_mode(g, FAKE_HOLDS);
    int fd = client_unix(g->path);
    client_request(fd, "POST", "/v1/abort", "", NULL);
    struct tt_intervention *c = rig_wait_held(g);
    rig_free(g); /* frees all but the command and what it needs */
    client_expect_end(fd);
    c->ok = true;
    c->done(c);
}

static void large_bodies_are_refused(void **state)
{
    struct rig *g = *state;
    size_t n = (1 << 20) + 1;
    char *body = tt_xcalloc(1, n + 1);
    memset(body, ' ', n);
    rig_expect_error(g, "POST", "/v1/abort", body, 413, "too large");
    assert_int_equal(g->n, 0);
    tt_free(body);
}

/* --- events */

/* "event: NAME\ndata: JSON\n\n" */
static cJSON *read_event(int fd, const char *name)
{
    char line[4096], got[64];
    size_t n = 0;
    struct tt_err err = {0};
    while (n < 2 || memcmp(line + n - 2, "\n\n", 2) != 0) {
        assert_true(n < sizeof line - 1);
        assert_int_equal(client_read(fd, line + n, 1), 1);
        n++;
    }
    line[n] = '\0';
    assert_int_equal(sscanf(line, "event: %63s\ndata: ", got), 1);
    assert_string_equal(got, name);
    const char *json = strstr(line, "data: ") + 6;
    cJSON *v = tt_json_read(json, strlen(json), 1, &err);
    assert_non_null(v);
    return v;
}

static void events_follow_the_snapshots_until_the_end(void **state)
{
    struct rig *g = rig_new(NULL, NULL);
    struct client_answer a;
    (void)state;
    int fd = client_unix(g->path);
    client_request(fd, "GET", "/v1/events", "", NULL);
    client_read_head(fd, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(client_header(&a, "content-type"), "text/event-stream");
    assert_string_equal(client_header(&a, "cache-control"), "no-store");
    for (int i = 0; i < 2; i++) {
        rig_publish(g, snapshot);
        cJSON *v = read_event(fd, "snapshot");
        assert_true(number(field(v, "status"), "vus") == 3);
        assert_int_equal(cJSON_GetArraySize(field(v, "metrics")), 2);
        assert_null(field(v, "setup"));
        cJSON_Delete(v);
    }
    rig_free(g);
    cJSON_Delete(read_event(fd, "end"));
    client_expect_end(fd);
}

static void a_stream_that_breaks_leaves_the_others_alone(void **state)
{
    struct rig *g = *state;
    struct client_answer a;
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = client_unix(g->path);
        client_request(fds[i], "GET", "/v1/events", "", NULL);
        client_read_head(fds[i], &a);
    }
    close(fds[1]);
    for (int round = 0; round < 2; round++) {
        rig_publish(g, snapshot);
        cJSON_Delete(read_event(fds[0], "snapshot"));
        cJSON_Delete(read_event(fds[2], "snapshot"));
    }
    close(fds[0]);
    close(fds[2]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_status_is_one_resource),
        TEST(before_the_first_figures_everything_is_empty),
        TEST(a_newer_snapshot_replaces_the_older),
        TEST(lists_hold_a_resource_each),
        TEST(one_is_found_by_its_name),
        TEST(names_are_decoded_as_paths_are),
        TEST(setup_and_timeline_are_as_published),
        TEST(other_resources_and_methods_are_refused),
        TEST(a_patch_becomes_one_command),
        TEST(a_command_is_answered_with_the_status_after_it),
        TEST(bad_patches_never_reach_the_run),
        TEST(an_abort_carries_its_reason),
        TEST(what_the_run_refuses_is_a_conflict),
        TEST(a_client_may_leave_before_its_answer),
        cmocka_unit_test(a_command_may_outlive_the_api),
        TEST(large_bodies_are_refused),
        cmocka_unit_test(events_follow_the_snapshots_until_the_end),
        TEST(a_stream_that_breaks_leaves_the_others_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
