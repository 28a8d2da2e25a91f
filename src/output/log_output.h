/* SPDX-License-Identifier: MIT */
/* Where the log goes: options log_output, log_format, console_output. Made and freed by the
 * coordinator's thread; entries come from any, one at a time. */
#pragma once
#include "base/log.h"

struct tt_log_output;
/* output: "stderr", "stdout", "none", "file=PATH[,level=L]", "loki[=URL][,name=value...]"; format:
 * "text", "raw", "json"; console: a file's path for what scripts print, or NULL. The log goes there
 * until the object is freed. NULL with err. */
struct tt_log_output *tt_log_output_new(const char *output, const char *format, const char *console,
                                        struct tt_err *err);
/* What is on its way is delivered, for at most some seconds; what was lost is said on stderr. */
void tt_log_output_free(struct tt_log_output *o);
