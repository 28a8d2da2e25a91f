/* SPDX-License-Identifier: MIT */
/* What is written to stdout or stderr meanwhile. */
#pragma once
#include "base/memory.h"
#include "unit.h"
#include <unistd.h>

struct capture {
    FILE *stream, *file;
    int before;
};

static inline void capture_begin(struct capture *c, FILE *stream)
{
    fflush(stream);
    c->stream = stream;
    c->file = tmpfile();
    assert_non_null(c->file);
    c->before = dup(fileno(stream));
    assert_true(c->before >= 0);
    assert_true(dup2(fileno(c->file), fileno(stream)) >= 0);
}

/* The caller's (tt_free). */
static inline char *capture_end(struct capture *c)
{
    fflush(c->stream);
    dup2(c->before, fileno(c->stream));
    close(c->before);
    off_t end = lseek(fileno(c->file), 0, SEEK_END);
    char *text = tt_xcalloc(1, (size_t)end + 1);
    ssize_t got = pread(fileno(c->file), text, (size_t)end, 0);
    fclose(c->file);
    assert_int_equal(got, end);
    return text;
}
