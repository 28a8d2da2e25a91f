/* SPDX-License-Identifier: MIT */
/* Exchanges as text for people: option http_debug logs each, dump_failures keeps the first few of
 * each kind of failure as files. Secrets are masked. Shown is what the script asked for and what
 * came; lines that a transport adds (Host, User-Agent) are not. Worker thread. */
#pragma once
#include "base/buf.h"

struct tt_http_call;

enum { TT_HTTP_DUMPS_PER_FAILURE = 3 };

/* After a hop. failed: it counts as such. Costs nothing while neither option is set. */
void tt_http_trace(const struct tt_http_call *c, bool failed);
/* Appends a body: forms and JSON with secrets as ****, what is no text as its size. */
bool tt_http_trace_body(const char *p, size_t n, struct tt_buf *out);
/* Appends "Name: value" with a secret's value as ****. */
bool tt_http_trace_header(const char *name, size_t name_len, const char *value, size_t n,
                          struct tt_buf *out);
