/* SPDX-License-Identifier: MIT */
/* The transport that the engine uses: two in one. pick() is the one place that decides which of
 * them carries an exchange. A VU's session has a half in each; libcurl's is made when it is first
 * needed, because an empty one costs 8 KB. Worker thread.
 *
 * Over TLS the server chooses between HTTP/2 and HTTP/1.1, and only libcurl can go on with either:
 * an origin's first exchanges are its. Once an answer has said that the origin speaks HTTP/1 only,
 * connections to it are ours. A VU goes on with those that libcurl has until they end: another
 * would be one that its script did not ask for. */
#include "proto/http/transport.h"
#include "base/memory.h"
#include "proto/http/origins.h"

enum { H1, CURL_, N, OLD = N, SLOTS };
static const struct tt_http_transport *const parts[N] = {
    [H1] = &tt_http_h1_transport,
    [CURL_] = &tt_http_curl_transport,
};

struct both {
    void *self[N];
    bool resumes; /* TLS sessions: those are in one place, libcurl's */
};
struct halves {
    struct tt_http_session *session[SLOTS];
};

static bool asks_for_version_only(const struct tt_http_special *s)
{
    return !(*s->proxy || *s->unix_socket || *s->userpwd || *s->sigv4);
}

static int pick(const struct both *b, const struct halves *h, const struct tt_http_exchange *x)
{
    if (x->https && (b->resumes || x->server_name))
        return CURL_;
    if (x->special)
        return x->special->version == TT_HTTP_VERSION_1_1 && asks_for_version_only(x->special)
                   ? H1
                   : CURL_;
    if (!x->https)
        return H1;
    bool ours = x->origin && x->origin->http1 &&
                !(h->session[CURL_] && tt_http_curl_holds(h->session[CURL_], x->origin));
    return ours ? H1 : CURL_;
}

/* Which of a VU's sessions: libcurl would send a request of HTTP/1 on an HTTP/2 connection that is
 * at hand, so those have connections of their own. */
static int slot(const struct tt_http_exchange *x)
{
    bool old = x->part == CURL_ && x->special && tt_http_version_is_1(x->special->version);
    return old ? OLD : x->part;
}

static size_t limit_of(const struct tt_options *opt, enum tt_opt_id own, int64_t v, int64_t usual)
{
    if (opt->layer[own] == TT_LAYER_DEFAULT)
        v = usual;
    return v > 0 ? (size_t)v : SIZE_MAX;
}

struct tt_http_idle_limits tt_http_idle_limits_of(const struct tt_options *opt)
{
    if (!opt)
        return (struct tt_http_idle_limits){20, 6, 0};
    return (struct tt_http_idle_limits){
        .total = limit_of(opt, TT_OPT_max_idle_connections, opt->max_idle_connections, opt->batch),
        .per_host =
            limit_of(opt, TT_OPT_max_idle_per_host, opt->max_idle_per_host, opt->batch_per_host),
        .timeout_ns = opt->idle_timeout,
    };
}

static void *both_open(struct tt_loop *loop, const struct tt_options *opt, struct tt_err *err)
{
    struct both *b = tt_xcalloc(1, sizeof *b);
    b->resumes = opt && opt->tls_resumption;
    for (int i = 0; i < N; i++) {
        b->self[i] = parts[i]->open(loop, opt, err);
        if (b->self[i])
            continue;
        while (i-- > 0)
            parts[i]->close(b->self[i]);
        tt_free(b);
        return NULL;
    }
    return b;
}

static void both_close(void *self)
{
    struct both *b = self;
    for (int i = 0; i < N; i++)
        parts[i]->close(b->self[i]);
    tt_free(b);
}

static struct halves *halves_of(struct tt_http_session *s)
{
    return (struct halves *)(void *)s;
}

static struct tt_http_session *both_session_new(void *self)
{
    (void)self;
    struct halves *h = tt_xcalloc(1, sizeof *h);
    return (struct tt_http_session *)(void *)h;
}

static void both_session_free(void *self, struct tt_http_session *s)
{
    struct both *b = self;
    struct halves *h = halves_of(s);
    for (int i = 0; i < SLOTS; i++) {
        int part = i == OLD ? CURL_ : i;
        if (h->session[i])
            parts[part]->session_free(b->self[part], h->session[i]);
    }
    tt_free(h);
}

static void both_start(void *self, struct tt_http_session *s, struct tt_http_exchange *x)
{
    struct both *b = self;
    struct halves *h = halves_of(s);
    int i = pick(b, h, x);
    x->part = (uint8_t)i;
    int at = slot(x);
    if (!h->session[at])
        h->session[at] = parts[i]->session_new(b->self[i]);
    parts[i]->start(b->self[i], h->session[at], x);
}

static void both_cancel(void *self, struct tt_http_exchange *x)
{
    struct both *b = self;
    int i = x->part;
    parts[i]->cancel(b->self[i], x);
}

static void both_resume(void *self, struct tt_http_exchange *x)
{
    struct both *b = self;
    int i = x->part;
    parts[i]->resume(b->self[i], x);
}

static bool both_dialled(void *self, const struct tt_http_exchange *x)
{
    struct both *b = self;
    int i = x->part;
    return parts[i]->dialled(b->self[i], x);
}

const struct tt_http_transport tt_http_transport = {
    .name = "both",
    .open = both_open,
    .close = both_close,
    .session_new = both_session_new,
    .session_free = both_session_free,
    .start = both_start,
    .cancel = both_cancel,
    .resume = both_resume,
    .dialled = both_dialled,
};
