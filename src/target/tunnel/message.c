/* SPDX-License-Identifier: MIT */
/* The tunnel's messages; see message.h. Unknown fields are ignored, order is free. */
#include "target/tunnel/message.h"
#include "base/digest.h"
#include <string.h>

static const cJSON *field(const cJSON *v, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(v, name);
}

static const char *text(const cJSON *v, const char *name)
{
    return cJSON_GetStringValue(field(v, name));
}

/* Absent or of that type: optional fields may be left out, not be something else. */
static bool optional_text(const cJSON *v, const char *name)
{
    const cJSON *f = field(v, name);
    return !f || cJSON_IsString(f);
}

static bool whole(const cJSON *f, double max)
{
    return cJSON_IsNumber(f) && f->valuedouble >= 0 && f->valuedouble <= max &&
           f->valuedouble == (double)(uint64_t)f->valuedouble;
}

static bool headers_ok(const cJSON *headers)
{
    const cJSON *values, *value;
    if (!cJSON_IsObject(headers))
        return false;
    cJSON_ArrayForEach(values, headers)
    {
        if (!cJSON_IsArray(values))
            return false;
        cJSON_ArrayForEach(value, values)
        {
            if (!cJSON_IsString(value))
                return false;
        }
    }
    return true;
}

static enum tt__message_kind read_response(struct tt__message *m)
{
    const cJSON *status = field(m->json, "status_code");
    const cJSON *took = field(m->json, "processing_time_ms");
    m->request_id = text(m->json, "request_id");
    m->headers = field(m->json, "headers");
    if (!m->request_id || !whole(status, 65535) || !headers_ok(m->headers) ||
        !optional_text(m->json, "body") || (took && !whole(took, 1.8e19)))
        return TT__MESSAGE_BAD;
    m->status = (unsigned)status->valuedouble;
    m->body = text(m->json, "body");
    if (!m->body)
        m->body = "";
    return TT__MESSAGE_RESPONSE;
}

static enum tt__message_kind read_error(struct tt__message *m)
{
    static const struct {
        const char *code;
        unsigned status;
    } codes[] = {{"invalid_request", 400},
                 {"timeout", 504},
                 {"local_service_unavailable", 503},
                 {"internal_error", 502}};
    const cJSON *id = field(m->json, "request_id");
    const char *code = text(m->json, "code");
    m->request_id = cJSON_GetStringValue(id);
    m->body = text(m->json, "message");
    if (!code || !m->body || (id && !m->request_id && !cJSON_IsNull(id)))
        return TT__MESSAGE_BAD;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(codes[i].code, code) == 0)
            m->status = codes[i].status;
    return m->status ? TT__MESSAGE_ERROR : TT__MESSAGE_BAD;
}

/* The service's own messages, told back to it: they must be complete all the same. */
static enum tt__message_kind read_own(const cJSON *v, bool request)
{
    bool ok = request ? text(v, "request_id") && text(v, "method") && text(v, "uri") &&
                            headers_ok(field(v, "headers")) && optional_text(v, "body") &&
                            whole(field(v, "timestamp"), 1.8e19)
                      : text(v, "connection_id") && text(v, "tunnel_id") && text(v, "public_url");
    return ok ? TT__MESSAGE_IGNORED : TT__MESSAGE_BAD;
}

static enum tt__message_kind read_kind(struct tt__message *m)
{
    const char *type = text(m->json, "type");
    if (!type)
        return TT__MESSAGE_BAD;
    if (strcmp(type, "ready") == 0)
        return TT__MESSAGE_READY;
    if (strcmp(type, "http_response") == 0)
        return read_response(m);
    if (strcmp(type, "error") == 0)
        return read_error(m);
    if (strcmp(type, "ping") == 0 || strcmp(type, "pong") == 0)
        return TT__MESSAGE_IGNORED;
    if (strcmp(type, "connection_established") == 0)
        return read_own(m->json, false);
    return strcmp(type, "http_request") == 0 ? read_own(m->json, true) : TT__MESSAGE_BAD;
}

void tt__message_read(struct tt__message *m, const char *p, size_t n)
{
    struct tt_buf copy; /* the reader wants a NUL behind it */
    *m = (struct tt__message){.kind = TT__MESSAGE_BAD};
    tt_buf_init(&copy, SIZE_MAX);
    tt_buf_append(&copy, p, n);
    m->json = n ? tt_json_read(copy.data, copy.len, 0, NULL) : NULL;
    tt_buf_fini(&copy);
    if (cJSON_IsObject(m->json))
        m->kind = read_kind(m);
}

void tt__message_fini(struct tt__message *m)
{
    cJSON_Delete(m->json);
    m->json = NULL;
}

static void write_and_free(struct tt_buf *out, cJSON *v)
{
    tt_json_write(out, v, false);
    cJSON_Delete(v);
}

void tt__message_established(struct tt_buf *out, const struct tt__address *a)
{
    cJSON *v = cJSON_CreateObject();
    cJSON_AddStringToObject(v, "type", "connection_established");
    cJSON_AddStringToObject(v, "connection_id", a->connection_id);
    cJSON_AddStringToObject(v, "tunnel_id", a->tunnel_id);
    cJSON_AddStringToObject(v, "public_url", a->public_url);
    cJSON_AddStringToObject(v, "subdomain_url", a->subdomain_url);
    cJSON_AddStringToObject(v, "path_based_url", a->path_based_url);
    write_and_free(out, v);
}

void tt__message_request(struct tt_buf *out, const struct tt__forward *f)
{
    struct tt_buf uri, body;
    cJSON *v = cJSON_CreateObject();
    tt_buf_init(&uri, SIZE_MAX);
    tt_buf_init(&body, SIZE_MAX);
    tt_buf_printf(&uri, "%s%s%s", f->path, *f->query ? "?" : "", f->query);
    tt_base64_encode(&body, f->body, f->body_len, TT_BASE64_STD);
    cJSON_AddStringToObject(v, "type", "http_request");
    cJSON_AddStringToObject(v, "request_id", f->request_id);
    cJSON_AddStringToObject(v, "method", f->method);
    cJSON_AddStringToObject(v, "uri", uri.data);
    cJSON_AddItemToObject(v, "headers", cJSON_Duplicate(f->headers, true));
    cJSON_AddStringToObject(v, "body", body.len ? body.data : "");
    cJSON_AddNumberToObject(v, "timestamp", (double)f->timestamp_ms);
    write_and_free(out, v);
    tt_buf_fini(&uri);
    tt_buf_fini(&body);
}

void tt__message_failed(struct tt_buf *out, const char *connection_id, const char *request_id)
{
    cJSON *v = cJSON_CreateObject();
    cJSON_AddStringToObject(v, "message", "Internal server error");
    cJSON_AddStringToObject(v, "connectionId", connection_id);
    cJSON_AddStringToObject(v, "requestId", request_id);
    write_and_free(out, v);
}
