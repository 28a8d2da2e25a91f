/* SPDX-License-Identifier: MIT */
/* What carries HTTP: one exchange is one request and its response on one connection, without
 * redirects, metrics or Lua. The engine (call.c) knows transports only through struct
 * tt_http_transport. What an exchange needs stands in struct tt_http_exchange; transport.c decides
 * by it which transport carries it. Worker thread only. */
#pragma once
#include "base/ip.h"
#include "loop/loop.h"
#include "net/tcp_info.h"
#include "net/tls_info.h"
#include "plan/options.h"
#include "proto/http/errors.h"
#include "proto/http/timing.h"
#include "proto/http/url.h"

/* A VU's own: connections, TLS sessions. Made by the transport. Cookies are the engine's. */
struct tt_http_session;

struct tt_http_decoder;
struct tt_http_origin;

enum tt_http_keep {
    TT_HTTP_KEEP_BODY,    /* all of it in body */
    TT_HTTP_DISCARD_BODY, /* read and counted only */
    TT_HTTP_STREAM_BODY   /* body has what arrived and was not taken yet: see arrived */
};

/* Where a request's body comes from when it is not one text. */
#define TT_HTTP_LENGTH_UNKNOWN UINT64_MAX /* sent chunked */
#define TT_HTTP_SOURCE_WAITS   SIZE_MAX
struct tt_http_source {
    uint64_t length;
    /* Up to n bytes into p. 0: the end. TT_HTTP_SOURCE_WAITS: none at the moment; the transport is
     * resumed when there are. Called from inside the transport. */
    size_t (*read)(struct tt_http_source *s, char *p, size_t n);
    bool (*rewind)(struct tt_http_source *s); /* to its begin; false: it cannot */
};

enum tt_http_version {
    TT_HTTP_VERSION_ANY,
    TT_HTTP_VERSION_1_0,
    TT_HTTP_VERSION_1_1,
    TT_HTTP_VERSION_2,
    TT_HTTP_VERSION_2_PRIOR, /* without asking the server first, also without TLS */
    TT_HTTP_VERSION_3
};
static inline bool tt_http_version_is_1(enum tt_http_version v)
{
    return v == TT_HTTP_VERSION_1_0 || v == TT_HTTP_VERSION_1_1;
}
/* What only libcurl does, but for version 1.1. An empty text is none. */
struct tt_http_special {
    enum tt_http_version version;
    char proxy[512];       /* URL as the script has it */
    char proxy_url[768];   /* the engine's: it, or the environment's, with a scheme and a port */
    char proxy_at[512];    /* CURLOPT_RESOLVE's text for it, unless the URL has an address */
    char unix_socket[108]; /* path; as long as sun_path */
    char userpwd[512];     /* for NTLM and sigv4 */
    char sigv4[128];       /* CURLOPT_AWS_SIGV4's text */
};

struct tt_http_exchange {
    /* To send. Borrowed from start until done or cancel. */
    const char *method;
    const char *url; /* without userinfo and fragment, printable ASCII */
    bool https;
    struct tt_http_origin *origin; /* of https; NULL: not known */
    /* "Name: value\0Name: value\0", n_headers of them; sent as they are, in this order. An empty
     * value is written "Name;". */
    const char *headers;
    size_t n_headers;
    bool has_content_type; /* among them */
    const char *upload;    /* the request's body; NULL: none, empty: sent as chunks */
    size_t upload_len;
    struct tt_http_source *source;         /* or this */
    const struct tt_http_special *special; /* NULL: nothing special */
    enum tt_http_keep keep;
    uint64_t max_body;  /* bytes of a kept body; 0: no limit */
    uint64_t max_ratio; /* of decoded to wire bytes of a compressed body; 0: no limit */
    /* Where to connect instead of the URL's host and port: "127.0.0.1:80", "" = the URL says it. */
    char connect_to[64];
    const char *server_name;   /* TLS: SNI, and the name that is verified; NULL: the URL's host */
    const struct tt_ip *local; /* source address; NULL: the system chooses */

    /* Came back. head and body keep their memory from exchange to exchange. */
    struct tt_buf head, body;
    struct tt_http_stamps at; /* begin and looked_up are the engine's */
    struct tt_http_error error;
    char remote_ip[46];
    uint16_t remote_port;
    struct tt_tls_info tls;
    bool has_tcp;           /* option tcp_info, and the system told */
    struct tt_tcp_info tcp; /* retransmits: since the request was begun */
    uint64_t sent_bytes, received_bytes;
    uint64_t wire_bytes, decoded_bytes; /* of the body: as it came, and without its codings */
    bool sets_cookies;                  /* the response had a Set-Cookie */
    bool body_begun;                    /* this and decoder are body.c's */
    struct tt_http_decoder *decoder;

    /* TT_HTTP_STREAM_BODY: body has more. The engine takes it (tt_buf_clear) now or later; once
     * TT_HTTP_STREAM_WINDOW bytes lie there the transport reads no further until resume. Called
     * from inside the transport: must neither cancel nor resume, nor run Lua. */
    void (*arrived)(struct tt_http_exchange *x);

    /* The connection is there and the request on its way; NULL: nobody asks. May start exchanges.
     * Only of connections that can carry several at once. */
    void (*ready)(struct tt_http_exchange *x);
    /* No transport frame is on the stack that minds new exchanges. Must not run Lua. */
    void (*done)(struct tt_http_exchange *x);
    void *carrier; /* the transport's, while it is under way */
    uint8_t part;  /* transport.c's: which of the transports has it */
};

/* Is its body there, and empty? Such a body is announced as k6 does: chunked, with no chunk. */
static inline bool tt_http_exchange_empty(const struct tt_http_exchange *x)
{
    return x->upload && !x->upload_len && !x->source;
}

/* How many idle connections a session may keep, and how long; from the options. */
struct tt_http_idle_limits {
    size_t total, per_host; /* SIZE_MAX: no limit */
    uint64_t timeout_ns;    /* 0: none */
};
struct tt_http_idle_limits tt_http_idle_limits_of(
    const struct tt_options *opt); /* NULL: defaults */

struct tt_http_transport {
    const char *name;
    /* One per worker. NULL options: library defaults. */
    void *(*open)(struct tt_loop *loop, const struct tt_options *opt, struct tt_err *err);
    void (*close)(void *self); /* no session is left; the loop is drained afterwards */
    struct tt_http_session *(*session_new)(void *self);
    void (*session_free)(void *self, struct tt_http_session *s); /* nothing under way in it */
    /* The exchange's results are reset. done may be called before start returns. */
    void (*start)(void *self, struct tt_http_session *s, struct tt_http_exchange *x);
    /* Stops it and closes its connection; done is not called, stamps and bytes are filled in. */
    void (*cancel)(void *self, struct tt_http_exchange *x);
    /* The engine has taken what lay in x->body of a stream: reads on. arrived or done may be called
     * before it returns. */
    void (*resume)(void *self, struct tt_http_exchange *x);
    /* Has it got a connected socket? */
    bool (*dialled)(void *self, const struct tt_http_exchange *x);
};

/* The one to use: it hands each exchange to that of the two below which can carry it. */
extern const struct tt_http_transport tt_http_transport;
/* HTTP/1.1 on connections of net/. */
extern const struct tt_http_transport tt_http_h1_transport;
extern const struct tt_http_transport tt_http_curl_transport;
/* Has a session of libcurl's open connections to the origin? */
bool tt_http_curl_holds(const struct tt_http_session *s, const struct tt_http_origin *o);
