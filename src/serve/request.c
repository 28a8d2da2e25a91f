/* SPDX-License-Identifier: MIT */
/* Request heads and chunked bodies; see request.h. Strict where laxness hides a client's fault:
 * obsolete line folding, spaces before the colon and contradicting lengths are refused. */
#include "serve/request.h"
#include "base/memory.h"
#include "base/str.h"
#include <string.h>

static bool is_token(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool all_token(const char *s)
{
    for (const char *p = s; *p; p++)
        if (!is_token((unsigned char)*p))
            return false;
    return *s != '\0';
}

/* True when the comma-separated list holds word. */
static bool list_has(const char *list, const char *word)
{
    size_t n = strlen(word);
    while (list && *list) {
        list += strspn(list, " \t,");
        size_t len = strcspn(list, ",");
        size_t end = len;
        while (end && (list[end - 1] == ' ' || list[end - 1] == '\t'))
            end--;
        if (end == n && tt_strnieq(list, word, n))
            return true;
        list += len;
    }
    return false;
}

const char *tt_http_request_header(const struct tt_http_request *r, const char *name)
{
    for (size_t i = 0; i < r->n_fields; i++)
        if (tt_strieq(r->fields[i].name, name))
            return r->fields[i].value;
    return NULL;
}

static bool any_header_has(const struct tt_http_request *r, const char *name, const char *word)
{
    for (size_t i = 0; i < r->n_fields; i++)
        if (tt_strieq(r->fields[i].name, name) && list_has(r->fields[i].value, word))
            return true;
    return false;
}

/* Offset behind the empty line, 0 when it is not there yet. */
static size_t head_end(const char *p, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) {
        if (p[i] != '\n')
            continue;
        if (p[i + 1] == '\n')
            return i + 2;
        if (p[i + 1] == '\r' && i + 2 < n && p[i + 2] == '\n')
            return i + 3;
    }
    return 0;
}

/* Cuts the next line out of the block (at *at, ending at end) and ends it with NUL. */
static char *next_line(char **at, const char *end)
{
    char *line = *at;
    char *nl = memchr(line, '\n', (size_t)(end - line));
    if (!nl)
        return NULL;
    *at = nl + 1;
    *nl = '\0';
    if (nl > line && nl[-1] == '\r')
        nl[-1] = '\0';
    return line;
}

/* path and query need a copy of the target, kept behind the head in the block. */
static void split_target(struct tt_http_request *r, char *room)
{
    const char *t = r->target;
    const char *scheme = strstr(t, "://");
    if (*t != '/' && scheme && scheme < t + 8) { /* absolute form, as proxies are asked */
        const char *slash = strchr(scheme + 3, '/');
        t = slash ? slash : "/";
    }
    memcpy(room, t, strlen(t) + 1);
    char *query = strchr(room, '?');
    if (query)
        *query++ = '\0';
    r->path = *room ? room : "/";
    r->query = query ? query : "";
}

static int parse_request_line(struct tt_http_request *r, char *line)
{
    char *target = strchr(line, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;
    if (!version)
        return 400;
    *target++ = '\0';
    *version++ = '\0';
    if (!all_token(line) || !*target)
        return 400;
    if (!tt_starts_with(version, "HTTP/") || strlen(version) != 8)
        return 400;
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
        return 505;
    for (const char *p = target; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return 400;
    r->method = line;
    r->target = target;
    r->minor = version[7] == '1';
    return 0;
}

static int parse_field(struct tt_http_request *r, char *line)
{
    char *colon = strchr(line, ':');
    if (!colon || r->n_fields == TT_FIELDS_MAX)
        return colon ? 431 : 400;
    *colon = '\0';
    if (!all_token(line))
        return 400;
    for (char *p = line; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    char *value = colon + 1 + strspn(colon + 1, " \t");
    size_t n = strlen(value);
    while (n && (value[n - 1] == ' ' || value[n - 1] == '\t'))
        value[--n] = '\0';
    r->fields[r->n_fields++] = (struct tt_http_field){.name = line, .value = value};
    return 0;
}

static int read_framing(struct tt_http_request *r)
{
    const char *te = tt_http_request_header(r, "transfer-encoding");
    bool has_length = false;
    for (size_t i = 0; i < r->n_fields; i++) {
        uint64_t v;
        if (strcmp(r->fields[i].name, "content-length") != 0)
            continue;
        if (!tt_parse_u64(r->fields[i].value, &v) || (has_length && v != r->content_length))
            return 400;
        r->content_length = v;
        has_length = true;
    }
    if (te) {
        if (has_length)
            return 400; /* RFC 9112 6.1: a smuggling attempt */
        if (!tt_strieq(te, "chunked"))
            return 501;
        r->chunked = true;
    }
    return 0;
}

static void read_connection(struct tt_http_request *r)
{
    const char *expect = tt_http_request_header(r, "expect");
    r->keep_alive = r->minor ? !any_header_has(r, "connection", "close")
                             : any_header_has(r, "connection", "keep-alive");
    r->expects_continue = r->minor && expect && tt_strieq(expect, "100-continue");
    const char *key = tt_http_request_header(r, "sec-websocket-key");
    const char *version = tt_http_request_header(r, "sec-websocket-version");
    r->wants_websocket = r->minor && strcmp(r->method, "GET") == 0 &&
                         any_header_has(r, "upgrade", "websocket") &&
                         any_header_has(r, "connection", "upgrade") && key && strlen(key) == 24 &&
                         version && strcmp(version, "13") == 0;
}

static int parse_block(struct tt_http_request *r, size_t size)
{
    char *at = r->block;
    const char *end = r->block + size;
    char *line = next_line(&at, end);
    int status = line ? parse_request_line(r, line) : 400;
    while (!status && (line = next_line(&at, end)) && *line)
        status = *line == ' ' || *line == '\t' ? 400 : parse_field(r, line);
    if (status)
        return status;
    if (r->minor && !tt_http_request_header(r, "host"))
        return 400;
    split_target(r, r->block + size + 1);
    status = read_framing(r);
    if (!status)
        read_connection(r);
    return status;
}

enum tt_parse tt_http_request_parse(struct tt_http_request *r, const char *p, size_t n,
                                    size_t *used, int *status)
{
    size_t skip = 0;
    while (skip < n && (p[skip] == '\r' || p[skip] == '\n')) /* RFC 9112 2.2 */
        skip++;
    size_t size = head_end(p + skip, n - skip);
    memset(r, 0, sizeof *r);
    *status = 431;
    if (size > TT_HEAD_MAX || (!size && n - skip > TT_HEAD_MAX))
        return TT_PARSE_BAD;
    if (!size)
        return TT_PARSE_MORE;
    *status = 400;
    if (memchr(p + skip, '\0', size))
        return TT_PARSE_BAD;
    r->block = tt_xmalloc(2 * size + 2);
    memcpy(r->block, p + skip, size);
    r->block[size] = '\0';
    r->fields = tt_xcalloc(TT_FIELDS_MAX, sizeof *r->fields);
    *status = parse_block(r, size);
    *used = skip + size;
    if (!*status)
        return TT_PARSE_DONE;
    tt_http_request_fini(r);
    return TT_PARSE_BAD;
}

void tt_http_request_fini(struct tt_http_request *r)
{
    tt_free(r->block);
    tt_free(r->fields);
    memset(r, 0, sizeof *r);
}

/* --- query arguments */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool tt_url_decode(struct tt_buf *out, const char *p, size_t n, bool plus_is_space)
{
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        if (c == '%' && i + 2 < n && hex(p[i + 1]) >= 0 && hex(p[i + 2]) >= 0) {
            c = (char)(hex(p[i + 1]) << 4 | hex(p[i + 2]));
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (!tt_buf_putc(out, c))
            return false;
    }
    return true;
}

bool tt_query_get(const char *query, const char *name, char *out, size_t size)
{
    size_t name_len = strlen(name);
    for (const char *p = query; *p;) {
        size_t len = strcspn(p, "&");
        if (len >= name_len && strncmp(p, name, name_len) == 0 &&
            (len == name_len || p[name_len] == '=')) {
            const char *value = p + name_len + (len > name_len);
            struct tt_buf b;
            tt_buf_init(&b, size - 1);
            bool ok = tt_url_decode(&b, value, (size_t)(p + len - value), true);
            if (ok)
                memcpy(out, b.len ? b.data : "", b.len + 1);
            tt_buf_fini(&b);
            return ok;
        }
        p += len + (p[len] == '&');
    }
    return false;
}

/* --- chunked bodies (RFC 9112 7.1) */

enum { CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_DATA, CHUNK_DATA_END, TRAILER_START, TRAILER_LINE };

static bool size_line(struct tt_chunked *c, char ch)
{
    /* The digit count is kept in the state's upper bits, so that an empty size is seen. */
    int digit = hex(ch);
    int seen = c->state >> 8;
    if (digit >= 0 && seen < 15) {
        c->left = c->left << 4 | (uint64_t)digit;
        c->state = (seen + 1) << 8 | CHUNK_SIZE;
        return true;
    }
    if (!seen || (ch != '\r' && ch != '\n' && ch != ';' && ch != ' '))
        return false;
    c->state = CHUNK_EXTENSION;
    if (ch == '\n')
        c->state = c->left ? CHUNK_DATA : TRAILER_START;
    return true;
}

/* One byte outside chunk data. */
static enum tt_parse control_byte(struct tt_chunked *c, char ch)
{
    switch (c->state & 0xff) {
    case CHUNK_SIZE:
        return size_line(c, ch) ? TT_PARSE_MORE : TT_PARSE_BAD;
    case CHUNK_EXTENSION:
        if (ch == '\n')
            c->state = c->left ? CHUNK_DATA : TRAILER_START;
        return TT_PARSE_MORE;
    case CHUNK_DATA_END:
        if (ch != '\r' && ch != '\n')
            return TT_PARSE_BAD;
        if (ch == '\n')
            c->state = CHUNK_SIZE;
        return TT_PARSE_MORE;
    case TRAILER_START:
        if (ch == '\n')
            return TT_PARSE_DONE;
        if (ch != '\r')
            c->state = TRAILER_LINE;
        return TT_PARSE_MORE;
    default:
        if (ch == '\n')
            c->state = TRAILER_START;
        return TT_PARSE_MORE;
    }
}

enum tt_parse tt_chunked_take(struct tt_chunked *c, const char *p, size_t n, struct tt_buf *body,
                              size_t *used, bool *too_large)
{
    size_t i = 0;
    enum tt_parse r = TT_PARSE_MORE;
    while (i < n && r == TT_PARSE_MORE) {
        if (c->state != CHUNK_DATA) {
            r = control_byte(c, p[i++]);
            continue;
        }
        size_t take = n - i < c->left ? n - i : (size_t)c->left;
        if (!tt_buf_append(body, p + i, take)) {
            *too_large = true;
            r = TT_PARSE_BAD;
            break;
        }
        i += take;
        c->left -= take;
        if (!c->left)
            c->state = CHUNK_DATA_END;
    }
    *used = i;
    return r;
}
