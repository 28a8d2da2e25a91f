/* SPDX-License-Identifier: MIT */
/* A socket's frames, out and in, and what its connection reports. Worker thread. */
#include "base/clock.h"
#include "proto/ws/field.h"
#include "proto/ws/socket_int.h"
#include <string.h>

enum { SCRATCH_KEEP = 256 * 1024, TAKE_BYTES = 4096 };
/* Of a peer that pings but does not read, not every ping is answered (RFC 6455 5.5.3). */
enum { PONG_QUEUE_MAX = 64 * 1024 };

/* --- out ---------------------------------------------------------------------------------------
 */

/* Scratch of rare large messages is given back. */
static void scratch_done(struct tt_buf *b)
{
    size_t max = b->max;
    if (b->cap <= SCRATCH_KEEP)
        return;
    tt_buf_fini(b);
    tt_buf_init(b, max);
}

static bool put_frames(struct tt_ws_socket *s, unsigned first, const char *p, size_t n)
{
    struct tt_buf *out = &s->engine->write;
    size_t most = s->fragment_bytes && !(first & 8) ? s->fragment_bytes : n;
    do {
        size_t piece = n < most ? n : most;
        n -= piece;
        if (!tt_ws_put_frame(out, first | (n ? 0 : TT_WS_FIN), p, piece,
                             (uint32_t)(tt_rng_next(&s->engine->w->rng) >> 32)))
            return false;
        p += piece;
        first = TT_WS_CONTINUATION;
    } while (n);
    return true;
}

bool tt__ws_put(struct tt_ws_socket *s, enum tt_ws_opcode op, const char *p, size_t n)
{
    struct tt_buf *out = &s->engine->write, *packed = &s->engine->packed;
    unsigned first = op;
    tt_buf_clear(out);
    if (s->packer && op <= TT_WS_BINARY) {
        tt_buf_clear(packed);
        if (tt_ws_pack(s->packer, p, n, packed)) {
            if (n)
                tt__ws_sample(s, TT_M_ws_compression_ratio, (double)packed->len / (double)n,
                              tt_now_ns());
            p = packed->data;
            n = packed->len;
            first |= TT_WS_RSV1;
        }
    }
    bool ok = put_frames(s, first, p, n) && tt_conn_write(&s->conn, out->data, out->len);
    scratch_done(out);
    scratch_done(packed);
    tt__ws_count_bytes(s);
    return ok;
}

void tt__ws_put_close(struct tt_ws_socket *s, unsigned code, const char *reason, size_t n)
{
    char payload[TT_WS_CONTROL_MAX];
    tt__ws_put(s, TT_WS_CLOSE, payload, tt_ws_close_payload(payload, code, reason, n));
}

/* --- in ----------------------------------------------------------------------------------------
 */

/* How old is a message that says when it was sent? */
static void measure_age(struct tt_ws_socket *s, const char *text, size_t n, uint64_t now)
{
    cJSON *v = tt_ws_json(text, n);
    const cJSON *sent = tt_ws_field(v, s->timestamp);
    if (cJSON_IsNumber(sent))
        tt__ws_sample(s, TT_M_ws_msg_latency,
                      tt_ns_to_ms(tt_wall_ns()) - sent->valuedouble * s->timestamp_ms, now);
    cJSON_Delete(v);
}

static void take_data(struct tt_ws_socket *s, const struct tt_ws_message *m)
{
    enum tt_ws_event_kind kind = m->binary ? TT_WS_EV_BINARY : TT_WS_EV_MESSAGE;
    uint64_t now = tt_now_ns();
    struct tt_ws_event *ev;
    s->payload_received += (double)m->len;
    tt__ws_sample(s, TT_M_ws_msgs_received, 1, now);
    tt__ws_count_payload(s, now, false);
    if (!s->owner)
        return;
    if (m->buf && m->len >= TAKE_BYTES)
        ev = tt_ws_event_take(kind, tt_buf_take(m->buf), m->len);
    else
        ev = tt_ws_event_new(kind, m->data, m->len);
    ev->at_ns = now;
    if (s->timestamp && !m->binary)
        measure_age(s, ev->data, ev->len, now);
    s->owner->event(s, ev);
}

static void take_message(struct tt_ws_socket *s, const struct tt_ws_message *m)
{
    switch (m->kind) {
    case TT_WS_GOT_MESSAGE:
        take_data(s, m);
        break;
    case TT_WS_GOT_PING:
        if (s->state == TT_WS_OPEN && tt_ws_buffered(s) < PONG_QUEUE_MAX)
            tt__ws_put(s, TT_WS_PONG, m->data, m->len);
        tt__ws_tell(s, TT_WS_EV_PING, m->data, m->len, 0);
        break;
    case TT_WS_GOT_PONG:
        tt__ws_ponged(s, m->data, m->len);
        tt__ws_tell(s, TT_WS_EV_PONG, m->data, m->len, 0);
        break;
    case TT_WS_GOT_CLOSE:
        tt__ws_end_soon(s, TT_WS_PEER_CLOSED, m->close_code, m->data, m->len);
        break;
    case TT_WS_GOT_ERROR:
        tt__ws_end_soon(s, TT_WS_PEER_BROKE_PROTOCOL, m->close_code, m->text, strlen(m->text));
        break;
    case TT_WS_GOT_NOTHING:
        break;
    }
}

static void take_bytes(struct tt_ws_socket *s, const char *p, size_t n)
{
    size_t used = 0;
    if (s->state == TT_WS_CONNECTING)
        used = tt__ws_take_answer(s, p, n);
    while (used < n && (s->state == TT_WS_OPEN || s->state == TT_WS_CLOSING) && !s->ending) {
        size_t step;
        struct tt_ws_message m = tt_ws_read(&s->reader, p + used, n - used, &step);
        used += step;
        take_message(s, &m);
    }
}

/* --- the connection's callbacks ----------------------------------------------------------------
 */

static void on_opened(struct tt_conn *c)
{
    struct tt_ws_socket *s = c->owner;
    tt_conn_tls_info(c, &s->tls);
    tt__ws_say_hello(s);
}

static void ended(struct tt_ws_socket *s)
{
    s->peer_ended = true;
    if (s->state == TT_WS_CONNECTING)
        tt__ws_answer_ended(s);
    else if (!s->ending)
        tt__ws_lost(s, "the connection ended without a Close");
}

static void on_readable(struct tt_conn *c)
{
    struct tt_ws_socket *s = c->owner;
    size_t got;
    tt_ws_ref(s);
    while (!s->conn_closed && !s->reading_paused) {
        enum tt_conn_result r = tt_conn_read(c, s->engine->read, TT_WS_READ_BYTES, &got);
        if (r == TT_CONN_AGAIN)
            break;
        if (r == TT_CONN_EOF)
            ended(s);
        else if (r == TT_CONN_FAILED)
            c->events->failed(c);
        else
            take_bytes(s, s->engine->read, got); /* to nowhere when it only lingers */
        if (r != TT_CONN_DONE)
            break;
    }
    tt__ws_count_bytes(s);
    tt_ws_unref(s);
}

static void on_drained(struct tt_conn *c)
{
    struct tt_ws_socket *s = c->owner;
    tt__ws_count_bytes(s);
    if (s->owner)
        s->owner->drained(s);
}

static void on_failed(struct tt_conn *c)
{
    struct tt_ws_socket *s = c->owner;
    s->peer_ended = true;
    if (s->state == TT_WS_CONNECTING)
        tt__ws_refuse(s, "connect", c->error.code, c->error.text);
    else if (!s->ending)
        tt__ws_lost(s, c->error.text);
}

const struct tt_conn_events tt__ws_conn_events = {on_opened, on_readable, on_drained, on_failed};
