/* SPDX-License-Identifier: MIT */
/* `tunnel`: an embedded HTTP tunnel service. Agents register over WebSocket and get a public URL;
 * requests to it are sent on to them. Behaviour, limits and errors follow the deployed service
 * (http-tunnel 0.3 behind an API gateway), latency steps included: it polls for answers, and so
 * does this one unless noticing is "instant". What differs: URLs are http with the port by default
 * (public_form), the query is passed on as it came, bodies are never rewritten. */
#include "base/clock.h"
#include "base/str.h"
#include "target/tunnel/tunnel_int.h"
#include <string.h>

static const char *const counters[TT__N_COUNTERS] = {
    "agents",   "established", "rejected", "disconnected", "requests",     "forwarded",
    "answered", "timeouts",    "errors",   "late",         "bad_messages", "abandoned"};
static const char *const primaries[] = {"subdomain", "path", NULL};
static const char *const forms[] = {"local", "deployed", NULL};
static const char *const noticings[] = {"polling", "instant", "event", NULL};

#define COUNT(field, text, most)                                                                   \
    {                                                                                              \
#field, TT_TARGET_COUNT, offsetof(struct tt__tunnel_config, field), text, .max = (most)    \
    }
#define CHANCE(field, text)                                                                        \
    {                                                                                              \
#field, TT_TARGET_CHANCE, offsetof(struct tt__tunnel_config, field), text                  \
    }
#define BOOL(field, text)                                                                          \
    {                                                                                              \
#field, TT_TARGET_BOOL, offsetof(struct tt__tunnel_config, field), text                    \
    }
#define TEXT(field, text)                                                                          \
    {                                                                                              \
#field, TT_TARGET_TEXT, offsetof(struct tt__tunnel_config, field), text                    \
    }
#define CHOICE(field, list, text)                                                                  \
    {                                                                                              \
#field, TT_TARGET_CHOICE, offsetof(struct tt__tunnel_config, field), text,                 \
            .choices = (list)                                                                      \
    }
enum { DAY_MS = 86400000 };

static const struct tt_target_option options[] = {
    TEXT(domain, "of the subdomain URLs (tunnel.localhost)"),
    CHOICE(primary, primaries, "form of public_url: subdomain or path"),
    CHOICE(public_form, forms, "local: http with the port; deployed: https without"),
    BOOL(require_auth, "agents need a token"),
    TEXT(jwt_secret, "HS256 secret of the tokens"),
    COUNT(timeout_ms, "wait for an agent's answer (25000)", DAY_MS),
    CHOICE(noticing, noticings, "how answers are noticed: polling, instant or event"),
    BOOL(limits, "limits on sizes, idle time and life of a connection (true)"),
    COUNT(idle_s, "close agents that are silent so long (600)", 86400),
    COUNT(life_s, "close agents after so long (7200)", 86400),
    BOOL(throttle, "limit the rate of HTTP requests"),
    COUNT(rate, "requests per second with throttle (50)", 0),
    COUNT(burst, "burst with throttle (100)", 0),
    COUNT(seed, "of the chances below; 0 = another one each time", 0),
    CHANCE(connect_reject, "chance to refuse an upgrade"),
    COUNT(connect_reject_status, "with that status (403)", 599),
    CHANCE(connect_drop, "chance to close TCP instead of upgrading"),
    COUNT(connect_delay_ms, "wait before an upgrade is answered", DAY_MS),
    CHANCE(ready_ignore, "chance to leave a ready message unanswered"),
    COUNT(ready_delay_ms, "wait before connection_established", DAY_MS),
    CHANCE(lambda_error, "chance of an untagged error frame for a message"),
    CHANCE(http_reject, "chance to refuse an HTTP request"),
    COUNT(http_reject_status, "with that status (503)", 599),
    CHANCE(req_drop, "chance not to send a request on: the caller gets 504"),
    COUNT(req_delay_ms, "wait before a request is sent on", DAY_MS),
    CHANCE(req_dup, "chance to send a request on twice"),
    CHANCE(resp_drop, "chance to lose an answer: the caller gets 504"),
    COUNT(resp_delay_ms, "wait before an answer counts as arrived", DAY_MS),
    COUNT(latency_ms, "added both ways", DAY_MS),
    COUNT(latency_jitter_ms, "up to so much more, evenly spread", DAY_MS),
    CHANCE(disconnect_on_req, "chance to disconnect the agent instead of sending it a request"),
    COUNT(disconnect_after_reqs, "disconnect an agent after so many requests", 0),
    COUNT(disconnect_after_s, "disconnect an agent after so many seconds", 86400),
    COUNT(disconnect_code, "Close code of these, 0 = TCP reset", 4999),
};

static void defaults(void *config)
{
    struct tt__tunnel_config *c = config;
    c->domain = "tunnel.localhost";
    c->jwt_secret = "default-secret-change-in-production"; /* the service's own default */
    c->limits = true;
    c->timeout_ms = 25000;
    c->idle_s = TT__IDLE_S;
    c->life_s = TT__LIFE_S;
    c->rate = 50;
    c->burst = 100;
    c->connect_reject_status = 403;
    c->http_reject_status = 503;
}

void tt__tunnel_count(struct tt__tunnel *n, enum tt__tunnel_counter c)
{
    tt_target_count(n->target, c);
}

void tt__tunnel_after(struct tt__tunnel *n, struct tt_timer *t, uint64_t ms)
{
    tt_timer_start(n->loop, t, tt_loop_now(n->loop) + ms * TT_NS_PER_MS);
}

uint64_t tt__tunnel_delay(struct tt__tunnel *n, uint64_t ms)
{
    uint64_t jitter = n->config->latency_jitter_ms;
    return ms + n->config->latency_ms + (jitter ? tt_rng_below(&n->rng, jitter + 1) : 0);
}

void tt__tunnel_error(struct tt__tunnel *n, struct tt_exchange *x, const struct tt__error *e)
{
    char body[128], id[32];
    size_t size = x->body.len;
    if (x->body_too_large)
        size = TT__PAYLOAD_MAX;
    if (strstr(e->body, "%llu"))
        snprintf(body, sizeof body, "Request body too large: %llu bytes (maximum: %d bytes)",
                 (unsigned long long)size, TT__BODY_RULE_MAX);
    else
        snprintf(body, sizeof body, "%s", e->body);
    tt__connection_id_new(&n->rng, id);
    tt_exchange_add(x, "apigw-requestid", id);
    if (e->x_tunnel_error)
        tt_exchange_add(x, "x-tunnel-error", e->x_tunnel_error);
    tt_exchange_reply_text(x, e->status, e->type, body);
}

static void request(struct tt_exchange *x, void *user)
{
    struct tt_target *t = user;
    struct tt__tunnel *n = t->state;
    if (x->req.wants_websocket)
        tt__agent_connect(n, x);
    else
        tt__forward_request(n, x);
}

static void gone(struct tt_exchange *x, void *user)
{
    struct tt__waiting *w = x->user;
    (void)user;
    if (w->kind == TT__WAITS_CONNECT)
        tt__agent_connect_gone(w);
    else
        tt__forward_gone(w);
}

static void started(struct tt_server *s, void *user)
{
    struct tt_target *t = user;
    struct tt__tunnel *n = t->state;
    n->server = s;
    n->loop = tt_server_loop(s);
    tt__bucket_init(&n->bucket, (double)n->config->rate, (double)n->config->burst,
                    tt_loop_now(n->loop));
}

static bool prepare(struct tt_target *t, struct tt_server_config *server, struct tt_err *err)
{
    struct tt__tunnel *n = t->state;
    (void)err;
    n->target = t;
    n->config = t->config;
    tt_map_init(&n->agents);
    tt_map_init(&n->pending);
    tt_rng_seed(&n->rng, n->config->seed ? n->config->seed : tt_random_seed());
    server->body_max = TT__PAYLOAD_MAX;
    if (n->config->limits) {
        server->ws_frame_max = TT__WS_FRAME_MAX;
        server->ws_message_max = TT__WS_MESSAGE_MAX;
    }
    return true;
}

/* The values went when their connections were closed. */
static void cleanup(struct tt_target *t)
{
    struct tt__tunnel *n = t->state;
    tt_map_fini(&n->agents, NULL);
    tt_map_fini(&n->pending, NULL);
}

static const struct tt_server_handler handler = {
    .started = started,
    .request = request,
    .gone = gone,
    .ws_open = tt__agent_open,
    .ws_message = tt__agent_message,
    .ws_closed = tt__agent_closed,
};

extern const struct tt_target_class tt_target_tunnel;
const struct tt_target_class tt_target_tunnel = {
    .name = "tunnel",
    .scheme = "ws",
    .summary = "an HTTP tunnel service: agents register over WebSocket, callers use their URLs",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .config_size = sizeof(struct tt__tunnel_config),
    .state_size = sizeof(struct tt__tunnel),
    .defaults = defaults,
    .counters = counters,
    .n_counters = TT__N_COUNTERS,
    .handler = &handler,
    .prepare = prepare,
    .cleanup = cleanup,
};
