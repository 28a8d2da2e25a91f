/* SPDX-License-Identifier: MIT */
/* The HTTP engine of a worker: a call is what a script asked for, up to its last response, over
 * redirects; each hop leaves k6's samples. Worker thread only.
 *
 * The binding takes a call, fills in the request, starts it and suspends the fiber on call->op;
 * texts it points to stay on the waiting coroutine's stack. When the op is finished the binding
 * reads the results and puts the call back; when the fiber is killed the op's cancel does. */
#pragma once
#include "net/resolve.h"
#include "net/tls_sessions.h"
#include "proto/http/jar.h"
#include "proto/http/origins.h"
#include "proto/http/proxies.h"
#include "proto/http/samples.h"
#include "proto/http/transport.h"
#include "vu/op.h"

enum { TT_HTTP_ADDRESSES_MAX = 4, TT_HTTP_HOST_MAX = 256 };
/* Of a body's buffer. The limit that users see is the exchange's. */
#define TT_HTTP_BODY_MAX ((size_t)1 << 32)

/* What a URL's userinfo is for. */
enum tt_http_auth {
    TT_HTTP_AUTH_BASIC,
    TT_HTTP_AUTH_DIGEST,
    TT_HTTP_AUTH_NTLM,
    TT_HTTP_AUTH_SIGV4
};

/* Per VU, kept by the module. */
struct tt_http_vu {
    struct tt_http_session *session;      /* NULL until the first request */
    struct tt_http_jar *jar;              /* NULL until there is a cookie or a script asks for it */
    struct tt_http_expected *expected;    /* NULL: the default */
    struct tt_tls_sessions *tls_sessions; /* NULL until asked for; of connections of net/ */
    uint64_t proxy_turn;
    uint64_t address_turn; /* which of a name's addresses its connections go to; 0: not chosen */
};

struct tt_http_call {
    struct tt_op op;
    struct tt_http_engine *engine;
    struct tt_http_call *next; /* in the pool */

    /* The request; set between tt_http_call_get and tt_http_call_start. */
    struct tt_vu *vu;
    struct tt_http_vu *hv;
    const char *method;
    struct tt_slice url; /* NUL-terminated */
    struct tt_http_url parsed;
    const char *bad_url;        /* when parsed has a fault: what is wrong; the call fails for it */
    const struct tt_tags *tags; /* the fiber's with params.tags */
    struct tt_buf lines;        /* headers, as tt_http_call_header adds them */
    size_t n_lines;
    struct tt_http_jar *jar; /* counted; NULL: the VU's */
    struct tt_buf cookies;   /* params.cookies, as tt_http_call_cookie adds them */
    const char *body;        /* NULL: none */
    size_t body_len;
    struct tt_http_source *source; /* or this: the binding's */
    enum tt_http_auth auth;
    struct tt_http_special special;   /* used when is_special */
    char server_name[256];            /* TLS: instead of the first URL's host; "": none */
    bool is_special, ignores_proxies; /* the latter: those of the environment */
    uint64_t timeout_ns;              /* 0: the call times out at once */
    int64_t redirects;                /* how many may be followed */
    bool redirects_default;           /* nobody asked for that limit: say when it is reached */
    bool keep_body, throws;
    bool streams; /* the body is taken in pieces: op is finished each time that more has come */
    struct tt_http_expected expected;

    /* The result, of the last hop: x.head, x.body, x.error, ...; url, method are those of it too */
    struct tt_http_exchange x;
    struct tt_http_status status; /* code 0 on error */

    /* The engine's own. */
    struct tt_lookup lookup;
    struct tt_timer timer;
    uint64_t deadline_ns, dial_deadline_ns;
    struct tt_timer turn; /* of the option rps */
    bool looking_up, active;
    bool in_turn;                           /* waits for its turn */
    bool ended;                             /* the last response is there, or the failure */
    void *owner;                            /* of a stream: the binding's; or whoever set on_end */
    void (*on_end)(struct tt_http_call *c); /* instead of finishing op; NULL: op */
    bool held;                              /* taken out of the pool before it starts */
    bool own_referer;                       /* among lines: of the hop before, not the script's */
    bool has_local;
    struct tt_ip local; /* source address */
    struct tt_address addrs[TT_HTTP_ADDRESSES_MAX];
    size_t n_addrs, next_addr;
    char first_host[TT_HTTP_HOST_MAX], proxy_host[TT_HTTP_HOST_MAX]; /* the latter: "" = none */
    uint16_t proxy_port;
    bool looks_proxy_up, proxy_wants_address; /* the latter: the target's, not its name */
    struct tt_buf wire, hop_url[2], spare_lines;
    unsigned hop;
    bool answers_challenge; /* the hop answers Digest's challenge */
};

struct tt_http_fold {
    uint64_t key, last_ns, times;
};
enum { TT_HTTP_FOLDS = 16 };

struct tt_http_engine {
    struct tt_worker *w;
    const struct tt_options *opt;
    const struct tt_network *net; /* NULL: defaults */
    const struct tt_http_transport *transport;
    void *carrier; /* the transport's, made at the first request */
    struct tt_resolver *resolver;
    uint64_t max_body, max_ratio; /* of the options */
    struct tt_http_call *idle;
    struct tt_http_origins origins;
    const struct tt_op_class *op_class;
    struct tt_http_proxies proxies;
    struct tt_http_tag_cache tags;
    unsigned char dumps[2048]; /* by error code: what this worker has done for dump_failures */
    struct tt_http_fold folds[TT_HTTP_FOLDS];
};

void tt_http_engine_init(struct tt_http_engine *e, struct tt_worker *w,
                         const struct tt_http_transport *transport);
void tt_http_engine_fini(struct tt_http_engine *e); /* every VU's is gone */
void tt_http_vu_fini(struct tt_http_engine *e, struct tt_http_vu *hv);
/* The VU's own jar. */
struct tt_http_jar *tt_http_vu_cookies(struct tt_http_vu *hv);
/* The VU's TLS sessions, for connections of net/; NULL: none is resumed. */
struct tt_tls_sessions *tt_http_vu_tls_sessions(struct tt_http_vu *hv,
                                                const struct tt_options *opt);
void tt_http_vu_iteration_begin(struct tt_http_engine *e, struct tt_http_vu *hv);
void tt_http_vu_iteration_end(struct tt_http_engine *e, struct tt_http_vu *hv);

/* A call that stays in the pool until it is started, so that a binding that raises while it fills
 * it in leaves nothing behind. Its request is reset. False when the transport does not open. */
struct tt_http_call *tt_http_call_get(struct tt_http_engine *e, struct tt_vu *vu,
                                      struct tt_http_vu *hv, struct tt_err *err);
/* Adds a header line. False when name or value has characters that would break the request. */
bool tt_http_call_header(struct tt_http_call *c, const char *name, size_t name_len,
                         const char *value, size_t value_len);
/* Adds one of params.cookies. False when name or value has characters that no cookie may have. */
bool tt_http_call_cookie(struct tt_http_call *c, struct tt_slice name, struct tt_slice value,
                         bool replaces);
bool tt_http_call_has_header(const struct tt_http_call *c, const char *name);
/* parsed must hold url, or its fault. Finishes op when the last response is there; that may be
 * before it returns.
 */
void tt_http_call_start(struct tt_http_call *c);
/* A source has bytes again, or its end. */
void tt_http_call_fed(struct tt_http_call *c);
/* Finishes op, unless it is: a source wants more. */
void tt_http_call_wake(struct tt_http_call *c);
/* Makes the result of a call that is not sent; code 0: for another's sake. */
void tt_http_call_refuse(struct tt_http_call *c, int code, const char *text);
/* Takes a call that is filled in out of the pool, to be started, cancelled or put back later. */
void tt_http_call_hold(struct tt_http_call *c);
/* A stream: what lay in x.body was taken; reads on. To wait for more, init op again. */
void tt_http_call_taken(struct tt_http_call *c);
/* A stream: the response ends here, because the script has seen enough, or cannot use it: why. */
void tt_http_call_stop(struct tt_http_call *c, const char *why);
void tt_http_call_cancel(struct tt_http_call *c); /* also when it has finished: puts it back */
void tt_http_call_put(struct tt_http_call *c);    /* back to the pool; c->x is gone */
/* Appends the URL of the last hop for people to read: user and password are masked. */
void tt_http_call_show_url(const struct tt_http_call *c, struct tt_buf *out);
