/* SPDX-License-Identifier: MIT */
/* A request in the handler's hands, and its three ends: an answer, a dropped connection, an
 * upgrade. Server's thread. */
#include "base/memory.h"
#include "base/str.h"
#include "serve/serve_int.h"
#include <string.h>

void tt__exchange_begin(struct tt_client *c)
{
    const struct tt_server_config *config = &c->server->config;
    c->state = TT__ANSWERING;
    c->x.pending = true;
    c->x.user = NULL;
    tt_buf_clear(&c->x.headers);
    config->handler->request(&c->x, config->user);
}

void tt__exchange_fini(struct tt_exchange *x)
{
    tt_http_request_fini(&x->req);
    tt_buf_fini(&x->body);
    tt_buf_fini(&x->headers);
}

const char *tt_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "Request Entity Too Large"},
        {414, "URI Too Long"},
        {418, "I'm a teapot"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Status";
}

/* Header text may come from a peer: line ends would end the head. */
static bool is_clean(const char *s)
{
    for (const char *p = s; *p; p++)
        if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
            return false;
    return true;
}

void tt_exchange_add(struct tt_exchange *x, const char *name, const char *value)
{
    size_t before = x->headers.len;
    if (!*name || strpbrk(name, " :\t") || !is_clean(name) || !is_clean(value))
        return;
    if (!tt_buf_printf(&x->headers, "%s: %s\r\n", name, value))
        x->headers.len = before;
}

void tt_exchange_reply(struct tt_exchange *x, int status, const void *body, size_t n)
{
    struct tt_client *c = x->conn;
    bool keep = x->req.keep_alive && !c->close_after;
    bool bodiless = status == 204 || status == 304 || status < 200;
    struct tt_buf out;
    tt_buf_init(&out, SIZE_MAX);
    tt_buf_printf(&out, "HTTP/1.1 %d %s\r\n", status, tt_status_text(status));
    tt_buf_append(&out, x->headers.data, x->headers.len);
    if (!bodiless)
        tt_buf_printf(&out, "content-length: %zu\r\n", n);
    if (!keep || !x->req.minor)
        tt_buf_printf(&out, "connection: %s\r\n", keep ? "keep-alive" : "close");
    tt_buf_puts(&out, "\r\n");
    if (!bodiless && strcmp(x->req.method, "HEAD") != 0)
        tt_buf_append(&out, body, n);
    x->pending = false;
    tt_http_request_fini(&x->req);
    if (keep)
        c->state = TT__HEAD;
    else
        c->close_after = true;
    tt__client_write(c, out.data, out.len);
    tt_buf_fini(&out);
    if (!c->dead)
        tt__client_advance(c);
}

void tt_exchange_reply_text(struct tt_exchange *x, int status, const char *type, const char *text)
{
    tt_exchange_add(x, "content-type", type);
    tt_exchange_reply(x, status, text, strlen(text));
}

bool tt_exchange_stream(struct tt_exchange *x, const char *type)
{
    struct tt_buf out;
    tt_buf_init(&out, SIZE_MAX);
    tt_buf_printf(&out, "HTTP/1.1 200 OK\r\n");
    tt_buf_append(&out, x->headers.data, x->headers.len);
    tt_buf_printf(&out, "content-type: %s\r\nconnection: close\r\n\r\n", type);
    bool ok = tt_exchange_send(x, out.data, out.len);
    tt_buf_fini(&out);
    return ok;
}

bool tt_exchange_send(struct tt_exchange *x, const void *p, size_t n)
{
    struct tt_client *c = x->conn;
    if (c->out.len - c->out_at > TT__STREAM_HIGH)
        tt__client_destroy(c, true);
    else
        tt__client_write(c, p, n);
    return !c->dead;
}

void tt_exchange_end(struct tt_exchange *x)
{
    x->pending = false;
    tt__client_finish(x->conn);
}

void tt_exchange_drop(struct tt_exchange *x, bool reset)
{
    x->pending = false;
    tt__client_destroy(x->conn, reset);
}

void tt_exchange_upgrade(struct tt_exchange *x, const char *subprotocol, void *user)
{
    struct tt_client *c = x->conn;
    struct tt_server *s = x->server;
    struct tt_http_request req = x->req;
    struct tt_buf rest = c->in;
    x->pending = false;
    memset(&x->req, 0, sizeof x->req);
    tt_buf_init(&c->in, SIZE_MAX);
    int fd = c->ssl ? tt__relay_start(c) : tt__client_release(c);
    tt__peer_adopt(s, fd, &req, subprotocol, rest.data, rest.len, user);
    tt_http_request_fini(&req);
    tt_buf_fini(&rest);
}
