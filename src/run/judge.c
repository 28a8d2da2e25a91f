/* SPDX-License-Identifier: MIT */
/* Thresholds against the totals. Coordinator thread. */
#include "base/memory.h"
#include "run/run_int.h"

uint64_t tt__measured_ns(const struct tt_run *r, uint64_t now_ns)
{
    const struct tt_plan *p = r->plan;
    uint64_t warm = TT_NEVER, all = now_ns - r->start_ns;
    for (size_t i = 0; i < p->n_scenarios; i++) {
        const struct tt_scenario *sc = &p->scenarios[i];
        uint64_t until = sc->warmup_ns ? sc->start_time_ns + sc->warmup_ns : 0;
        warm = !sc->after && until < warm ? until : warm;
    }
    return warm < all ? all - warm : all;
}

void tt__judge(struct tt_run *r, bool final)
{
    const struct tt_plan *p = r->plan;
    uint64_t elapsed = tt__measured_ns(r, final ? r->end_ns : tt_loop_now(r->loop));
    r->thresholds_failed = false;
    for (size_t i = 0; i < p->n_thresholds; i++) {
        const struct tt_threshold_set *set = &p->thresholds[i];
        uint32_t sink;
        if (!r->verdicts[i].verdicts)
            r->verdicts[i].verdicts = tt_xcalloc(set->n + 1, sizeof(struct tt_verdict));
        TT_ASSERT(tt_registry_sink(r->registry, set->metric, &sink));
        for (size_t k = 0; k < set->n; k++) {
            r->verdicts[i].verdicts[k] =
                tt_threshold_judge(&set->items[k], r->totals, sink, elapsed);
            r->thresholds_failed |= !r->verdicts[i].verdicts[k].ok;
        }
    }
}

void tt__judge_report(const struct tt_run *r)
{
    struct tt_buf names;
    tt_buf_init(&names, 4096);
    for (size_t i = 0; i < r->plan->n_thresholds; i++) {
        bool failed = false;
        for (size_t k = 0; k < r->plan->thresholds[i].n; k++)
            failed |= !r->verdicts[i].verdicts[k].ok;
        if (failed)
            tt_buf_printf(&names, "%s'%s'", names.len ? ", " : "", r->plan->thresholds[i].metric);
    }
    if (names.len)
        tt_log(TT_LOG_ERROR, "thresholds failed on %s", names.data);
    tt_buf_fini(&names);
}

/* While the test runs a metric without samples asks for nothing: they may still come. */
bool tt__judge_abort(const struct tt_run *r)
{
    const struct tt_plan *p = r->plan;
    uint64_t elapsed = tt_loop_now(r->loop) - r->start_ns;
    for (size_t i = 0; i < p->n_thresholds; i++)
        for (size_t k = 0; k < p->thresholds[i].n; k++) {
            const struct tt_threshold *th = &p->thresholds[i].items[k];
            const struct tt_verdict *v = &r->verdicts[i].verdicts[k];
            if (th->abort_on_fail && !v->ok && !v->no_samples &&
                (!th->delay_abort_ns || elapsed > th->delay_abort_ns))
                return true;
        }
    return false;
}

void tt__verdicts_free(struct tt_run *r)
{
    for (size_t i = 0; r->verdicts && i < r->plan->n_thresholds; i++)
        tt_free(r->verdicts[i].verdicts);
    tt_free(r->verdicts);
    r->verdicts = NULL;
}
