/* SPDX-License-Identifier: MIT */
/* Leveled log of the process, to stderr unless writers take the entries. Any thread; one entry per
 * call, written whole. Never on a hot path. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include <stdint.h>

enum tt_log_level { TT_LOG_DEBUG, TT_LOG_INFO, TT_LOG_WARN, TT_LOG_ERROR, TT_LOG_NONE };
enum tt_log_format {
    TT_LOG_TEXT, /* time="RFC3339" level=info msg="..." source=... */
    TT_LOG_RAW,  /* the message */
    TT_LOG_JSON  /* an object per line: level, msg, time and the fields */
};

struct tt_log_entry {
    enum tt_log_level level;
    uint64_t wall_ns;
    const char *message;
    const char *fields; /* "k=v k=v", no blanks in values; NULL: none */
};
typedef void (*tt_log_writer)(void *arg, const struct tt_log_entry *e);

void tt_log_set_level(enum tt_log_level min);
enum tt_log_level tt_log_get_level(void);
bool tt_log_level_from(const char *name, enum tt_log_level *out, struct tt_err *err);
const char *tt_log_level_name(enum tt_log_level level);
void tt_log_set_format(enum tt_log_format format); /* of what goes to stderr */
/* all: takes every entry in place of stderr; console: takes those of the script's print and log
 * functions (field source=console) before that. Called one at a time. NULL: as before. */
void tt_log_set_writers(tt_log_writer all, tt_log_writer console, void *arg);
/* Called with each line for stderr without its newline; NULL restores stderr. The live view uses it
 * so that lines do not tear its block. */
void tt_log_set_sink(void (*sink)(void *arg, enum tt_log_level level, const char *line), void *arg);
void tt_log_format_entry(struct tt_buf *out, const struct tt_log_entry *e,
                         enum tt_log_format format);
void tt_log_fields(enum tt_log_level level, const char *fields, const char *fmt, ...)
    TT_PRINTF(3, 4);
#define tt_log(level, ...) tt_log_fields((level), NULL, __VA_ARGS__)
