/* SPDX-License-Identifier: MIT */
/* A worker's HTTP engine: the pool of calls, the transport and resolver made at the first request,
 * and what a VU keeps. */
#include "base/memory.h"
#include "proto/http/body.h"
#include "proto/http/call.h"

enum { HEAD_MAX = 1024 * 1024, LINES_MAX = 1024 * 1024, URL_MAX = 1024 * 1024 };
#define KEEP_MEMORY ((size_t)64 * 1024) /* a pooled call's buffers are given back above this */

void tt_http_engine_init(struct tt_http_engine *e, struct tt_worker *w,
                         const struct tt_http_transport *transport)
{
    *e = (struct tt_http_engine){.w = w,
                                 .opt = w->plan ? &w->plan->opt : NULL,
                                 .net = w->plan ? &w->plan->network : NULL,
                                 .transport = transport};
    const struct tt_options *opt = e->opt;
    tt_http_tag_cache_init(&e->tags, opt && opt->max_url_names > 0 ? (size_t)opt->max_url_names : 0,
                           opt && opt->url_templates);
    if (e->opt) {
        e->max_body = e->opt->max_response_body_size;
        e->max_ratio =
            e->opt->max_decompression_ratio > 0 ? (uint64_t)e->opt->max_decompression_ratio : 0;
    }
}

static void call_free(struct tt_http_call *c)
{
    tt_http_jar_unref(c->jar);
    tt_tags_hold(&c->tags, NULL);
    tt_buf_fini(&c->lines);
    tt_buf_fini(&c->spare_lines);
    tt_buf_fini(&c->cookies);
    tt_buf_fini(&c->wire);
    tt_buf_fini(&c->hop_url[0]);
    tt_buf_fini(&c->hop_url[1]);
    tt_buf_fini(&c->x.head);
    tt_http_body_reset(&c->x);
    tt_buf_fini(&c->x.body);
    tt_tls_info_clear(&c->x.tls);
    tt_free(c);
}

void tt_http_engine_fini(struct tt_http_engine *e)
{
    while (e->idle) {
        struct tt_http_call *c = e->idle;
        e->idle = c->next;
        call_free(c);
    }
    if (e->carrier)
        e->transport->close(e->carrier);
    if (e->resolver)
        tt_resolver_free(e->resolver);
    tt_http_tag_cache_fini(&e->tags);
    tt_http_origins_fini(&e->origins);
}

void tt_http_vu_fini(struct tt_http_engine *e, struct tt_http_vu *hv)
{
    if (hv->session)
        e->transport->session_free(e->carrier, hv->session);
    tt_http_jar_unref(hv->jar);
    tt_tls_sessions_unref(hv->tls_sessions);
    tt_free(hv->expected);
    *hv = (struct tt_http_vu){0};
}

struct tt_tls_sessions *tt_http_vu_tls_sessions(struct tt_http_vu *hv, const struct tt_options *opt)
{
    if (!opt || !opt->tls_resumption)
        return NULL;
    if (!hv->tls_sessions)
        hv->tls_sessions = tt_tls_sessions_new();
    return hv->tls_sessions;
}

void tt_http_vu_iteration_begin(struct tt_http_engine *e, struct tt_http_vu *hv)
{
    if (hv->jar && !(e->opt && e->opt->no_cookies_reset))
        tt_http_jar_clear(hv->jar);
}

void tt_http_vu_iteration_end(struct tt_http_engine *e, struct tt_http_vu *hv)
{
    if (!e->opt || !e->opt->no_vu_connection_reuse)
        return;
    tt_tls_sessions_unref(hv->tls_sessions);
    hv->tls_sessions = NULL;
    if (!hv->session)
        return;
    e->transport->session_free(e->carrier, hv->session);
    hv->session = NULL;
    hv->address_turn = hv->proxy_turn = 0;
}

static bool engine_open(struct tt_http_engine *e, struct tt_err *err)
{
    e->proxies = tt_http_proxies_of_environment();
    e->carrier = e->transport->open(e->w->loop, e->opt, err);
    if (!e->carrier)
        return false;
    e->resolver = tt_resolver_new(e->w->loop, e->net);
    return true;
}

static struct tt_http_call *call_new(struct tt_http_engine *e)
{
    struct tt_http_call *c = tt_xcalloc(1, sizeof *c);
    c->engine = e;
    tt_buf_init(&c->lines, LINES_MAX);
    tt_buf_init(&c->spare_lines, LINES_MAX);
    tt_buf_init(&c->cookies, LINES_MAX);
    tt_buf_init(&c->wire, TT_HTTP_BODY_MAX);
    tt_buf_init(&c->hop_url[0], URL_MAX);
    tt_buf_init(&c->hop_url[1], URL_MAX);
    tt_buf_init(&c->x.head, HEAD_MAX);
    tt_buf_init(&c->x.body, TT_HTTP_BODY_MAX);
    return c;
}

struct tt_http_call *tt_http_call_get(struct tt_http_engine *e, struct tt_vu *vu,
                                      struct tt_http_vu *hv, struct tt_err *err)
{
    if (!e->carrier && !engine_open(e, err))
        return NULL;
    if (!hv->session)
        hv->session = e->transport->session_new(e->carrier);
    if (!e->idle)
        e->idle = call_new(e);
    struct tt_http_call *c = e->idle;
    tt_op_init(&c->op, e->op_class);
    c->vu = vu;
    c->hv = hv;
    tt_buf_clear(&c->lines);
    c->n_lines = 0;
    tt_http_jar_unref(c->jar); /* a binding that raised may have left one */
    c->jar = NULL;
    tt_buf_clear(&c->cookies);
    c->expected = hv->expected ? *hv->expected : tt_http_expected_default;
    c->server_name[0] = '\0';
    c->body = NULL;
    c->source = NULL;
    c->body_len = 0;
    c->auth = TT_HTTP_AUTH_BASIC;
    if (c->is_special) {
        c->special = (struct tt_http_special){0};
        c->is_special = false;
    }
    c->ignores_proxies = c->answers_challenge = false;
    c->hop = 0;
    c->own_referer = c->streams = c->ended = false;
    c->owner = NULL;
    c->on_end = NULL;
    c->x.ready = NULL;
    c->has_local = e->net && tt_network_local_ip(e->net, vu->id_in_instance, &c->local);
    return c;
}

static void give_back(struct tt_buf *b)
{
    if (b->cap > KEEP_MEMORY)
        tt_buf_fini(b);
}

void tt_http_call_put(struct tt_http_call *c)
{
    tt_tags_hold(&c->tags, NULL);
    give_back(&c->lines);
    give_back(&c->spare_lines);
    give_back(&c->cookies);
    give_back(&c->wire);
    give_back(&c->hop_url[0]);
    give_back(&c->hop_url[1]);
    give_back(&c->x.head);
    tt_http_body_reset(&c->x);
    give_back(&c->x.body);
    tt_tls_info_clear(&c->x.tls);
    tt_http_jar_unref(c->jar);
    c->jar = NULL;
    c->vu = NULL;
    c->held = false;
    c->next = c->engine->idle;
    c->engine->idle = c;
}
