/* SPDX-License-Identifier: MIT */
/* Content codings of a request's body. Pure. */
#pragma once
#include "base/buf.h"
#include <stddef.h>

/* The names of the codings, NULL at the end: "gzip", "deflate", "br", "zstd". */
extern const char *const tt_http_encodings[];
/* Appends p[0..n) in the coding of that index to out; false when out is full. */
bool tt_http_encode(size_t coding, struct tt_buf *out, const char *p, size_t n);
