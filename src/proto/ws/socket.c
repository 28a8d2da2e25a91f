/* SPDX-License-Identifier: MIT */
/* The socket's states.
 *
 * CONNECTING -> OPEN or CLOSED by socket_open.c; OPEN -> CLOSING by our Close frame; anything ->
 * CLOSED by tt__ws_finish(), once. The connection may outlive CLOSED: it lingers until the peer's
 * end of stream.
 *
 * A Close of the peer, and a breach of the protocol, are answered once the fibers that the messages
 * in front of it have woken have run (the ready list is in order), so that an echo of the last
 * message is still sent.
 *
 * Samples are those of k6's ws module: ws_sessions, ws_connecting (dial to the answer) and
 * ws_session_duration (dial to the end) for every attempt, failed ones included. */
#include "base/clock.h"
#include "base/memory.h"
#include "proto/http/call.h"
#include "proto/ws/socket_int.h"
#include <stdio.h>
#include <string.h>

enum { PINGS_OPEN_MAX = 64 }; /* of a peer that answers none, the oldest are forgotten */

extern const struct tt_module tt_module_http;

struct tt_ws_ping {
    struct tt_ws_ping *next;
    uint64_t sent_ns;
    size_t len;
    char data[];
};

/* --- references and the end of things ----------------------------------------------------------
 */

void tt_ws_ref(struct tt_ws_socket *s)
{
    s->refs++;
}

/* Up to and with last. */
static void drop_pings(struct tt_ws_socket *s, const struct tt_ws_ping *last)
{
    bool more = s->pings;
    while (more) {
        struct tt_ws_ping *p = s->pings;
        s->pings = p->next;
        s->pings_open--;
        more = p != last && s->pings;
        tt_free(p);
    }
}

void tt_ws_unref(struct tt_ws_socket *s)
{
    if (--s->refs)
        return;
    TT_ASSERT(s->conn_closed);
    tt__ws_handshake_free(s);
    tt_tags_hold(&s->tags, NULL);
    tt_ws_reader_fini(&s->reader);
    tt_ws_packer_free(s->packer);
    tt_buf_fini(&s->body);
    drop_pings(s, NULL);
    tt_free(s->close_reason);
    tt_free(s->url);
    tt_free(s->head);
    tt_free(s->subprotocol);
    tt_free(s->timestamp);
    tt_tls_info_clear(&s->tls);
    tt_free(s);
}

static void close_conn(struct tt_ws_socket *s)
{
    if (s->conn_closed)
        return;
    s->conn_closed = true;
    tt_timer_stop(s->engine->w->loop, &s->timer);
    tt_loop_unready(s->engine->w->loop, &s->end);
    tt_conn_close(&s->conn, false);
    if (s->prev)
        s->prev->next = s->next;
    else
        s->engine->live = s->next;
    if (s->next)
        s->next->prev = s->prev;
    tt_ws_unref(s);
}

/* --- samples and events ------------------------------------------------------------------------
 */

void tt__ws_sample(struct tt_ws_socket *s, enum tt_builtin_metric m, double v, uint64_t at)
{
    if (s->vu)
        tt_vu_sample(s->vu, m, v, s->tags, at);
}

void tt__ws_count_bytes(struct tt_ws_socket *s)
{
    if (s->vu) {
        s->vu->data_sent += (double)(s->conn.sent_bytes - s->sent_counted);
        s->vu->data_received += (double)(s->conn.received_bytes - s->received_counted);
    }
    s->sent_counted = s->conn.sent_bytes;
    s->received_counted = s->conn.received_bytes;
}

void tt__ws_count_payload(struct tt_ws_socket *s, uint64_t now, bool all)
{
    if (!all && now - s->payload_told_ns < TT_NS_PER_S)
        return;
    s->payload_told_ns = now;
    if (s->payload_sent > 0)
        tt__ws_sample(s, TT_M_ws_bytes_sent, s->payload_sent, now);
    if (s->payload_received > 0)
        tt__ws_sample(s, TT_M_ws_bytes_received, s->payload_received, now);
    s->payload_sent = s->payload_received = 0;
}

static void count_close(struct tt_ws_socket *s, unsigned code, uint64_t now)
{
    char text[12];
    const struct tt_tag tag = {"code", text};
    if (!s->vu || !s->connected)
        return;
    snprintf(text, sizeof text, "%u", code);
    tt_vu_sample(s->vu, TT_M_ws_closed, 1, tt_tags_with(s->engine->w->tags, s->tags, &tag, 1), now);
}

void tt__ws_tell(struct tt_ws_socket *s, enum tt_ws_event_kind kind, const void *p, size_t n,
                 unsigned code)
{
    if (!s->owner)
        return;
    struct tt_ws_event *ev = tt_ws_event_new(kind, p, n);
    ev->code = code;
    s->owner->event(s, ev);
}

/* --- the end -----------------------------------------------------------------------------------
 */

static void set_reason(struct tt_ws_socket *s, const char *text, size_t n)
{
    tt_free(s->close_reason);
    s->close_reason = n ? tt_xmemdup(text, n) : NULL;
    s->close_reason_len = n;
}

/* With the reason that is set. */
static void finish(struct tt_ws_socket *s, unsigned code, bool linger)
{
    uint64_t now = tt_now_ns();
    struct tt_loop *loop = s->engine->w->loop;
    if (s->state == TT_WS_CLOSED)
        return;
    s->state = TT_WS_CLOSED;
    s->ending = TT_WS_NOT_ENDING;
    s->close_code = code;
    tt__ws_count_bytes(s);
    tt__ws_count_payload(s, now, true);
    count_close(s, code, now);
    tt__ws_sample(s, TT_M_ws_session_duration, tt_ns_to_ms(now - s->started_ns), now);
    tt_ws_ref(s);
    if (linger && !s->peer_ended) {
        tt_ws_pause(s, false);
        tt_timer_start(loop, &s->timer, now + TT__WS_CLOSE_WAIT_NS);
    } else {
        close_conn(s);
    }
    if (s->connected)
        tt__ws_tell(s, TT_WS_EV_CLOSE, s->close_reason, s->close_reason_len, code);
    if (s->owner)
        s->owner->drained(s);
    if (s->owner)
        s->owner->closed(s);
    tt_ws_unref(s);
}

void tt__ws_finish(struct tt_ws_socket *s, unsigned code, const char *text, size_t n, bool linger)
{
    if (s->state == TT_WS_CLOSED)
        return;
    set_reason(s, text, n);
    finish(s, code, linger);
}

void tt__ws_lost(struct tt_ws_socket *s, const char *why)
{
    if (s->state == TT_WS_CLOSED) {
        close_conn(s);
        return;
    }
    if (s->state == TT_WS_OPEN)
        tt__ws_tell(s, TT_WS_EV_ERROR, why, strlen(why), 1006);
    tt__ws_finish(s, 1006, why, strlen(why), false);
}

/* Answers the peer's Close, or says what it did wrong. */
static void end_now(struct tt_ws_socket *s)
{
    bool broken = s->ending == TT_WS_PEER_BROKE_PROTOCOL;
    const char *text = s->close_reason;
    size_t n = s->close_reason_len;
    unsigned code = s->close_code;
    if (s->state == TT_WS_OPEN) {
        tt__ws_put_close(s, code == 1005 ? 0 : code, broken ? text : NULL, broken ? n : 0);
        if (broken || (code != 1000 && code != 1001))
            tt__ws_tell(s, TT_WS_EV_ERROR, text, n, code);
    }
    finish(s, code, true);
}

static void on_end(struct tt_ready *r)
{
    struct tt_ws_socket *s =
        (struct tt_ws_socket *)(void *)((char *)r - offsetof(struct tt_ws_socket, end));
    tt_ws_ref(s);
    if (s->ending == TT_WS_BAD_URL)
        tt__ws_refuse(s, s->failure.kind, s->failure.code, NULL);
    else if (s->ending)
        end_now(s);
    tt_ws_unref(s);
}

void tt__ws_end_soon(struct tt_ws_socket *s, enum tt_ws_ending how, unsigned code, const char *text,
                     size_t n)
{
    s->ending = how;
    s->close_code = code;
    set_reason(s, text, n);
    tt_loop_ready(s->engine->w->loop, &s->end);
}

static void on_timer(struct tt_timer *t)
{
    struct tt_ws_socket *s =
        (struct tt_ws_socket *)(void *)((char *)t - offsetof(struct tt_ws_socket, timer));
    if (s->state == TT_WS_CONNECTING)
        tt__ws_too_late(s);
    else
        tt__ws_lost(s, "the peer did not answer our Close");
}

/* --- the owner's calls -------------------------------------------------------------------------
 */

/* A URL that is none is a handshake that fails, as in ttload.http. */
static void read_url(struct tt_ws_socket *s, const struct tt_ws_config *c)
{
    const char *why = "";
    if (tt_ws_url(c->url, c->url_len, &s->hs->http_url, &s->hs->url, &why))
        return;
    s->ending = TT_WS_BAD_URL;
    s->failure = (struct tt_ws_failure){.kind = "url", .code = 1020};
    snprintf(s->failure.text, sizeof s->failure.text, "invalid URL: %s", why);
}

struct tt_ws_socket *tt_ws_open(struct tt_ws_engine *e, struct tt_vu *vu,
                                const struct tt_ws_config *c, const struct tt_ws_owner *owner,
                                void *owner_data, struct tt_err *err)
{
    struct tt_ws_socket *s = tt_xcalloc(1, sizeof *s);
    s->conn_closed = true;
    s->refs = 1;
    s->engine = e;
    s->url = tt_xstrdup(c->url);
    s->hs = tt_xcalloc(1, sizeof *s->hs);
    tt_ws_response_init(&s->hs->response);
    tt_buf_init(&s->hs->http_url, 64 * 1024);
    tt_buf_init(&s->body, 0);
    tt_ws_reader_init(&s->reader, c->max_message_bytes);
    tt_ready_init(&s->end, on_end);
    tt_timer_init(&s->timer, on_timer);
    read_url(s, c);
    if (!tt_ws_engine_ready(e, s->hs->url.https, err)) {
        tt_ws_unref(s);
        return NULL;
    }
    s->hs->lines = tt_xstrdup(c->lines);
    s->hs->proxy = c->proxy ? tt_xstrdup(c->proxy) : NULL;
    s->hs->unix_path = c->unix_path ? tt_xstrdup(c->unix_path) : NULL;
    s->hs->server_name = c->server_name ? tt_xstrdup(c->server_name) : NULL;
    s->hs->http = tt_vu_state(vu, &tt_module_http);
    s->hs->jar = tt_http_jar_ref(c->jar ? c->jar : tt_http_vu_cookies(s->hs->http));
    s->hs->redirects = c->redirects;
    s->hs->deflate = c->deflate;
    s->fragment_bytes = c->fragment_bytes;
    s->timestamp = c->timestamp ? tt_xstrdup(c->timestamp) : NULL;
    s->timestamp_ms = c->timestamp_ms;
    s->hs->subprotocols = c->subprotocols ? tt_xstrdup(c->subprotocols) : NULL;
    s->keep = c->keep;
    s->vu = vu;
    tt_tags_hold(&s->tags, c->tags);
    s->owner = owner;
    s->owner_data = owner_data;
    s->started_ns = tt_now_ns();
    s->conn_closed = false;
    s->refs++;
    s->next = e->live;
    if (e->live)
        e->live->prev = s;
    e->live = s;
    tt_timer_start(e->w->loop, &s->timer, s->started_ns + c->timeout_ns);
    if (s->ending)
        tt_loop_ready(e->w->loop, &s->end);
    else
        tt__ws_dial(s);
    return s;
}

bool tt_ws_send(struct tt_ws_socket *s, enum tt_ws_opcode op, const char *p, size_t n)
{
    if (s->state != TT_WS_OPEN || !tt__ws_put(s, op, p, n))
        return false;
    uint64_t now = tt_now_ns();
    s->payload_sent += (double)n;
    tt__ws_sample(s, TT_M_ws_msgs_sent, 1, now);
    tt__ws_count_payload(s, now, false);
    return true;
}

bool tt_ws_ping(struct tt_ws_socket *s, const char *data, size_t n)
{
    char number[24];
    struct tt_ws_ping **end = &s->pings;
    if (s->state != TT_WS_OPEN)
        return false;
    if (!data) {
        data = number;
        n = (size_t)snprintf(number, sizeof number, "%llu", (unsigned long long)s->pings_made++);
    }
    if (s->pings_open == PINGS_OPEN_MAX)
        drop_pings(s, s->pings);
    struct tt_ws_ping *p = tt_xmalloc(sizeof *p + n);
    *p = (struct tt_ws_ping){.sent_ns = tt_now_ns(), .len = n};
    memcpy(p->data, data, n);
    while (*end)
        end = &(*end)->next;
    *end = p;
    s->pings_open++;
    return tt__ws_put(s, TT_WS_PING, data, n);
}

void tt__ws_ponged(struct tt_ws_socket *s, const char *data, size_t n)
{
    uint64_t now = tt_now_ns();
    for (const struct tt_ws_ping *p = s->pings; p; p = p->next) {
        if (p->len != n || memcmp(p->data, data, n) != 0)
            continue;
        tt__ws_sample(s, TT_M_ws_ping, tt_ns_to_ms(now - p->sent_ns), now);
        drop_pings(s, p); /* it answers the earlier ones too (RFC 6455 5.5.3) */
        return;
    }
}

void tt_ws_close(struct tt_ws_socket *s, unsigned code, const char *reason, size_t n)
{
    if (s->state != TT_WS_OPEN)
        return;
    s->state = TT_WS_CLOSING;
    s->we_closed = true;
    s->reader.our_close_code = code;
    tt__ws_put_close(s, code == 1005 ? 0 : code, reason, n);
    tt_ws_pause(s, false);
    tt_timer_start(s->engine->w->loop, &s->timer, tt_now_ns() + TT__WS_CLOSE_WAIT_NS);
}

void tt_ws_lose(struct tt_ws_socket *s)
{
    static const char why[] = "the connection was dropped by the script";
    tt__ws_finish(s, 1006, why, sizeof why - 1, false);
}

void tt_ws_detach(struct tt_ws_socket *s, bool sampled)
{
    if (!sampled)
        s->vu = NULL;
    tt_ws_ref(s);
    if (s->state == TT_WS_CONNECTING) {
        tt__ws_refuse(s, "closed", 0, "the iteration ended before the handshake was answered");
    } else if (s->ending) {
        end_now(s);
    } else {
        if (s->state == TT_WS_OPEN)
            tt__ws_put_close(s, 1001, NULL, 0);
        tt__ws_finish(s, 1001, NULL, 0, true);
    }
    s->vu = NULL;
    s->owner = NULL;
    tt_ws_unref(s);
}

void tt_ws_drop(struct tt_ws_socket *s)
{
    s->owner = NULL;
    s->vu = NULL;
    s->state = TT_WS_CLOSED;
    close_conn(s);
}

void tt_ws_pause(struct tt_ws_socket *s, bool pause)
{
    if (s->reading_paused == pause || s->conn_closed)
        return;
    s->reading_paused = pause;
    tt_conn_want_read(&s->conn, !pause);
}

size_t tt_ws_buffered(const struct tt_ws_socket *s)
{
    return s->conn_closed ? 0 : tt_conn_queued(&s->conn);
}
