/* SPDX-License-Identifier: MIT */
/* `ttload run --dry-run`: the plan of a run that tries every scenario once. Coordinator thread. */
#include "base/log.h"
#include "plan/options_int.h"

void tt__plan_dry_run(struct tt_plan *p)
{
    static const char executor[] = "per-vu-iterations";
    for (size_t i = 0; i < p->n_scenarios; i++) {
        const struct tt_scenario was = p->scenarios[i];
        struct tt_scenario *sc = &p->scenarios[i];
        tt__scenario_defaults(sc, was.name, executor);
        sc->exec = was.exec;
        sc->env = was.env;
        sc->n_env = was.n_env;
        sc->tags = was.tags;
        sc->n_tags = was.n_tags;
        sc->graceful_stop_ns = was.graceful_stop_ns;
    }
    tt_segment_parse("", &p->segment, NULL);
    p->n_sequence = 0;
    p->n_thresholds = 0; /* they have been checked, and their sub-metrics are shown */
    p->opt.paused = false;
    tt_log(
        TT_LOG_INFO,
        "dry run: one iteration of each scenario, with real requests; thresholds are not judged");
}
