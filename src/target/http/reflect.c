/* SPDX-License-Identifier: MIT */
/* Requests as JSON; see reflect.h. */
#include "target/http/reflect.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/str.h"
#include <string.h>
#include <zlib.h>

static void set_text(cJSON *object, const char *name, const char *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    cJSON_AddStringToObject(object, name, value);
}

cJSON *tt__reflect_headers(const struct tt_http_request *r)
{
    cJSON *out = cJSON_CreateObject();
    for (size_t i = 0; i < r->n_fields; i++) {
        const struct tt_http_field *f = &r->fields[i];
        const cJSON *before = cJSON_GetObjectItemCaseSensitive(out, f->name);
        struct tt_buf b;
        tt_buf_init(&b, SIZE_MAX);
        if (before)
            tt_buf_printf(&b, "%s, ", before->valuestring);
        tt_buf_puts(&b, f->value);
        set_text(out, f->name, b.data ? b.data : "");
        tt_buf_fini(&b);
    }
    return out;
}

static void add_decoded(cJSON *object, const char *name, size_t n_name, const char *value,
                        size_t n_value, bool decode)
{
    struct tt_buf k, v;
    tt_buf_init(&k, SIZE_MAX);
    tt_buf_init(&v, SIZE_MAX);
    if (decode) {
        tt_url_decode(&k, name, n_name, true);
        tt_url_decode(&v, value, n_value, true);
    } else {
        tt_buf_append(&k, name, n_name);
        tt_buf_append(&v, value, n_value);
    }
    set_text(object, k.len ? k.data : "", v.len ? v.data : "");
    tt_buf_fini(&k);
    tt_buf_fini(&v);
}

/* "a=b" pairs between separators. */
static void add_pairs(cJSON *object, const char *p, char separator, bool decode)
{
    const char stop[] = {separator, '\0'};
    while (*p) {
        p += strspn(p, " ");
        size_t n = strcspn(p, stop);
        const char *eq = memchr(p, '=', n);
        size_t n_name = eq ? (size_t)(eq - p) : n;
        if (n)
            add_decoded(object, p, n_name, eq ? eq + 1 : "", eq ? n - n_name - 1 : 0, decode);
        p += n + (p[n] == separator);
    }
}

cJSON *tt__reflect_cookies(const struct tt_http_request *r)
{
    cJSON *out = cJSON_CreateObject();
    const char *cookie = tt_http_request_header(r, "cookie");
    if (cookie)
        add_pairs(out, cookie, ';', false);
    return out;
}

cJSON *tt__reflect(const struct tt_exchange *x)
{
    const char *body = x->body.len ? x->body.data : "";
    bool text = tt_utf8_valid(body, x->body.len) && !memchr(body, '\0', x->body.len);
    cJSON *out = cJSON_CreateObject();
    cJSON *query = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "method", x->req.method);
    cJSON_AddStringToObject(out, "url", x->req.target);
    cJSON_AddStringToObject(out, "path", x->req.path);
    add_pairs(query, x->req.query, '&', true);
    cJSON_AddItemToObject(out, "query", query);
    cJSON_AddItemToObject(out, "headers", tt__reflect_headers(&x->req));
    if (text) {
        cJSON_AddStringToObject(out, "body", body);
    } else {
        struct tt_buf b64;
        tt_buf_init(&b64, SIZE_MAX);
        tt_base64_encode(&b64, body, x->body.len, TT_BASE64_STD);
        cJSON_AddStringToObject(out, "body_base64", b64.data);
        tt_buf_fini(&b64);
    }
    cJSON_AddStringToObject(out, "peer", x->peer);
    cJSON_AddBoolToObject(out, "secure", x->secure);
    return out;
}

void tt__gzip(struct tt_buf *out, const void *p, size_t n)
{
    z_stream z = {0};
    if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return;
    size_t bound = deflateBound(&z, n);
    tt_buf_reserve(out, bound);
    z.next_in = (Bytef *)(uintptr_t)p;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)out->data + out->len;
    z.avail_out = (uInt)bound;
    deflate(&z, Z_FINISH);
    out->len += bound - z.avail_out;
    deflateEnd(&z);
}
