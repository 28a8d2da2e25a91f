/* SPDX-License-Identifier: MIT */
/* Leveled log of the process, to stderr (or wherever cli/ pointed it). Any thread; one line per
 * call, written whole. Never on a hot path. */
#pragma once
#include "base/err.h"
#include <stdint.h>

enum tt_log_level { TT_LOG_DEBUG, TT_LOG_INFO, TT_LOG_WARN, TT_LOG_ERROR, TT_LOG_NONE };

void tt_log_set_level(enum tt_log_level min);
enum tt_log_level tt_log_get_level(void);
/* Called with each line without its newline; NULL restores stderr. The live view uses it so that
 * lines do not tear its block. */
void tt_log_set_sink(void (*sink)(void *arg, enum tt_log_level level, const char *line), void *arg);
/* Text form: time="RFC3339" level=info msg="..." source=... ; fields is "k=v k=v" or NULL. */
void tt_log_fields(enum tt_log_level level, const char *fields, const char *fmt, ...)
    TT_PRINTF(3, 4);
#define tt_log(level, ...) tt_log_fields((level), NULL, __VA_ARGS__)
