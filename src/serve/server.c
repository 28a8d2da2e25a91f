/* SPDX-License-Identifier: MIT */
/* A server's life: listening socket, thread, stop. See server.h. */
#include "base/exitcode.h"
#include "base/memory.h"
#include "serve/serve_int.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096, ACCEPTS_PER_EVENT = 64, MESSAGE_MAX = 64 << 20 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un path;
};

static unsigned port_of(const union address *a)
{
    return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

static void on_connection(uv_poll_t *h, int status, int events)
{
    struct tt_server *s = h->data;
    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
        union address a;
        socklen_t size = sizeof a;
        char text[INET6_ADDRSTRLEN] = "";
        const int on = 1;
        int fd = accept4(s->listen_fd, &a.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (a.any.sa_family != AF_UNIX)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (a.any.sa_family == AF_UNIX)
            memcpy(text, "unix", 5);
        else if (a.any.sa_family == AF_INET6)
            inet_ntop(AF_INET6, &a.v6.sin6_addr, text, sizeof text);
        else
            inet_ntop(AF_INET, &a.v4.sin_addr, text, sizeof text);
        tt__client_new(s, fd, text, port_of(&a));
    }
}

static bool listen_on_path(struct tt_server *s, struct tt_err *err)
{
    union address a = {.path.sun_family = AF_UNIX};
    if (strlen(s->path) >= sizeof a.path.sun_path)
        return tt_err_set(err, TT_EXIT_OTHER, "the socket path %s is too long (%zu bytes at most)",
                          s->path, sizeof a.path.sun_path - 1);
    memcpy(a.path.sun_path, s->path, strlen(s->path) + 1);
    unlink(s->path);
    s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->listen_fd < 0 || bind(s->listen_fd, &a.any, sizeof a.path) != 0 ||
        chmod(s->path, 0600) != 0 || listen(s->listen_fd, BACKLOG) != 0)
        return tt_err_sys(err, TT_EXIT_OTHER, errno, "cannot listen on %s", s->path);
    return true;
}

static bool listen_on(struct tt_server *s, struct tt_err *err)
{
    union address a = {0};
    socklen_t size = sizeof a.v4;
    const int on = 1;
    if (inet_pton(AF_INET, s->host, &a.v4.sin_addr) == 1) {
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = htons(s->config.port);
    } else if (inet_pton(AF_INET6, s->host, &a.v6.sin6_addr) == 1) {
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons(s->config.port);
        size = sizeof a.v6;
    } else {
        return tt_err_set(err, TT_EXIT_CONFIG, "host '%s' is not an IP address", s->host);
    }
    s->listen_fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->listen_fd < 0)
        return tt_err_sys(err, TT_EXIT_OTHER, errno, "cannot listen");
    setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s->listen_fd, &a.any, size) != 0 || listen(s->listen_fd, BACKLOG) != 0)
        return tt_err_sys(err, TT_EXIT_OTHER, errno, "cannot listen on %s port %u", s->host,
                          s->config.port);
    size = sizeof a;
    getsockname(s->listen_fd, &a.any, &size);
    s->port = (uint16_t)port_of(&a);
    return true;
}

/* --- the thread */

static void close_all(struct tt_server *s)
{
    if (s->config.handler->stopping)
        s->config.handler->stopping(s, s->config.user);
    uv_poll_stop(&s->listen_poll);
    uv_close((uv_handle_t *)&s->listen_poll, NULL);
    while (s->conns)
        tt__client_destroy(s->conns, false);
    if (s->lws)
        tt__peer_context_close(s);
    tt_loop_drain(s->loop);
    if (s->lws)
        tt__peer_context_free(s);
    tt_loop_drain(s->loop);
}

static void *serve(void *arg)
{
    struct tt_server *s = arg;
    if (s->config.handler->started)
        s->config.handler->started(s, s->config.user);
    tt_loop_run(s->loop);
    close_all(s);
    return NULL;
}

static void on_stop(struct tt_letter *l)
{
    struct tt_server *s = (struct tt_server *)((char *)l - offsetof(struct tt_server, stop));
    tt_loop_stop(s->loop);
}

static void free_server(struct tt_server *s)
{
    if (s->lws) { /* never started */
        tt__peer_context_close(s);
        tt_loop_drain(s->loop);
        tt__peer_context_free(s);
        tt_loop_drain(s->loop);
    }
    tt_loop_free(s->loop);
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    if (s->path)
        unlink(s->path);
    tt_free(s->path);
    SSL_CTX_free(s->tls);
    tt_free(s->host);
    tt_free(s->cert);
    tt_free(s->key);
    tt_free(s);
}

static bool open_server(struct tt_server *s, struct tt_err *err)
{
    if (!s->cert != !s->key)
        return tt_err_set(err, TT_EXIT_CONFIG, "TLS needs both a certificate and a key");
    if (s->cert && !(s->tls = tt__server_tls(s->cert, s->key, err)))
        return false;
    s->loop = tt_loop_new(err);
    return s->loop && (s->path ? listen_on_path(s, err) : listen_on(s, err)) &&
           (!s->config.handler->ws_open || tt__peer_context_new(s, err));
}

struct tt_server *tt_server_start(const struct tt_server_config *config, struct tt_err *err)
{
    struct tt_server *s = tt_xcalloc(1, sizeof *s);
    s->config = *config;
    s->host = tt_xstrdup(config->host ? config->host : "127.0.0.1");
    s->path = tt_xstrdup(config->unix_path);
    s->cert = tt_xstrdup(config->tls_cert);
    s->key = tt_xstrdup(config->tls_key);
    s->config.host = s->host;
    if (!config->ws_message_max)
        s->config.ws_message_max = MESSAGE_MAX;
    s->listen_fd = -1;
    s->stop.deliver = on_stop;
    if (!open_server(s, err)) {
        free_server(s);
        return NULL;
    }
    uv_poll_init(tt_loop_uv(s->loop), &s->listen_poll, s->listen_fd);
    s->listen_poll.data = s;
    uv_poll_start(&s->listen_poll, UV_READABLE, on_connection);
    if (!tt_thread_start(&s->thread, config->name, serve, s, err)) {
        uv_close((uv_handle_t *)&s->listen_poll, NULL);
        free_server(s);
        return NULL;
    }
    return s;
}

void tt_server_stop(struct tt_server *s)
{
    if (!s)
        return;
    tt_loop_post(s->loop, &s->stop);
    tt_thread_join(&s->thread);
    free_server(s);
}

uint16_t tt_server_port(const struct tt_server *s)
{
    return s->port;
}

bool tt_server_secure(const struct tt_server *s)
{
    return s->tls != NULL;
}

struct tt_loop *tt_server_loop(const struct tt_server *s)
{
    return s->loop;
}
