/* SPDX-License-Identifier: MIT */
/* The process's log. One lock around each line, whichever thread it comes from. The one mutable
 * global of the program: a log that every layer reaches without passing it around. */
#include "base/log.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/thread.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static struct {
    struct tt_mutex lock;
    atomic_int min;
    void (*sink)(void *arg, enum tt_log_level level, const char *line);
    void *arg;
} the_log = {.lock = {PTHREAD_MUTEX_INITIALIZER}, .min = TT_LOG_INFO};

enum { LINE_MAX_BYTES = 64 * 1024 };

void tt_log_set_level(enum tt_log_level min)
{
    atomic_store(&the_log.min, (int)min);
}

enum tt_log_level tt_log_get_level(void)
{
    return (enum tt_log_level)atomic_load(&the_log.min);
}

void tt_log_set_sink(void (*sink)(void *arg, enum tt_log_level level, const char *line), void *arg)
{
    tt_mutex_lock(&the_log.lock);
    the_log.sink = sink;
    the_log.arg = arg;
    tt_mutex_unlock(&the_log.lock);
}

static void put_time(struct tt_buf *b)
{
    uint64_t now = tt_wall_ns();
    time_t seconds = (time_t)(now / TT_NS_PER_S);
    struct tm tm;
    char text[32];
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    tt_buf_printf(b, "time=\"%s\"", text);
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

void tt_log_fields(enum tt_log_level level, const char *fields, const char *fmt, ...)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    struct tt_buf line;
    va_list ap;
    char message[4096];
    if ((int)level < atomic_load(&the_log.min) || level >= TT_LOG_NONE)
        return;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    tt_buf_init(&line, 2 * LINE_MAX_BYTES);
    put_time(&line);
    tt_buf_printf(&line, " level=%s msg=", names[level]);
    put_quoted(&line, message);
    if (fields)
        tt_buf_printf(&line, " %s", fields);
    tt_mutex_lock(&the_log.lock);
    if (the_log.sink)
        the_log.sink(the_log.arg, level, line.data);
    else
        fprintf(stderr, "%s\n", line.data);
    tt_mutex_unlock(&the_log.lock);
    tt_buf_fini(&line);
}
