/* SPDX-License-Identifier: MIT */
/* Header blocks. */
#include "proto/http/headers.h"
#include "base/str.h"
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool tt_http_headers_add(struct tt_buf *block, const char *line, size_t n)
{
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0)
        tt_buf_clear(block);
    size_t keep = block->len;
    if (n && is_blank(line[0]) && block->len) {
        while (block->len &&
               (block->data[block->len - 1] == '\n' || block->data[block->len - 1] == '\r'))
            block->len--;
    }
    if (tt_buf_append(block, line, n))
        return true;
    block->len = keep;
    return false;
}

/* The line at *at without its end; moves on. False at the end. */
static bool next_line(const char *block, size_t n, size_t *at, struct tt_slice *line)
{
    if (*at >= n)
        return false;
    const char *p = block + *at;
    const char *nl = memchr(p, '\n', n - *at);
    size_t len = nl ? (size_t)(nl - p) : n - *at;
    *at += len + (nl ? 1 : 0);
    if (len && p[len - 1] == '\r')
        len--;
    *line = (struct tt_slice){p, len};
    return true;
}

static bool is_status_line(struct tt_slice line)
{
    return line.n >= 5 && memcmp(line.p, "HTTP/", 5) == 0;
}

static const char *proto_of(const char *p, size_t n)
{
    struct tt_slice v = {p + 5, n - 5};
    if (v.n >= 3 && memcmp(v.p, "1.1", 3) == 0)
        return "HTTP/1.1";
    if (v.n >= 3 && memcmp(v.p, "1.0", 3) == 0)
        return "HTTP/1.0";
    if (v.n >= 1 && v.p[0] == '2')
        return "HTTP/2.0";
    return v.n >= 1 && v.p[0] == '3' ? "HTTP/3.0" : "HTTP/?";
}

bool tt_http_headers_status(const char *block, size_t n, struct tt_http_status *out)
{
    size_t at = 0;
    struct tt_slice line;
    if (!next_line(block, n, &at, &line) || !is_status_line(line))
        return false;
    const char *space = memchr(line.p, ' ', line.n);
    if (!space)
        return false;
    struct tt_slice text = {space + 1, (size_t)(line.p + line.n - space - 1)};
    while (text.n && is_blank(text.p[text.n - 1]))
        text.n--;
    if (text.n < 3)
        return false;
    int code = 0;
    for (size_t i = 0; i < 3; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        code = code * 10 + (text.p[i] - '0');
    }
    *out = (struct tt_http_status){code, proto_of(line.p, line.n), text};
    return true;
}

bool tt_http_headers_next(const char *block, size_t n, size_t *at, struct tt_http_header *h)
{
    struct tt_slice line;
    while (next_line(block, n, at, &line)) {
        if (line.p == block && is_status_line(line))
            continue; /* its phrase may have a colon */
        const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
        if (!colon)
            continue; /* the empty line, garbage */
        h->name = (struct tt_slice){line.p, (size_t)(colon - line.p)};
        const char *v = colon + 1, *end = line.p + line.n;
        while (v < end && is_blank(*v))
            v++;
        while (end > v && is_blank(end[-1]))
            end--;
        h->value = (struct tt_slice){v, (size_t)(end - v)};
        return true;
    }
    return false;
}

static bool is_token_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

void tt_http_header_canonical(char *name, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_token_char((unsigned char)name[i]))
            return;
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        if (first && c >= 'a' && c <= 'z')
            name[i] = (char)(c - 'a' + 'A');
        else if (!first && c >= 'A' && c <= 'Z')
            name[i] = (char)(c - 'A' + 'a');
        first = c == '-';
    }
}

const char *tt_http_status_phrase(int code)
{
    static const struct {
        int code;
        const char *phrase;
    } list[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {207, "Multi-Status"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Request Entity Too Large"},
        {414, "Request URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Requested Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {418, "I'm a teapot"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Entity"},
        {423, "Locked"},
        {424, "Failed Dependency"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
        {511, "Network Authentication Required"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (list[i].code == code)
            return list[i].phrase;
    return "";
}
