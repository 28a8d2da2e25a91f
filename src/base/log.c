/* SPDX-License-Identifier: MIT */
/* The process's log. One lock around each entry, whichever thread it comes from. The one mutable
 * global of the program: a log that every layer reaches without passing it around. */
#include "base/log.h"
#include "base/clock.h"
#include "base/exitcode.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/thread.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct {
    struct tt_mutex lock;
    atomic_int min;
    enum tt_log_format format;
    tt_log_writer all, console;
    void *writers_arg;
    void (*sink)(void *arg, enum tt_log_level level, const char *line);
    void *arg;
} the_log = {.lock = {PTHREAD_MUTEX_INITIALIZER}, .min = TT_LOG_INFO};

enum { LINE_MAX_BYTES = 64 * 1024 };
static const char *const level_names[] = {"debug", "info", "warning", "error"};

void tt_log_set_level(enum tt_log_level min)
{
    atomic_store(&the_log.min, (int)min);
}

enum tt_log_level tt_log_get_level(void)
{
    return (enum tt_log_level)atomic_load(&the_log.min);
}

const char *tt_log_level_name(enum tt_log_level level)
{
    return level < TT_LOG_NONE ? level_names[level] : "none";
}

bool tt_log_level_from(const char *name, enum tt_log_level *out, struct tt_err *err)
{
    for (int i = 0; i < TT_LOG_NONE; i++)
        if (strcmp(level_names[i], name) == 0 || (i == TT_LOG_WARN && strcmp(name, "warn") == 0)) {
            *out = (enum tt_log_level)i;
            return true;
        }
    return tt_err_set(err, TT_EXIT_CONFIG,
                      "unknown level '%s'; expected debug, info, warning or error", name);
}

void tt_log_set_format(enum tt_log_format format)
{
    tt_mutex_lock(&the_log.lock);
    the_log.format = format;
    tt_mutex_unlock(&the_log.lock);
}

void tt_log_set_writers(tt_log_writer all, tt_log_writer console, void *arg)
{
    tt_mutex_lock(&the_log.lock);
    the_log.all = all;
    the_log.console = console;
    the_log.writers_arg = arg;
    tt_mutex_unlock(&the_log.lock);
}

void tt_log_set_sink(void (*sink)(void *arg, enum tt_log_level level, const char *line), void *arg)
{
    tt_mutex_lock(&the_log.lock);
    the_log.sink = sink;
    the_log.arg = arg;
    tt_mutex_unlock(&the_log.lock);
}

/* --- forms -------------------------------------------------------------------------------------
 */

static void put_time(struct tt_buf *b, uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / TT_NS_PER_S);
    struct tm tm;
    char text[32];
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    tt_buf_puts(b, text);
}

/* Quoted; line feeds stay, so that a traceback can be read. */
static void put_quoted(struct tt_buf *b, const char *s)
{
    tt_buf_putc(b, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            tt_buf_putc(b, '\\');
        tt_buf_putc(b, *s);
    }
    tt_buf_putc(b, '"');
}

static void put_json_fields(struct tt_buf *b, const char *fields)
{
    while (fields && *fields) {
        size_t name = strcspn(fields, "= "), n = strcspn(fields, " ");
        if (name < n) {
            char *key = tt_xstrndup(fields, name);
            char *value = tt_xstrndup(fields + name + 1, n - name - 1);
            tt_buf_putc(b, ',');
            tt_json_write_text(b, key);
            tt_buf_putc(b, ':');
            tt_json_write_text(b, value);
            tt_free(key);
            tt_free(value);
        }
        fields += n + (fields[n] == ' ');
    }
}

void tt_log_format_entry(struct tt_buf *out, const struct tt_log_entry *e,
                         enum tt_log_format format)
{
    switch (format) {
    case TT_LOG_RAW:
        tt_buf_puts(out, e->message);
        break;
    case TT_LOG_JSON:
        tt_buf_printf(out, "{\"level\":\"%s\",\"msg\":", tt_log_level_name(e->level));
        tt_json_write_text(out, e->message);
        tt_buf_puts(out, ",\"time\":\"");
        put_time(out, e->wall_ns);
        tt_buf_putc(out, '"');
        put_json_fields(out, e->fields);
        tt_buf_putc(out, '}');
        break;
    case TT_LOG_TEXT:
        tt_buf_puts(out, "time=\"");
        put_time(out, e->wall_ns);
        tt_buf_printf(out, "\" level=%s msg=", tt_log_level_name(e->level));
        put_quoted(out, e->message);
        if (e->fields)
            tt_buf_printf(out, " %s", e->fields);
        break;
    }
}

/* --- entries -----------------------------------------------------------------------------------
 */

static void to_stderr(const struct tt_log_entry *e)
{
    struct tt_buf line;
    tt_buf_init(&line, 2 * LINE_MAX_BYTES);
    tt_log_format_entry(&line, e, the_log.format);
    const char *text = line.data ? line.data : "";
    if (the_log.sink)
        the_log.sink(the_log.arg, e->level, text);
    else
        fprintf(stderr, "%s\n", text);
    tt_buf_fini(&line);
}

void tt_log_fields(enum tt_log_level level, const char *fields, const char *fmt, ...)
{
    va_list ap;
    char message[4096];
    if ((int)level < atomic_load(&the_log.min) || level >= TT_LOG_NONE)
        return;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    const struct tt_log_entry e = {level, tt_wall_ns(), message, fields};
    bool console = fields && tt_starts_with(fields, "source=console");
    tt_mutex_lock(&the_log.lock);
    if (console && the_log.console)
        the_log.console(the_log.writers_arg, &e);
    else if (the_log.all)
        the_log.all(the_log.writers_arg, &e);
    else
        to_stderr(&e);
    tt_mutex_unlock(&the_log.lock);
}
