/* SPDX-License-Identifier: MIT */
/* A blocking client of our own servers, which run on their threads: bytes out, HTTP answers and
 * WebSocket frames in. A peer that says nothing for 20 s fails the test. */
#pragma once
#include "base/memory.h"
#include "unit.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static inline int client_connect(const void *address, socklen_t size, int family)
{
    const struct timeval patience = {.tv_sec = 20};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, address, size) != 0)
        fail_msg("connect: %s", strerror(errno));
    return fd;
}

static inline int client_tcp(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return client_connect(&a, sizeof a, AF_INET);
}

static inline int client_unix(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    return client_connect(&a, sizeof a, AF_UNIX);
}

/* False: the server has closed already. */
static inline bool client_try_send(int fd, const void *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t sent = send(fd, (const char *)p + at, n - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += (size_t)sent;
    }
    return true;
}

static inline void client_send(int fd, const char *text)
{
    assert_true(client_try_send(fd, text, strlen(text)));
}

/* Up to n bytes, fewer at the stream's end; -1: it was reset. */
static inline ssize_t client_read(int fd, char *p, size_t n)
{
    size_t at = 0;
    while (at < n) {
        ssize_t got = recv(fd, p + at, n - at, 0);
        if (got < 0 && errno == ECONNRESET)
            return -1;
        if (got < 0)
            fail_msg("the server says nothing: %s", strerror(errno));
        if (!got)
            break;
        at += (size_t)got;
    }
    return (ssize_t)at;
}

/* The server has closed, and said nothing more before. */
static inline void client_expect_end(int fd)
{
    char c;
    assert_int_equal(client_read(fd, &c, 1), 0);
    close(fd);
}

/* --- HTTP */

enum { CLIENT_HEAD_MAX = 16384 };
struct client_answer {
    int status;
    char head[CLIENT_HEAD_MAX];
    char *body; /* NUL-terminated */
    size_t len;
};

/* The value of the first such header; NULL: none. */
static inline const char *client_header(const struct client_answer *a, const char *name)
{
    static char value[CLIENT_HEAD_MAX];
    size_t n = strlen(name);
    for (const char *s = strstr(a->head, "\r\n"); s; s = strstr(s, "\r\n")) {
        s += 2;
        if (strncasecmp(s, name, n) != 0 || s[n] != ':')
            continue;
        s += n + 1 + strspn(s + n + 1, " ");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(s, "\r"), s);
        return value;
    }
    return NULL;
}

static inline void client_read_head(int fd, struct client_answer *a)
{
    size_t n = 0;
    *a = (struct client_answer){0};
    while (n < 4 || memcmp(a->head + n - 4, "\r\n\r\n", 4) != 0) {
        assert_true(n < sizeof a->head - 1);
        assert_int_equal(client_read(fd, a->head + n, 1), 1);
        n++;
    }
    assert_int_equal(sscanf(a->head, "HTTP/1.1 %d", &a->status), 1);
}

/* has_body: false for the answer to a HEAD. */
static inline void client_read_answer(int fd, struct client_answer *a, bool has_body)
{
    client_read_head(fd, a);
    const char *length = client_header(a, "content-length");
    a->len = has_body && length ? strtoul(length, NULL, 10) : 0;
    a->body = tt_xcalloc(1, a->len + 1);
    assert_int_equal(client_read(fd, a->body, a->len), (ssize_t)a->len);
}

static inline void client_answer_fini(struct client_answer *a)
{
    tt_free(a->body);
    a->body = NULL;
}

/* headers: whole lines, "" none. body NULL: none. */
static inline void client_request(int fd, const char *method, const char *target,
                                  const char *headers, const char *body)
{
    size_t size = strlen(target) + strlen(headers) + (body ? strlen(body) : 0) + 256;
    char *text = tt_xmalloc(size), length[64] = "";
    if (body)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(body));
    snprintf(text, size, "%s %s HTTP/1.1\r\nHost: test\r\n%s%s\r\n%s", method, target, headers,
             length, body ? body : "");
    client_send(fd, text);
    tt_free(text);
}

/* --- WebSocket */

static inline int client_upgrade(uint16_t port, const char *target, const char *headers,
                                 struct client_answer *a)
{
    static const char ours[] = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    char lines[1024];
    int fd = client_tcp(port);
    snprintf(lines, sizeof lines, "%s%s", ours, headers);
    client_request(fd, "GET", target, lines, NULL);
    client_read_head(fd, a);
    return fd;
}

static inline int client_websocket(uint16_t port, const char *target)
{
    struct client_answer a;
    int fd = client_upgrade(port, target, "", &a);
    assert_int_equal(a.status, 101);
    assert_string_equal(client_header(&a, "sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    return fd;
}

/* first: FIN bit and opcode. Masked, as a client's must be. */
static inline void client_frame(int fd, unsigned first, const void *p, size_t n)
{
    static const uint8_t mask[4] = {0x12, 0xa4, 0x7f, 0x01};
    uint8_t *frame = tt_xmalloc(n + 14);
    size_t at = 0;
    frame[at++] = (uint8_t)first;
    if (n < 126) {
        frame[at++] = (uint8_t)(0x80 | n);
    } else if (n < 65536) {
        frame[at++] = 0x80 | 126;
        frame[at++] = (uint8_t)(n >> 8);
        frame[at++] = (uint8_t)n;
    } else {
        frame[at++] = 0x80 | 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            frame[at++] = (uint8_t)((uint64_t)n >> shift);
    }
    memcpy(frame + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < n; i++)
        frame[at + i] = ((const uint8_t *)p)[i] ^ mask[i % 4];
    assert_true(client_try_send(fd, frame, at + n));
    tt_free(frame);
}

static inline void client_text(int fd, const char *text)
{
    client_frame(fd, 0x81, text, strlen(text));
}

struct client_frame {
    unsigned first; /* FIN bit and opcode */
    size_t len;
    char *data; /* NUL-terminated; tt_free */
};

static inline struct client_frame client_read_frame(int fd)
{
    uint8_t head[8];
    struct client_frame f;
    assert_int_equal(client_read(fd, (char *)head, 2), 2);
    f.first = head[0];
    assert_false(head[1] & 0x80); /* a server masks nothing */
    f.len = head[1];
    size_t more = f.len == 126 ? 2 : f.len == 127 ? 8 : 0;
    if (more) {
        assert_int_equal(client_read(fd, (char *)head, more), (ssize_t)more);
        f.len = 0;
        for (size_t i = 0; i < more; i++)
            f.len = f.len << 8 | head[i];
    }
    f.data = tt_xcalloc(1, f.len + 1);
    assert_int_equal(client_read(fd, f.data, f.len), (ssize_t)f.len);
    return f;
}

static inline void client_expect_frame(int fd, unsigned first, const char *data)
{
    struct client_frame f = client_read_frame(fd);
    assert_int_equal(f.first, first);
    assert_int_equal(f.len, strlen(data));
    assert_string_equal(f.data, data);
    tt_free(f.data);
}

static inline void client_expect_close(int fd, unsigned code, const char *reason)
{
    struct client_frame f = client_read_frame(fd);
    assert_int_equal(f.first, 0x88);
    assert_true(f.len >= 2);
    assert_int_equal((unsigned)(uint8_t)f.data[0] << 8 | (uint8_t)f.data[1], code);
    assert_string_equal(f.data + 2, reason);
    tt_free(f.data);
}
