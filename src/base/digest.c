/* SPDX-License-Identifier: MIT */
/* Digests and text forms over OpenSSL. */
#include "base/digest.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <string.h>

bool tt_digest(const char *algorithm, const void *p, size_t n, uint8_t *out, size_t *out_len)
{
    unsigned len = 0;
    const EVP_MD *md = EVP_get_digestbyname(algorithm);
    if (!md || !EVP_Digest(p, n, out, &len, md, NULL))
        return false;
    *out_len = len;
    return true;
}

/* OpenSSL's SHA1() and what tt_digest uses look the algorithm up each time, at the price of hashing
 * 500 bytes. */
static pthread_once_t sha1_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha1; /* written once */

static void fetch_sha1(void)
{
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    TT_ASSERT(sha1);
}

void tt_sha1(const void *p, size_t n, uint8_t out[20])
{
    pthread_once(&sha1_once, fetch_sha1);
    bool done = EVP_Digest(p, n, out, NULL, sha1, NULL) == 1;
    TT_ASSERT(done);
}

bool tt_hmac(const char *algorithm, const void *key, size_t key_len, const void *p, size_t n,
             uint8_t *out, size_t *out_len)
{
    unsigned len = 0;
    const EVP_MD *md = EVP_get_digestbyname(algorithm);
    if (!md || !HMAC(md, key, (int)key_len, p, n, out, &len))
        return false;
    *out_len = len;
    return true;
}

bool tt_equal_constant_time(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

static const char std_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static bool is_url(enum tt_base64 form)
{
    return form == TT_BASE64_URL || form == TT_BASE64_RAWURL;
}

static bool is_raw(enum tt_base64 form)
{
    return form == TT_BASE64_RAWSTD || form == TT_BASE64_RAWURL;
}

bool tt_base64_encode(struct tt_buf *out, const void *p, size_t n, enum tt_base64 form)
{
    const uint8_t *s = p;
    const char *abc = is_url(form) ? url_alphabet : std_alphabet;
    if (!tt_buf_reserve(out, (n + 2) / 3 * 4))
        return false;
    for (; n > 0; s += 3, n = n > 3 ? n - 3 : 0) {
        uint32_t v = (uint32_t)s[0] << 16 | (n > 1 ? (uint32_t)s[1] << 8 : 0) | (n > 2 ? s[2] : 0u);
        char *four = out->data + out->len;
        four[0] = abc[v >> 18];
        four[1] = abc[v >> 12 & 63];
        four[2] = n > 1 ? abc[v >> 6 & 63] : '=';
        four[3] = n > 2 ? abc[v & 63] : '=';
        out->len += is_raw(form) && n < 3 ? n + 1 : 4;
    }
    out->data[out->len] = '\0';
    return true;
}

static int digit(char c, bool url)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (url ? '-' : '+'))
        return 62;
    if (c == (url ? '_' : '/'))
        return 63;
    return -1;
}

bool tt_base64_decode(struct tt_buf *out, const char *s, size_t n, enum tt_base64 form)
{
    size_t pad = 0;
    if (!is_raw(form)) {
        if (n % 4)
            return false;
        while (pad < 2 && n > 0 && s[n - 1] == '=') {
            n--;
            pad++;
        }
    }
    if (n % 4 == 1 || (!is_raw(form) && (n + pad) % 4) || !tt_buf_reserve(out, n / 4 * 3 + 3))
        return false;
    for (size_t i = 0; i < n; i += 4) {
        size_t have = n - i < 4 ? n - i : 4;
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = k < have ? digit(s[i + k], is_url(form)) : 0;
            if (d < 0)
                return false;
            v = v << 6 | (uint32_t)d;
        }
        uint8_t three[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
        tt_buf_append(out, three, have - 1);
    }
    return true;
}

bool tt_hex_encode(struct tt_buf *out, const void *p, size_t n)
{
    const uint8_t *s = p;
    if (!tt_buf_reserve(out, 2 * n))
        return false;
    for (size_t i = 0; i < n; i++) {
        char two[2] = {"0123456789abcdef"[s[i] >> 4], "0123456789abcdef"[s[i] & 15]};
        tt_buf_append(out, two, 2);
    }
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool tt_hex_decode(struct tt_buf *out, const char *s, size_t n)
{
    if (n % 2 || !tt_buf_reserve(out, n / 2))
        return false;
    for (size_t i = 0; i < n; i += 2) {
        int high = hex_digit(s[i]), low = hex_digit(s[i + 1]);
        if (high < 0 || low < 0)
            return false;
        tt_buf_putc(out, (char)(high << 4 | low));
    }
    return true;
}
