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

/* The stripe of a case's seg and seq. False: refused. */
static inline bool stripe_of(const cJSON *v, struct tt_stripe *s)
{
    struct tt_err err = {0};
    struct tt_segment seg;
    struct tt_segment *seq = NULL;
    size_t n;
    bool ok = tt_sequence_parse(text(v, "seq"), &seq, &n, &err) &&
              tt_segment_parse(text(v, "seg"), &seg, &err) && tt_stripe_init(s, &seg, seq, n, &err);
    tt_free(seq);
    return ok;
}
