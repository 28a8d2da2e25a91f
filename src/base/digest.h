/* SPDX-License-Identifier: MIT */
/* Digests, HMAC, base64 and hex over OpenSSL. Any thread. */
#pragma once
#include "base/buf.h"
#include <stdint.h>

/* algorithm: OpenSSL's name ("SHA256", "MD5"). out holds at least 64 bytes; *out_len gets the
 * length. False: unknown algorithm. */
bool tt_digest(const char *algorithm, const void *p, size_t n, uint8_t *out, size_t *out_len);
void tt_sha1(const void *p, size_t n, uint8_t out[20]); /* faster than tt_digest */
bool tt_hmac(const char *algorithm, const void *key, size_t key_len, const void *p, size_t n,
             uint8_t *out, size_t *out_len);
bool tt_equal_constant_time(const void *a, const void *b, size_t n);

enum tt_base64 { TT_BASE64_STD, TT_BASE64_RAWSTD, TT_BASE64_URL, TT_BASE64_RAWURL };
bool tt_base64_encode(struct tt_buf *out, const void *p, size_t n, enum tt_base64 form);
/* False on any character outside the form's alphabet or wrong length; out may have been extended.
 */
bool tt_base64_decode(struct tt_buf *out, const char *s, size_t n, enum tt_base64 form);
bool tt_hex_encode(struct tt_buf *out, const void *p, size_t n);
bool tt_hex_decode(struct tt_buf *out, const char *s, size_t n);
