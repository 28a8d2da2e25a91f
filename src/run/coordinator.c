/* SPDX-License-Identifier: MIT */
/* The coordinator: starts the workers, walks the run through its phases, merges what the workers
 * measured, judges, and ends it in a defined order: scenarios, teardown, last merge, thresholds,
 * summary. Its thread is the one that called tt_run_go. */
#include "base/clock.h"
#include "run/run_int.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { TICK_NS = 1000000000, THRESHOLD_TICKS = 2, TAG_SETS_MAX = 64 };

void tt__post_all(struct tt_run *r, struct tt__order o)
{
    for (unsigned i = 0; i < r->n_lanes; i++)
        tt__order_post(&r->lanes[i], o);
}

/* The run ends badly: the first reason wins. What was measured, teardown and summary still come. */
void tt__end_badly(struct tt_run *r, int exit_code)
{
    if (!r->exit_code)
        r->exit_code = exit_code;
}

/* Cuts the scenarios now; that ends a pause too. */
void tt__stop_scenarios(struct tt_run *r)
{
    if (r->stop_asked)
        return;
    r->stop_asked = true;
    if (r->paused)
        r->paused_ns += tt_loop_now(r->loop) - r->pause_began_ns;
    r->paused = false;
    if (r->phase == PHASE_PAUSED)
        tt__enter_phase(r, PHASE_TEARDOWN);
    else if (r->phase == PHASE_RUN)
        tt__post_all(r, (struct tt__order){.kind = ORDER_STOP});
    else if (r->phase == PHASE_SETUP)
        tt__order_post(&r->lanes[0], (struct tt__order){.kind = ORDER_CUT_CALL});
}

/* --- ticks
 * ------------------------------------------------------------------------------------------------
 */

static void ask_tick(struct tt_run *r)
{
    if (r->ticks_due) /* a worker is still busy with the last one */
        return;
    r->tick_number++;
    for (unsigned i = 0; i < r->n_lanes; i++) {
        struct tt__lane *lane = &r->lanes[i];
        tt__order_post(lane, (struct tt__order){.kind = ORDER_TICK, .spare = lane->spare});
        lane->spare = NULL;
        r->ticks_due++;
    }
}

static void on_tick(struct tt_timer *t)
{
    struct tt_run *r = (struct tt_run *)(void *)((char *)t - offsetof(struct tt_run, tick));
    tt_timer_start(r->loop, t, t->node.key + TICK_NS);
    ask_tick(r);
}

static void report_free(struct tt__report *rep)
{
    if (!rep)
        return;
    tt_buf_fini(&rep->result);
    tt_free(rep->progress);
    tt_free(rep->finished);
    tt_free(rep->cut);
    tt_free(rep);
}

static void add_own_samples(struct tt_run *r)
{
    int64_t active = 0, max = 0;
    uint64_t now = tt_loop_now(r->loop);
    for (unsigned k = 0; k < r->n_lanes; k++) {
        active += r->lanes[k].last ? r->lanes[k].last->vus_active : 0;
        max += r->lanes[k].last ? r->lanes[k].last->vus_max : 0;
    }
    tt_shard_add(r->shard, TT_M_vus, (double)active, r->run_tags, now);
    tt_shard_add(r->shard, TT_M_vus_max, (double)max, r->run_tags, now);
    struct tt_batch *b = tt_shard_swap(r->shard, r->spare);
    tt_totals_merge(r->totals, b);
    r->spare = b;
}

static void write_summary(struct tt_run *r);

/* All workers have answered a tick. */
static void tick_complete(struct tt_run *r)
{
    if (r->phase == PHASE_RUN || r->phase == PHASE_SETUP || r->phase == PHASE_TEARDOWN)
        add_own_samples(r);
    tt__show(r);
    tt__control_publish(r);
    if (r->phase == PHASE_SUMMARY && r->last_tick_wanted) {
        r->last_tick_wanted = false;
        ask_tick(r);
    } else if (r->phase == PHASE_SUMMARY) {
        tt_outputs_close(r->outputs);
        tt__judge(r, true);
        tt__judge_report(r);
        write_summary(r);
    } else if (r->tick_number % THRESHOLD_TICKS == 0 && r->phase == PHASE_RUN) {
        tt__judge(r, false);
        if (tt__judge_abort(r) && !r->stop_asked) {
            tt_log(TT_LOG_ERROR, "a threshold with abort_on_fail failed: the test is stopped");
            tt__stop_scenarios(r);
        }
    }
}

static void got_tick(struct tt_run *r, struct tt__report *rep)
{
    struct tt__lane *lane = rep->lane;
    tt_totals_merge(r->totals, rep->batch);
    if (lane->spare)
        tt_batch_free(lane->spare);
    lane->spare = rep->batch;
    rep->batch = NULL;
    report_free(lane->last);
    lane->last = rep;
    if (--r->ticks_due == 0)
        tick_complete(r);
}

/* --- calls into the service VU
 * ------------------------------------------------------------------------------ */

static void on_call_timeout(struct tt_timer *t)
{
    struct tt_run *r = (struct tt_run *)(void *)((char *)t - offsetof(struct tt_run, call_timeout));
    r->call_timed_out = true;
    tt__order_post(&r->lanes[0], (struct tt__order){.kind = ORDER_CUT_CALL});
}

static void call(struct tt_run *r, enum tt_stage_kind stage, const char *fn, cJSON *argument,
                 uint64_t timeout_ns)
{
    r->call_timed_out = false;
    tt_timer_start(r->loop, &r->call_timeout, tt_loop_now(r->loop) + timeout_ns);
    tt__order_post(&r->lanes[0],
                   (struct tt__order){
                       .kind = ORDER_CALL, .stage = stage, .function = fn, .argument = argument});
}

/* The script has called abort(). */
static void aborted(struct tt_run *r, const char *message)
{
    if (!r->stop_asked)
        tt_log(TT_LOG_ERROR, "the test was aborted by the script%s%s", *message ? ": " : "",
               message);
    tt__end_badly(r, TT_EXIT_ABORT);
}

/* What a failed setup or teardown means. */
static void call_failed(struct tt_run *r, struct tt__report *rep, const char *fn,
                        uint64_t timeout_ns, int timeout_code)
{
    char text[48];
    if (r->call_timed_out) {
        tt__end_badly(r, timeout_code);
        tt_err_set(&r->err, timeout_code, "%s took longer than %s (option %s_timeout)", fn,
                   tt_format_duration(text, sizeof text, timeout_ns), fn);
    } else if (rep->outcome == TT_FAILED) { /* already logged with its traceback */
        tt__end_badly(r, TT_EXIT_SCRIPT);
    } else if (rep->outcome == TT_ABORTED) {
        aborted(r, rep->err.text);
    } else if (rep->failed) {
        tt__end_badly(r, TT_EXIT_SCRIPT);
        tt_err_set(&r->err, TT_EXIT_SCRIPT,
                   "%s returned something that cannot be copied to the virtual "
                   "users: %s (plain data only)",
                   fn, rep->err.text);
    }
}

static void got_call(struct tt_run *r, struct tt__report *rep)
{
    tt_timer_stop(r->loop, &r->call_timeout);
    bool good = rep->outcome == TT_DONE && !rep->failed;
    if (r->phase == PHASE_SETUP) {
        if (good) {
            tt_buf_append(&r->setup, rep->result.data, rep->result.len);
            r->setup_json = tt_flat_to_json(r->setup.data, r->setup.len);
            r->teardown_due = true;
        } else {
            call_failed(r, rep, "setup", r->plan->opt.setup_timeout, TT_EXIT_SETUP_TIMEOUT);
        }
        tt__enter_phase(r, good && !r->stop_asked ? PHASE_RUN : PHASE_TEARDOWN);
    } else if (r->phase == PHASE_TEARDOWN) {
        if (!good)
            call_failed(r, rep, "teardown", r->plan->opt.teardown_timeout,
                        TT_EXIT_TEARDOWN_TIMEOUT);
        tt__enter_phase(r, PHASE_LINGER);
    } else {
        if (rep->failed)
            tt_log(TT_LOG_ERROR, "handle_summary: %s", rep->err.text);
        else if (r->call_timed_out)
            tt_log(TT_LOG_ERROR, "handle_summary took too long (option handle_summary_timeout)");
        tt__summary_write(r, good ? &rep->result : NULL);
        tt__enter_phase(r, PHASE_QUIT);
    }
}

/* --- phases
 * -------------------------------------------------------------------------------------------------
 */

static void begin_scenario(struct tt_run *r, size_t i, uint64_t zero_ns)
{
    r->parts[i].begun = true;
    r->parts[i].paused_before_ns = r->paused_ns;
    r->parts[i].start_ns = zero_ns + r->plan->scenarios[i].start_time_ns;
    if (r->plan->scenarios[i].after)
        tt__post_all(r, (struct tt__order){.kind = ORDER_BEGIN, .zero_ns = zero_ns, .scenario = i});
}

static void begin_run(struct tt_run *r)
{
    r->zero_ns = tt_loop_now(r->loop);
    r->wall_offset_ns = tt_wall_ns() - r->zero_ns;
    for (size_t i = 0; i < r->plan->n_scenarios; i++)
        if (!r->plan->scenarios[i].after)
            begin_scenario(r, i, r->zero_ns);
    if (!r->has_setup || r->plan->opt.no_setup)
        r->teardown_due = true;
    tt__post_all(r, (struct tt__order){.kind = ORDER_GO, .zero_ns = r->zero_ns});
    ask_tick(r);
}

static void write_summary(struct tt_run *r)
{
    if (r->view && r->view->end)
        r->view->end(r->view->arg);
    tt__summary_build(r);
    bool disabled = strcmp(r->plan->opt.summary_mode, "disabled") == 0;
    if (!disabled && r->has_summary) {
        call(r, TT_STAGE_SUMMARY, "handle_summary", cJSON_Duplicate(r->summary, true),
             r->plan->opt.handle_summary_timeout);
        return;
    }
    if (!disabled)
        tt__summary_write(r, NULL);
    tt__enter_phase(r, PHASE_QUIT);
}

void tt__enter_phase(struct tt_run *r, enum tt__phase phase)
{
    r->phase = phase;
    switch (phase) {
    case PHASE_INIT:
        break;
    case PHASE_PAUSED: /* resume leads on */
        r->start_ns = tt_loop_now(r->loop);
        tt_timer_start(r->loop, &r->tick, r->start_ns + TICK_NS);
        ask_tick(r);
        break;
    case PHASE_SETUP:
        r->start_ns = tt_loop_now(r->loop);
        tt_timer_start(r->loop, &r->tick, r->start_ns + TICK_NS);
        if (r->stop_asked)
            tt__enter_phase(r, PHASE_TEARDOWN);
        else if (r->has_setup && !r->plan->opt.no_setup)
            call(r, TT_STAGE_SETUP, "setup", NULL, r->plan->opt.setup_timeout);
        else
            tt__enter_phase(r, PHASE_RUN);
        break;
    case PHASE_RUN:
        begin_run(r);
        break;
    case PHASE_TEARDOWN:
        if (r->teardown_due && r->has_teardown && !r->plan->opt.no_teardown)
            call(r, TT_STAGE_TEARDOWN, "teardown", NULL, r->plan->opt.teardown_timeout);
        else
            tt__enter_phase(r, PHASE_LINGER);
        break;
    case PHASE_LINGER:
        r->end_ns = tt_loop_now(r->loop);
        if (!r->plan->opt.linger || r->exit_code)
            tt__enter_phase(r, PHASE_SUMMARY);
        else
            tt_log(TT_LOG_INFO, "the test is over; waiting (linger) until Ctrl-C or ttload stop");
        break;
    case PHASE_SUMMARY:
        tt_timer_stop(r->loop, &r->tick);
        if (r->ticks_due)
            r->last_tick_wanted =
                true; /* the one under way may have left before the last samples */
        else
            ask_tick(r);
        break;
    case PHASE_QUIT:
        tt_timer_stop(r->loop, &r->tick);
        tt_outputs_close(r->outputs); /* while the workers' tag sets still exist */
        tt__post_all(r, (struct tt__order){.kind = ORDER_QUIT});
        break;
    }
}

/* --- reports
 * --------------------------------------------------------------------------------------------------
 */

static void got_ready(struct tt_run *r, struct tt__report *rep)
{
    if (rep->failed && !r->exit_code) {
        r->err = rep->err;
        tt__end_badly(r, rep->err.exit_code ? rep->err.exit_code : TT_EXIT_SCRIPT);
        tt_err_wrap(&r->err, "init of a virtual user");
    }
    if (++r->ready < r->n_lanes)
        return;
    bool wait = r->plan->opt.paused && !r->stop_asked;
    tt__enter_phase(r, r->exit_code ? PHASE_QUIT : wait ? PHASE_PAUSED : PHASE_SETUP);
}

/* One worker has nothing left to do for the scenario. When all have, those that waited for it
 * begin; when there is none left, the scenarios are over. */
static void got_finished(struct tt_run *r, size_t scenario)
{
    bool running = false;
    if (++r->parts[scenario].lanes_finished == r->n_lanes && !r->stop_asked)
        for (size_t i = 0; i < r->plan->n_scenarios; i++)
            if (r->plan->scenarios[i].after && r->plan->scenarios[i].after_index == scenario)
                begin_scenario(r, i, tt_loop_now(r->loop));
    for (size_t i = 0; i < r->plan->n_scenarios; i++)
        running |= r->parts[i].begun ? r->parts[i].lanes_finished < r->n_lanes : !r->stop_asked;
    if (!running)
        tt__enter_phase(r, PHASE_TEARDOWN);
}

/* Said once; every iteration may say it. */
static void got_fail(struct tt_run *r, const struct tt__report *rep)
{
    if (!r->marked_failed)
        tt_log(TT_LOG_ERROR, "the script has marked the test as failed%s%s",
               rep->result.len ? ": " : "", rep->result.len ? rep->result.data : "");
    r->marked_failed = true;
}

static void got_gone(struct tt_run *r, struct tt__lane *lane)
{
    lane->gone = true;
    for (unsigned i = 0; i < r->n_lanes; i++)
        if (!r->lanes[i].gone)
            return;
    tt_loop_stop(r->loop);
}

static void receive(struct tt_letter *l)
{
    struct tt__report *rep = (struct tt__report *)(void *)l;
    struct tt_run *r = rep->run;
    switch (rep->kind) {
    case REPORT_READY:
        got_ready(r, rep);
        break;
    case REPORT_TICK:
        got_tick(r, rep); /* keeps it */
        return;
    case REPORT_CALLED:
        got_call(r, rep);
        break;
    case REPORT_ABORT:
        aborted(r, rep->result.len ? rep->result.data : "");
        tt__stop_scenarios(r);
        break;
    case REPORT_FAIL:
        got_fail(r, rep);
        break;
    case REPORT_FINISHED:
        got_finished(r, rep->scenario);
        break;
    case REPORT_SCALED:
        tt__control_scaled(r, rep);
        break;
    case REPORT_GONE:
        got_gone(r, rep->lane);
        break;
    }
    report_free(rep);
}

void tt__report_post(struct tt__lane *lane, struct tt__report *rep)
{
    rep->letter.deliver = receive;
    if (!tt_loop_post(lane->run->loop, &rep->letter))
        report_free(rep);
}

/* --- signals
 * ----------------------------------------------------------------------------------------------------
 */

static void on_signal(uv_signal_t *s, int number)
{
    struct tt_run *r = s->data;
    if (++r->signals > 1) {
        static const char bye[] = "\nstopped at once by a second signal; no summary\n";
        ssize_t ignored = write(STDERR_FILENO, bye, sizeof bye - 1);
        (void)ignored;
        _exit(TT_EXIT_SIGNAL);
    }
    if (r->phase == PHASE_LINGER) {
        tt__enter_phase(r, PHASE_SUMMARY);
        return;
    }
    tt_log(TT_LOG_WARN, "%s: stopping; a second one exits at once",
           number == SIGINT ? "interrupted" : "terminated");
    tt__timeline_add(r, number == SIGINT ? "SIGINT" : "SIGTERM", "signal");
    tt__end_badly(r, TT_EXIT_SIGNAL);
    tt__stop_scenarios(r);
}

static void signal_start(struct tt_run *r, uv_signal_t *s, int number)
{
    uv_signal_init(tt_loop_uv(r->loop), s);
    s->data = r;
    uv_signal_start(s, on_signal, number);
}

/* --- go
 * ------------------------------------------------------------------------------------------------------------
 */

/* How many have started: all, unless the system has no thread or descriptor left (err). */
static unsigned start_lanes(struct tt_run *r, struct tt_err *err)
{
    char name[24];
    unsigned i;
    for (i = 0; i < r->n_lanes; i++) {
        struct tt__lane *lane = &r->lanes[i];
        lane->run = r;
        lane->index = i;
        tt_stripe_worker(&lane->vus_stripe, &r->machine, i, r->n_lanes);
        lane->n_planned = (size_t)tt_plan_planned_vus(r->plan, &lane->vus_stripe);
        r->next_vu += lane->n_planned;
        lane->loop = tt_loop_new(err);
        if (!lane->loop)
            break;
    }
    if (i < r->n_lanes)
        return 0;
    for (i = 0; i < r->n_lanes; i++) {
        snprintf(name, sizeof name, "worker-%u", i);
        if (!tt_thread_start(&r->lanes[i].thread, name, tt__lane_main, &r->lanes[i], err))
            break;
    }
    return i;
}

static void free_lanes(struct tt_run *r)
{
    for (unsigned i = 0; i < r->plan->workers; i++) {
        struct tt__lane *lane = &r->lanes[i];
        tt_thread_join(&lane->thread);
        if (lane->loop)
            tt_loop_free(lane->loop);
        if (lane->spare)
            tt_batch_free(lane->spare);
        report_free(lane->last);
        tt_stripe_fini(&lane->vus_stripe);
    }
    tt_free(r->lanes);
    r->lanes = NULL;
}

static void open_run(struct tt_run *r)
{
    r->phase = PHASE_INIT;
    r->totals = tt_totals_new(r->registry);
    r->tags = tt_tagpool_new(r->registry, TAG_SETS_MAX);
    r->shard = tt_shard_new(r->registry);
    r->run_tags =
        tt_tags_with(r->tags, tt_tags_empty(r->tags), r->plan->run_tags, r->plan->n_run_tags);
    tt__shares_init(r);
    r->parts = tt_xcalloc(r->plan->n_scenarios + 1, sizeof *r->parts);
    r->shown = tt_xcalloc(r->plan->n_scenarios + 1, sizeof *r->shown);
    r->verdicts = tt_xcalloc(r->plan->n_thresholds + 1, sizeof *r->verdicts);
    tt_buf_init(&r->setup, SIZE_MAX);
    tt_timer_init(&r->tick, on_tick);
    tt_timer_init(&r->call_timeout, on_call_timeout);
    signal_start(r, &r->sigint, SIGINT);
    signal_start(r, &r->sigterm, SIGTERM);
}

static bool open_outputs(struct tt_run *r, struct tt_err *err)
{
    r->outputs = tt_outputs_open(&r->plan->opt.out, r->plan, r->registry, err);
    if (!r->outputs)
        return false;
    r->feed = tt_outputs_feed(r->outputs);
    tt_shard_feed(r->shard, r->feed);
    return true;
}

static void close_run(struct tt_run *r)
{
    uv_close((uv_handle_t *)&r->sigint, NULL);
    uv_close((uv_handle_t *)&r->sigterm, NULL);
    tt_outputs_free(r->outputs);
    tt_loop_close_mailbox(r->loop);
    tt_loop_drain(r->loop);
    tt_loop_free(r->loop);
    r->loop = NULL;
    cJSON_Delete(r->timeline);
    if (r->spare)
        tt_batch_free(r->spare);
    tt_shard_free(r->shard);
    tt_tagpool_free(r->tags);
    tt_totals_free(r->totals);
    tt_buf_fini(&r->setup);
    tt__shares_free(r);
    tt_free(r->parts);
    tt_free(r->shown);
    tt__verdicts_free(r);
    cJSON_Delete(r->setup_json);
    cJSON_Delete(r->summary);
}

int tt_run_go(struct tt_run *r, const struct tt_run_view *view, struct tt_err *err)
{
    r->view = view;
    r->loop = tt_loop_new(err);
    if (!r->loop)
        return err->exit_code;
    open_run(r);
    if (!open_outputs(r, err) || !tt__control_open(r, err)) {
        int code = err->exit_code;
        close_run(r);
        return code;
    }
    if (view && view->start)
        view->start(view->arg, r->plan);
    r->n_lanes = r->plan->workers;
    r->lanes = tt_xcalloc(r->n_lanes, sizeof *r->lanes);
    unsigned started = start_lanes(r, err);
    if (started < r->n_lanes) { /* those that run make their VUs, hear of it, and go */
        tt_err_wrap(err, "cannot start worker %u of %u", started, r->n_lanes);
        r->err = *err;
        tt__end_badly(r, TT_EXIT_OTHER);
        r->n_lanes = started;
    }
    if (started)
        tt_loop_run(r->loop);
    free_lanes(r);
    tt__control_close(r);
    if (r->err.text[0])
        *err = r->err;
    else
        err->text[0] = '\0';
    int code = r->exit_code           ? r->exit_code
               : r->thresholds_failed ? TT_EXIT_THRESHOLDS
               : r->marked_failed     ? TT_EXIT_MARKED_FAILED
                                      : TT_EXIT_OK;
    close_run(r);
    return code;
}
