/* SPDX-License-Identifier: MIT */
/* The run's side of the control API: what is published, and what commands do to a run whose workers
 * are loops that only the test turns. Requests come over the real socket. */
#include "base/str.h"
#include "client.h"
#include "exec/exec.h"
#include "run_rig.h"
#include "vectors.h"
#include <poll.h>

enum { LANES = 2 };

struct rig {
    struct run_rig *g;
    struct tt_run *r;
    char folder[32], path[96];
};

static void rig_phase(struct rig *c, enum tt__phase phase)
{
    c->r->phase = phase;
    tt__show(c->r);
    tt__control_publish(c->r);
}

static struct rig *rig_new(const char *options)
{
    struct rig *c = tt_xcalloc(1, sizeof *c);
    struct tt_err err = {0};
    c->g = run_rig_new(options);
    struct tt_run *r = c->r = &c->g->run;
    tt__shares_init(r);
    r->n_lanes = LANES;
    r->lanes = tt_xcalloc(LANES, sizeof *r->lanes);
    for (unsigned i = 0; i < LANES; i++) {
        struct tt__lane *lane = &r->lanes[i];
        lane->run = r;
        lane->index = i;
        lane->loop = tt_loop_new(&err);
        assert_non_null(lane->loop);
        tt_loop_use_fake_clock(lane->loop, RUN_BEGIN_NS);
    }
    snprintf(c->folder, sizeof c->folder, "/tmp/ttload-runctl-XXXXXX");
    assert_non_null(mkdtemp(c->folder));
    setenv("XDG_RUNTIME_DIR", c->folder, 1);
    if (!tt__control_open(r, &err))
        fail_msg("%s", err.text);
    assert_non_null(r->control);
    snprintf(c->path, sizeof c->path, "%s/ttload/%s.sock", c->folder, r->id);
    rig_phase(c, PHASE_RUN);
    return c;
}

static void rig_free(struct rig *c)
{
    char folder[96];
    struct tt_run *r = c->r;
    tt__control_close(r);
    for (unsigned i = 0; i < LANES; i++) {
        struct tt__report *last = r->lanes[i].last;
        if (last) {
            tt_free(last->progress);
            tt_free(last->finished);
            tt_free(last->cut);
            tt_free(last);
        }
        tt_loop_free(r->lanes[i].loop);
    }
    tt_free(r->lanes);
    tt_timer_stop(r->loop, &r->tick);
    tt__shares_free(r);
    run_rig_free(c->g);
    snprintf(folder, sizeof folder, "%s/ttload", c->folder);
    assert_int_equal(rmdir(folder), 0); /* the socket is gone */
    rmdir(c->folder);
    unsetenv("XDG_RUNTIME_DIR");
    tt_free(c);
}

/* No worker hears anything any more; the test answers in their place. */
static void rig_deaf_lanes(struct rig *c)
{
    for (unsigned i = 0; i < LANES; i++)
        tt_loop_close_mailbox(c->r->lanes[i].loop);
}

static void rig_turn_lanes(struct rig *c)
{
    for (unsigned i = 0; i < LANES; i++)
        tt_loop_run_once(c->r->lanes[i].loop, false);
}

static void rig_pass(struct rig *c, uint64_t ms)
{
    run_rig_pass(c->g, ms);
}

static int rig_send(struct rig *c, const char *method, const char *target, const char *body)
{
    int fd = client_unix(c->path);
    client_request(fd, method, target, "", body);
    return fd;
}

/* Turns the coordinator's loop until there is an answer. */
static cJSON *rig_answer(struct rig *c, int fd, int status)
{
    struct client_answer a;
    struct tt_err err = {0};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, 1) == 0)
        tt_loop_run_once(c->r->loop, false);
    client_read_answer(fd, &a, true);
    if (a.status != status)
        fail_msg("%d: %s", a.status, a.body);
    cJSON *v = tt_json_read(a.body, a.len, 1, &err);
    assert_non_null(v);
    client_answer_fini(&a);
    close(fd);
    return v;
}

static int rig_send_patch(struct rig *c, const char *attributes)
{
    char body[256];
    snprintf(body, sizeof body, "{\"data\":{\"attributes\":%s}}", attributes);
    return rig_send(c, "PATCH", "/v1/status", body);
}

static void rig_done(struct rig *c, const char *attributes)
{
    cJSON_Delete(rig_answer(c, rig_send_patch(c, attributes), 200));
}

static void expect_conflict(struct rig *c, int fd, const char *detail)
{
    cJSON *v = rig_answer(c, fd, 409);
    const char *got = text(cJSON_GetArrayItem(field(v, "errors"), 0), "detail");
    if (!strstr(got, detail))
        fail_msg("'%s' is not in: %s", detail, got);
    cJSON_Delete(v);
}

static void rig_refused(struct rig *c, const char *attributes, const char *detail)
{
    expect_conflict(c, rig_send_patch(c, attributes), detail);
}

/* The attributes of the status; the whole in *owner. */
static const cJSON *rig_status(struct rig *c, cJSON **owner)
{
    *owner = rig_answer(c, rig_send(c, "GET", "/v1/status", NULL), 200);
    return field(field(*owner, "data"), "attributes");
}

static bool is_true(const cJSON *v, const char *name)
{
    assert_true(cJSON_IsBool(field(v, name)));
    return cJSON_IsTrue(field(v, name));
}

static void expect_timeline(struct rig *c, size_t i, double at_s, const char *what)
{
    const cJSON *e = cJSON_GetArrayItem(c->r->timeline, (int)i);
    assert_non_null(e);
    assert_string_equal(text(e, "what"), what);
    assert_string_equal(text(e, "by"), "unix");
    assert_true(number(e, "at_s") == at_s);
}

#define THREE_SCENARIOS                                                                            \
    "{\"scenarios\":{"                                                                             \
    "\"a\":{\"executor\":\"constant-vus\",\"vus\":4,\"duration\":\"1m\"},"                         \
    "\"b\":{\"executor\":\"constant-vus\",\"vus\":2,\"duration\":\"1m\",\"after\":\"a\"},"         \
    "\"c\":{\"executor\":\"per-vu-iterations\",\"vus\":1,\"iterations\":9}}}"

/* --- what is published */

static void report(struct rig *c, unsigned lane, int64_t active, uint64_t complete)
{
    size_t n = c->r->plan->n_scenarios;
    struct tt__report *rep = tt_xcalloc(1, sizeof *rep);
    rep->vus_active = active;
    rep->vus_max = 5;
    rep->complete = complete;
    rep->interrupted = 1;
    rep->n_scenarios = n;
    rep->progress = tt_xcalloc(n, sizeof *rep->progress);
    rep->finished = tt_xcalloc(n, sizeof *rep->finished);
    rep->cut = tt_xcalloc(n, sizeof *rep->cut);
    rep->progress[0] = (struct tt_exec_progress){
        .vus_active = active, .vus_max = 5, .done = complete, .fraction = 0.5};
    c->r->lanes[lane].last = rep;
}

static void the_status_sums_up_the_workers(void **state)
{
    struct rig *c = rig_new(THREE_SCENARIOS);
    cJSON *owner;
    (void)state;
    report(c, 0, 3, 10);
    report(c, 1, 1, 7);
    c->r->parts[0].begun = true;
    c->r->parts[0].start_ns = RUN_BEGIN_NS;
    rig_pass(c, 2500);
    rig_phase(c, PHASE_RUN);
    const cJSON *s = rig_status(c, &owner);
    assert_string_equal(text(s, "phase"), "running");
    assert_string_equal(text(s, "script"), "test.lua");
    assert_string_equal(text(s, "id"), c->r->id);
    assert_true(number(s, "pid") == getpid());
    assert_true(number(s, "vus") == 4);
    assert_true(number(s, "vus-max") == 10);
    assert_true(number(s, "iterations") == 17);
    assert_true(number(s, "interrupted") == 2);
    assert_true(number(s, "elapsed_s") == 2.5);
    assert_true(is_true(s, "running"));
    assert_false(is_true(s, "stopped"));
    const cJSON *a = cJSON_GetArrayItem(field(s, "scenarios"), 0);
    assert_string_equal(text(a, "name"), "a");
    assert_string_equal(text(a, "executor"), "constant-vus");
    assert_string_equal(text(a, "state"), "running");
    assert_true(number(a, "progress") == 0.5);
    assert_true(number(a, "iterations") == 17);
    assert_string_equal(text(cJSON_GetArrayItem(field(s, "scenarios"), 1), "state"), "waiting");
    cJSON_Delete(owner);
    rig_free(c);
}

static void a_scenario_is_done_when_all_workers_are_and_cut_when_one_was(void **state)
{
    struct rig *c = rig_new(THREE_SCENARIOS);
    struct tt_run *r = c->r;
    (void)state;
    report(c, 0, 0, 1);
    report(c, 1, 0, 1);
    r->parts[0].begun = true;
    r->parts[0].start_ns = RUN_BEGIN_NS;
    r->lanes[0].last->finished[0] = true;
    tt__show(r);
    assert_int_equal(r->shown[0].state, TT_SCENARIO_RUNNING);
    r->lanes[1].last->progress[0].fraction = r->lanes[0].last->progress[0].fraction = 1;
    tt__show(r);
    assert_int_equal(r->shown[0].state, TT_SCENARIO_STOPPING);
    r->lanes[1].last->finished[0] = true;
    tt__show(r);
    assert_int_equal(r->shown[0].state, TT_SCENARIO_DONE);
    r->lanes[1].last->cut[0] = true;
    tt__show(r);
    assert_int_equal(r->shown[0].state, TT_SCENARIO_CUT);
    rig_free(c);
}

static void a_start_in_the_future_is_waited_for(void **state)
{
    struct rig *c = rig_new(THREE_SCENARIOS);
    struct tt_run *r = c->r;
    (void)state;
    r->parts[0].begun = true;
    r->parts[0].start_ns = RUN_BEGIN_NS + 10 * TT_NS_PER_S;
    rig_pass(c, 4000);
    tt__show(r);
    assert_int_equal(r->shown[0].state, TT_SCENARIO_WAITING);
    assert_int_equal(r->shown[0].waiting_ns, 6 * TT_NS_PER_S);
    assert_int_equal(r->shown[0].elapsed_ns, 0);
    assert_int_equal(r->shown[1].waiting_ns, 0); /* nobody knows */
    rig_pass(c, 7000);
    tt__show(r);
    assert_int_equal(r->shown[0].elapsed_ns, TT_NS_PER_S);
    rig_free(c);
}

static void metrics_are_published_with_their_verdicts(void **state)
{
    struct rig *c = rig_new("{\"thresholds\":{\"checks\":\"rate>0.9\",\"http_reqs\":\"count>0\"}}");
    cJSON *owner;
    (void)state;
    assert_false(is_true(rig_status(c, &owner), "tainted")); /* no samples yet: they may come */
    cJSON_Delete(owner);
    run_rig_add(c->g, TT_M_checks, 0, 1);
    run_rig_add(c->g, TT_M_http_reqs, 1, 1);
    rig_phase(c, PHASE_RUN);
    assert_true(is_true(rig_status(c, &owner), "tainted"));
    cJSON_Delete(owner);
    owner = rig_answer(c, rig_send(c, "GET", "/v1/metrics/checks", NULL), 200);
    const cJSON *a = field(field(owner, "data"), "attributes");
    assert_string_equal(text(a, "type"), "rate");
    assert_true(number(field(a, "sample"), "rate") == 0);
    assert_true(is_true(a, "tainted"));
    cJSON_Delete(owner);
    owner = rig_answer(c, rig_send(c, "GET", "/v1/metrics/http_reqs", NULL), 200);
    assert_false(is_true(field(field(owner, "data"), "attributes"), "tainted"));
    cJSON_Delete(owner);
    rig_free(c);
}

static void missing_samples_taint_a_test_that_is_over(void **state)
{
    struct rig *c = rig_new("{\"thresholds\":{\"checks\":\"rate>0.9\"}}");
    cJSON *owner;
    (void)state;
    c->r->end_ns = tt_loop_now(c->r->loop);
    rig_phase(c, PHASE_LINGER);
    const cJSON *s = rig_status(c, &owner);
    assert_true(is_true(s, "tainted"));
    assert_true(is_true(s, "stopped"));
    assert_false(is_true(s, "running"));
    assert_string_equal(text(s, "phase"), "linger");
    cJSON_Delete(owner);
    rig_free(c);
}

/* As the summary's. */
static void rates_are_those_of_the_measured_time(void **state)
{
    struct rig *c = rig_new("{\"scenarios\":{\"a\":{\"executor\":\"constant-vus\","
                            "\"duration\":\"1m\",\"warmup\":\"10s\"}}}");
    (void)state;
    run_rig_add(c->g, TT_M_http_reqs, 1, 30);
    rig_pass(c, 20000);
    rig_phase(c, PHASE_RUN);
    cJSON *v = rig_answer(c, rig_send(c, "GET", "/v1/metrics/http_reqs", NULL), 200);
    const cJSON *sample = field(field(field(v, "data"), "attributes"), "sample");
    assert_true(number(sample, "rate") == 3);
    cJSON_Delete(v);
    rig_free(c);
}

static void groups_are_a_flat_list_with_their_checks(void **state)
{
    struct rig *c = rig_new("{}");
    struct tt_run *r = c->r;
    (void)state;
    tt_shard_group(r->shard, "::a::b", 1);
    tt_shard_check(r->shard, "::a::b", "works", true, 2);
    run_rig_add(c->g, TT_M_checks, 1, 1);
    rig_phase(c, PHASE_RUN);
    cJSON *v = rig_answer(c, rig_send(c, "GET", "/v1/groups", NULL), 200);
    static const char *const paths[] = {"", "::a", "::a::b"};
    const cJSON *list = field(v, "data");
    assert_int_equal(cJSON_GetArraySize(list), 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(text(field(cJSON_GetArrayItem(list, i), "attributes"), "path"),
                            paths[i]);
    const cJSON *checks = field(field(cJSON_GetArrayItem(list, 2), "attributes"), "checks");
    assert_string_equal(text(cJSON_GetArrayItem(checks, 0), "name"), "works");
    cJSON_Delete(v);
    rig_free(c);
}

/* --- pause and resume */

static void pausing_reaches_the_workers_and_stops_the_clock_of_scenarios(void **state)
{
    struct rig *c = rig_new(THREE_SCENARIOS);
    struct tt_run *r = c->r;
    cJSON *owner;
    (void)state;
    report(c, 0, 1, 1);
    report(c, 1, 1, 1);
    r->parts[0].begun = true;
    r->parts[0].start_ns = RUN_BEGIN_NS;
    rig_pass(c, 1000);
    rig_done(c, "{\"paused\":true}");
    rig_turn_lanes(c);
    assert_true(r->lanes[0].paused && r->lanes[1].paused);
    rig_pass(c, 3000);
    rig_phase(c, PHASE_RUN);
    const cJSON *s = rig_status(c, &owner);
    assert_true(is_true(s, "paused"));
    assert_string_equal(text(s, "phase"), "paused");
    cJSON_Delete(owner);
    assert_int_equal(r->shown[0].elapsed_ns, TT_NS_PER_S);
    rig_done(c, "{\"paused\":false}");
    rig_turn_lanes(c);
    assert_false(r->lanes[0].paused || r->lanes[1].paused);
    rig_pass(c, 500);
    rig_phase(c, PHASE_RUN);
    assert_int_equal(r->shown[0].elapsed_ns, 1500 * TT_NS_PER_MS);
    assert_string_equal(text(rig_status(c, &owner), "phase"), "running");
    cJSON_Delete(owner);
    expect_timeline(c, 0, 1, "pause");
    expect_timeline(c, 1, 4, "resume");
    rig_free(c);
}

static void only_what_runs_can_be_paused(void **state)
{
    struct rig *c = rig_new(THREE_SCENARIOS);
    (void)state;
    rig_done(c, "{\"paused\":true}");
    rig_refused(c, "{\"paused\":true}", "paused already");
    rig_done(c, "{\"paused\":false}");
    rig_refused(c, "{\"paused\":false}", "not paused");
    static const enum tt__phase others[] = {PHASE_INIT, PHASE_SETUP, PHASE_TEARDOWN, PHASE_LINGER};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        rig_phase(c, others[i]);
        rig_refused(c, "{\"paused\":true}", "only running scenarios can be paused");
        rig_refused(c, "{\"vus\":1}", "only running scenarios can be scaled");
    }
    rig_phase(c, PHASE_PAUSED);
    rig_refused(c, "{\"paused\":true}", "paused already");
    assert_int_equal(cJSON_GetArraySize(c->r->timeline), 2); /* what was refused is not in it */
    rig_free(c);
}

static void a_paused_start_goes_on_with_resume(void **state)
{
    struct rig *c = rig_new(THREE_SCENARIOS);
    struct tt_run *r = c->r;
    cJSON *owner;
    (void)state;
    rig_deaf_lanes(c);
    rig_phase(c, PHASE_PAUSED);
    const cJSON *s = rig_status(c, &owner);
    assert_true(is_true(s, "paused"));
    assert_string_equal(text(s, "phase"), "paused");
    assert_false(is_true(s, "running"));
    cJSON_Delete(owner);
    rig_pass(c, 5000);
    rig_done(c, "{\"paused\":false}");
    assert_int_equal(r->phase, PHASE_RUN); /* there is no setup() */
    assert_int_equal(r->start_ns, tt_loop_now(r->loop));
    assert_true(r->parts[0].begun);
    assert_false(r->parts[1].begun); /* waits for another */
    expect_timeline(c, 0, 0, "resume");
    rig_free(c);
}

/* --- stop and abort */

static void stopping_cuts_the_scenarios_with_its_exit_code(void **state)
{
    struct rig *c = rig_new(THREE_SCENARIOS);
    struct tt_run *r = c->r;
    cJSON *owner;
    (void)state;
    rig_done(c, "{\"stopped\":true}");
    rig_turn_lanes(c);
    assert_int_equal(r->exit_code, 103);
    assert_true(r->stop_asked && r->lanes[0].stopping && r->lanes[1].stopping);
    const cJSON *s = rig_status(c, &owner);
    assert_true(is_true(s, "stopped"));
    assert_false(is_true(s, "running"));
    cJSON_Delete(owner);
    rig_refused(c, "{\"stopped\":true}", "ending already");
    rig_refused(c, "{\"paused\":true}", "only running");
    expect_timeline(c, 0, 0, "stop");
    rig_free(c);
}

static void aborting_keeps_the_reason(void **state)
{
    struct rig *c = rig_new(THREE_SCENARIOS);
    (void)state;
    rig_pass(c, 1500);
    cJSON_Delete(rig_answer(c, rig_send(c, "POST", "/v1/abort", "{\"reason\":\"enough\"}"), 200));
    assert_int_equal(c->r->exit_code, 108);
    assert_non_null(strstr(c->g->log, "aborted from outside: enough"));
    expect_timeline(c, 0, 1.5, "abort: enough");
    expect_conflict(c, rig_send(c, "POST", "/v1/abort", NULL), "ending already");
    assert_int_equal(c->r->exit_code, 108);
    rig_free(c);
}

/* The timeline gets into JSON files, which are UTF-8 (RFC 8259 8.1). */
static void a_long_reason_is_cut_between_characters(void **state)
{
    struct rig *c = rig_new(THREE_SCENARIOS);
    (void)state;
    for (int shift = 0; shift < 2; shift++) {
        char body[600] = "{\"reason\":\"";
        if (shift)
            strncat(body, "x", sizeof body - strlen(body) - 1);
        for (int i = 0; i < 200; i++)
            strncat(body, "\xC3\xA9", sizeof body - strlen(body) - 1);
        strncat(body, "\"}", sizeof body - strlen(body) - 1);
        c->r->stop_asked = false;
        cJSON_Delete(rig_answer(c, rig_send(c, "POST", "/v1/abort", body), 200));
        const char *what = text(cJSON_GetArrayItem(c->r->timeline, shift), "what");
        assert_true(tt_utf8_valid(what, strlen(what)));
        assert_true(strlen(what) > 100);
    }
    rig_free(c);
}

static void a_stop_ends_a_pause_too(void **state)
{
    struct rig *c = rig_new(THREE_SCENARIOS);
    cJSON *owner;
    (void)state;
    rig_done(c, "{\"paused\":true}");
    rig_pass(c, 2000);
    rig_done(c, "{\"stopped\":true}");
    rig_turn_lanes(c);
    const cJSON *s = rig_status(c, &owner);
    assert_false(is_true(s, "paused"));
    assert_string_equal(text(s, "phase"), "running");
    cJSON_Delete(owner);
    rig_refused(c, "{\"paused\":false}", "not paused");
    rig_phase(c, PHASE_TEARDOWN);
    assert_string_equal(text(rig_status(c, &owner), "phase"), "teardown");
    cJSON_Delete(owner);
    rig_free(c);
}

static void stopping_what_lingers_is_a_good_end(void **state)
{
    struct rig *c = rig_new("{\"vus\":1}");
    (void)state;
    rig_deaf_lanes(c);
    c->r->end_ns = tt_loop_now(c->r->loop);
    rig_phase(c, PHASE_LINGER);
    rig_done(c, "{\"stopped\":true}");
    assert_int_equal(c->r->phase, PHASE_SUMMARY);
    assert_int_equal(c->r->exit_code, 0);
    rig_free(c);
}

/* --- scale */

/* The first that many cannot. */
static void workers_answer(struct rig *c, unsigned failed)
{
    for (unsigned i = 0; i < LANES; i++) {
        struct tt__report rep = {.failed = i < failed};
        if (rep.failed)
            tt_err_set(&rep.err, 0, "scenario a does not run now");
        tt__control_scaled(c->r, &rep);
    }
}

static void rig_until_scaling(struct rig *c)
{
    while (!c->r->scaling)
        tt_loop_run_once(c->r->loop, true);
}

static void scaling_is_answered_when_all_workers_have(void **state)
{
    struct rig *c = rig_new(THREE_SCENARIOS);
    (void)state;
    rig_deaf_lanes(c);
    int fd = rig_send_patch(c, "{\"vus\":7,\"scenario\":\"a\"}");
    rig_until_scaling(c);
    assert_null(c->r->timeline);
    rig_refused(c, "{\"vus\":8,\"scenario\":\"a\"}", "another change is under way");
    workers_answer(c, 0);
    cJSON_Delete(rig_answer(c, fd, 200));
    expect_timeline(c, 0, 0, "scale a vus=7");
    assert_null(c->r->scaling);
    rig_free(c);
}

static void workers_that_cannot_make_it_fail(void **state)
{
    (void)state;
    for (unsigned failed = 1; failed <= LANES; failed++) {
        struct rig *c = rig_new(THREE_SCENARIOS);
        rig_deaf_lanes(c);
        int fd = rig_send_patch(c, "{\"vus\":7,\"scenario\":\"a\"}");
        rig_until_scaling(c);
        workers_answer(c, failed);
        expect_conflict(c, fd, "does not run now");
        if (failed < LANES) /* some have changed: the figures before and after differ */
            expect_timeline(c, 0, 0, "scale a vus=7, not by all workers");
        else
            assert_null(c->r->timeline);
        rig_free(c);
    }
}

static void the_scenario_must_be_clear(void **state)
{
    struct rig *c = rig_new(THREE_SCENARIOS);
    (void)state;
    rig_refused(c, "{\"vus\":2}", "several scenarios can be scaled");
    rig_refused(c, "{\"vus\":2,\"scenario\":\"x\"}", "there is no scenario 'x'");
    rig_refused(c, "{\"vus\":2,\"scenario\":\"c\"}", "per-vu-iterations (scenario c)");
    rig_free(c);
    c = rig_new("{\"iterations\":5}");
    rig_refused(c, "{\"vus\":2}", "no scenario of this test can be scaled");
    rig_free(c);
}

static void a_change_under_way_ends_with_the_run(void **state)
{
    struct rig *c = rig_new("{\"vus\":2,\"duration\":\"1m\"}");
    (void)state;
    rig_deaf_lanes(c);
    int fd = rig_send_patch(c, "{\"vus\":7}");
    rig_until_scaling(c);
    rig_free(c);
    char rest[512];
    assert_true(client_read(fd, rest, sizeof rest) >= 0); /* an answer or none, and the end */
    close(fd);
}

static void after_the_end_commands_are_refused(void **state)
{
    struct rig *c = rig_new(THREE_SCENARIOS);
    (void)state;
    tt_loop_close_mailbox(c->r->loop);
    rig_refused(c, "{\"paused\":true}", "the test is over");
    rig_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_status_sums_up_the_workers),
        cmocka_unit_test(a_scenario_is_done_when_all_workers_are_and_cut_when_one_was),
        cmocka_unit_test(a_start_in_the_future_is_waited_for),
        cmocka_unit_test(metrics_are_published_with_their_verdicts),
        cmocka_unit_test(missing_samples_taint_a_test_that_is_over),
        cmocka_unit_test(rates_are_those_of_the_measured_time),
        cmocka_unit_test(groups_are_a_flat_list_with_their_checks),
        cmocka_unit_test(pausing_reaches_the_workers_and_stops_the_clock_of_scenarios),
        cmocka_unit_test(only_what_runs_can_be_paused),
        cmocka_unit_test(a_paused_start_goes_on_with_resume),
        cmocka_unit_test(stopping_cuts_the_scenarios_with_its_exit_code),
        cmocka_unit_test(aborting_keeps_the_reason),
        cmocka_unit_test(a_long_reason_is_cut_between_characters),
        cmocka_unit_test(a_stop_ends_a_pause_too),
        cmocka_unit_test(stopping_what_lingers_is_a_good_end),
        cmocka_unit_test(scaling_is_answered_when_all_workers_have),
        cmocka_unit_test(workers_that_cannot_make_it_fail),
        cmocka_unit_test(the_scenario_must_be_clear),
        cmocka_unit_test(a_change_under_way_ends_with_the_run),
        cmocka_unit_test(after_the_end_commands_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
