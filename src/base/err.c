/* SPDX-License-Identifier: MIT */
/* Errors on their way up; any thread. */
#include "base/err.h"
#include "base/str.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_text(struct tt_err *err, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void set_text(struct tt_err *err, const char *fmt, va_list ap)
{
    vsnprintf(err->text, sizeof err->text, fmt, ap);
}

bool tt_err_set(struct tt_err *err, int exit_code, const char *fmt, ...)
{
    va_list ap;
    if (!err)
        return false;
    err->exit_code = exit_code;
    err->sys_errno = 0;
    va_start(ap, fmt);
    set_text(err, fmt, ap);
    va_end(ap);
    return false;
}

bool tt_err_sys(struct tt_err *err, int exit_code, int e, const char *fmt, ...)
{
    va_list ap;
    char reason[128];
    if (!err)
        return false;
    err->exit_code = exit_code;
    err->sys_errno = e;
    va_start(ap, fmt);
    set_text(err, fmt, ap);
    va_end(ap);
    size_t n = strlen(err->text);
    snprintf(err->text + n, sizeof err->text - n, ": %s", strerror_r(e, reason, sizeof reason));
    return false;
}

bool tt_err_wrap(struct tt_err *err, const char *fmt, ...)
{
    va_list ap;
    char before[sizeof err->text];
    if (!err)
        return false;
    memcpy(before, err->text, sizeof before);
    va_start(ap, fmt);
    set_text(err, fmt, ap);
    va_end(ap);
    size_t n = strlen(err->text);
    snprintf(err->text + n, sizeof err->text - n, ": %s", before);
    return false;
}

bool tt_err_join(struct tt_err *all, const struct tt_err *one)
{
    static const char between[] = "\n  ", more[] = "...";
    size_t n = strlen(all->text), room = sizeof all->text - n;
    if (!n) {
        *all = *one;
        return false;
    }
    if (strlen(one->text) + sizeof between + sizeof between + sizeof more <= room)
        snprintf(all->text + n, room, "%s%s", between, one->text);
    else if (sizeof between + sizeof more <= room && !tt_ends_with(all->text, more))
        snprintf(all->text + n, room, "%s%s", between, more);
    return false;
}

bool tt_err_none(const struct tt_err *all, struct tt_err *err)
{
    if (all->text[0] && err)
        *err = *all;
    return !all->text[0];
}

void tt_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "ttload: internal error at %s:%d: %s\n", file, line, cond);
    abort();
}
