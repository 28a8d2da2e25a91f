/* SPDX-License-Identifier: MIT */
/* A socket's opening handshake: dialling, the request, the answer, its samples and tags. Worker
 * thread. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "proto/http/call.h"
#include "proto/http/headers.h"
#include "proto/http/jar.h"
#include "proto/ws/label.h"
#include "proto/ws/socket_int.h"
#include <stdio.h>
#include <string.h>

void tt__ws_handshake_free(struct tt_ws_socket *s)
{
    if (!s->hs)
        return;
    tt_ws_response_fini(&s->hs->response);
    tt_buf_fini(&s->hs->http_url);
    tt_free(s->hs->lines);
    tt_free(s->hs->subprotocols);
    tt_free(s->hs->proxy);
    tt_free(s->hs->unix_path);
    tt_free(s->hs->server_name);
    tt_http_jar_unref(s->hs->jar);
    tt_free(s->hs);
    s->hs = NULL;
}

static const char *proxy_for(const struct tt_ws_socket *s)
{
    const char *proxy = s->hs->proxy;
    if (!proxy)
        return tt_http_proxy_for(&s->engine->proxies, &s->hs->url);
    return *proxy ? proxy : NULL;
}

void tt__ws_dial(struct tt_ws_socket *s)
{
    const struct tt_http_url *url = &s->hs->url;
    char *host = tt_xmalloc(url->host.n + 1);
    memcpy(host, url->host.p, url->host.n);
    host[url->host.n] = '\0';
    struct tt_ip local;
    const struct tt_plan *plan = s->engine->w->plan;
    const bool bound = plan && tt_network_local_ip(&plan->network, s->vu->id_in_instance, &local);
    const struct tt_conn_target target = {.host = host,
                                          .port = url->port,
                                          .unix_path = s->hs->unix_path,
                                          .proxy = proxy_for(s),
                                          .tls = url->https ? s->engine->tls : NULL,
                                          .server_name = s->hs->server_name,
                                          .sessions =
                                              tt_http_vu_tls_sessions(s->hs->http, s->engine->opt),
                                          .local = bound ? &local : NULL};
    tt_conn_open(&s->conn, s->engine->net, &target, &tt__ws_conn_events, s);
    tt_free(host);
}

static void put_cookie(void *arg, struct tt_slice name, struct tt_slice value)
{
    tt_http_cookie_put(arg, name, value);
}

static int64_t now_ms(void)
{
    return (int64_t)(tt_wall_ns() / TT_NS_PER_MS);
}

void tt__ws_say_hello(struct tt_ws_socket *s)
{
    struct tt_buf cookies;
    struct tt_ws_engine *e = s->engine;
    struct tt_ws_request r = {
        .url = &s->hs->url,
        .lines = s->hs->lines,
        .subprotocols = s->hs->subprotocols,
        .user_agent = e->opt ? e->opt->user_agent : "ttload/" TT_VERSION,
        .deflate = &s->hs->deflate,
    };
    tt_buf_init(&cookies, TT_WS_HEAD_MAX);
    tt_http_jar_for(s->hs->jar, r.url, now_ms(), put_cookie, &cookies);
    r.cookies = cookies.len ? cookies.data : NULL;
    uint64_t random[2] = {tt_rng_next(&e->w->rng), tt_rng_next(&e->w->rng)};
    uint8_t bytes[16];
    memcpy(bytes, random, sizeof bytes);
    tt_ws_key(s->hs->key, bytes);
    tt_buf_clear(&e->write);
    tt_ws_put_request(&e->write, &r, s->hs->key);
    tt_conn_write(&s->conn, e->write.data, e->write.len);
    tt_buf_fini(&cookies);
    tt__ws_count_bytes(s);
}

/* --- the outcome -------------------------------------------------------------------------------
 */

static void set_tags(struct tt_ws_socket *s)
{
    struct tt_buf label;
    char status[16];
    if (!s->vu)
        return;
    tt_buf_init(&label, TT_WS_HEAD_MAX);
    if (s->ending == TT_WS_BAD_URL)
        tt_ws_label_text(s->url, &label);
    else
        tt_ws_label(&s->hs->url, &label);
    snprintf(status, sizeof status, "%d", s->status);
    const struct tt_tag tags[] = {{"url", label.len ? label.data : ""},
                                  {"status", status},
                                  {"subproto", s->subprotocol ? s->subprotocol : ""}};
    tt_tags_hold(&s->tags, tt_tags_system(s->engine->w->tags, s->tags, tags, s->status ? 3 : 1));
    tt_buf_fini(&label);
}

static void settled(struct tt_ws_socket *s)
{
    uint64_t now = tt_now_ns();
    tt_timer_stop(s->engine->w->loop, &s->timer);
    set_tags(s);
    tt__ws_sample(s, TT_M_ws_sessions, 1, s->started_ns);
    tt__ws_sample(s, TT_M_ws_connecting, tt_ns_to_ms(now - s->started_ns), now);
    tt__ws_sample(s, TT_M_ws_handshake_failed, s->failure.kind != NULL, now);
    struct tt_ws_response *r = &s->hs->response;
    s->head_len = r->head.len;
    s->head = tt_buf_take(&r->head);
    s->body = r->body;
    tt_buf_init(&r->body, 0);
    tt__ws_handshake_free(s);
}

void tt__ws_refuse(struct tt_ws_socket *s, const char *kind, int code, const char *text)
{
    s->failure.kind = kind;
    s->failure.code = code;
    if (text)
        snprintf(s->failure.text, sizeof s->failure.text, "%s", text);
    settled(s);
    tt_ws_ref(s);
    if (s->owner)
        s->owner->settled(s);
    tt__ws_finish(s, 1006, NULL, 0, false);
    tt_ws_unref(s);
}

/* --- redirects ---------------------------------------------------------------------------------
 */

static struct tt_slice location_of(const struct tt_ws_response *r)
{
    struct tt_http_header h;
    size_t at = 0;
    bool moved = r->status == 301 || r->status == 302 || r->status == 303 || r->status == 307 ||
                 r->status == 308;
    while (moved && tt_http_headers_next(r->head.data, r->head.len, &at, &h))
        if (h.name.n == 8 && tt_strnieq(h.name.p, "Location", 8))
            return h.value;
    return (struct tt_slice){NULL, 0};
}

/* Secrets of the script go to the same host or its subdomains only, Host to no other. */
static void filter_lines(char *lines, bool trusted, bool same_authority)
{
    char *to = lines;
    for (char *p = lines, *next; *p; p = next) {
        next = strstr(p, "\r\n") + 2;
        bool secret = tt_strnieq(p, "Authorization:", 14) || tt_strnieq(p, "Cookie:", 7);
        if ((secret && !trusted) || (tt_strnieq(p, "Host:", 5) && !same_authority))
            continue;
        memmove(to, p, (size_t)(next - p));
        to += next - p;
    }
    *to = '\0';
}

/* Parses where a redirect leads into url, whose text is in text. NULL, or what is wrong. */
static const char *read_location(const struct tt_ws_handshake *hs, struct tt_slice location,
                                 struct tt_buf *text, struct tt_http_url *url)
{
    const char *why = "it cannot be joined to the URL";
    struct tt_buf joined;
    tt_buf_init(&joined, TT_WS_HEAD_MAX);
    bool ok = tt_http_url_join(hs->http_url.data, location, &joined);
    if (ok && tt_strnieq(joined.data, "ws", 2))
        ok = tt_ws_url(joined.data, joined.len, text, url, &why);
    else if (ok)
        ok = tt_buf_append(text, joined.data, joined.len) &&
             tt_http_url_parse(text->data, text->len, url, &why);
    tt_buf_fini(&joined);
    return ok ? NULL : why;
}

/* A new connection to url, of text, which becomes the handshake's. */
static void dial_again(struct tt_ws_socket *s, struct tt_buf text, const struct tt_http_url *url)
{
    struct tt_ws_handshake *hs = s->hs;
    struct tt_slice from = hs->url.authority, to = url->authority;
    bool same = from.n == to.n && memcmp(from.p, to.p, to.n) == 0;
    filter_lines(hs->lines, tt_http_url_trusts(&hs->url, url), same);
    if (!same) {
        tt_free(hs->server_name);
        hs->server_name = NULL;
    }
    tt_buf_fini(&hs->http_url);
    hs->http_url = text;
    hs->url = *url;
    tt_ws_response_fini(&hs->response);
    tt_ws_response_init(&hs->response);
    struct tt_buf ws;
    tt_buf_init(&ws, TT_WS_HEAD_MAX);
    tt_buf_printf(&ws, "%s%s", url->https ? "wss" : "ws", text.data + (url->https ? 5 : 4));
    tt_free(s->url);
    s->url = tt_buf_take(&ws);
    tt__ws_count_bytes(s);
    tt_conn_close(&s->conn, false);
    s->sent_counted = s->received_counted = 0;
    s->status = 0;
    s->peer_ended = false;
    tt__ws_dial(s);
}

/* Follows a redirect, or says why it cannot; false: the answer is none, or one too many. */
static bool redirected(struct tt_ws_socket *s)
{
    struct tt_slice location = location_of(&s->hs->response);
    struct tt_http_url url;
    struct tt_buf text;
    struct tt_err err = {0};
    if (!location.p || s->hs->redirects <= 0)
        return false;
    s->hs->redirects--;
    tt_buf_init(&text, TT_WS_HEAD_MAX);
    const char *wrong = read_location(s->hs, location, &text, &url);
    if (!wrong && tt_ws_engine_ready(s->engine, url.https, &err)) {
        dial_again(s, text, &url);
        return true;
    }
    char message[256];
    snprintf(message, sizeof message, "bad Location in the redirect: %.200s",
             wrong ? wrong : err.text);
    tt_buf_fini(&text);
    tt__ws_refuse(s, "protocol", 1000, message);
    return true;
}

/* --- the answer --------------------------------------------------------------------------------
 */

static void refused_by_status(struct tt_ws_socket *s)
{
    char text[160];
    snprintf(text, sizeof text, "the server refused the WebSocket handshake with status %d",
             s->status);
    tt__ws_refuse(s, "status", s->status >= 400 ? 1000 + s->status : 0, text);
}

static void accepted(struct tt_ws_socket *s)
{
    const struct tt_ws_response *r = &s->hs->response;
    s->subprotocol = tt_xstrdup(r->subprotocol);
    if (r->deflate.on)
        s->packer = s->reader.packer = tt_ws_packer_new(&s->engine->streams, &r->deflate);
    s->connected = true;
    s->state = TT_WS_OPEN;
    settled(s);
    if (s->owner)
        s->owner->settled(s);
}

static void answer(struct tt_ws_socket *s, enum tt_ws_answer a)
{
    const struct tt_ws_response *r = &s->hs->response;
    s->status = r->status;
    if (r->status && a != TT_WS_MORE)
        tt_http_jar_store(s->hs->jar, &s->hs->url, r->head.data, r->head.len, now_ms());
    if (a == TT_WS_ACCEPTED)
        accepted(s);
    else if (a == TT_WS_BAD)
        tt__ws_refuse(s, "protocol", 1000, s->hs->response.error);
    else if (a == TT_WS_REFUSED && !redirected(s))
        refused_by_status(s);
}

size_t tt__ws_take_answer(struct tt_ws_socket *s, const char *p, size_t n)
{
    struct tt_ws_handshake *hs = s->hs;
    const struct tt_ws_offer offer = {hs->key, hs->subprotocols, &hs->deflate};
    size_t used;
    enum tt_ws_answer a = tt_ws_response_read(&hs->response, p, n, &offer, &used);
    if (a == TT_WS_MORE && hs->response.body.len == TT_WS_REFUSED_MAX)
        a = TT_WS_REFUSED; /* what would follow is not kept */
    answer(s, a);
    return used;
}

void tt__ws_answer_ended(struct tt_ws_socket *s)
{
    enum tt_ws_answer a = tt_ws_response_eof(&s->hs->response);
    if (a == TT_WS_REFUSED || s->hs->response.status)
        answer(s, a == TT_WS_REFUSED ? a : TT_WS_BAD);
    else
        tt__ws_refuse(s, "connect", 1000, "the server closed the connection before it answered");
}

void tt__ws_too_late(struct tt_ws_socket *s)
{
    const struct tt_conn_stamps *at = &s->conn.at;
    const char *text = "the handshake was not answered in time (params.timeout)";
    int code = at->connected ? 1050 : 1211;
    if (s->hs->response.status) { /* refused; only the body is not complete */
        answer(s, TT_WS_REFUSED);
        return;
    }
    s->failure.phase = "answer";
    if (!at->connected) {
        s->failure.phase = at->looked_up ? "connect" : "lookup";
        text = at->looked_up ? "no connection in time (params.timeout)"
                             : "the name was not looked up in time (params.timeout)";
    } else if (s->hs->url.https && !at->secured) {
        s->failure.phase = "tls";
        text = "the TLS handshake did not end in time (params.timeout)";
    }
    tt__ws_refuse(s, "timeout", code, text);
}
