/* SPDX-License-Identifier: MIT */
/* The life of a call: look-up, exchange, next address or redirect, samples, end.
 *
 * Redirects are followed here, not by libcurl: each hop has its own stamps, samples and tags. One
 * deadline covers all of it. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/str.h"
#include "proto/http/body.h"
#include "proto/http/call_int.h"
#include "proto/http/trace.h"
#include "vu/fiber.h"
#include <stdio.h>
#include <string.h>

#define DIAL_TIMEOUT_NS (30 * TT_NS_PER_S)
enum { URL_MAX = 1024 * 1024 };

static void begin_hop(struct tt_http_call *c);
static void next_hop(struct tt_http_call *c);
static void reach(struct tt_http_call *c, bool needs_address);
static void stop(struct tt_http_call *c);

/* What an exchange brings back, as if nothing had come. */
static void reset_results(struct tt_http_exchange *x)
{
    tt_buf_clear(&x->head);
    tt_http_body_reset(x);
    x->at = (struct tt_http_stamps){0};
    x->error.code = 0;
    tt_tls_info_clear(&x->tls);
    x->remote_ip[0] = '\0';
    x->remote_port = 0;
    x->sent_bytes = x->received_bytes = 0;
    x->sets_cookies = x->has_tcp = false;
}

/* --- failed requests in the log: identical ones are counted, one line a second -----------------
 */

void tt_http_call_show_url(const struct tt_http_call *c, struct tt_buf *out)
{
    if (!c->parsed.fault)
        tt_http_url_clean(&c->parsed, out);
    else if (!memchr(c->url.p, '@', c->url.n)) /* what is secret in it cannot be told */
        tt_buf_append(out, c->url.p, c->url.n);
}

void tt__http_warn(const struct tt_http_call *c, const char *what, const char *detail)
{
    struct tt_http_engine *e = c->engine;
    uint64_t now = tt_now_ns(), key = tt_hash_bytes(detail, strlen(detail), 0);
    struct tt_http_fold *f = &e->folds[key % TT_HTTP_FOLDS];
    if (f->key == key && now - f->last_ns < TT_NS_PER_S) {
        f->times++;
        return;
    }
    char more[48] = "", fields[1024];
    if (f->key == key && f->times)
        snprintf(more, sizeof more, " (and %llu more of these)", (unsigned long long)f->times);
    struct tt_buf clean;
    tt_buf_init(&clean, URL_MAX);
    tt_http_call_show_url(c, &clean);
    snprintf(fields, sizeof fields, "source=http method=%s url=%.900s", c->method,
             clean.data ? clean.data : "");
    tt_buf_fini(&clean);
    tt_log_fields(TT_LOG_WARN, fields, "%s: %s%s", what, detail, more);
    *f = (struct tt_http_fold){key, now, 0};
}

/* --- the end of a call -------------------------------------------------------------------------
 */

/* A stream's op may be finished already, by a piece that nobody has taken yet. */
void tt_http_call_wake(struct tt_http_call *c)
{
    if (!c->op.finished)
        tt_op_finish(&c->op);
}

static void finish(struct tt_http_call *c)
{
    c->active = false;
    c->ended = true;
    tt_timer_stop(c->engine->w->loop, &c->timer);
    if (c->x.error.code && !c->throws)
        tt__http_warn(c, "request failed", c->x.error.text);
    if (c->on_end)
        c->on_end(c);
    else
        tt_http_call_wake(c);
}

static void emit(struct tt_http_call *c)
{
    /* k6's judgement of the request that only fetches Digest's challenge */
    static const struct tt_http_expected challenge = {true, 1, {{401, 401}}};
    bool first = c->auth == TT_HTTP_AUTH_DIGEST && !c->answers_challenge && c->hop == 0;
    const struct tt_http_sample s = {
        c->vu,  c->tags, c->method,  &c->parsed,
        c->url, &c->x,   &c->status, first && c->expected.judged ? &challenge : &c->expected};
    tt_http_sample_emit(&c->engine->tags, &s);
}

/* Which protocol the server has chosen, where nothing but its choice decides. */
static void note_origin(const struct tt_http_call *c)
{
    const char *proto = c->status.proto;
    if (c->x.origin && !c->x.special && proto && tt_starts_with(proto, "HTTP/1"))
        c->x.origin->http1 = true;
}

/* The hop is over, well or not: what it left in c->x counts. */
static void settle_hop(struct tt_http_call *c)
{
    struct tt_http_exchange *x = &c->x;
    c->status = (struct tt_http_status){0};
    if (!x->error.code && !tt_http_headers_status(x->head.data, x->head.len, &c->status))
        tt_http_error_set(&x->error, TT_HTTP_E_OTHER, "malformed HTTP response");
    c->vu->data_sent += (double)x->sent_bytes;
    c->vu->data_received += (double)x->received_bytes;
    if (!x->error.code) {
        note_origin(c);
        tt__http_take_cookies(c);
    }
    if (c->status.code != 101) /* the caller raises: no request of its was answered */
        emit(c);
    bool failed = x->error.code ||
                  (c->expected.judged && !tt_http_expected_has(&c->expected, c->status.code));
    tt_http_trace(c, failed);
}

static void fail_hop(struct tt_http_call *c, int code, const char *text)
{
    tt_http_error_set(&c->x.error, code, text);
    if (!c->x.at.end)
        c->x.at.end = tt_now_ns();
    settle_hop(c);
    finish(c);
}

void tt_http_call_refuse(struct tt_http_call *c, int code, const char *text)
{
    reset_results(&c->x);
    c->x.at.begin = c->x.at.end = tt_now_ns();
    c->status = (struct tt_http_status){0};
    tt_http_error_set(&c->x.error, code, text);
}

/* Nothing can be sent to this URL. One that is none at all leaves no sample and, as in k6, no URL
 * in the response. */
static void refuse_url(struct tt_http_call *c)
{
    char text[200];
    snprintf(text, sizeof text, "invalid URL: %s", c->bad_url);
    tt_http_call_refuse(c, TT_HTTP_E_BAD_URL, text);
    if (c->parsed.fault != TT_HTTP_URL_BAD)
        fail_hop(c, c->parsed.fault == TT_HTTP_URL_PORT ? TT_HTTP_E_DIAL : TT_HTTP_E_OTHER, text);
    else
        finish(c);
}

/* --- redirects ---------------------------------------------------------------------------------
 */

static void follow(struct tt_http_call *c, struct tt_slice location)
{
    if (!tt__http_redirect(c, location)) {
        c->status.code = 0;
        finish(c);
    } else if (c->parsed.fault) {
        refuse_url(c);
    } else {
        next_hop(c);
    }
}

/* May the next hop be sent? Not when it repeats a body that is gone: a function's. */
static bool repeatable(const struct tt_http_call *c)
{
    return c->status.code <= 303 || !c->source || c->source->rewind(c->source);
}

static void use_address(struct tt_http_call *c)
{
    uint16_t port;
    tt_address_text(&c->addrs[c->next_addr++], c->x.connect_to, sizeof c->x.connect_to, &port);
}

static void on_exchange(struct tt_http_exchange *x)
{
    struct tt_http_call *c = (struct tt_http_call *)((char *)x - offsetof(struct tt_http_call, x));
    bool no_connection = x->error.code >= TT_HTTP_E_DIAL && x->error.code <= TT_HTTP_E_DIAL_ERRNO;
    if (no_connection && c->next_addr < c->n_addrs) {
        const uint64_t begin = x->at.begin, looked_up = x->at.looked_up;
        reset_results(x);
        x->at.begin = begin;
        x->at.looked_up = looked_up;
        use_address(c);
        c->engine->transport->start(c->engine->carrier, c->hv->session, x);
        return;
    }
    settle_hop(c);
    struct tt_slice location;
    if (!x->error.code && tt__http_answer_challenge(c)) {
        begin_hop(c);
        return;
    }
    if (x->error.code || !tt__http_is_redirect(c, &location)) {
        finish(c);
    } else if (c->redirects > 0) {
        if (repeatable(c))
            follow(c, location);
        else
            finish(c);
    } else {
        if (c->redirects_default)
            tt__http_warn(c, "stopped following redirects", "the limit is max_redirects");
        finish(c);
    }
}

/* --- streams -----------------------------------------------------------------------------------
 */

/* A piece of a stream. Those of a redirect that is followed are not the script's. */
static void on_arrived(struct tt_http_exchange *x)
{
    struct tt_http_call *c = (struct tt_http_call *)((char *)x - offsetof(struct tt_http_call, x));
    struct tt_slice location;
    if (!tt_http_headers_status(x->head.data, x->head.len, &c->status))
        return;
    if (c->redirects > 0 && tt__http_is_redirect(c, &location))
        tt_buf_clear(&x->body);
    else
        tt_http_call_wake(c);
}

void tt_http_call_fed(struct tt_http_call *c)
{
    if (c->active)
        c->engine->transport->resume(c->engine->carrier, &c->x);
}

void tt_http_call_taken(struct tt_http_call *c)
{
    tt_buf_clear(&c->x.body);
    tt_http_call_fed(c);
}

void tt_http_call_stop(struct tt_http_call *c, const char *why)
{
    tt_buf_clear(&c->x.body);
    if (c->active)
        stop(c);
    if (why)
        tt_http_error_set(&c->x.error, TT_HTTP_E_TOO_LARGE, why);
    if (c->active) {
        settle_hop(c);
        finish(c);
    }
}

/* --- a hop -------------------------------------------------------------------------------------
 */

/* The script's, for the host that it had in mind; NULL: the URL's. */
static const char *server_name(const struct tt_http_call *c)
{
    struct tt_slice host = c->parsed.host;
    bool first = strlen(c->first_host) == host.n && tt_strnieq(c->first_host, host.p, host.n);
    return c->server_name[0] && first ? c->server_name : NULL;
}

static void exchange(struct tt_http_call *c)
{
    struct tt_http_exchange *x = &c->x;
    x->at.looked_up = tt_now_ns();
    x->method = c->method;
    x->https = c->parsed.https;
    x->origin = x->https ? tt_http_origin_of(&c->engine->origins, c->parsed.authority) : NULL;
    x->headers = c->lines.data;
    x->n_headers = c->n_lines;
    x->upload = c->body;
    x->upload_len = c->body_len;
    x->source = c->source;
    x->special = c->is_special ? &c->special : NULL;
    x->has_content_type = tt_http_call_has_header(c, "Content-Type");
    x->max_body = c->engine->max_body;
    x->max_ratio = c->engine->max_ratio;
    x->server_name = server_name(c);
    x->local = c->has_local ? &c->local : NULL;
    x->arrived = on_arrived;
    x->keep = c->streams     ? TT_HTTP_STREAM_BODY
              : c->keep_body ? TT_HTTP_KEEP_BODY
                             : TT_HTTP_DISCARD_BODY;
    c->engine->transport->start(c->engine->carrier, c->hv->session, x);
}

/* An address that needs no look-up and no override. */
static bool is_literal(const struct tt_http_engine *e, const struct tt_http_url *u)
{
    if (e->net && e->net->checks_ips)
        return false;
    if (memchr(u->host.p, ':', u->host.n))
        return true;
    for (size_t i = 0; i < u->host.n; i++)
        if ((u->host.p[i] < '0' || u->host.p[i] > '9') && u->host.p[i] != '.')
            return false;
    return true;
}

static void on_looked_up(struct tt_lookup *l)
{
    struct tt_http_call *c =
        (struct tt_http_call *)((char *)l - offsetof(struct tt_http_call, lookup));
    c->looking_up = false;
    if (l->error_code) {
        c->x.at.looked_up = tt_now_ns();
        fail_hop(c, l->error_code, l->error);
        return;
    }
    if (c->looks_proxy_up) {
        c->looks_proxy_up = false;
        tt__http_proxy_found(c, l);
        reach(c, c->proxy_wants_address);
        return;
    }
    c->n_addrs = l->n < TT_HTTP_ADDRESSES_MAX ? l->n : TT_HTTP_ADDRESSES_MAX;
    memcpy(c->addrs, l->addrs, c->n_addrs * sizeof *l->addrs);
    use_address(c);
    exchange(c);
}

static void look_up(struct tt_http_call *c, const char *host, uint16_t port, uint64_t *turn)
{
    bool fresh = c->engine->opt && c->engine->opt->no_connection_reuse;
    c->looking_up = true;
    c->lookup.family = c->has_local ? (c->local.six ? AF_INET6 : AF_INET) : 0;
    c->lookup.turn = fresh ? NULL : turn;
    tt_resolve(c->engine->resolver, &c->lookup, host, port);
}

/* Sends it; needs_address: of the URL's host. */
static void reach(struct tt_http_call *c, bool needs_address)
{
    char host[TT_HTTP_HOST_MAX];
    if (!needs_address || is_literal(c->engine, &c->parsed)) {
        exchange(c);
        return;
    }
    memcpy(host, c->parsed.host.p, c->parsed.host.n);
    host[c->parsed.host.n] = '\0';
    look_up(c, host, c->parsed.port, &c->hv->address_turn);
}

/* x.url: the URL as it goes on the wire. */
static bool set_wire_url(struct tt_http_call *c)
{
    c->x.url = c->url.p;
    if (tt_http_url_plain(&c->parsed, c->url.p, c->url.n))
        return true;
    if (!tt__http_put_credentials(c))
        return false;
    tt_buf_clear(&c->wire);
    bool ok = tt_http_url_wire(&c->parsed, &c->wire);
    c->x.url = c->wire.data;
    return ok;
}

static void arm(struct tt_http_call *c)
{
    uint64_t due = c->deadline_ns < c->dial_deadline_ns ? c->deadline_ns : c->dial_deadline_ns;
    tt_timer_start(c->engine->w->loop, &c->timer, due);
}

static void begin_hop(struct tt_http_call *c)
{
    struct tt_http_exchange *x = &c->x;
    uint64_t now = tt_now_ns();
    reset_results(x);
    x->at.begin = now;
    x->connect_to[0] = '\0';
    c->n_addrs = c->next_addr = 0;
    c->looks_proxy_up = false;
    c->dial_deadline_ns = now + DIAL_TIMEOUT_NS;
    arm(c);
    if (!c->answers_challenge) /* else they are there */
        tt__http_put_cookies(c);
    if (!set_wire_url(c) || c->parsed.host.n >= TT_HTTP_HOST_MAX) {
        fail_hop(c, TT_HTTP_E_BAD_URL, "invalid URL: too long");
    } else if (!tt__http_set_proxy(c)) {
        fail_hop(c, TT_HTTP_E_DIAL, "dial: the proxy is no URL like http://host:3128");
    } else if (c->proxy_host[0]) {
        c->looks_proxy_up = true;
        look_up(c, c->proxy_host, c->proxy_port, &c->hv->proxy_turn);
    } else {
        reach(c, !(c->is_special && *c->special.unix_socket));
    }
}

/* Stops what is under way; c->x then tells what had happened. */
static void stop(struct tt_http_call *c)
{
    if (c->in_turn)
        tt_timer_stop(c->engine->w->loop, &c->turn);
    else if (c->looking_up)
        tt_resolve_cancel(c->engine->resolver, &c->lookup);
    else
        c->engine->transport->cancel(c->engine->carrier, &c->x);
    c->looking_up = c->in_turn = false;
}

/* What took too long; dialled as it was before the exchange was stopped. */
static const char *timeout_text(const struct tt_http_call *c, bool looking_up, bool dialled)
{
    const struct tt_http_stamps *at = &c->x.at;
    if (looking_up)
        return "request timeout: looking up the name";
    if (at->first_byte)
        return "request timeout: receiving the response";
    if (at->ready)
        return at->sent ? "request timeout: waiting for the response"
                        : "request timeout: sending the request";
    return dialled && c->parsed.https ? "request timeout: TLS handshake"
                                      : "request timeout: connecting";
}

static void on_timer(struct tt_timer *t)
{
    struct tt_http_call *c =
        (struct tt_http_call *)((char *)t - offsetof(struct tt_http_call, timer));
    uint64_t now = tt_loop_now(c->engine->w->loop);
    bool looking_up = c->looking_up;
    bool dialled =
        !looking_up && !c->in_turn && c->engine->transport->dialled(c->engine->carrier, &c->x);
    if (now >= c->deadline_ns) {
        stop(c);
        fail_hop(c, TT_HTTP_E_TIMEOUT, timeout_text(c, looking_up, dialled));
        return;
    }
    if (now < c->dial_deadline_ns) { /* a later hop has its own time to connect */
        arm(c);
    } else if (looking_up || dialled) {
        c->dial_deadline_ns = TT_NEVER;
        arm(c);
    } else {
        stop(c);
        fail_hop(c, TT_HTTP_E_DIAL_TIMEOUT, "dial: i/o timeout");
    }
}

/* The first hop; the time-out counts from here. */
static void go(struct tt_http_call *c)
{
    uint64_t now = tt_loop_now(c->engine->w->loop);
    c->deadline_ns = c->timeout_ns < TT_NEVER - now ? now + c->timeout_ns : TT_NEVER;
    if (c->parsed.fault) {
        refuse_url(c);
    } else if (c->timeout_ns == 0) {
        reset_results(&c->x);
        c->x.at.begin = now;
        fail_hop(c, TT_HTTP_E_TIMEOUT, "request timeout: it is 0");
    } else {
        begin_hop(c);
    }
}

/* --- the option rps ------------------------------------------------------------------------------
 */

static void on_turn(struct tt_timer *t)
{
    struct tt_http_call *c =
        (struct tt_http_call *)((char *)t - offsetof(struct tt_http_call, turn));
    c->in_turn = false;
    if (c->hop)
        begin_hop(c);
    else
        go(c);
}

/* False: it is its turn already. */
static bool waits_for_turn(struct tt_http_call *c)
{
    struct tt_worker *w = c->engine->w;
    struct tt_rate_limit *limit = w->plan ? w->plan->rate_limit : NULL;
    if (!limit)
        return false;
    uint64_t now = tt_loop_now(w->loop), due = tt_rate_limit_take(limit, now);
    c->in_turn = due > now;
    if (c->in_turn)
        tt_timer_start(w->loop, &c->turn, due);
    return c->in_turn;
}

static void next_hop(struct tt_http_call *c)
{
    if (!c->engine->opt || !c->engine->opt->rps_redirects || !waits_for_turn(c)) {
        begin_hop(c);
        return;
    }
    c->dial_deadline_ns = TT_NEVER; /* of the hop before */
    arm(c);
}

/* --- begin and end -------------------------------------------------------------------------------
 */

void tt_http_call_hold(struct tt_http_call *c)
{
    TT_ASSERT(c->engine->idle == c && !c->active);
    c->engine->idle = c->next;
    c->next = NULL;
    c->held = true;
}

void tt_http_call_start(struct tt_http_call *c)
{
    if (!c->held)
        tt_http_call_hold(c);
    c->active = true;
    c->x.done = on_exchange;
    c->lookup.done = on_looked_up;
    size_t n = c->parsed.host.n < sizeof c->first_host ? c->parsed.host.n : 0;
    if (n) /* a URL without a host has none to copy */
        memcpy(c->first_host, c->parsed.host.p, n);
    c->first_host[n] = '\0';
    tt_timer_init(&c->timer, on_timer);
    tt_timer_init(&c->turn, on_turn);
    if (c->parsed.fault || !waits_for_turn(c))
        go(c);
}

void tt_http_call_cancel(struct tt_http_call *c)
{
    if (c->active) {
        c->active = false;
        tt_timer_stop(c->engine->w->loop, &c->timer);
        stop(c);
    }
    tt_http_call_put(c);
}
