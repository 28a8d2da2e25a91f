/* SPDX-License-Identifier: MIT */
/* The control API's other side: publishes what the run shows, carries out commands, and keeps the
 * timeline of interventions. Coordinator thread, except submit. */
#include "base/memory.h"
#include "base/rng.h"
#include "base/units.h"
#include "run/run_int.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- publishing
 * ------------------------------------------------------------------------------------- */

static const char *state_name(const struct tt_run_scenario *s)
{
    static const char *const names[] = {"waiting", "running", "stopping", "done", "cut"};
    return names[s->state];
}

static cJSON *scenarios(const struct tt_run *r)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < r->plan->n_scenarios; i++) {
        const struct tt_run_scenario *s = &r->shown[i];
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "name", r->plan->scenarios[i].name);
        cJSON_AddStringToObject(o, "executor", r->plan->scenarios[i].executor);
        cJSON_AddStringToObject(o, "state", state_name(s));
        cJSON_AddNumberToObject(o, "progress", s->progress.fraction);
        cJSON_AddNumberToObject(o, "vus", (double)s->progress.vus_active);
        cJSON_AddNumberToObject(o, "vus-max", (double)s->progress.vus_max);
        cJSON_AddNumberToObject(o, "iterations", (double)s->progress.done);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

/* The script says so, or a threshold fails already. Without samples it may still come right. */
static bool tainted(const struct tt_run *r)
{
    if (r->marked_failed)
        return true;
    for (size_t i = 0; i < r->plan->n_thresholds; i++)
        for (size_t k = 0; k < r->plan->thresholds[i].n; k++) {
            const struct tt_verdict *v =
                r->verdicts[i].verdicts ? &r->verdicts[i].verdicts[k] : NULL;
            if (v && !v->ok && (!v->no_samples || r->end_ns))
                return true;
        }
    return false;
}

static cJSON *status(const struct tt_run *r)
{
    cJSON *o = cJSON_CreateObject();
    const struct tt_run_progress *p = &r->progress;
    bool waiting = r->phase == PHASE_PAUSED;
    cJSON_AddNumberToObject(o, "status", (double)r->phase);
    cJSON_AddBoolToObject(o, "paused", r->paused || waiting);
    cJSON_AddNumberToObject(o, "vus", (double)p->vus_active);
    cJSON_AddNumberToObject(o, "vus-max", (double)p->vus_max);
    cJSON_AddBoolToObject(o, "stopped", r->stop_asked || r->phase > PHASE_RUN);
    cJSON_AddBoolToObject(o, "running", r->phase == PHASE_RUN && !r->stop_asked);
    cJSON_AddBoolToObject(o, "tainted", tainted(r));
    cJSON_AddStringToObject(o, "id", r->id);
    cJSON_AddStringToObject(o, "script", r->plan->script_path);
    cJSON_AddNumberToObject(o, "pid", (double)getpid());
    cJSON_AddStringToObject(o, "phase",
                            p->phase && !r->paused ? p->phase
                            : r->paused || waiting ? "paused"
                                                   : "init");
    cJSON_AddNumberToObject(o, "elapsed_s", (double)p->elapsed_ns / 1e9);
    cJSON_AddNumberToObject(o, "iterations", (double)p->iterations_complete);
    cJSON_AddNumberToObject(o, "interrupted", (double)p->iterations_interrupted);
    cJSON_AddItemToObject(o, "scenarios", scenarios(r));
    return o;
}

static bool any_not_ok(const cJSON *thresholds)
{
    const cJSON *t;
    cJSON_ArrayForEach(
        t, thresholds) if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(t, "ok"))) return true;
    return false;
}

/* { name = { type, contains, values, thresholds } } as a list of resources. */
static cJSON *metrics(const cJSON *data)
{
    cJSON *list = cJSON_CreateArray();
    const cJSON *m;
    cJSON_ArrayForEach(m, cJSON_GetObjectItemCaseSensitive(data, "metrics"))
    {
        cJSON *item = cJSON_CreateObject(), *a = cJSON_CreateObject();
        const char *const copied[][2] = {
            {"type", "type"}, {"contains", "contains"}, {"values", "sample"}};
        for (size_t i = 0; i < 3; i++)
            cJSON_AddItemToObject(
                a, copied[i][1],
                cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(m, copied[i][0]), true));
        cJSON_AddBoolToObject(a, "tainted",
                              any_not_ok(cJSON_GetObjectItemCaseSensitive(m, "thresholds")));
        cJSON_AddStringToObject(item, "id", m->string);
        cJSON_AddItemToObject(item, "attributes", a);
        cJSON_AddItemToArray(list, item);
    }
    return list;
}

static void add_groups(cJSON *list, const cJSON *group)
{
    cJSON *item = cJSON_CreateObject(), *a = cJSON_CreateObject();
    const cJSON *child;
    static const char *const copied[] = {"name", "path", "checks"};
    for (size_t i = 0; i < 3; i++)
        cJSON_AddItemToObject(
            a, copied[i],
            cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(group, copied[i]), true));
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(group, "id"));
    cJSON_AddStringToObject(item, "id", id ? id : "");
    cJSON_AddItemToObject(item, "attributes", a);
    cJSON_AddItemToArray(list, item);
    cJSON_ArrayForEach(child, cJSON_GetObjectItemCaseSensitive(group, "groups"))
        add_groups(list, child);
}

static cJSON *snapshot(struct tt_run *r)
{
    tt__judge(r, r->end_ns != 0);
    uint64_t now = r->end_ns ? r->end_ns : tt_loop_now(r->loop);
    const struct tt_summary_info info = {
        .duration_ns = now - r->start_ns,
        .measured_ns = tt__measured_ns(r, now),
        .results = r->verdicts,
    };
    cJSON *data = tt_summary_data(r->plan, r->registry, r->totals, &info);
    cJSON *shot = cJSON_CreateObject(), *groups = cJSON_CreateArray();
    add_groups(groups, cJSON_GetObjectItemCaseSensitive(data, "root_group"));
    cJSON_AddItemToObject(shot, "status", status(r));
    cJSON_AddItemToObject(shot, "metrics", metrics(data));
    cJSON_AddItemToObject(shot, "groups", groups);
    if (r->setup_json)
        cJSON_AddItemToObject(shot, "setup", cJSON_Duplicate(r->setup_json, true));
    if (r->timeline)
        cJSON_AddItemToObject(shot, "timeline", cJSON_Duplicate(r->timeline, true));
    cJSON_Delete(data);
    return shot;
}

void tt__control_publish(struct tt_run *r)
{
    if (r->control)
        tt_control_publish(r->control, snapshot(r));
}

/* --- commands
 * --------------------------------------------------------------------------------------- */

/* How many of the first max bytes there are whole characters of. */
static int cut(const char *s, size_t max)
{
    size_t n = strnlen(s, max);
    while (n && ((unsigned char)s[n] & 0xC0) == 0x80)
        n--;
    return (int)n;
}

void tt__timeline_add(struct tt_run *r, const char *what, const char *by)
{
    uint64_t at = tt_loop_now(r->loop) - r->start_ns;
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddNumberToObject(entry, "at_s", r->start_ns ? (double)at / 1e9 : 0);
    cJSON_AddStringToObject(entry, "what", what);
    cJSON_AddStringToObject(entry, "by", by);
    if (!r->timeline)
        r->timeline = cJSON_CreateArray();
    cJSON_AddItemToArray(r->timeline, entry);
}

/* In the timeline, the log and what is published. note: more about it, or "". */
static void record(struct tt_run *r, const struct tt_intervention *c, const char *note)
{
    static const char *const names[] = {"pause", "resume", "scale", "stop", "abort"};
    struct tt_buf what;
    tt_buf_init(&what, SIZE_MAX);
    tt_buf_puts(&what, names[c->kind]);
    if (c->scenario)
        tt_buf_printf(&what, " %.*s", cut(c->scenario, 64), c->scenario);
    if (c->kind == TT_INTERVENE_SCALE && c->vus >= 0)
        tt_buf_printf(&what, " vus=%lld", (long long)c->vus);
    if (c->kind == TT_INTERVENE_SCALE && c->max_vus >= 0)
        tt_buf_printf(&what, " max_vus=%lld", (long long)c->max_vus);
    if (c->kind == TT_INTERVENE_SCALE && c->rate >= 0)
        tt_buf_printf(&what, " rate=%g", c->rate);
    if (c->reason)
        tt_buf_printf(&what, ": %.*s", cut(c->reason, 120), c->reason);
    tt_buf_puts(&what, note);
    tt__timeline_add(r, what.data, c->client ? c->client : "");
    tt_log(TT_LOG_INFO, "control: %s", what.data);
    tt_buf_fini(&what);
    tt__show(r);
    tt__control_publish(r);
}

static void finish(struct tt_run *r, struct tt_intervention *c, bool ok)
{
    c->ok = ok;
    if (ok)
        record(r, c, "");
    c->done(c);
}

static bool pause_run(struct tt_run *r, struct tt_err *err)
{
    if (r->phase == PHASE_PAUSED || r->paused)
        return tt_err_set(err, 0, "the test is paused already");
    if (r->phase != PHASE_RUN || r->stop_asked)
        return tt_err_set(err, 0, "only running scenarios can be paused");
    r->paused = true;
    r->pause_began_ns = tt_loop_now(r->loop);
    tt__post_all(r, (struct tt__order){.kind = ORDER_PAUSE});
    return true;
}

static bool resume_run(struct tt_run *r, struct tt_err *err)
{
    if (r->phase == PHASE_PAUSED) {
        tt__enter_phase(r, PHASE_SETUP);
        return true;
    }
    if (!r->paused)
        return tt_err_set(err, 0, "the test is not paused");
    r->paused = false;
    r->paused_ns += tt_loop_now(r->loop) - r->pause_began_ns;
    tt__post_all(r, (struct tt__order){.kind = ORDER_RESUME});
    return true;
}

static bool can_scale(const struct tt_run *r, size_t i)
{
    return tt_exec_find(r->plan->scenarios[i].executor)->scale != NULL;
}

/* The scenario that the command means; false with err. */
static bool find_scenario(struct tt_run *r, const struct tt_intervention *c, size_t *found,
                          struct tt_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < r->plan->n_scenarios; i++) {
        if (c->scenario && strcmp(c->scenario, r->plan->scenarios[i].name) != 0)
            continue;
        if (!c->scenario && !can_scale(r, i))
            continue;
        *found = i;
        n++;
    }
    if (!n && c->scenario)
        return tt_err_set(err, 0, "there is no scenario '%s'", c->scenario);
    if (!n)
        return tt_err_set(err, 0, "no scenario of this test can be scaled");
    if (n > 1)
        return tt_err_set(err, 0, "several scenarios can be scaled; name one (--scenario)");
    if (!can_scale(r, *found))
        return tt_err_set(err, 0, "%s (scenario %s) cannot be scaled while it runs",
                          r->plan->scenarios[*found].executor, r->plan->scenarios[*found].name);
    return true;
}

/* Answered when all workers have. */
static bool scale(struct tt_run *r, struct tt_intervention *c, struct tt_err *err)
{
    size_t found = 0;
    if (r->scaling)
        return tt_err_set(err, 0, "another change is under way");
    if (r->phase != PHASE_RUN || r->stop_asked)
        return tt_err_set(err, 0, "only running scenarios can be scaled");
    if (!find_scenario(r, c, &found, err))
        return false;
    r->scaling = c;
    r->scale_due = r->n_lanes;
    r->scale_refused = 0;
    tt__post_all(r, (struct tt__order){.kind = ORDER_SCALE,
                                       .scenario = found,
                                       .scale = {c->vus, c->max_vus, c->rate}});
    return true;
}

void tt__control_scaled(struct tt_run *r, struct tt__report *rep)
{
    struct tt_intervention *c = r->scaling;
    if (rep->failed && !r->scale_refused++)
        c->err = rep->err;
    if (--r->scale_due)
        return;
    r->scaling = NULL;
    if (r->scale_refused && r->scale_refused < r->n_lanes) {
        tt_err_wrap(&c->err, "done by %u of %u workers only", r->n_lanes - r->scale_refused,
                    r->n_lanes);
        record(r, c, ", not by all workers");
    }
    finish(r, c, !r->scale_refused);
}

static bool stop(struct tt_run *r, const struct tt_intervention *c, struct tt_err *err)
{
    if (r->phase == PHASE_LINGER) {
        tt__enter_phase(r, PHASE_SUMMARY);
        return true;
    }
    if (r->stop_asked || r->phase > PHASE_RUN)
        return tt_err_set(err, 0, "the test is ending already");
    bool abort = c->kind == TT_INTERVENE_ABORT;
    tt_log(TT_LOG_WARN, "the test is %s from outside%s%s", abort ? "aborted" : "stopped",
           c->reason ? ": " : "", c->reason ? c->reason : "");
    tt__end_badly(r, abort ? TT_EXIT_ABORT : TT_EXIT_API_STOP);
    tt__stop_scenarios(r);
    return true;
}

struct letter {
    struct tt_letter letter;
    struct tt_run *run;
    struct tt_intervention *command;
};

static void receive(struct tt_letter *l)
{
    struct letter *in = (struct letter *)(void *)((char *)l - offsetof(struct letter, letter));
    struct tt_run *r = in->run;
    struct tt_intervention *c = in->command;
    bool ok = false;
    tt_free(in);
    switch (c->kind) {
    case TT_INTERVENE_PAUSE:
        ok = pause_run(r, &c->err);
        break;
    case TT_INTERVENE_RESUME:
        ok = resume_run(r, &c->err);
        break;
    case TT_INTERVENE_SCALE:
        if (scale(r, c, &c->err))
            return;
        break;
    case TT_INTERVENE_STOP:
    case TT_INTERVENE_ABORT:
        ok = stop(r, c, &c->err);
        break;
    }
    finish(r, c, ok);
}

static bool submit(void *arg, struct tt_intervention *c)
{
    struct tt_run *r = arg;
    struct letter *l = tt_xcalloc(1, sizeof *l);
    *l = (struct letter){.letter.deliver = receive, .run = r, .command = c};
    if (tt_loop_post(r->loop, &l->letter))
        return true;
    tt_free(l);
    return false;
}

/* --- open and close
 * --------------------------------------------------------------------------------- */

bool tt__control_open(struct tt_run *r, struct tt_err *err)
{
    char folder[96], path[128];
    const struct tt_options *o = &r->plan->opt;
    snprintf(r->id, sizeof r->id, "%06llx", (unsigned long long)(tt_random_seed() & 0xffffff));
    struct tt_control_config config = {
        .address = o->set[TT_OPT_address] ? o->address : NULL,
        .token = o->set[TT_OPT_address_token] ? o->address_token : NULL,
        .submit = submit,
        .arg = r,
    };
    if (tt_control_folder(folder, sizeof folder, true, err)) {
        snprintf(path, sizeof path, "%s/%s.sock", folder, r->id);
        config.socket_path = path;
    } else {
        tt_log(TT_LOG_WARN, "no control socket: %s", err->text);
    }
    config.first = snapshot(r);
    r->control = tt_control_start(&config, err);
    if (!r->control && config.socket_path && !config.address) {
        tt_log(TT_LOG_WARN, "no control socket: %s", err->text);
        return true;
    }
    return r->control != NULL;
}

void tt__control_close(struct tt_run *r)
{
    if (r->scaling) /* its workers are gone */
        r->scaling->done(r->scaling);
    r->scaling = NULL;
    tt_control_stop(r->control);
    r->control = NULL;
}
