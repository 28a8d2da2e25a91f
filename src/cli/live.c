/* SPDX-License-Identifier: MIT */
/* The live view. On a terminal its block is the last thing on the screen; log lines are printed
 * above it, under one lock with the redraws. */
#include "cli/live.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/units.h"
#include "output/summary.h"
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR_CELLS = 24, BLOCK_MAX_BYTES = 64 * 1024 };

struct tt_live {
    bool terminal, color;
    struct tt_mutex lock; /* around what follows */
    struct tt_buf block;  /* as drawn last */
    size_t drawn;         /* lines of it on the screen */
};

static size_t columns(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 100;
}

/* --- the block's text --------------------------------------------------------------------------
 */

static const char *seconds_text(char *buf, size_t size, uint64_t ns)
{
    return tt_format_duration(buf, size, ns / TT_NS_PER_S * TT_NS_PER_S);
}

static const char *state_mark(const struct tt_run_scenario *s)
{
    switch (s->state) {
    case TT_SCENARIO_WAITING:
        return "waiting";
    case TT_SCENARIO_RUNNING:
        return "running";
    case TT_SCENARIO_STOPPING:
        return "stopping";
    case TT_SCENARIO_CUT:
        return "cut";
    case TT_SCENARIO_DONE:
        break;
    }
    return "done";
}

static void put_bar(struct tt_buf *b, double fraction)
{
    int full = fraction >= 1 ? BAR_CELLS : fraction <= 0 ? 0 : (int)(fraction * BAR_CELLS);
    tt_buf_putc(b, '[');
    for (int i = 0; i < BAR_CELLS; i++)
        tt_buf_putc(b, i < full ? '=' : i == full ? '>' : '-');
    tt_buf_putc(b, ']');
}

static void put_scenario(struct tt_buf *b, const struct tt_run_scenario *s, bool bar)
{
    char t[64];
    const struct tt_exec_progress *p = &s->progress;
    tt_buf_printf(b, "%-12s ", s->sc->name);
    if (bar)
        put_bar(b, p->fraction);
    tt_buf_printf(b, " %3d%% %-8s %lld/%lld VUs", (int)(p->fraction * 100), state_mark(s),
                  (long long)p->vus_active, (long long)p->vus_max);
    if (s->state == TT_SCENARIO_WAITING)
        tt_buf_printf(b, "  starts %s %s", s->sc->after && !s->waiting_ns ? "after" : "in",
                      s->sc->after && !s->waiting_ns ? s->sc->after
                                                     : seconds_text(t, sizeof t, s->waiting_ns));
    else
        tt_buf_printf(b, "  %s", seconds_text(t, sizeof t, s->elapsed_ns));
    if (p->total)
        tt_buf_printf(b, "  %llu/%llu iterations", (unsigned long long)p->done,
                      (unsigned long long)p->total);
    else
        tt_buf_printf(b, "  %llu iterations", (unsigned long long)p->done);
}

/* "http_reqs 1200 (98.2/s)  http_req_duration p95 12.1ms  http_req_failed 0.00%" of what has
 * samples: the protocols' key metrics, then the script's own. */
static void put_metrics(struct tt_buf *b, const struct tt_run_progress *p, size_t room)
{
    static const tt_metric_id keys[] = {TT_M_http_reqs,        TT_M_http_req_duration,
                                        TT_M_http_req_failed,  TT_M_ws_sessions,
                                        TT_M_ws_msgs_received, TT_M_checks,
                                        TT_M_script_errors};
    size_t n_keys = sizeof keys / sizeof *keys, count = tt_registry_count(p->registry);
    size_t from = b->len;
    for (size_t i = 0; i < n_keys + count - TT_M_COUNT; i++) {
        tt_metric_id id = i < n_keys ? keys[i] : (tt_metric_id)(TT_M_COUNT + i - n_keys);
        const struct tt_metric *m = tt_registry_get(p->registry, id);
        char t[64], u[64], piece[320];
        if (!tt_totals_seen(p->totals, id))
            continue;
        struct tt_sink_values v = tt_totals_values(p->totals, id);
        double s = (double)p->elapsed_ns / 1e9;
        if (m->type == TT_COUNTER)
            snprintf(piece, sizeof piece, "%s %s (%s/s)", m->name,
                     tt_summary_number(t, sizeof t, v.sum),
                     tt_summary_number(u, sizeof u, s > 0 ? v.sum / s : 0));
        else if (m->type == TT_GAUGE)
            snprintf(piece, sizeof piece, "%s %s", m->name, tt_summary_number(t, sizeof t, v.last));
        else if (m->type == TT_RATE)
            snprintf(piece, sizeof piece, "%s %s", m->name,
                     tt_summary_rate(t, sizeof t, v.count ? (double)v.trues / (double)v.count : 0));
        else {
            double q = tt_totals_quantile(p->totals, id, 0.95);
            snprintf(piece, sizeof piece, "%s p95 %s", m->name,
                     m->contains == TT_TIME ? tt_summary_duration(t, sizeof t, q, NULL)
                                            : tt_summary_number(t, sizeof t, q));
        }
        if (b->len - from + strlen(piece) + 2 > room)
            break;
        tt_buf_printf(b, "%s%s", b->len > from ? "  " : "", piece);
    }
}

static void put_head(struct tt_buf *b, const struct tt_run_progress *p)
{
    char t[64];
    tt_buf_printf(b, "%-12s %s  %lld VUs  %llu iterations", p->phase,
                  seconds_text(t, sizeof t, p->elapsed_ns), (long long)p->vus_active,
                  (unsigned long long)p->iterations_complete);
    if (p->iterations_interrupted)
        tt_buf_printf(b, " (%llu interrupted)", (unsigned long long)p->iterations_interrupted);
}

/* --- terminal -----------------------------------------------------------------------------------
 */

static void erase(struct tt_live *v)
{
    for (; v->drawn; v->drawn--)
        fputs("\x1b[1A\x1b[2K", stderr);
}

/* Each line cut to the terminal's width, or the arithmetic of erase is off. */
static void draw(struct tt_live *v)
{
    size_t width = columns() - 1;
    const char *s = v->block.len ? v->block.data : "";
    while (*s) {
        size_t n = strcspn(s, "\n");
        fprintf(stderr, "%.*s\n", (int)(n < width ? n : width), s);
        v->drawn++;
        s += n + (s[n] == '\n');
    }
    fflush(stderr);
}

static void on_log(void *arg, enum tt_log_level level, const char *line)
{
    struct tt_live *v = arg;
    (void)level;
    tt_mutex_lock(&v->lock);
    erase(v);
    fprintf(stderr, "%s\n", line);
    draw(v);
    tt_mutex_unlock(&v->lock);
}

static void tick_terminal(struct tt_live *v, const struct tt_run_progress *p)
{
    tt_mutex_lock(&v->lock);
    erase(v);
    tt_buf_clear(&v->block);
    put_head(&v->block, p);
    tt_buf_putc(&v->block, '\n');
    for (size_t i = 0; i < p->n_scenarios; i++) {
        tt_buf_puts(&v->block, "  ");
        put_scenario(&v->block, &p->scenarios[i], true);
        tt_buf_putc(&v->block, '\n');
    }
    size_t before = v->block.len;
    tt_buf_puts(&v->block, "  ");
    put_metrics(&v->block, p, columns() - 3);
    if (v->block.len == before + 2)
        v->block.len = before, v->block.data[before] = '\0';
    else
        tt_buf_putc(&v->block, '\n');
    draw(v);
    tt_mutex_unlock(&v->lock);
}

/* --- plain
 * ---------------------------------------------------------------------------------------- */

static void tick_plain(struct tt_live *v, const struct tt_run_progress *p)
{
    tt_buf_clear(&v->block);
    put_head(&v->block, p);
    for (size_t i = 0; i < p->n_scenarios; i++)
        if (p->scenarios[i].state != TT_SCENARIO_DONE || p->n_scenarios == 1) {
            tt_buf_puts(&v->block, " | ");
            put_scenario(&v->block, &p->scenarios[i], false);
        }
    size_t before = v->block.len;
    tt_buf_puts(&v->block, " | ");
    put_metrics(&v->block, p, 400);
    if (v->block.len == before + 3)
        v->block.len = before, v->block.data[before] = '\0';
    fprintf(stderr, "%s\n", v->block.data);
}

static void on_tick(void *arg, const struct tt_run_progress *p)
{
    struct tt_live *v = arg;
    if (v->terminal)
        tick_terminal(v, p);
    else
        tick_plain(v, p);
}

/* --- header
 * ---------------------------------------------------------------------------------------- */

static void on_start(void *arg, const struct tt_plan *plan)
{
    struct tt_live *v = arg;
    char text[512], t[64];
    const char *bold = v->color ? "\x1b[1m" : "", *off = v->color ? "\x1b[0m" : "";
    struct tt_stripe whole;
    tt_stripe_init(&whole, &plan->segment, plan->sequence, plan->n_sequence, NULL);
    fprintf(stderr, "%sttload " TT_VERSION "%s  %s  %u worker%s, up to %lld VUs, at most %s\n",
            bold, off, plan->script_path, plan->workers, plan->workers == 1 ? "" : "s",
            (long long)tt_plan_max_vus(plan, &whole),
            tt_format_duration(t, sizeof t, tt_plan_max_duration_ns(plan)));
    tt_stripe_fini(&whole);
    for (size_t i = 0; i < plan->n_scenarios; i++) {
        const struct tt_scenario *sc = &plan->scenarios[i];
        const struct tt_exec_class *cls = tt_exec_find(sc->executor);
        cls->describe(sc, text, sizeof text);
        fprintf(stderr, "  * %s: %s\n", sc->name, text);
    }
    fputc('\n', stderr);
    if (v->terminal)
        tt_log_set_sink(on_log, v);
}

static void on_end(void *arg)
{
    struct tt_live *v = arg;
    if (v->terminal)
        tt_log_set_sink(NULL, NULL);
    fputc('\n', stderr);
    fflush(stderr);
}

const struct tt_run_view tt_live_view = {.start = on_start, .tick = on_tick, .end = on_end};

struct tt_live *tt_live_new(bool terminal, bool color)
{
    struct tt_live *v = tt_xcalloc(1, sizeof *v);
    v->terminal = terminal;
    v->color = color;
    tt_mutex_init(&v->lock);
    tt_buf_init(&v->block, BLOCK_MAX_BYTES);
    return v;
}

void tt_live_free(struct tt_live *v)
{
    if (!v)
        return;
    if (v->terminal)
        tt_log_set_sink(NULL, NULL);
    tt_buf_fini(&v->block);
    tt_mutex_fini(&v->lock);
    tt_free(v);
}
