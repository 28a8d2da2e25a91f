/* SPDX-License-Identifier: MIT */
/* Dialling through an HTTP proxy (CONNECT) or a SOCKS proxy. Worker thread.
 *
 * libcurl speaks with the proxy (CURLOPT_CONNECT_ONLY). What it leaves is a socket that leads to
 * the target; a duplicate of it becomes the connection's, which goes on as if connect(2) had just
 * succeeded. So a proxy that itself asks for TLS cannot be used: its stream is libcurl's. */
#include "base/memory.h"
#include "base/str.h"
#include "net/conn_int.h"
#include "net/curl_loop.h"
#include "net/source.h"
#include <errno.h>
#include <string.h>

struct tt__proxy {
    struct tt_transfer transfer;
    struct tt_conn_int *in;
    struct tt_ip local;
    bool has_local;
    int bind_errno;
    char error[CURL_ERROR_SIZE];
};

static void free_proxy(struct tt__proxy *p)
{
    curl_easy_cleanup(p->transfer.easy);
    tt_free(p);
}

static int code_of(const struct tt__proxy *p, CURLcode result)
{
    long err = 0;
    curl_easy_getinfo(p->transfer.easy, CURLINFO_OS_ERRNO, &err);
    if (result == CURLE_COULDNT_RESOLVE_PROXY)
        return 1101;
    if (result == CURLE_COULDNT_CONNECT && err == ECONNREFUSED)
        return 1212;
    return result == CURLE_COULDNT_CONNECT ? 1213 : 1200;
}

static void done(struct tt_transfer *t, CURLcode result)
{
    struct tt__proxy *p =
        (struct tt__proxy *)(void *)((char *)t - offsetof(struct tt__proxy, transfer));
    struct tt_conn_int *in = p->in;
    struct tt_conn *c = in->c;
    const char *ip = NULL;
    long port = 0;
    curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &ip);
    curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_PORT, &port);
    snprintf(c->remote_ip, sizeof c->remote_ip, "%s", ip ? ip : "");
    c->remote_port = (uint16_t)port;
    if (p->bind_errno)
        tt__conn_error_sys(c, "bind", p->bind_errno);
    else if (result != CURLE_OK)
        tt__conn_error(c, code_of(p, result), "proxy: %s",
                       *p->error ? p->error : curl_easy_strerror(result));
    else if (t->taken < 0)
        tt__conn_error_sys(c, "socket", errno);
    int fd = t->taken;
    in->proxy = NULL;
    free_proxy(p);
    tt__conn_take(in, fd);
}

static int on_socket_made(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    struct tt__proxy *p = arg;
    (void)purpose;
    p->bind_errno = p->has_local ? tt_source_bind(fd, &p->local) : 0;
    return p->bind_errno ? CURL_SOCKOPT_ERROR : CURL_SOCKOPT_OK;
}

void tt__proxy_dial(struct tt_conn_int *in, struct tt_curl *curl, const struct tt_conn_target *to)
{
    char url[400];
    bool six = strchr(to->host, ':') != NULL;
    struct tt__proxy *p = tt_xcalloc(1, sizeof *p);
    p->in = in;
    p->has_local = to->local != NULL;
    if (to->local)
        p->local = *to->local;
    p->transfer.done = done;
    p->transfer.take = true;
    CURL *easy = tt_curl_easy_new(curl, &p->transfer);
    snprintf(url, sizeof url, "http://%s%.300s%s:%u/", six ? "[" : "", to->host, six ? "]" : "",
             (unsigned)to->port);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, to->proxy);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, ""); /* it has been decided */
    curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, p->error);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_made);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, p);
    in->proxy = p;
    tt_curl_start(curl, &p->transfer);
}

void tt__proxy_cancel(struct tt_conn_int *in)
{
    struct tt__proxy *p = in->proxy;
    if (!p)
        return;
    in->proxy = NULL;
    tt_curl_cancel(p->transfer.curl, &p->transfer);
    free_proxy(p);
}
