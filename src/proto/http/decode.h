/* SPDX-License-Identifier: MIT */
/* Content codings of a response undone, piece by piece. Pure, apart from the codecs' own memory:
 * at most 16 MiB (a window of Brotli). */
#pragma once
#include "proto/http/url.h"

struct tt_http_decoder;

/* For a Content-Encoding header ("gzip", "br, gzip"): gzip, deflate, br, zstd. NULL when there is
 * nothing to undo, or a coding among them is unknown: the body then stays as it came. */
struct tt_http_decoder *tt_http_decoder_new(struct tt_slice codings);
void tt_http_decoder_free(struct tt_http_decoder *d);
/* Gives the decoded bytes to take, in pieces; it returns false to stop. False when it did, or when
 * the data are no such coding: *why then says so, and is NULL otherwise. */
typedef bool (*tt_http_decoder_take)(void *arg, const char *p, size_t n);
bool tt_http_decoder_put(struct tt_http_decoder *d, const char *p, size_t n,
                         tt_http_decoder_take take, void *arg, const char **why);
/* Nothing is missing at the end of the data. */
bool tt_http_decoder_complete(const struct tt_http_decoder *d);
