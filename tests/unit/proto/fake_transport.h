/* SPDX-License-Identifier: MIT */
/* A transport that notes what it is given and answers from a list, for tests of the engine. */
#pragma once
#include "base/clock.h"
#include "base/memory.h"
#include "proto/http/call.h"
#include "vu/rig.h"

struct answer {
    const char *head;     /* "HTTP/1.1 200 OK\r\n"; NULL: none */
    const char *body;     /* NULL: none */
    const char *redirect; /* the Location */
    int error;            /* instead of an answer */
    bool waits;           /* until fake_answer */
};

enum { HOPS_MAX = 24 };
struct sent {
    char method[16], url[512], lines[1024], body[256], connect_to[64];
    bool has_body, has_content_type;
};

struct fake {
    const struct answer *answers; /* the last one is for all that follow */
    size_t n_answers;
    struct sent sent[HOPS_MAX];
    size_t n_sent;
    struct tt_http_exchange *pending;
    unsigned resumed, cancelled, sessions, sessions_made;
    bool dialled, fails_to_open;
    int session;
};

/* open has no argument for it: the test that runs */
static struct fake *fake_current;

static void *fake_open(struct tt_loop *loop, const struct tt_options *opt, struct tt_err *err)
{
    (void)loop;
    (void)opt;
    if (!fake_current->fails_to_open)
        return fake_current;
    tt_err_set(err, 1, "no transport");
    return NULL;
}

static void fake_close(void *self)
{
    assert_int_equal(((struct fake *)self)->sessions, 0);
}

static struct tt_http_session *fake_session_new(void *self)
{
    struct fake *f = self;
    f->sessions++;
    f->sessions_made++;
    return (struct tt_http_session *)&f->session;
}

static void fake_session_free(void *self, struct tt_http_session *s)
{
    (void)s;
    ((struct fake *)self)->sessions--;
}

static void fake_note(struct fake *f, const struct tt_http_exchange *x)
{
    assert_true(f->n_sent < HOPS_MAX);
    struct sent *s = &f->sent[f->n_sent++];
    *s = (struct sent){.has_body = x->upload != NULL, .has_content_type = x->has_content_type};
    snprintf(s->method, sizeof s->method, "%s", x->method);
    snprintf(s->url, sizeof s->url, "%s", x->url);
    snprintf(s->connect_to, sizeof s->connect_to, "%s", x->connect_to);
    snprintf(s->body, sizeof s->body, "%.*s", (int)x->upload_len, x->upload ? x->upload : "");
    const char *p = x->headers;
    for (size_t i = 0, n = 0; i < x->n_headers; i++, p += strlen(p) + 1)
        n += (size_t)snprintf(s->lines + n, sizeof s->lines - n, "%s\n", p);
}

static void fake_finish(struct fake *f, struct tt_http_exchange *x, const struct answer *a)
{
    f->pending = NULL;
    x->at.ready = x->at.looked_up + 1;
    x->at.sent = x->at.ready + 1;
    x->at.first_byte = x->at.sent + 1;
    x->at.end = x->at.first_byte + 1;
    x->sent_bytes = 100;
    x->received_bytes = 1000;
    x->sets_cookies = a->head && strstr(a->head, "Set-Cookie");
    if (a->error)
        tt_http_error_set(&x->error, a->error, "made to fail");
    if (a->head)
        tt_buf_puts(&x->head, a->head);
    if (a->body)
        tt_buf_puts(&x->body, a->body);
    if (a->redirect)
        tt_buf_printf(&x->head, "Location: %s\r\n", a->redirect);
    x->done(x);
}

static void fake_start(void *self, struct tt_http_session *s, struct tt_http_exchange *x)
{
    struct fake *f = self;
    size_t i = f->n_sent < f->n_answers ? f->n_sent : f->n_answers - 1;
    assert_ptr_equal(s, &f->session);
    assert_true(!x->head.len && !x->body.len && !x->error.code && !x->at.end);
    fake_note(f, x);
    f->pending = x;
    if (!f->answers[i].waits)
        fake_finish(f, x, &f->answers[i]);
}

static void fake_cancel(void *self, struct tt_http_exchange *x)
{
    struct fake *f = self;
    assert_ptr_equal(f->pending, x);
    f->pending = NULL;
    f->cancelled++;
}

static bool fake_dialled(void *self, const struct tt_http_exchange *x)
{
    (void)x;
    return ((struct fake *)self)->dialled;
}

static void fake_resume(void *self, struct tt_http_exchange *x)
{
    assert_ptr_equal(((struct fake *)self)->pending, x);
    ((struct fake *)self)->resumed++;
}

static const struct tt_http_transport fake_transport = {
    .name = "fake",
    .open = fake_open,
    .close = fake_close,
    .session_new = fake_session_new,
    .session_free = fake_session_free,
    .start = fake_start,
    .cancel = fake_cancel,
    .resume = fake_resume,
    .dialled = fake_dialled,
};

/* --- a worker with an engine on it --------------------------------------------------------------
 */

struct http_rig {
    struct rig *rig;
    struct tt_vu *vu;
    struct fake fake;
    struct tt_http_engine engine;
    struct tt_http_vu hv;
};

static const struct tt_op_class fake_op_class = {"http request", NULL};

/* The clock stands at the real one's time: stamps and deadlines come from both. */
static struct http_rig *http_rig_new(const struct answer *answers, size_t n,
                                     const char *const *subs)
{
    struct http_rig *h = tt_xcalloc(1, sizeof *h);
    h->rig = rig_new_with("return {}", subs);
    h->vu = rig_vu(h->rig, 1);
    h->fake.answers = answers;
    h->fake.n_answers = n;
    fake_current = &h->fake;
    tt_loop_use_fake_clock(h->rig->loop, tt_now_ns());
    tt_http_engine_init(&h->engine, h->rig->w, &fake_transport);
    h->engine.op_class = &fake_op_class;
    return h;
}

static void http_rig_free(struct http_rig *h)
{
    tt_http_vu_fini(&h->engine, &h->hv);
    tt_http_engine_fini(&h->engine);
    tt_vu_free(h->vu);
    rig_free(h->rig);
    tt_free(h);
}

/* A call as the binding fills it in, not started yet. url and method stay the caller's. */
static struct tt_http_call *http_rig_call(struct http_rig *h, const char *method, const char *url)
{
    struct tt_err err = {0};
    struct tt_http_call *c = tt_http_call_get(&h->engine, h->vu, &h->hv, &err);
    assert_non_null(c);
    c->method = method;
    c->url = (struct tt_slice){url, strlen(url)};
    tt_http_url_parse(url, strlen(url), &c->parsed, &c->bad_url);
    c->tags = tt_tags_empty(h->rig->w->tags);
    c->timeout_ns = 60 * TT_NS_PER_S;
    c->redirects = 10;
    c->redirects_default = true;
    c->keep_body = true;
    c->throws = false;
    return c;
}

static void add_header(struct tt_http_call *c, const char *name, const char *value)
{
    assert_true(tt_http_call_header(c, name, strlen(name), value, strlen(value)));
}
