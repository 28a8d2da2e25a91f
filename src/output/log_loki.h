/* SPDX-License-Identifier: MIT */
/* Log entries to Loki's push API, from a thread of their own. */
#pragma once
#include "base/log.h"

struct tt_loki;
/* settings: "URL,limit=N,push_period=D,level=L,label.K=V,header.K=V", each left out at will. NULL
 * with err. */
struct tt_loki *tt_loki_new(const char *settings, struct tt_err *err);
void tt_loki_add(struct tt_loki *k, const struct tt_log_entry *e); /* any thread, one at a time */
void tt_loki_free(struct tt_loki *k); /* sends what it has; says on stderr what was lost */
