/* SPDX-License-Identifier: MIT */
/* The least that a WebSocket client costs: N connections on one epoll, each sends a masked message
 * and waits for its echo. epoll_ws PORT CONNECTIONS MESSAGES SIZE */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static char frame[70000], payload[65536], in[70000];
static size_t frame_len;

static void make_frame(size_t n)
{
    static uint32_t key = 0x12345678;
    size_t at = 2;
    key = key * 1664525 + 1013904223;
    frame[0] = (char)0x81;
    if (n < 126) {
        frame[1] = (char)(0x80 | n);
    } else {
        frame[1] = (char)(0x80 | 126);
        frame[2] = (char)(n >> 8);
        frame[3] = (char)n;
        at = 4;
    }
    memcpy(frame + at, &key, 4);
    const char *k = frame + at;
    at += 4;
    uint64_t wide = (uint64_t)key | (uint64_t)key << 32;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t v;
        memcpy(&v, payload + i, 8);
        v ^= wide;
        memcpy(frame + at + i, &v, 8);
    }
    for (; i < n; i++)
        frame[at + i] = (char)(payload[i] ^ k[i & 3]);
    frame_len = at + n;
}

static int open_one(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
        exit(1);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (write(fd, request, sizeof request - 1) < 0)
        exit(1);
    size_t got = 0;
    while (got < 4 || !strstr(in, "\r\n\r\n")) {
        ssize_t r = read(fd, in + got, sizeof in - got - 1);
        if (r <= 0)
            exit(1);
        got += (size_t)r;
        in[got] = '\0';
    }
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    int port = (int)strtol(argv[1], NULL, 10), n = (int)strtol(argv[2], NULL, 10);
    long messages = strtol(argv[3], NULL, 10), sent = 0, received = 0;
    size_t size = strtoul(argv[4], NULL, 10), want = size + (size < 126 ? 2 : 4);
    size_t *have = calloc(4096, sizeof *have);
    int ep = epoll_create1(0);
    memset(payload, 'x', sizeof payload);
    for (int i = 0; i < n; i++) {
        int fd = open_one(port);
        struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
        make_frame(size);
        sent += write(fd, frame, frame_len) > 0;
    }
    while (received < messages) {
        struct epoll_event events[64];
        int k = epoll_wait(ep, events, 64, 5000);
        if (k <= 0)
            return 1;
        for (int i = 0; i < k; i++) {
            int fd = events[i].data.fd;
            ssize_t r = read(fd, in, sizeof in);
            if (r <= 0)
                return 1;
            have[fd] += (size_t)r;
            if (have[fd] < want)
                continue;
            have[fd] -= want;
            received++;
            if (sent < messages) {
                make_frame(size);
                sent += write(fd, frame, frame_len) > 0;
            }
        }
    }
    printf("%ld\n", received);
    return 0;
}
