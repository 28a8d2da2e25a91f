/* SPDX-License-Identifier: MIT */
/* The agents' side of the tunnel: upgrade with token and faults, ready, what they say. Server's
 * thread. */
#include "base/clock.h"
#include "base/memory.h"
#include "target/tunnel/token.h"
#include "target/tunnel/tunnel_int.h"
#include <string.h>

/* An upgrade that waits for connect_delay_ms. */
struct connecting {
    struct tt__waiting w;
    struct tt_timer timer;
};

#define OF(type, member, p) ((type *)((char *)(p)-offsetof(type, member)))

static void send_buf(struct tt__agent *a, struct tt_buf *b)
{
    tt_peer_send(a->ws, b->data, b->len, false, a->tunnel->config->limits ? TT__WS_FRAME_MAX : 0);
    tt_buf_fini(b);
}

/* --- connecting */

static void on_idle(struct tt_timer *t)
{
    tt_peer_close(OF(struct tt__agent, idle, t)->ws, 1001, "Going away");
}

static void on_end(struct tt_timer *t)
{
    struct tt__agent *a = OF(struct tt__agent, end, t);
    const struct tt__tunnel_config *c = a->tunnel->config;
    if (c->disconnect_after_s)
        tt__agent_disconnect(a);
    else
        tt_peer_close(a->ws, 1001, "Going away");
}

static void on_ready_due(struct tt_timer *t);

static void make_address(struct tt__tunnel *n, struct tt__address *a)
{
    const struct tt__tunnel_config *c = n->config;
    bool deployed = c->public_form == 1;
    const char *scheme = deployed || tt_server_secure(n->server) ? "https" : "http";
    const char *host = c->common.host ? c->common.host : "127.0.0.1";
    char port[8] = "";
    if (!deployed)
        snprintf(port, sizeof port, ":%u", tt_server_port(n->server));
    bool v6 = strchr(host, ':') != NULL;
    snprintf(a->subdomain_url, sizeof a->subdomain_url, "%s://%s.%s%s", scheme, a->tunnel_id,
             c->domain, port);
    snprintf(a->path_based_url, sizeof a->path_based_url, "%s://%s%s%s%s/%s", scheme,
             v6 && !deployed ? "[" : "", deployed ? c->domain : host, v6 && !deployed ? "]" : "",
             port, a->tunnel_id);
    memcpy(a->public_url, c->primary ? a->path_based_url : a->subdomain_url, sizeof a->public_url);
}

static void accept_agent(struct tt__tunnel *n, struct tt_exchange *x)
{
    struct tt__agent *a = tt_xcalloc(1, sizeof *a);
    a->tunnel = n;
    tt_timer_init(&a->ready, on_ready_due);
    tt_timer_init(&a->idle, on_idle);
    tt_timer_init(&a->end, on_end);
    tt__tunnel_id_new(&n->rng, a->address.tunnel_id);
    tt__connection_id_new(&n->rng, a->address.connection_id);
    make_address(n, &a->address);
    tt_map_put(&n->agents, a->address.tunnel_id, a);
    tt__tunnel_count(n, TT__AGENTS);
    tt_exchange_upgrade(x, NULL, a);
}

static bool authorized(const struct tt__tunnel *n, const struct tt_exchange *x)
{
    char token[TT__TOKEN_MAX];
    if (!n->config->require_auth)
        return true;
    return tt__token_presented(&x->req, token, sizeof token) &&
           tt__token_valid(token, n->config->jwt_secret, (double)tt_wall_ns() / 1e9);
}

static void refuse(struct tt__tunnel *n, struct tt_exchange *x, const struct tt__error *e)
{
    tt__tunnel_count(n, TT__REJECTED);
    tt__tunnel_error(n, x, e);
}

static void answer_upgrade(struct tt__tunnel *n, struct tt_exchange *x)
{
    const struct tt__tunnel_config *c = n->config;
    if (tt__chance(&n->rng, c->connect_drop)) {
        tt__tunnel_count(n, TT__REJECTED);
        tt_exchange_drop(x, true);
    } else if (!authorized(n, x)) {
        refuse(n, x, tt__error_of(TT__UNAUTHORIZED));
    } else if (tt__chance(&n->rng, c->connect_reject)) {
        struct tt__error e = *tt__error_for_status((unsigned)c->connect_reject_status);
        e.status = (int)c->connect_reject_status;
        refuse(n, x, &e);
    } else {
        accept_agent(n, x);
    }
}

static void on_connect_due(struct tt_timer *t)
{
    struct connecting *c = OF(struct connecting, timer, t);
    struct tt__tunnel *n = c->w.tunnel;
    struct tt_exchange *x = c->w.x;
    tt_free(c);
    answer_upgrade(n, x);
}

void tt__agent_connect(struct tt__tunnel *n, struct tt_exchange *x)
{
    uint64_t delay = n->config->connect_delay_ms;
    if (!delay) {
        answer_upgrade(n, x);
        return;
    }
    struct connecting *c = tt_xcalloc(1, sizeof *c);
    c->w = (struct tt__waiting){TT__WAITS_CONNECT, n, x};
    x->user = c;
    tt_timer_init(&c->timer, on_connect_due);
    tt__tunnel_after(n, &c->timer, delay);
}

void tt__agent_connect_gone(struct tt__waiting *w)
{
    struct connecting *c = OF(struct connecting, w, w);
    tt__tunnel_count(w->tunnel, TT__REJECTED);
    tt_timer_stop(w->tunnel->loop, &c->timer);
    tt_free(c);
}

/* --- connected */

static void restart_idle(struct tt__agent *a)
{
    const struct tt__tunnel_config *c = a->tunnel->config;
    if (c->limits && c->idle_s)
        tt__tunnel_after(a->tunnel, &a->idle, c->idle_s * 1000);
}

void tt__agent_open(struct tt_peer *ws, void *user)
{
    struct tt__agent *a = tt_peer_user(ws);
    const struct tt__tunnel_config *c = a->tunnel->config;
    (void)user;
    a->ws = ws;
    restart_idle(a);
    uint64_t life = c->limits ? c->life_s : 0;
    if (c->disconnect_after_s)
        life = c->disconnect_after_s;
    if (life)
        tt__tunnel_after(a->tunnel, &a->end, life * 1000);
}

void tt__agent_closed(struct tt_peer *ws, void *user)
{
    struct tt__agent *a = tt_peer_user(ws);
    struct tt__tunnel *n = a->tunnel;
    (void)user;
    tt__tunnel_count(n, TT__DISCONNECTED);
    tt_map_remove(&n->agents, a->address.tunnel_id);
    tt_timer_stop(n->loop, &a->ready);
    tt_timer_stop(n->loop, &a->idle);
    tt_timer_stop(n->loop, &a->end);
    tt_free(a);
}

void tt__agent_disconnect(struct tt__agent *a)
{
    unsigned code = (unsigned)a->tunnel->config->disconnect_code;
    if (code)
        tt_peer_close(a->ws, code, "");
    else
        tt_peer_kill(a->ws, true);
}

static void establish(struct tt__agent *a)
{
    struct tt_buf b;
    tt_buf_init(&b, SIZE_MAX);
    if (!a->established)
        tt__tunnel_count(a->tunnel, TT__ESTABLISHED);
    a->established = true;
    tt__message_established(&b, &a->address);
    send_buf(a, &b);
}

static void on_ready_due(struct tt_timer *t)
{
    struct tt__agent *a = OF(struct tt__agent, ready, t);
    for (; a->ready_due; a->ready_due--)
        establish(a);
}

static void on_ready(struct tt__agent *a)
{
    struct tt__tunnel *n = a->tunnel;
    uint64_t delay = tt__tunnel_delay(n, n->config->ready_delay_ms);
    if (tt__chance(&n->rng, n->config->ready_ignore))
        return;
    if (!delay) {
        establish(a);
    } else if (!a->ready_due++) {
        tt__tunnel_after(n, &a->ready, delay);
    }
}

static void on_failed_message(struct tt__agent *a)
{
    struct tt_buf b;
    char id[32];
    tt_buf_init(&b, SIZE_MAX);
    tt__connection_id_new(&a->tunnel->rng, id);
    tt__message_failed(&b, a->address.connection_id, id);
    send_buf(a, &b);
}

void tt__agent_message(struct tt_peer *ws, const char *p, size_t size, bool binary, void *user)
{
    struct tt__agent *a = tt_peer_user(ws);
    struct tt__tunnel *n = a->tunnel;
    struct tt__message m;
    (void)user;
    restart_idle(a);
    if (binary) {
        tt_peer_close(ws, 1003, "");
        return;
    }
    if (tt__chance(&n->rng, n->config->lambda_error)) {
        on_failed_message(a);
        return;
    }
    tt__message_read(&m, p, size);
    switch (m.kind) {
    case TT__MESSAGE_BAD:
        tt__tunnel_count(n, TT__BAD_MESSAGES);
        on_failed_message(a);
        break;
    case TT__MESSAGE_READY:
        on_ready(a);
        break;
    case TT__MESSAGE_RESPONSE:
    case TT__MESSAGE_ERROR:
        tt__forward_answer(n, &m);
        break;
    case TT__MESSAGE_IGNORED:
        break;
    }
    tt__message_fini(&m);
}
