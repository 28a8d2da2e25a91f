/* SPDX-License-Identifier: MIT */
/* `http`: a server whose answers the request asks for, to test HTTP clients and scripts with.
 * Server's thread.
 *
 *   /                    200 "ok"
 *   /echo, /anything     the request as JSON: method, path, query, headers, body
 *   /headers             its headers as JSON
 *   /status/N            status N
 *   /delay/MS            200 after MS milliseconds
 *   /bytes/N             N bytes, the same for the same N
 *   /redirect/N          N redirects (302) in a row, then /
 *   /redirect-to?url=U   302 (or ?status=) to U
 *   /cookies             the cookies sent, as JSON
 *   /cookies/set?a=b     sets them, redirects to /cookies
 *   /gzip                a compressed JSON body
 *   /drop                closes without an answer; /drop?reset=true with RST */
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "target/http/reflect.h"
#include "target/target.h"
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 100 << 20 };
enum counter { REQUESTS, DROPPED, ABANDONED };
static const char *const counters[] = {"requests", "dropped", "abandoned"};

struct config {
    struct tt_target_common common;
    uint64_t delay_ms;
};

/* An answer that waits. */
struct delayed {
    struct tt_timer timer;
    struct tt_exchange *x;
    struct tt_target *target;
};

static void reply_json(struct tt_exchange *x, int status, cJSON *v)
{
    struct tt_buf out;
    tt_buf_init(&out, SIZE_MAX);
    tt_json_write(&out, v, false);
    cJSON_Delete(v);
    tt_exchange_add(x, "content-type", "application/json");
    tt_exchange_reply(x, status, out.data, out.len);
    tt_buf_fini(&out);
}

static void not_found(struct tt_exchange *x)
{
    tt_exchange_reply_text(x, 404, "text/plain", "not found");
}

/* The number behind the last slash. */
static bool path_number(struct tt_exchange *x, uint64_t max, uint64_t *out)
{
    const char *slash = strrchr(x->req.path, '/');
    if (tt_parse_u64(slash + 1, out) && *out <= max)
        return true;
    tt_exchange_reply_text(x, 400, "text/plain", "no such number");
    return false;
}

static void status(struct tt_exchange *x)
{
    uint64_t n;
    if (!path_number(x, 599, &n))
        return;
    if (n < 200)
        tt_exchange_reply_text(x, 400, "text/plain", "no final status");
    else
        tt_exchange_reply_text(x, (int)n, "text/plain", tt_status_text((int)n));
}

static void bytes(struct tt_exchange *x)
{
    uint64_t n;
    if (!path_number(x, BYTES_MAX, &n))
        return;
    char *p = tt_xmalloc((size_t)n + 1);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(i * 31 + i / 256);
    tt_exchange_add(x, "content-type", "application/octet-stream");
    tt_exchange_reply(x, 200, p, (size_t)n);
    tt_free(p);
}

static void redirect(struct tt_exchange *x)
{
    uint64_t n;
    char location[64] = "/";
    if (!path_number(x, 1000, &n))
        return;
    if (n > 1)
        snprintf(location, sizeof location, "/redirect/%llu", (unsigned long long)n - 1);
    tt_exchange_add(x, "location", location);
    tt_exchange_reply(x, 302, "", 0);
}

static void redirect_to(struct tt_exchange *x)
{
    char url[2048], text[8];
    uint64_t n = 302;
    if (!tt_query_get(x->req.query, "url", url, sizeof url)) {
        tt_exchange_reply_text(x, 400, "text/plain", "url is missing");
        return;
    }
    if (tt_query_get(x->req.query, "status", text, sizeof text) &&
        (!tt_parse_u64(text, &n) || n < 300 || n > 399))
        n = 302;
    tt_exchange_add(x, "location", url);
    tt_exchange_reply(x, (int)n, "", 0);
}

static void set_cookies(struct tt_exchange *x)
{
    for (const char *p = x->req.query; *p;) {
        size_t n = strcspn(p, "&");
        struct tt_buf cookie;
        tt_buf_init(&cookie, 4096);
        if (n && tt_url_decode(&cookie, p, n, true) && tt_buf_puts(&cookie, "; Path=/"))
            tt_exchange_add(x, "set-cookie", cookie.data);
        tt_buf_fini(&cookie);
        p += n + (p[n] == '&');
    }
    tt_exchange_add(x, "location", "/cookies");
    tt_exchange_reply(x, 302, "", 0);
}

static void drop(struct tt_exchange *x, struct tt_target *t)
{
    char text[8];
    bool reset = tt_query_get(x->req.query, "reset", text, sizeof text) && !tt_streq(text, "false");
    tt_target_count(t, DROPPED);
    tt_exchange_drop(x, reset);
}

static void gzip(struct tt_exchange *x)
{
    struct tt_buf plain, packed;
    cJSON *v = tt__reflect(x);
    cJSON_AddBoolToObject(v, "gzipped", true);
    tt_buf_init(&plain, SIZE_MAX);
    tt_buf_init(&packed, SIZE_MAX);
    tt_json_write(&plain, v, false);
    cJSON_Delete(v);
    tt__gzip(&packed, plain.data, plain.len);
    tt_exchange_add(x, "content-type", "application/json");
    tt_exchange_add(x, "content-encoding", "gzip");
    tt_exchange_reply(x, 200, packed.data, packed.len);
    tt_buf_fini(&plain);
    tt_buf_fini(&packed);
}

static void answer(struct tt_exchange *x, struct tt_target *t)
{
    const char *path = x->req.path;
    if (x->body_too_large)
        tt_exchange_reply_text(x, 413, "text/plain", "body too large");
    else if (strcmp(path, "/") == 0 || tt_starts_with(path, "/delay/"))
        tt_exchange_reply_text(x, 200, "text/plain", "ok");
    else if (tt_starts_with(path, "/echo") || tt_starts_with(path, "/anything"))
        reply_json(x, 200, tt__reflect(x));
    else if (strcmp(path, "/headers") == 0)
        reply_json(x, 200, tt__reflect_headers(&x->req));
    else if (tt_starts_with(path, "/status/"))
        status(x);
    else if (tt_starts_with(path, "/bytes/"))
        bytes(x);
    else if (tt_starts_with(path, "/redirect/"))
        redirect(x);
    else if (strcmp(path, "/redirect-to") == 0)
        redirect_to(x);
    else if (strcmp(path, "/cookies/set") == 0)
        set_cookies(x);
    else if (strcmp(path, "/cookies") == 0)
        reply_json(x, 200, tt__reflect_cookies(&x->req));
    else if (strcmp(path, "/gzip") == 0)
        gzip(x);
    else if (strcmp(path, "/drop") == 0)
        drop(x, t);
    else
        not_found(x);
}

static void on_due(struct tt_timer *timer)
{
    struct delayed *d = (struct delayed *)timer;
    struct tt_exchange *x = d->x;
    struct tt_target *t = d->target;
    tt_free(d);
    answer(x, t);
}

static void request(struct tt_exchange *x, void *user)
{
    struct tt_target *t = user;
    const struct config *config = t->config;
    uint64_t ms = config->delay_ms;
    tt_target_count(t, REQUESTS);
    if (tt_starts_with(x->req.path, "/delay/") && !path_number(x, 600000, &ms))
        return;
    if (!ms) {
        answer(x, t);
        return;
    }
    struct tt_loop *loop = tt_server_loop(x->server);
    struct delayed *d = tt_xcalloc(1, sizeof *d);
    d->x = x;
    d->target = t;
    x->user = d;
    tt_timer_init(&d->timer, on_due);
    tt_timer_start(loop, &d->timer, tt_loop_now(loop) + ms * 1000000);
}

static void gone(struct tt_exchange *x, void *user)
{
    struct tt_target *t = user;
    struct delayed *d = x->user;
    tt_target_count(t, ABANDONED);
    tt_timer_stop(tt_server_loop(x->server), &d->timer);
    tt_free(d);
}

static const struct tt_target_option options[] = {
    {"delay_ms", TT_TARGET_COUNT, offsetof(struct config, delay_ms),
     "wait so long before each answer", .max = 600000},
};

static const struct tt_server_handler handler = {.request = request, .gone = gone};

extern const struct tt_target_class tt_target_http;
const struct tt_target_class tt_target_http = {
    .name = "http",
    .scheme = "http",
    .summary = "answers what the request's path asks for: /echo, /status/N, /delay/MS, ...",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .config_size = sizeof(struct config),
    .counters = counters,
    .n_counters = sizeof counters / sizeof *counters,
    .handler = &handler,
};
