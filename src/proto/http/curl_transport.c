/* SPDX-License-Identifier: MIT */
/* HTTP on libcurl. Worker thread.
 *
 * A VU's session is a CURLSH: its own connections, which are counted, and TLS sessions. Easy
 * handles (5 KB each) are pooled per worker and go from share to share; an idle one is in no share,
 * because a share with a handle in it cannot be freed. Options are set when they differ from what
 * the handle has; setting all of them for each request costs 1 us.
 *
 * libcurl is told what k6's client sends: no Accept, no Expect, no Content-Type of its own, paths
 * as written. Redirects, cookies, time-outs and name look-ups are the engine's. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "net/curl_loop.h"
#include "net/source.h"
#include "net/tls.h"
#include "proto/http/body.h"
#include "proto/http/headers.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    OWN_HEADERS = 5, /* lines that we add, most to switch libcurl's off */
    URL_MAX = 1024 * 1024,
    SMALL_BODY = 60 * 1024,      /* below, libcurl sends head and body in one write */
    MAX_IDLE_SECONDS = 24 * 3600 /* libcurl's 118 s would reconnect VUs that sleep longer */
};

/* An open connection to an origin of https, which has answered. */
struct held {
    struct held *next; /* of the session */
    const struct tt_http_origin *origin;
    curl_socket_t fd;
};
struct session {
    CURLSH *share;
    struct tt_curl *curl;
    struct held *held;
};

enum shape { SHAPE_GET, SHAPE_HEAD, SHAPE_POST };
struct carrier {
    struct tt_transfer transfer;
    struct transport *owner;
    struct tt_http_exchange *x; /* NULL: idle */
    struct session *session;
    struct carrier *next;     /* in the pool */
    struct curl_slist *lines; /* cap of them; the header list lives here */
    size_t cap;
    size_t fed; /* bytes of a big body given to libcurl */
    int bind_errno;
    uint32_t retransmits; /* of the connection, when the request was sent */
    char connect_to_text[300];
    struct curl_slist connect_to, proxy_at;
    struct tt_buf url, host_line; /* with another name for TLS; the line is empty without */
    bool is_special, without_lines;
    bool has_connect_to, has_custom_method, head_complete;
    bool paused;   /* the body is not read on: the stream is full */
    bool starved;  /* the request is not written on: its source waits */
    bool switches; /* a 101: libcurl would wait for the answer after it */
    enum shape shape;
    char error[CURL_ERROR_SIZE];
};

struct transport {
    struct tt_curl *curl;
    struct tt_arena arena; /* of tls */
    struct tt_tls_options tls;
    const struct tt_options *opt;
    struct carrier *idle;
};

static struct session *session_of(struct tt_http_session *s)
{
    return (struct session *)(void *)s;
}

/* --- callbacks ------------------------------------------------------------------------------- */

static SSL *ssl_of(const struct carrier *c)
{
    struct curl_tlssessioninfo *info = NULL;
    if (curl_easy_getinfo(c->transfer.easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info)
        return NULL;
    return info->internals;
}

static void note_tls(struct carrier *c)
{
    SSL *ssl = ssl_of(c);
    if (ssl)
        tt_tls_info_read(&c->x->tls, ssl);
}

/* While the transfer runs: afterwards its socket may be closed, and the number another's. Of those
 * that share an HTTP/2 connection libcurl names the socket only for the first, so that the
 * connection keeps it. */
static bool tcp_info(const struct carrier *c, struct tt_tcp_info *out)
{
    const struct tt_options *opt = c->owner->opt;
    int fd = c->transfer.fd;
    if (!opt || !opt->tcp_info)
        return false;
    SSL *ssl = c->x->https ? ssl_of(c) : NULL;
    return tt_tcp_info(ssl ? tt_tcp_info_ssl(ssl, fd) : fd, out);
}

/* At the response's begin, or when it is given up. */
static void take_tcp_info(const struct carrier *c, struct tt_http_exchange *x)
{
    x->has_tcp = tcp_info(c, &x->tcp);
    if (x->has_tcp)
        x->tcp.retransmits -= c->retransmits;
}

static void note_connection(struct carrier *c)
{
    long connects = 0;
    curl_easy_getinfo(c->transfer.easy, CURLINFO_NUM_CONNECTS, &connects);
    if (connects == 0 || !c->x->origin)
        return;
    struct held *h = tt_xcalloc(1, sizeof *h);
    h->origin = c->x->origin;
    h->fd = c->transfer.fd;
    h->next = c->session->held;
    c->session->held = h;
}

static bool is_switch(const struct tt_buf *head)
{
    return head->len > 12 && memcmp(head->data, "HTTP/1.1 101", 12) == 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct carrier *c = arg;
    struct tt_http_exchange *x = c->x;
    n *= size;
    if (!x->at.first_byte) {
        x->at.first_byte = tt_now_ns();
        if (x->https) {
            note_tls(c);
            note_connection(c);
        }
        take_tcp_info(c, x);
    }
    if (n >= 5 && memcmp(p, "HTTP/", 5) == 0)
        c->head_complete = false;
    else if (c->head_complete)
        return n; /* a trailer */
    c->head_complete = p[0] == '\r' || p[0] == '\n';
    if (n > 11 && (p[0] | 0x20) == 's' && tt_strnieq(p, "set-cookie:", 11))
        x->sets_cookies = true;
    if (tt_http_headers_add(&x->head, p, n)) {
        c->switches = c->head_complete && is_switch(&x->head);
        return c->switches ? 0 : n;
    }
    tt_http_error_set(&x->error, TT_HTTP_E_TOO_LARGE, "response headers too large");
    return 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct carrier *c = arg;
    n *= size;
    c->paused = tt_http_body_full(c->x);
    if (c->paused)
        return CURL_WRITEFUNC_PAUSE;
    return tt_http_body_put(c->x, p, n) ? n : 0;
}

static size_t read_upload(struct carrier *c, char *p, size_t n)
{
    size_t left = c->x->upload_len - c->fed;
    if (n > left)
        n = left;
    memcpy(p, c->x->upload + c->fed, n);
    c->fed += n;
    return n;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
    struct carrier *c = arg;
    struct tt_http_source *source = c->x->source;
    n *= size;
    n = source ? source->read(source, p, n) : read_upload(c, p, n);
    c->starved = n == TT_HTTP_SOURCE_WAITS;
    if (c->starved)
        return CURL_READFUNC_PAUSE;
    c->x->at.sent = tt_now_ns();
    return n;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct carrier *c = arg;
    struct tt_http_source *source = c->x->source;
    if (origin != SEEK_SET || offset < 0)
        return CURL_SEEKFUNC_FAIL;
    if (source)
        return offset == 0 && source->rewind(source) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
    if ((size_t)offset > c->x->upload_len)
        return CURL_SEEKFUNC_FAIL;
    c->fed = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static int on_socket_made(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    struct carrier *c = arg;
    (void)purpose;
    c->bind_errno = c->x && c->x->local ? tt_source_bind(fd, c->x->local) : 0;
    return c->bind_errno ? CURL_SOCKOPT_ERROR : CURL_SOCKOPT_OK;
}

/* What libcurl opened with a handle that was in the session. */
static int on_socket_closed(void *arg, curl_socket_t fd)
{
    struct session *s = arg;
    for (struct held **h = &s->held; *h; h = &(*h)->next)
        if ((*h)->fd == fd) {
            struct held *gone = *h;
            *h = gone->next;
            tt_free(gone);
            break;
        }
    return tt_curl_close_socket(s->curl, fd);
}

/* --- carriers -------------------------------------------------------------------------------- */

static void on_transfer_done(struct tt_transfer *t, CURLcode result);

static void on_transfer_sent(struct tt_transfer *t)
{
    struct carrier *c = (struct carrier *)((char *)t - offsetof(struct carrier, transfer));
    struct tt_tcp_info now;
    if (!c->x)
        return;
    c->retransmits = tcp_info(c, &now) ? now.retransmits : 0;
    if (c->x->ready)
        c->x->ready(c->x);
}

static CURLcode on_tls_context(CURL *easy, void *ctx, void *arg)
{
    const struct transport *t = arg;
    (void)easy;
    tt_tls_apply(ctx, &t->tls);
    if (t->opt && t->opt->tls_resumption)
        SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET); /* libcurl sets it */
    return CURLE_OK;
}

static void set_tls(struct transport *t, CURL *easy)
{
    const struct tt_options *opt = t->opt;
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, t);
    curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, (long)(opt && opt->tls_resumption));
    /* The default CAPATH switches libcurl's cache of parsed certificates off: 20 ms a connection */
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
    if (opt && opt->ca_file && *opt->ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, opt->ca_file);
        curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, opt->ca_file);
    }
    if (opt && opt->insecure_skip_tls_verify) {
        curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

/* libcurl looks when it wants a connection. */
static long max_age(const struct tt_options *opt)
{
    uint64_t ns = tt_http_idle_limits_of(opt).timeout_ns;
    uint64_t seconds = ns ? (ns + TT_NS_PER_S - 1) / TT_NS_PER_S : MAX_IDLE_SECONDS;
    return seconds < MAX_IDLE_SECONDS ? (long)seconds : MAX_IDLE_SECONDS;
}

static struct carrier *carrier_new(struct transport *t)
{
    struct carrier *c = tt_xcalloc(1, sizeof *c);
    const struct tt_options *opt = t->opt;
    c->owner = t;
    c->transfer.done = on_transfer_done;
    c->transfer.sent = on_transfer_sent;
    CURL *easy = tt_curl_easy_new(t->curl, &c->transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, c->error);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    /* A script's Expect header holds nothing back, as in k6 */
    curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, max_age(opt));
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, c);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, c);
    if (opt && opt->user_agent && *opt->user_agent)
        curl_easy_setopt(easy, CURLOPT_USERAGENT, opt->user_agent);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_socket_closed);
    if (opt && opt->local_ips.n) {
        curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_made);
        curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, c);
    }
    if (opt && opt->no_connection_reuse) {
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    }
    set_tls(t, easy);
    tt_buf_init(&c->url, URL_MAX);
    tt_buf_init(&c->host_line, URL_MAX);
    return c;
}

static void carrier_free(struct carrier *c)
{
    curl_easy_cleanup(c->transfer.easy);
    tt_free(c->lines);
    tt_buf_fini(&c->url);
    tt_buf_fini(&c->host_line);
    tt_free(c);
}

static struct carrier *carrier_get(struct transport *t)
{
    struct carrier *c = t->idle;
    if (!c)
        return carrier_new(t);
    t->idle = c->next;
    return c;
}

static void carrier_put(struct carrier *c)
{
    curl_easy_setopt(c->transfer.easy, CURLOPT_SHARE, NULL);
    c->x = NULL;
    c->next = c->owner->idle;
    c->owner->idle = c;
}

/* --- one exchange ---------------------------------------------------------------------------- */

static void set_headers(struct carrier *c, const struct tt_http_exchange *x)
{
    CURL *easy = c->transfer.easy;
    size_t need = x->n_headers + OWN_HEADERS, n = 0;
    if (need > c->cap) {
        c->cap = need < 8 ? 8 : need;
        c->lines = tt_xreallocarray(c->lines, c->cap, sizeof *c->lines);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, c->lines);
    }
    static char no_agent[] = "User-Agent:";
    const char *p = x->headers;
    for (; n < x->n_headers; n++) {
        bool none = tt_strieq(p, "User-Agent;"); /* asks for none */
        c->lines[n].data = none ? no_agent : (char *)(uintptr_t)p;
        p += strlen(p) + 1;
    }
    static char no_accept[] = "Accept:", no_expect[] = "Expect:", no_type[] = "Content-Type:",
                closes[] = "Connection: close";
    bool is_signed = x->special && *x->special->sigv4; /* it would sign lines that are not sent */
    if (!is_signed)
        c->lines[n++].data = no_accept;
    if (c->shape == SHAPE_POST && !is_signed) {
        c->lines[n++].data = no_expect;
        if (!x->has_content_type)
            c->lines[n++].data = no_type;
    }
    if (c->owner->opt && c->owner->opt->no_connection_reuse)
        c->lines[n++].data = closes;
    if (c->host_line.len)
        c->lines[n++].data = c->host_line.data;
    for (size_t i = 0; i < n; i++)
        c->lines[i].next = i + 1 < n ? &c->lines[i + 1] : NULL;
    if ((n == 0) != c->without_lines)
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, n ? c->lines : NULL);
    c->without_lines = n == 0;
}

/* libcurl has three shapes of a request; any other method is one of them under another name. */
static void set_method(struct carrier *c, const struct tt_http_exchange *x)
{
    CURL *easy = c->transfer.easy;
    const char *m = x->method;
    bool get = strcmp(m, "GET") == 0, head = strcmp(m, "HEAD") == 0, post = strcmp(m, "POST") == 0;
    enum shape shape = SHAPE_GET;
    if (head)
        shape = SHAPE_HEAD;
    else if (x->upload || x->source || post || strcmp(m, "PUT") == 0 || strcmp(m, "PATCH") == 0)
        shape = SHAPE_POST; /* without a body these say Content-Length: 0 */
    if (shape == SHAPE_GET && c->shape != SHAPE_GET)
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    else if (shape == SHAPE_HEAD && c->shape != SHAPE_HEAD)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (shape == SHAPE_POST)
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
    c->shape = shape;
    bool custom = !head && !(shape == SHAPE_GET && get) && !(shape == SHAPE_POST && post);
    if (custom || c->has_custom_method)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, custom ? m : NULL);
    c->has_custom_method = custom;
}

static void set_body(struct carrier *c, const struct tt_http_exchange *x)
{
    CURL *easy = c->transfer.easy;
    if (c->shape != SHAPE_POST)
        return;
    c->fed = 0;
    curl_off_t size = (curl_off_t)x->upload_len; /* -1: chunked */
    bool chunks =
        tt_http_exchange_empty(x) &&
        !(x->special && (*x->special->sigv4 || x->special->version == TT_HTTP_VERSION_1_0));
    if (x->source)
        size = x->source->length == TT_HTTP_LENGTH_UNKNOWN ? -1 : (curl_off_t)x->source->length;
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, chunks ? -1 : size);
    bool is_small = !x->source && !chunks && x->upload_len < SMALL_BODY;
    const char *small = is_small ? (x->upload ? x->upload : "") : NULL;
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, small); /* NULL: on_read is asked */
}

/* Where to connect; "": the URL says it. */
static void set_connect_to(struct carrier *c, struct tt_slice to)
{
    bool wanted = to.n != 0;
    if (!wanted && !c->has_connect_to)
        return;
    snprintf(c->connect_to_text, sizeof c->connect_to_text, "::%.*s", (int)to.n,
             to.p); /* any:any */
    c->connect_to = (struct curl_slist){.data = c->connect_to_text};
    if (wanted != c->has_connect_to)
        curl_easy_setopt(c->transfer.easy, CURLOPT_CONNECT_TO, wanted ? &c->connect_to : NULL);
    c->has_connect_to = wanted;
}

static bool has_host(const struct tt_http_exchange *x)
{
    const char *p = x->headers;
    for (size_t i = 0; i < x->n_headers; i++, p += strlen(p) + 1)
        if (tt_strnieq(p, "Host:", 5))
            return true;
    return false;
}

/* libcurl takes the name for TLS from the URL: another one stands there, the request's Host is the
 * URL's, and the connection goes where it would have gone. */
static void set_renamed(struct carrier *c, const struct tt_http_exchange *x,
                        const struct tt_http_url *u)
{
    char where[300];
    const char *form = memchr(u->host.p, ':', u->host.n) ? "[%.*s]:%u" : "%.*s:%u";
    struct tt_slice to = {x->connect_to, strlen(x->connect_to)};
    tt_buf_printf(&c->url, "https://%s:%u", x->server_name, (unsigned)u->port);
    tt_buf_append(&c->url, u->rest.p, u->rest.n + 1);
    if (!has_host(x)) {
        tt_buf_puts(&c->host_line, "Host: ");
        tt_buf_append(&c->host_line, u->authority.p, u->authority.n);
        tt_buf_append(&c->host_line, "", 1);
    }
    if (!to.n) {
        snprintf(where, sizeof where, form, (int)u->host.n, u->host.p, (unsigned)u->port);
        to = (struct tt_slice){where, strlen(where)};
    }
    curl_easy_setopt(c->transfer.easy, CURLOPT_URL, c->url.data);
    set_connect_to(c, to);
}

static void set_url(struct carrier *c, const struct tt_http_exchange *x)
{
    struct tt_http_url u;
    const char *why;
    tt_buf_clear(&c->url);
    tt_buf_clear(&c->host_line);
    if (x->server_name && x->https && tt_http_url_parse(x->url, strlen(x->url), &u, &why)) {
        set_renamed(c, x, &u);
        return;
    }
    curl_easy_setopt(c->transfer.easy, CURLOPT_URL, x->url);
    set_connect_to(c, (struct tt_slice){x->connect_to, strlen(x->connect_to)});
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static void set_special(struct carrier *c, const struct tt_http_exchange *x)
{
    static const struct tt_http_special none = {0};
    static const long versions[] = {
        [TT_HTTP_VERSION_ANY] = CURL_HTTP_VERSION_2TLS,
        [TT_HTTP_VERSION_1_0] = CURL_HTTP_VERSION_1_0,
        [TT_HTTP_VERSION_1_1] = CURL_HTTP_VERSION_1_1,
        [TT_HTTP_VERSION_2] = CURL_HTTP_VERSION_2TLS,
        [TT_HTTP_VERSION_2_PRIOR] = CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE,
        [TT_HTTP_VERSION_3] = CURL_HTTP_VERSION_3,
    };
    const struct tt_http_special *s = x->special ? x->special : &none;
    CURL *easy = c->transfer.easy;
    if (!x->special && !c->is_special)
        return;
    c->is_special = x->special != NULL;
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, versions[s->version]);
    curl_easy_setopt(easy, CURLOPT_PROXY,
                     s->proxy_url); /* "" also keeps libcurl from its own look */
    c->proxy_at = (struct curl_slist){.data = (char *)(uintptr_t)s->proxy_at};
    curl_easy_setopt(easy, CURLOPT_RESOLVE, *s->proxy_at ? &c->proxy_at : NULL);
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, or_null(s->unix_socket));
    curl_easy_setopt(easy, CURLOPT_USERPWD, or_null(s->userpwd));
    curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, or_null(s->sigv4));
    if (!*s->sigv4)
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, *s->userpwd ? CURLAUTH_NTLM : CURLAUTH_BASIC);
}

static void curl_start(void *self, struct tt_http_session *s, struct tt_http_exchange *x)
{
    struct transport *t = self;
    struct carrier *c = carrier_get(t);
    CURL *easy = c->transfer.easy;
    c->x = x;
    x->carrier = c;
    c->error[0] = '\0';
    c->paused = c->starved = c->head_complete = c->switches = false;
    c->bind_errno = 0;
    curl_easy_setopt(easy, CURLOPT_SHARE, session_of(s)->share);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, s);
    c->session = session_of(s);
    set_url(c, x);
    set_method(c, x);
    set_headers(c, x);
    set_body(c, x);
    set_special(c, x);
    tt_curl_start(t->curl, &c->transfer);
}

static uint64_t micros_between(CURL *easy, CURLINFO from, CURLINFO to)
{
    curl_off_t a = 0, b = 0;
    curl_easy_getinfo(easy, from, &a);
    curl_easy_getinfo(easy, to, &b);
    return b > a ? (uint64_t)(b - a) * TT_NS_PER_US : 0;
}

static void take_connection(const struct carrier *c, struct tt_http_exchange *x)
{
    CURL *easy = c->transfer.easy;
    long connects = 0, port = 0;
    const char *ip = NULL;
    curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
    if (connects > 0 && c->transfer.prereq_ns) {
        x->at.connect_ns =
            micros_between(easy, CURLINFO_NAMELOOKUP_TIME_T, CURLINFO_CONNECT_TIME_T);
        if (x->https)
            x->at.tls_ns =
                micros_between(easy, CURLINFO_CONNECT_TIME_T, CURLINFO_APPCONNECT_TIME_T);
    }
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip);
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port);
    size_t n = ip ? strlen(ip) : 0;
    if (n && n < sizeof x->remote_ip) {
        memcpy(x->remote_ip, ip, n + 1);
        x->remote_port = (uint16_t)port;
    }
}

static void take_bytes(const struct carrier *c, struct tt_http_exchange *x)
{
    CURL *easy = c->transfer.easy;
    long request = 0, head = 0;
    curl_off_t body = 0, upload = 0;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request);
    curl_easy_getinfo(easy, CURLINFO_HEADER_SIZE, &head);
    curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &body);
    if (x->source || x->upload_len >= SMALL_BODY) /* a small body is in the request's size */
        curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &upload);
    x->sent_bytes = (uint64_t)request + (uint64_t)upload;
    x->received_bytes = (uint64_t)head + (uint64_t)body;
}

static void take_measures(const struct carrier *c, struct tt_http_exchange *x)
{
    x->at.end = tt_now_ns();
    x->at.ready = c->transfer.prereq_ns;
    if (c->transfer.sent_ns > x->at.sent) /* a big body stamps its last piece itself */
        x->at.sent = c->transfer.sent_ns;
    take_connection(c, x);
    take_bytes(c, x);
}

static void on_transfer_done(struct tt_transfer *t, CURLcode result)
{
    struct carrier *c = (struct carrier *)((char *)t - offsetof(struct carrier, transfer));
    struct tt_http_exchange *x = c->x;
    CURL *easy = t->easy;
    take_measures(c, x);
    if (result == CURLE_OK && !c->head_complete) { /* libcurl takes what there was of the head */
        tt_http_error_set(&x->error, TT_HTTP_E_OTHER, "unexpected EOF");
    } else if (result == CURLE_OK || c->switches) {
        tt_http_body_end(x);
    } else if (c->bind_errno) {
        char text[128];
        snprintf(text, sizeof text, "dial: bind to the address of local_ips: %s",
                 strerror(c->bind_errno));
        tt_http_error_set(&x->error, TT_HTTP_E_DIAL_ERRNO, text);
    } else if (!x->error.code) { /* else a callback refused what came, and said why */
        long err = 0, verify = 0;
        curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &err);
        curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verify);
        if (!verify)
            curl_easy_getinfo(easy, CURLINFO_PROXY_SSL_VERIFYRESULT, &verify);
        tt_http_error_curl(&x->error, result, err, verify, c->error);
    }
    x->carrier = NULL;
    x->done(x); /* may start x again, on another carrier */
    carrier_put(c);
}

static void curl_cancel(void *self, struct tt_http_exchange *x)
{
    struct transport *t = self;
    struct carrier *c = x->carrier;
    if (!c)
        return;
    x->carrier = NULL;
    take_measures(c, x);
    take_tcp_info(c, x);
    tt_curl_cancel(t->curl, &c->transfer);
    carrier_put(c);
}

static void curl_resume(void *self, struct tt_http_exchange *x)
{
    struct transport *t = self;
    struct carrier *c = x->carrier;
    if (!c || !(c->paused || c->starved))
        return;
    c->paused = c->starved = false;
    tt_curl_resume(t->curl, &c->transfer);
}

static bool curl_dialled(void *self, const struct tt_http_exchange *x)
{
    (void)self;
    const struct carrier *c = x->carrier;
    struct sockaddr_storage peer;
    socklen_t n = sizeof peer;
    if (!c)
        return false;
    return c->transfer.prereq_ns || getpeername(c->transfer.fd, (struct sockaddr *)&peer, &n) == 0;
}

/* --- the transport --------------------------------------------------------------------------- */

static void *curl_open(struct tt_loop *loop, const struct tt_options *opt, struct tt_err *err)
{
    struct tt_curl *curl = tt_curl_new(loop, tt_http_idle_limits_of(opt).total, err);
    if (!curl)
        return NULL;
    struct transport *t = tt_xcalloc(1, sizeof *t);
    t->curl = curl;
    tt_arena_init(&t->arena);
    if (!tt_tls_options_read(&t->tls, &t->arena, opt, err)) {
        tt_tls_options_fini(&t->tls);
        tt_arena_fini(&t->arena);
        tt_curl_free(curl);
        tt_free(t);
        return NULL;
    }
    t->opt = opt;
    return t;
}

static void curl_close(void *self)
{
    struct transport *t = self;
    while (t->idle) {
        struct carrier *c = t->idle;
        t->idle = c->next;
        carrier_free(c);
    }
    tt_curl_free(t->curl);
    tt_tls_options_fini(&t->tls);
    tt_arena_fini(&t->arena);
    tt_free(t);
}

static struct tt_http_session *curl_session_new(void *self)
{
    const struct transport *t = self;
    struct session *s = tt_xcalloc(1, sizeof *s);
    s->curl = t->curl;
    s->share = curl_share_init();
    TT_ASSERT(s->share); /* fails for want of memory only */
    curl_share_setopt(s->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
    curl_share_setopt(s->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    return (struct tt_http_session *)(void *)s;
}

static void curl_session_free(void *self, struct tt_http_session *session)
{
    struct session *s = session_of(session);
    (void)self;
    CURLSHcode rc = curl_share_cleanup(s->share);
    TT_ASSERT(rc == CURLSHE_OK);
    TT_ASSERT(!s->held);
    tt_free(s);
}

bool tt_http_curl_holds(const struct tt_http_session *session, const struct tt_http_origin *o)
{
    const struct session *s = (const struct session *)(const void *)session;
    for (const struct held *h = s->held; h; h = h->next)
        if (h->origin == o)
            return true;
    return false;
}

const struct tt_http_transport tt_http_curl_transport = {
    .name = "curl",
    .open = curl_open,
    .close = curl_close,
    .session_new = curl_session_new,
    .session_free = curl_session_free,
    .start = curl_start,
    .cancel = curl_cancel,
    .resume = curl_resume,
    .dialled = curl_dialled,
};
