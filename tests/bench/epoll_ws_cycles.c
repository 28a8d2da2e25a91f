/* SPDX-License-Identifier: MIT */
/* The least that a WebSocket's whole life costs: connect, (TLS,) upgrade, one echo of 64 bytes, the
 * closing handshake; N at a time on one epoll. epoll_ws_cycles PORT CONNECTIONS CYCLES [CA_FILE]:
 * with a CA file over TLS, verified, a full handshake each. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum stage { CONNECTING, SECURING, UPGRADING, ECHOING, CLOSING, LINGERING };
struct life {
    int fd;
    enum stage stage;
    SSL *ssl;
    char in[1024];
    size_t got;
};
static const char request[] =
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
static char message[70] = {(char)0x81, (char)(0x80 | 64), 1, 2, 3, 4};
static const char bye[] = {(char)0x88, (char)0x82, 0, 0, 0, 0, 3, (char)0xe8};
static int port, ep;
static long begun, ended, cycles;
static SSL_CTX *ctx;

static void watch(struct life *l, int op, unsigned events)
{
    struct epoll_event ev = {.events = events, .data.ptr = l};
    epoll_ctl(ep, op, l->fd, &ev);
}

static void begin(struct life *l)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    l->stage = CONNECTING;
    l->got = 0;
    begun++;
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (l->fd < 0 || (connect(l->fd, (struct sockaddr *)&a, sizeof a) < 0 && errno != EINPROGRESS))
        exit(1);
    watch(l, EPOLL_CTL_ADD, EPOLLOUT);
}

static void put(struct life *l, const void *p, size_t n)
{
    if ((l->ssl ? SSL_write(l->ssl, p, (int)n) : (int)write(l->fd, p, n)) != (int)n)
        exit(1);
}

/* Bytes that came, 0 at the end, -1: later. */
static int get(struct life *l)
{
    size_t room = sizeof l->in - 1 - l->got;
    int n = l->ssl ? SSL_read(l->ssl, l->in + l->got, (int)room)
                   : (int)read(l->fd, l->in + l->got, room);
    if (n <= 0)
        return l->ssl ? (SSL_get_error(l->ssl, n) == SSL_ERROR_WANT_READ ? -1 : 0)
                      : (n < 0 && errno == EAGAIN ? -1 : 0);
    l->got += (size_t)n;
    l->in[l->got] = '\0';
    return n;
}

static void secure(struct life *l)
{
    int r = SSL_connect(l->ssl);
    if (r == 1) {
        l->stage = UPGRADING;
        put(l, request, sizeof request - 1);
    } else if (SSL_get_error(l->ssl, r) != SSL_ERROR_WANT_READ) {
        exit(1);
    }
}

static void connected(struct life *l)
{
    watch(l, EPOLL_CTL_MOD, EPOLLIN);
    if (!ctx) {
        l->stage = UPGRADING;
        put(l, request, sizeof request - 1);
        return;
    }
    l->stage = SECURING;
    l->ssl = SSL_new(ctx);
    SSL_set_fd(l->ssl, l->fd);
    SSL_set_tlsext_host_name(l->ssl, "localhost");
    SSL_set1_host(l->ssl, "localhost");
    secure(l);
}

static void over(struct life *l)
{
    SSL_free(l->ssl);
    l->ssl = NULL;
    close(l->fd);
    ended++;
    if (begun < cycles)
        begin(l);
}

static void readable(struct life *l)
{
    int n;
    while ((n = get(l)) > 0) {
        if (l->stage == UPGRADING && strstr(l->in, "\r\n\r\n")) {
            l->stage = ECHOING;
            l->got = 0;
            put(l, message, sizeof message);
        } else if (l->stage == ECHOING && l->got >= 66) {
            l->stage = CLOSING;
            l->got = 0;
            put(l, bye, sizeof bye);
        } else if (l->stage == CLOSING && l->got >= 4) {
            l->stage = LINGERING;
        }
    }
    if (n == 0)
        over(l);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    port = (int)strtol(argv[1], NULL, 10);
    long n = strtol(argv[2], NULL, 10);
    cycles = strtol(argv[3], NULL, 10);
    ep = epoll_create1(0);
    if (argc > 4) {
        ctx = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        if (SSL_CTX_load_verify_locations(ctx, argv[4], NULL) != 1)
            return 1;
    }
    for (long i = 0; i < n && begun < cycles; i++)
        begin(calloc(1, sizeof(struct life)));
    while (ended < cycles) {
        struct epoll_event events[64];
        int k = epoll_wait(ep, events, 64, 5000);
        if (k <= 0)
            return 1;
        for (int i = 0; i < k; i++) {
            struct life *l = events[i].data.ptr;
            if (l->stage == CONNECTING)
                connected(l);
            else if (l->stage == SECURING)
                secure(l);
            else
                readable(l);
        }
    }
    printf("%ld\n", ended);
    return 0;
}
