/* SPDX-License-Identifier: MIT */
/* HS256 tokens; see token.h. */
#include "target/tunnel/token.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/str.h"
#include <string.h>

/* A base64url part as JSON object; the caller's. */
static cJSON *part_json(const char *p, size_t n)
{
    struct tt_buf text;
    cJSON *v = NULL;
    tt_buf_init(&text, TT__TOKEN_MAX);
    if (tt_base64_decode(&text, p, n, TT_BASE64_RAWURL) && text.len)
        v = tt_json_read(text.data, text.len, 0, NULL);
    tt_buf_fini(&text);
    if (!cJSON_IsObject(v)) {
        cJSON_Delete(v);
        return NULL;
    }
    return v;
}

static bool header_ok(const char *p, size_t n)
{
    cJSON *v = part_json(p, n);
    const cJSON *alg = cJSON_GetObjectItemCaseSensitive(v, "alg");
    bool ok = cJSON_IsString(alg) && strcmp(alg->valuestring, "HS256") == 0;
    cJSON_Delete(v);
    return ok;
}

static bool claims_ok(const char *p, size_t n, double now_s)
{
    cJSON *v = part_json(p, n);
    const cJSON *exp = cJSON_GetObjectItemCaseSensitive(v, "exp");
    const cJSON *sub = cJSON_GetObjectItemCaseSensitive(v, "sub");
    bool ok = cJSON_IsNumber(exp) && exp->valuedouble + TT__TOKEN_LEEWAY_S >= now_s &&
              cJSON_IsString(sub) && !cJSON_GetObjectItemCaseSensitive(v, "aud");
    cJSON_Delete(v);
    return ok;
}

static bool signature_ok(const char *token, size_t signed_len, const char *signature,
                         const char *secret)
{
    uint8_t mac[64];
    size_t mac_len = 0;
    struct tt_buf given;
    tt_buf_init(&given, TT__TOKEN_MAX);
    bool ok = tt_base64_decode(&given, signature, strlen(signature), TT_BASE64_RAWURL) &&
              tt_hmac("SHA256", secret, strlen(secret), token, signed_len, mac, &mac_len) &&
              given.len == mac_len && tt_equal_constant_time(given.data, mac, mac_len);
    tt_buf_fini(&given);
    return ok;
}

bool tt__token_valid(const char *token, const char *secret, double now_s)
{
    const char *first = strchr(token, '.');
    const char *second = first ? strchr(first + 1, '.') : NULL;
    if (!second || strchr(second + 1, '.'))
        return false;
    return header_ok(token, (size_t)(first - token)) &&
           signature_ok(token, (size_t)(second - token), second + 1, secret) &&
           claims_ok(first + 1, (size_t)(second - first - 1), now_s);
}

bool tt__token_presented(const struct tt_http_request *req, char *out, size_t size)
{
    const char *header = tt_http_request_header(req, "authorization");
    if (!header || !tt_starts_with(header, "Bearer "))
        return tt_query_get(req->query, "token", out, size);
    size_t n = strlen(header + 7);
    if (n >= size)
        return false;
    memcpy(out, header + 7, n + 1);
    return true;
}
