/* SPDX-License-Identifier: MIT */
/* The callers' side of the tunnel: a request is sent on to the agent that its URL names, and waits
 * under a request id for the answer. A dropped agent does not end the waiting: as in the deployed
 * service, the request runs into its timeout. Server's thread. */
#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/str.h"
#include "target/tunnel/tunnel_int.h"
#include <string.h>
#include <strings.h>

/* A request that waits for its answer. */
struct pending {
    struct tt__waiting w;
    char id[37], tunnel_id[TT__TUNNEL_ID_LEN + 1];
    bool subdomain, sent;
    char *message; /* until it is sent on */
    size_t message_len;
    uint64_t sent_ns, give_up_ms;
    struct tt__message answer; /* the last one, once there is one */
    struct tt_timer send, look, timeout;
};

#define OF(type, member, p) ((type *)((char *)(p)-offsetof(type, member)))

static void free_pending(struct pending *p)
{
    struct tt__tunnel *n = p->w.tunnel;
    tt_map_remove(&n->pending, p->id);
    tt_timer_stop(n->loop, &p->send);
    tt_timer_stop(n->loop, &p->look);
    tt_timer_stop(n->loop, &p->timeout);
    tt__message_fini(&p->answer);
    tt_free(p->message);
    tt_free(p);
}

static void fail(struct tt__tunnel *n, struct tt_exchange *x, enum tt__problem problem)
{
    tt__tunnel_count(n, problem == TT__TIMEOUT ? TT__TIMEOUTS : TT__ERRORS);
    tt__tunnel_error(n, x, tt__error_of(problem));
}

static void fail_pending(struct pending *p, enum tt__problem problem)
{
    struct tt__tunnel *n = p->w.tunnel;
    struct tt_exchange *x = p->w.x;
    free_pending(p);
    fail(n, x, problem);
}

void tt__forward_gone(struct tt__waiting *w)
{
    tt__tunnel_count(w->tunnel, TT__ABANDONED);
    free_pending(OF(struct pending, w, w));
}

/* --- answering */

static bool is_framing(const char *name)
{
    static const char *const names[] = {"content-length", "transfer-encoding", "connection",
                                        "keep-alive", "upgrade"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

/* The first value of each; names and values that HTTP does not allow are left out. */
static void copy_headers(struct tt_exchange *x, const cJSON *headers)
{
    const cJSON *values;
    cJSON_ArrayForEach(values, headers)
    {
        const char *first = cJSON_GetStringValue(cJSON_GetArrayItem(values, 0));
        if (first && !is_framing(values->string))
            tt_exchange_add(x, values->string, first);
    }
}

static void reply_with(struct pending *p)
{
    struct tt__tunnel *n = p->w.tunnel;
    struct tt_exchange *x = p->w.x;
    struct tt__message *m = &p->answer;
    char id[32];
    struct tt_buf body;
    tt_buf_init(&body, SIZE_MAX);
    bool ok = m->status >= 200 && m->status <= 599;
    if (m->kind == TT__MESSAGE_ERROR)
        tt_buf_puts(&body, m->body);
    else
        ok = ok && tt_base64_decode(&body, m->body, strlen(m->body), TT_BASE64_STD);
    if (!ok) {
        tt_buf_fini(&body);
        fail_pending(p, TT__INTERNAL);
        return;
    }
    if (m->kind == TT__MESSAGE_ERROR)
        tt_exchange_add(x, "content-type", "text/plain");
    else
        copy_headers(x, m->headers);
    tt__connection_id_new(&n->rng, id);
    tt_exchange_add(x, "apigw-requestid", id);
    if (p->subdomain)
        tt_exchange_add(x, "x-tunnel-routing-mode", "subdomain");
    tt__tunnel_count(n, TT__ANSWERED);
    int status = (int)m->status;
    free_pending(p);
    tt_exchange_reply(x, status, body.data, body.len);
    tt_buf_fini(&body);
}

static void on_look(struct tt_timer *t)
{
    reply_with(OF(struct pending, look, t));
}

static void on_timeout(struct tt_timer *t)
{
    fail_pending(OF(struct pending, timeout, t), TT__TIMEOUT);
}

static uint64_t elapsed_ms(const struct pending *p)
{
    return (tt_loop_now(p->w.tunnel->loop) - p->sent_ns + TT_NS_PER_MS - 1) / TT_NS_PER_MS;
}

/* The last answer wins until it is noticed. */
void tt__forward_answer(struct tt__tunnel *n, struct tt__message *m)
{
    struct pending *p = m->request_id ? tt_map_get(&n->pending, m->request_id) : NULL;
    if (!p || !p->sent) {
        tt__tunnel_count(n, TT__LATE);
        return;
    }
    if (tt__chance(&n->rng, n->config->resp_drop))
        return;
    tt__message_fini(&p->answer);
    p->answer = *m;
    m->json = NULL;
    if (tt_timer_running(&p->look))
        return;
    uint64_t delay = tt__tunnel_delay(n, n->config->resp_delay_ms);
    enum tt__noticing how = (enum tt__noticing)n->config->noticing;
    if (how == TT__INSTANT && !delay) {
        reply_with(p);
        return;
    }
    uint64_t look = tt__next_look(how, elapsed_ms(p) + delay);
    if (look > p->give_up_ms || (look == p->give_up_ms && how != TT__EVENT))
        return;
    tt_timer_stop(n->loop, &p->timeout);
    tt_timer_start(n->loop, &p->look, p->sent_ns + look * TT_NS_PER_MS);
}

/* --- sending on */

static void send_on(struct pending *p, struct tt__agent *a)
{
    struct tt__tunnel *n = p->w.tunnel;
    const struct tt__tunnel_config *c = n->config;
    size_t frame_max = c->limits ? TT__WS_FRAME_MAX : 0;
    a->n_requests++;
    if (tt__chance(&n->rng, c->disconnect_on_req)) {
        tt__agent_disconnect(a);
        return;
    }
    if (!tt__chance(&n->rng, c->req_drop)) {
        tt__tunnel_count(n, TT__FORWARDED);
        tt_peer_send(a->ws, p->message, p->message_len, false, frame_max);
        if (tt__chance(&n->rng, c->req_dup))
            tt_peer_send(a->ws, p->message, p->message_len, false, frame_max);
    }
    if (c->disconnect_after_reqs && a->n_requests >= c->disconnect_after_reqs)
        tt__agent_disconnect(a);
}

static void on_send(struct tt_timer *t)
{
    struct pending *p = OF(struct pending, send, t);
    struct tt__tunnel *n = p->w.tunnel;
    struct tt__agent *a = tt_map_get(&n->agents, p->tunnel_id);
    if (!a || !a->ws || !tt_peer_open(a->ws)) {
        fail_pending(p, TT__INTERNAL);
        return;
    }
    p->sent = true;
    p->sent_ns = tt_loop_now(n->loop);
    p->give_up_ms = tt__give_up((enum tt__noticing)n->config->noticing, n->config->timeout_ms);
    tt_timer_start(n->loop, &p->timeout, p->sent_ns + p->give_up_ms * TT_NS_PER_MS);
    send_on(p, a);
    tt_free(p->message);
    p->message = NULL;
}

static void add_header(cJSON *headers, const char *name, const char *value)
{
    cJSON *values = cJSON_GetObjectItemCaseSensitive(headers, name);
    if (!values) {
        values = cJSON_AddArrayToObject(headers, name);
        cJSON_AddItemToArray(values, cJSON_CreateString(value));
        return;
    }
    struct tt_buf joined;
    tt_buf_init(&joined, SIZE_MAX);
    tt_buf_printf(&joined, "%s,%s", cJSON_GetArrayItem(values, 0)->valuestring, value);
    cJSON_ReplaceItemInArray(values, 0, cJSON_CreateString(joined.data));
    tt_buf_fini(&joined);
}

/* One value a name, and what the gateway adds. */
static cJSON *request_headers(struct tt__tunnel *n, const struct tt_exchange *x)
{
    cJSON *headers = cJSON_CreateObject();
    char text[64];
    for (size_t i = 0; i < x->req.n_fields; i++) {
        const struct tt_http_field *f = &x->req.fields[i];
        if (!is_framing(f->name) || strcmp(f->name, "content-length") == 0)
            add_header(headers, f->name, f->value);
    }
    add_header(headers, "x-forwarded-for", x->peer);
    snprintf(text, sizeof text, "%u", tt_server_port(n->server));
    add_header(headers, "x-forwarded-port", text);
    add_header(headers, "x-forwarded-proto", x->secure ? "https" : "http");
    snprintf(text, sizeof text, "Root=1-%08llx-%08llx%016llx",
             (unsigned long long)(tt_wall_ns() / TT_NS_PER_S),
             (unsigned long long)(tt_rng_next(&n->rng) >> 32),
             (unsigned long long)tt_rng_next(&n->rng));
    add_header(headers, "x-amzn-trace-id", text);
    return headers;
}

static struct pending *new_pending(struct tt__tunnel *n, struct tt_exchange *x,
                                   const struct tt__route *route)
{
    struct pending *p = tt_xcalloc(1, sizeof *p);
    p->w = (struct tt__waiting){TT__WAITS_ANSWER, n, x};
    p->subdomain = route->mode == TT__ROUTE_SUBDOMAIN;
    memcpy(p->tunnel_id, route->id, sizeof p->tunnel_id);
    tt_timer_init(&p->send, on_send);
    tt_timer_init(&p->look, on_look);
    tt_timer_init(&p->timeout, on_timeout);
    tt__uuid4(&n->rng, p->id);
    x->user = p;
    tt_map_put(&n->pending, p->id, p);
    return p;
}

static void start_pending(struct pending *p, const char *path)
{
    struct tt__tunnel *n = p->w.tunnel;
    const struct tt_exchange *x = p->w.x;
    struct tt_buf message;
    cJSON *headers = request_headers(n, x);
    tt_buf_init(&message, SIZE_MAX);
    tt__message_request(&message, &(struct tt__forward){
                                      .request_id = p->id,
                                      .method = x->req.method,
                                      .path = path,
                                      .query = x->req.query,
                                      .headers = headers,
                                      .body = x->body.data,
                                      .body_len = x->body.len,
                                      .timestamp_ms = tt_wall_ns() / TT_NS_PER_MS,
                                  });
    cJSON_Delete(headers);
    p->message_len = message.len;
    p->message = tt_buf_take(&message);
    tt_buf_fini(&message);
    uint64_t delay = tt__tunnel_delay(n, n->config->req_delay_ms);
    if (n->config->limits && p->message_len > TT__WS_MESSAGE_MAX)
        fail_pending(p, TT__INTERNAL);
    else if (delay)
        tt__tunnel_after(n, &p->send, delay);
    else
        on_send(&p->send);
}

void tt__forward_request(struct tt__tunnel *n, struct tt_exchange *x)
{
    const struct tt__tunnel_config *c = n->config;
    const char *host = tt_http_request_header(&x->req, "host");
    tt__tunnel_count(n, TT__REQUESTS);
    if (c->throttle && !tt__bucket_take(&n->bucket, tt_loop_now(n->loop))) {
        fail(n, x, TT__THROTTLED);
        return;
    }
    if (x->body_too_large) {
        fail(n, x, TT__PAYLOAD);
        return;
    }
    if (tt__chance(&n->rng, c->http_reject)) {
        struct tt__error e = *tt__error_for_status((unsigned)c->http_reject_status);
        e.status = (int)c->http_reject_status;
        tt__tunnel_count(n, TT__ERRORS);
        tt__tunnel_error(n, x, &e);
        return;
    }
    struct tt__route route = tt__route(host ? host : "", x->req.path, c->domain);
    if (route.mode == TT__ROUTE_NONE)
        fail(n, x, TT__INTERNAL);
    else if (c->limits && x->body.len > TT__BODY_RULE_MAX)
        fail(n, x, TT__BODY_RULE);
    else if (!tt_map_get(&n->agents, route.id))
        fail(n, x, TT__INTERNAL);
    else
        start_pending(new_pending(n, x, &route), route.path);
}
