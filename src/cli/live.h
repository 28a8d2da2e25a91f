/* SPDX-License-Identifier: MIT */
/* What `ttload run` shows while a test runs, on stderr: on a terminal a block that is redrawn once
 * a second, elsewhere one line a second per scenario that runs. Coordinator thread; log lines may
 * come from any. */
#pragma once
#include "run/run.h"

struct tt_live;
/* Prints the header. The caller's. */
struct tt_live *tt_live_new(bool terminal, bool color);
/* To give to tt_run_go with the live view as arg. */
extern const struct tt_run_view tt_live_view;
void tt_live_free(struct tt_live *v);
