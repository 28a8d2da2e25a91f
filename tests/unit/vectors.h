/* SPDX-License-Identifier: MIT */
/* Reading tests/vectors: k6's inputs and outputs, one case per element of a section. */
#pragma once
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "plan/segment.h"

static inline cJSON *vectors_read(const char *name)
{
    struct tt_err err = {0};
    struct tt_buf text;
    char path[512];
    snprintf(path, sizeof path, TT_TEST_DATA "/vectors/%s", name);
    assert_true(tt_file_read(path, 64 << 20, &text, 1, &err));
    cJSON *v = tt_json_read(text.data, text.len, 1, &err);
    tt_buf_fini(&text);
    assert_non_null(v);
    return v;
}

static inline const cJSON *field(const cJSON *v, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(v, name);
}

static inline double number(const cJSON *v, const char *name)
{
    const cJSON *f = field(v, name);
    assert_true(cJSON_IsNumber(f));
    return f->valuedouble;
}

static inline const char *text(const cJSON *v, const char *name)
{
    const cJSON *f = field(v, name);
    assert_true(cJSON_IsString(f));
    return f->valuestring;
}

/* "0,1/5,4/5,1" as segments; the caller frees (tt_free). */
static inline struct tt_segment *sequence(const char *seq, size_t *n)
{
    struct tt_segment *list = tt_xcalloc(1000, sizeof *list);
    char pair[256];
    *n = 0;
    for (const char *from = seq, *to; *from && (to = strchr(from, ',')); from = to + 1) {
        struct tt_err err = {0};
        size_t a = (size_t)(to - from), b = strcspn(to + 1, ",");
        snprintf(pair, sizeof pair, "%.*s:%.*s", (int)a, from, (int)b, to + 1);
        assert_true(tt_segment_parse(pair, &list[(*n)++], &err));
    }
    return list;
}

/* The stripe of a case's seg and seq. False: refused. */
static inline bool stripe_of(const cJSON *v, struct tt_stripe *s)
{
    struct tt_err err = {0};
    struct tt_segment seg;
    size_t n;
    struct tt_segment *seq = sequence(text(v, "seq"), &n);
    bool ok = tt_segment_parse(text(v, "seg"), &seg, &err) && tt_stripe_init(s, &seg, seq, n, &err);
    tt_free(seq);
    return ok;
}
