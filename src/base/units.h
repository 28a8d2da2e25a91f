/* SPDX-License-Identifier: MIT */
/* Durations and sizes as users write them. Any thread. */
#pragma once
#include "base/err.h"
#include <stdint.h>

/* "500ms", "1m30s", "1h", "1d2h", "1.5s", "90" (bare number = SECONDS, fractions allowed). Not
 * negative. Result in ns. Error text says what was found and what is expected. */
bool tt_parse_duration(const char *text, uint64_t *ns, struct tt_err *err);
/* The same with a sign before the whole: "-1m30s". */
bool tt_parse_signed_duration(const char *text, int64_t *ns, struct tt_err *err);
/* The same for a number of seconds; refuses negative, NaN, infinite and > 292 years. */
bool tt_seconds_to_ns(double seconds, uint64_t *ns, struct tt_err *err);
/* "1m30s", "500ms", "0s": exact. buf >= 48 bytes; returns buf. */
char *tt_format_duration(char *buf, size_t size, uint64_t ns);
/* "16MiB", "10kB", "4096": bytes. */
bool tt_parse_size(const char *text, uint64_t *bytes, struct tt_err *err);
