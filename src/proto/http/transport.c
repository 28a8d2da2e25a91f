/* SPDX-License-Identifier: MIT */
/* The transport that the engine uses: two in one. pick() is the one place that decides which of
 * them carries an exchange. A VU's session has a half in each; libcurl's is made when it is first
 * needed, because an empty one costs 8 KB. Worker thread. */
#include "proto/http/transport.h"
#include "base/memory.h"

enum { H1, CURL_, N, OLD = N, SLOTS };
static const struct tt_http_transport *const parts[N] = {
    [H1] = &tt_http_h1_transport,
    [CURL_] = &tt_http_curl_transport,
};

struct both {
    void *self[N];
};
struct halves {
    struct tt_http_session *session[SLOTS];
};

/* Ours speaks HTTP/1.1 without TLS; whatever needs more is libcurl's. */
static int pick(const struct tt_http_exchange *x)
{
    return x->https || x->special ? CURL_ : H1;
}

/* Which of a VU's sessions: libcurl would send a request of HTTP/1 on an HTTP/2 connection that is
 * at hand, so those have connections of their own. */
static int slot(const struct tt_http_exchange *x)
{
    bool old = x->special && (x->special->version == TT_HTTP_VERSION_1_0 ||
                              x->special->version == TT_HTTP_VERSION_1_1);
    return old ? OLD : pick(x);
}

static void *both_open(struct tt_loop *loop, const struct tt_options *opt, struct tt_err *err)
{
    struct both *b = tt_xcalloc(1, sizeof *b);
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
    int i = pick(x), at = slot(x);
    if (!h->session[at])
        h->session[at] = parts[i]->session_new(b->self[i]);
    parts[i]->start(b->self[i], h->session[at], x);
}

static void both_cancel(void *self, struct tt_http_exchange *x)
{
    struct both *b = self;
    int i = pick(x);
    parts[i]->cancel(b->self[i], x);
}

static void both_resume(void *self, struct tt_http_exchange *x)
{
    struct both *b = self;
    int i = pick(x);
    parts[i]->resume(b->self[i], x);
}

static bool both_dialled(void *self, const struct tt_http_exchange *x)
{
    struct both *b = self;
    int i = pick(x);
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
