/* SPDX-License-Identifier: MIT */
/* What becomes of a response's body, the same for every transport: codings undone, sizes counted,
 * limits kept, kept or handed on in pieces. Worker thread only.
 *
 * A transport calls tt_http_body_put with the bytes as they come from the wire (chunked framing
 * undone) and, when the response is complete, tt_http_body_end. When one of them returns false,
 * x->error says why and the exchange is over. Before it reads more it asks tt_http_body_full: while
 * that holds it does not read, until its resume is called. */
#pragma once
#include "proto/http/transport.h"

enum { TT_HTTP_STREAM_WINDOW = 256 * 1024 };

bool tt_http_body_put(struct tt_http_exchange *x, const char *p, size_t n);
bool tt_http_body_end(struct tt_http_exchange *x);
bool tt_http_body_full(const struct tt_http_exchange *x);
/* For the engine: as if nothing had come. */
void tt_http_body_reset(struct tt_http_exchange *x);
