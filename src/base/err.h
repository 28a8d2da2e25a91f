/* SPDX-License-Identifier: MIT */
/* One error on its way up. Filled once at its origin, prefixed by callers, printed only by cli/.
 * A struct tt_err lives on the caller's stack; any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct tt_err {
    int exit_code; /* enum tt_exit that the process ends with if this error ends it */
    int sys_errno; /* 0 when no system call was the cause */
    char text[4096];
};

#define TT_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Both return false, so that `return tt_err_set(...)` ends a failing function. A NULL err is
 * allowed. */
bool tt_err_set(struct tt_err *err, int exit_code, const char *fmt, ...) TT_PRINTF(3, 4);
/* As tt_err_set, with errno e kept and its text appended after ": ". */
bool tt_err_sys(struct tt_err *err, int exit_code, int e, const char *fmt, ...) TT_PRINTF(4, 5);
/* Puts "<formatted>: " before the text that err has. Keeps the code. */
bool tt_err_wrap(struct tt_err *err, const char *fmt, ...) TT_PRINTF(2, 3);

/* Adds one to the errors that all has (none: an empty text), on a line of its own; what finds no
 * room is told as "...". The first one's code stays. Returns false. */
bool tt_err_join(struct tt_err *all, const struct tt_err *one);
/* True when all has no text; otherwise err gets them. */
bool tt_err_none(const struct tt_err *all, struct tt_err *err);

/* Broken invariant: prints file:line to stderr and aborts; kept in release builds. */
#define TT_ASSERT(cond)                                                                            \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            tt_assert_failed(#cond, __FILE__, __LINE__);                                           \
    } while (0)
_Noreturn void tt_assert_failed(const char *cond, const char *file, int line);
