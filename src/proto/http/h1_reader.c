/* SPDX-License-Identifier: MIT */
/* Reading responses. Lenient where clients usually are (bare line feeds, several equal
 * Content-Length, folded lines), strict where two readers could disagree about where a response
 * ends (RFC 9112 6.3): such a connection would mix up its answers. */
#include "proto/http/h1_reader.h"
#include "base/str.h"
#include "proto/http/headers.h"
#include <string.h>

enum { LINES_MAX = 64 * 1024 }; /* of chunk extensions and trailers, which are dropped */

const char tt_h1_truncated[] = "unexpected EOF";
const char tt_h1_too_large[] = "the response's headers are too large";
const char tt_h1_nothing[] = "EOF";
static const char no_colon[] = "the response has a header without a colon";
static const char not_http[] = "the response does not begin with an HTTP/1 status line";

void tt_h1_reader_init(struct tt_h1_reader *r, struct tt_buf *head, bool bodyless)
{
    *r = (struct tt_h1_reader){.head = head, .bodyless = bodyless};
    tt_buf_clear(head);
}

static enum tt_h1_event bad(struct tt_h1_reader *r, const char *why)
{
    r->state = TT__H1_BAD;
    r->error = why;
    return TT_H1_BAD;
}

bool tt_h1_list_has(struct tt_slice list, const char *word)
{
    const char *s = list.p, *end = list.p + list.n;
    size_t n = strlen(word);
    while (s < end) {
        while (s < end && (*s == ' ' || *s == '\t' || *s == ','))
            s++;
        const char *item = s;
        while (s < end && *s != ',')
            s++;
        const char *stop = s;
        while (stop > item && (stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        if ((size_t)(stop - item) == n && tt_strnieq(item, word, n))
            return true;
    }
    return false;
}

/* --- the head -----------------------------------------------------------------------------------
 */

/* "HTTP/1.x NNN" and then a blank or the line's end. */
static bool status_line(struct tt_h1_reader *r, bool *keeps)
{
    const char *p = r->head->data;
    if (r->head->len < 13 || memcmp(p, "HTTP/1.", 7) != 0 || (p[7] != '0' && p[7] != '1') ||
        p[8] != ' ')
        return false;
    for (int i = 9; i < 12; i++)
        if (p[i] < '0' || p[i] > '9')
            return false;
    if (p[9] == '0' || !strchr(" \t\r\n", p[12]))
        return false;
    r->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    *keeps = p[7] == '1';
    return true;
}

/* "12", or several equal ones: "12, 12". */
static bool parse_length(struct tt_slice v, uint64_t *out)
{
    bool any = false;
    const char *p = v.p, *end = v.p + v.n;
    while (p < end) {
        uint64_t n = 0;
        const char *digits = p;
        for (; p < end && *p >= '0' && *p <= '9'; p++) {
            if (n > (UINT64_MAX - 9) / 10)
                return false;
            n = n * 10 + (uint64_t)(*p - '0');
        }
        if (p == digits || (any && n != *out))
            return false;
        *out = n;
        any = true;
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        if (p < end && *p++ != ',')
            return false;
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
    }
    return any && v.p[v.n - 1] != ',';
}

static bool is(struct tt_slice s, const char *text, size_t n)
{
    return s.n == n && tt_strnieq(s.p, text, n);
}

struct framing {
    bool has_length, chunked, closes, keeps, sets_cookies;
    uint64_t length;
};

static const char *frame_by(struct framing *f, const struct tt_http_header *h)
{
    uint64_t length = 0;
    if (is(h->name, "Content-Length", 14)) {
        if (!parse_length(h->value, &length))
            return "the response's Content-Length is not a number";
        if (f->has_length && f->length != length)
            return "the response has several Content-Length that differ";
        f->has_length = true;
        f->length = length;
    } else if (is(h->name, "Transfer-Encoding", 17)) {
        if (is(h->value, "chunked", 7) && !f->chunked)
            f->chunked = true;
        else if (!is(h->value, "identity", 8))
            return "the response's Transfer-Encoding is not 'chunked'";
    } else if (is(h->name, "Set-Cookie", 10)) {
        f->sets_cookies = true;
    } else if (is(h->name, "Connection", 10)) {
        f->closes = f->closes || tt_h1_list_has(h->value, "close");
        f->keeps = f->keeps || tt_h1_list_has(h->value, "keep-alive");
    }
    return NULL;
}

/* Folded lines become one: line breaks before a blank go. */
static bool unfold(struct tt_buf *head)
{
    char *p = head->data, *end = p + head->len, *nl = p;
    bool first = true;
    while ((nl = memchr(nl, '\n', (size_t)(end - nl))) && nl + 1 < end) {
        nl++;
        if (*nl != ' ' && *nl != '\t') {
            first = false;
            continue;
        }
        if (first)
            return false; /* the status line goes on */
        char *stop = nl - 1;
        if (stop[-1] == '\r')
            stop--;
        memmove(stop, nl, (size_t)(end - nl) + 1);
        end -= nl - stop;
        nl = stop;
    }
    head->len = (size_t)(end - p);
    return true;
}

/* Reads what the headers say about framing; returns what is wrong with them. */
static const char *read_headers(const struct tt_buf *head, struct framing *f)
{
    struct tt_http_header h;
    const char *end = head->data + head->len, *line = memchr(head->data, '\n', head->len) + 1;
    size_t at = 0;
    while (tt_http_headers_next(head->data, head->len, &at, &h)) {
        if (h.name.p != line) /* one was passed over */
            return no_colon;
        line = head->data + at;
        const char *why = frame_by(f, &h);
        if (why)
            return why;
    }
    return *line == '\n' || (end - line == 2 && *line == '\r') ? NULL : no_colon;
}

static enum tt_h1_event head_complete(struct tt_h1_reader *r)
{
    struct framing f = {0};
    bool keeps = false;
    if (!status_line(r, &keeps))
        return bad(r, not_http);
    if (memchr(r->head->data, '\0', r->head->len))
        return bad(r, "the response's headers have a NUL byte");
    if (!unfold(r->head))
        return bad(r, "the response's status line is folded");
    if (r->status < 200 && r->status != 101) { /* an interim response */
        r->status = 0;
        r->line_start = 0;
        tt_buf_clear(r->head);
        return TT_H1_MORE;
    }
    const char *why = read_headers(r->head, &f);
    if (why)
        return bad(r, why);
    r->state = TT__H1_BODY_START;
    r->reusable = r->status != 101 && !f.closes && (keeps || f.keeps);
    r->sets_cookies = f.sets_cookies;
    r->left = f.length;
    if (r->bodyless || r->status == 101 || r->status == 204 || r->status == 304)
        r->framing = TT__H1_DONE;
    else if (f.chunked)
        r->framing = TT__H1_CHUNK_SIZE;
    else if (f.has_length)
        r->framing = f.length ? TT__H1_LENGTH : TT__H1_DONE;
    else
        r->framing = TT__H1_UNTIL_CLOSE;
    r->reusable = r->reusable && r->framing != TT__H1_UNTIL_CLOSE;
    if (f.chunked && f.has_length) /* RFC 9112 6.3: may be an attempt to smuggle */
        r->reusable = false;
    return TT_H1_HEAD;
}

/* Does what came look like a status line so far? */
static bool plausible(const struct tt_buf *head)
{
    static const char begin[] = "HTTP/1.";
    size_t n = head->len < sizeof begin - 1 ? head->len : sizeof begin - 1;
    return memcmp(head->data, begin, n) == 0;
}

static enum tt_h1_event read_head(struct tt_h1_reader *r, const char *p, size_t n, size_t *at)
{
    struct tt_buf *head = r->head;
    const char *from = p + *at, *end = p + n, *s = from;
    size_t before = head->len;
    while (s < end) {
        const char *nl = memchr(s, '\n', (size_t)(end - s));
        if (!nl)
            break;
        /* The line's length, what an earlier piece had of it included. */
        size_t line = before + (size_t)(nl - from) - r->line_start;
        bool cr = line == 1 && (nl > from ? nl[-1] : head->data[before - 1]) == '\r';
        s = nl + 1;
        r->line_start = before + (size_t)(s - from);
        if (line && !cr)
            continue;
        *at = (size_t)(s - p);
        if (!tt_buf_append(head, from, (size_t)(s - from)))
            return bad(r, tt_h1_too_large);
        return head_complete(r);
    }
    *at = n;
    if (!tt_buf_append(head, from, (size_t)(end - from)))
        return bad(r, tt_h1_too_large);
    return head->len && !plausible(head) ? bad(r, not_http) : TT_H1_MORE;
}

/* --- the body -----------------------------------------------------------------------------------
 */

static enum tt_h1_event done(struct tt_h1_reader *r)
{
    r->state = TT__H1_DONE;
    return TT_H1_DONE;
}

static enum tt_h1_event take(struct tt_h1_reader *r, const char *p, size_t n, size_t *at,
                             struct tt_slice *body)
{
    size_t rest = n - *at;
    if (r->state != TT__H1_UNTIL_CLOSE && rest > r->left)
        rest = (size_t)r->left;
    *body = (struct tt_slice){p + *at, rest};
    *at += rest;
    if (r->state == TT__H1_UNTIL_CLOSE)
        return TT_H1_BODY;
    r->left -= rest;
    if (!r->left)
        r->state = r->state == TT__H1_LENGTH ? TT__H1_DONE : TT__H1_CHUNK_END;
    return TT_H1_BODY;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void size_complete(struct tt_h1_reader *r)
{
    r->has_digit = false;
    r->line_start = 0;
    r->state = r->left ? TT__H1_CHUNK_DATA : TT__H1_TRAILER;
}

/* One byte of a chunk's framing; false: it does not belong there. */
static bool chunk_byte(struct tt_h1_reader *r, char c)
{
    int digit;
    switch (r->state) {
    case TT__H1_CHUNK_SIZE:
        digit = hex_digit(c);
        if (digit >= 0) {
            r->has_digit = true;
            if (r->left >> 59)
                return false;
            r->left = r->left << 4 | (unsigned)digit;
        } else if (!r->has_digit || !strchr("\r\n; \t", c) || !c) {
            return false;
        } else if (c == '\n') {
            size_complete(r);
        } else {
            r->state = TT__H1_CHUNK_EXTENSION;
        }
        return true;
    case TT__H1_CHUNK_EXTENSION:
        if (c == '\n')
            size_complete(r);
        return ++r->line_bytes <= LINES_MAX;
    case TT__H1_CHUNK_END:
        if (c == '\n') {
            r->state = TT__H1_CHUNK_SIZE;
            r->line_start = 0;
            return true;
        }
        return c == '\r' && r->line_start++ == 0;
    default: /* the trailer ends with an empty line; line_start counts the line's bytes */
        if (c == '\n') {
            if (r->line_start == 0)
                r->state = TT__H1_DONE;
            else if (!r->has_colon)
                return false;
            r->line_start = 0;
            r->has_colon = false;
        } else if (c != '\r') {
            r->has_colon = r->has_colon || c == ':';
            r->line_start++;
        }
        return ++r->line_bytes <= LINES_MAX;
    }
}

static enum tt_h1_event read_chunks(struct tt_h1_reader *r, const char *p, size_t n, size_t *at,
                                    struct tt_slice *body)
{
    while (*at < n) {
        if (r->state == TT__H1_CHUNK_DATA)
            return take(r, p, n, at, body);
        if (!chunk_byte(r, p[*at]))
            return bad(r, "the response's chunked encoding is broken");
        ++*at;
        if (r->state == TT__H1_DONE)
            return TT_H1_DONE;
    }
    return TT_H1_MORE;
}

enum tt_h1_event tt_h1_read(struct tt_h1_reader *r, const char *p, size_t n, size_t *at,
                            struct tt_slice *body)
{
    enum tt_h1_event e = TT_H1_MORE;
    switch (r->state) {
    case TT__H1_HEAD:
        while (*at < n && e == TT_H1_MORE)
            e = read_head(r, p, n, at);
        return e;
    case TT__H1_BODY_START:
        r->state = r->framing;
        r->left = r->framing == TT__H1_CHUNK_SIZE ? 0 : r->left;
        r->line_start = 0;
        return tt_h1_read(r, p, n, at, body);
    case TT__H1_DONE:
        return done(r);
    case TT__H1_LENGTH:
    case TT__H1_UNTIL_CLOSE:
        return *at < n ? take(r, p, n, at, body) : TT_H1_MORE;
    case TT__H1_BAD:
        return TT_H1_BAD;
    default:
        return read_chunks(r, p, n, at, body);
    }
}

enum tt_h1_event tt_h1_end(struct tt_h1_reader *r)
{
    enum tt__h1_state s = r->state == TT__H1_BODY_START ? r->framing : r->state;
    if (s == TT__H1_DONE || s == TT__H1_UNTIL_CLOSE)
        return done(r);
    if (s == TT__H1_BAD)
        return TT_H1_BAD;
    return bad(r, s == TT__H1_HEAD && !r->line_start ? tt_h1_nothing : tt_h1_truncated);
}
