/* SPDX-License-Identifier: MIT */
/* Samples and tags of a hop. */
#include "proto/http/samples.h"
#include "base/memory.h"
#include "base/str.h"
#include <stdio.h>
#include <string.h>

const struct tt_http_expected tt_http_expected_default = {true, 1, {{200, 399}}};

enum { TAGS_MAX = 12 };

void tt_http_tag_cache_init(struct tt_http_tag_cache *c, size_t max_names, bool templates)
{
    *c = (struct tt_http_tag_cache){0};
    tt_http_names_init(&c->names, max_names, templates);
}

void tt_http_tag_cache_fini(struct tt_http_tag_cache *c)
{
    for (size_t i = 0; i < TT_HTTP_TAG_ENTRIES; i++)
        tt_free(c->entries[i].label);
    tt_http_names_fini(&c->names);
}

/* A name tag that is set stands for the URL too, so that a script can keep them few. */
static const char *name_of(struct tt_http_tag_cache *c, const struct tt_tagpool *pool,
                           const struct tt_tags *base)
{
    if (c->named != base || tt_tagpool_overflow(pool)) {
        c->name = tt_tags_get(base, "name");
        c->named = base;
    }
    return c->name;
}

static enum tt_http_verdict verdict(const struct tt_http_sample *s)
{
    if (!s->expected->judged)
        return TT_HTTP_UNJUDGED;
    return tt_http_expected_has(s->expected, s->status->code) ? TT_HTTP_EXPECTED
                                                              : TT_HTTP_UNEXPECTED;
}

/* Static text; NULL: without TLS, or nobody wants to know. */
static const char *ocsp_status(const struct tt_http_sample *s)
{
    if (!s->status->code || !s->x->tls.peer ||
        !tt_system_tags_has(tt_tagpool_chosen(s->vu->w->tags), TT_TAG_ocsp_status))
        return NULL;
    return tt_tls_peer_ocsp(s->x->tls.peer)->status;
}

static const struct tt_tags *make(const struct tt_http_sample *s, const char *label)
{
    struct tt_tag t[TAGS_MAX];
    char status[16], code[16];
    size_t n = 0;
    int error_code =
        s->x->error.code ? s->x->error.code : tt_http_status_error_code(s->status->code);
    snprintf(status, sizeof status, "%d", s->status->code);
    t[n++] = (struct tt_tag){"url", label};
    t[n++] = (struct tt_tag){"name", label};
    t[n++] = (struct tt_tag){"method", s->method};
    t[n++] = (struct tt_tag){"status", status};
    if (s->expected->judged)
        t[n++] =
            (struct tt_tag){"expected_response", verdict(s) == TT_HTTP_EXPECTED ? "true" : "false"};
    if (s->status->code && s->status->proto)
        t[n++] = (struct tt_tag){"proto", s->status->proto};
    if (s->status->code && s->x->tls.version)
        t[n++] = (struct tt_tag){"tls_version", s->x->tls.version};
    if (ocsp_status(s))
        t[n++] = (struct tt_tag){"ocsp_status", ocsp_status(s)};
    if (s->x->error.code)
        t[n++] = (struct tt_tag){"error", s->x->error.text};
    if (error_code) {
        snprintf(code, sizeof code, "%d", error_code);
        t[n++] = (struct tt_tag){"error_code", code};
    }
    if (s->x->remote_ip[0])
        t[n++] = (struct tt_tag){"ip", s->x->remote_ip};
    return tt_tags_system(s->vu->w->tags, s->base, t, n);
}

static bool fits(const struct tt_http_tag_entry *e, const struct tt_http_sample *s, uint64_t hash,
                 struct tt_slice label)
{
    return e->tags && e->hash == hash && e->base == s->base && e->status == s->status->code &&
           e->label_len == label.n && memcmp(e->label, label.p, label.n) == 0 &&
           e->proto == s->status->proto && e->tls == s->x->tls.version &&
           e->ocsp == ocsp_status(s) && e->verdict == verdict(s) &&
           strcmp(e->method, s->method) == 0;
}

static void fill(struct tt_http_tag_entry *e, const struct tt_http_sample *s, uint64_t hash,
                 struct tt_slice label, const struct tt_tags *tags)
{
    if (label.n > e->label_cap) {
        e->label = tt_xrealloc(e->label, label.n);
        e->label_cap = label.n;
    }
    memcpy(e->label, label.p, label.n);
    e->label_len = label.n;
    e->base = s->base;
    e->hash = hash;
    e->status = s->status->code;
    e->proto = s->status->proto;
    e->tls = s->x->tls.version;
    e->ocsp = ocsp_status(s);
    e->verdict = verdict(s);
    snprintf(e->method, sizeof e->method, "%s", s->method);
    e->tags = tags;
}

/* names.text: the URL as its name. */
static const char *name_url(struct tt_http_tag_cache *c, const struct tt_http_sample *s)
{
    struct tt_buf *text = &c->names.text;
    bool ok = true;
    tt_buf_clear(text);
    if (s->parsed->fault) /* what is secret in it cannot be told */
        ok = !memchr(s->url.p, '@', s->url.n) && tt_buf_append(text, s->url.p, s->url.n);
    else if (c->names.templates)
        ok = tt_http_url_template(s->parsed, text);
    else
        ok = tt_http_url_clean(s->parsed, text);
    return ok && text->data ? text->data : "";
}

static const struct tt_tags *name_and_make(struct tt_http_tag_cache *c,
                                           const struct tt_http_sample *s, const char *name)
{
    if (name)
        return make(s, name);
    const char *own = name_url(c, s), *admitted = tt_http_names_admit(&c->names, own);
    c->other = admitted != own;
    return make(s, admitted);
}

/* What stands for the request in the cache: its name, or its URL as long as that is one. */
static struct tt_slice label_of(struct tt_http_tag_cache *c, const struct tt_http_sample *s,
                                const char *name)
{
    if (!name && !c->names.templates)
        return s->url;
    if (!name)
        name = name_url(c, s);
    return (struct tt_slice){name, strlen(name)};
}

const struct tt_tags *tt_http_sample_tags(struct tt_http_tag_cache *c,
                                          const struct tt_http_sample *s)
{
    const char *name = name_of(c, s->vu->w->tags, s->base);
    bool with_ip = tt_system_tags_has(tt_tagpool_chosen(s->vu->w->tags), TT_TAG_ip);
    c->other = false;
    if (s->x->error.code || with_ip || strlen(s->method) >= sizeof c->entries[0].method)
        return name_and_make(c, s, name);
    struct tt_slice label = label_of(c, s, name);
    uint64_t hash = tt_hash_bytes(label.p, label.n, (uintptr_t)s->base ^ (uint64_t)s->status->code);
    struct tt_http_tag_entry *e = &c->entries[hash % TT_HTTP_TAG_ENTRIES];
    if (fits(e, s, hash, label))
        return e->tags;
    const struct tt_tags *tags = name_and_make(c, s, name);
    /* Past the pool's capacity sets are temporary: nothing to remember. */
    if (tt_tagpool_overflow(s->vu->w->tags) == 0 && !c->other)
        fill(e, s, hash, name ? label : label_of(c, s, NULL), tags);
    return tags;
}

void tt_http_sample_emit(struct tt_http_tag_cache *c, const struct tt_http_sample *s)
{
    struct tt_vu *vu = s->vu;
    const struct tt_tags *tags = tt_http_sample_tags(c, s);
    const struct tt_http_timings t = tt_http_timings_of(&s->x->at);
    uint64_t at = s->x->at.end;
    tt_vu_sample(vu, TT_M_http_reqs, 1, tags, at);
    if (c->other)
        tt_vu_sample(vu, TT_M_http_names_other, 1, tags, at);
    tt_vu_sample(vu, TT_M_http_req_duration, t.duration, tags, at);
    tt_vu_sample(vu, TT_M_http_req_blocked, t.blocked, tags, at);
    tt_vu_sample(vu, TT_M_http_req_connecting, t.connecting, tags, at);
    tt_vu_sample(vu, TT_M_http_req_tls_handshaking, t.tls_handshaking, tags, at);
    tt_vu_sample(vu, TT_M_http_req_sending, t.sending, tags, at);
    tt_vu_sample(vu, TT_M_http_req_waiting, t.waiting, tags, at);
    tt_vu_sample(vu, TT_M_http_req_receiving, t.receiving, tags, at);
    if (s->x->has_tcp) {
        tt_vu_sample(vu, TT_M_http_req_tcp_rtt, s->x->tcp.rtt_us / 1e3, tags, at);
        tt_vu_sample(vu, TT_M_http_req_tcp_retransmits, s->x->tcp.retransmits, tags, at);
    }
    if (s->expected->judged)
        tt_vu_sample(vu, TT_M_http_req_failed, verdict(s) == TT_HTTP_EXPECTED ? 0 : 1, tags, at);
}
