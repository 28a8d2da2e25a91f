/* SPDX-License-Identifier: MIT */
/* Log entries to Loki; see log_loki.h. Entries wait as JSON, one buffer per level, under a lock;
 * the thread swaps the buffers out once a period and posts them. At most `limit` entries are taken
 * per period, so that an endless log costs neither memory nor the run; the others are counted. */
#include "output/log_loki.h"
#include "base/clock.h"
#include "base/exitcode.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/units.h"
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { WAITING_BYTES_MAX = 64 << 20, TIMEOUT_MS = 5000, BODY_BYTES_MAX = 256 << 20 };

struct tt_loki {
    char *url;
    uint64_t limit, period_ns;
    enum tt_log_level level;
    struct tt_buf labels; /* ,"k":"v" */
    struct curl_slist *headers;
    CURL *easy;
    struct tt_thread thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* under the lock */
    struct tt_buf waiting[TT_LOG_NONE]; /* ["ns","line"],... */
    uint64_t taken, dropped;
    bool closing;
    /* the thread's */
    uint64_t unsent;
    struct tt_err why;
};

/* --- settings ----------------------------------------------------------------------------------
 */

static bool set(struct tt_loki *k, const char *name, const char *value, struct tt_err *err)
{
    static const char *const names[] = {"limit", "push_period", "level", "label.", "header."};
    if (strcmp(name, "limit") == 0)
        return (tt_parse_u64(value, &k->limit) && k->limit) ||
               tt_err_set(err, TT_EXIT_CONFIG, "limit: '%s' is no number above 0", value);
    if (strcmp(name, "push_period") == 0)
        return tt_parse_duration(value, &k->period_ns, err) &&
               (k->period_ns || tt_err_set(err, TT_EXIT_CONFIG, "push_period must be above 0"));
    if (strcmp(name, "level") == 0)
        return tt_log_level_from(value, &k->level, err);
    if (tt_starts_with(name, "label.") && name[6]) {
        tt_buf_putc(&k->labels, ',');
        tt_json_write_text(&k->labels, name + 6);
        tt_buf_putc(&k->labels, ':');
        return tt_json_write_text(&k->labels, value);
    }
    if (tt_starts_with(name, "header.") && name[7]) {
        struct tt_buf line;
        tt_buf_init(&line, 64 * 1024);
        tt_buf_printf(&line, "%s: %s", name + 7, value);
        k->headers = curl_slist_append(k->headers, line.data);
        tt_buf_fini(&line);
        return true;
    }
    const char *near = tt_suggest(name, names, sizeof names / sizeof *names);
    return tt_err_set(err, TT_EXIT_CONFIG,
                      "unknown setting '%s'%s%s%s; there are limit, push_period, level, label.NAME "
                      "and header.NAME",
                      name, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static bool read_settings(struct tt_loki *k, const char *settings, struct tt_err *err)
{
    char *copy = tt_xstrdup(settings), *rest = copy, *one;
    bool ok = true, first = true;
    k->url = tt_xstrdup("http://127.0.0.1:3100/loki/api/v1/push");
    for (; ok && (one = strsep(&rest, ",")); first = false) {
        char *eq = strchr(one, '=');
        if (first && strstr(one, "://")) {
            tt_free(k->url);
            k->url = tt_xstrdup(one);
        } else if (!eq && *one) {
            ok = tt_err_set(err, TT_EXIT_CONFIG, "'%s': expected name=value", one);
        } else if (eq) {
            *eq = '\0';
            ok = set(k, one, eq + 1, err);
        }
    }
    tt_free(copy);
    return ok;
}

/* --- sending -----------------------------------------------------------------------------------
 */

static size_t discard(char *p, size_t size, size_t n, void *arg)
{
    (void)p;
    (void)arg;
    return size * n;
}

static void post(struct tt_loki *k, const struct tt_buf *body, uint64_t entries)
{
    long status = 0;
    curl_easy_setopt(k->easy, CURLOPT_POSTFIELDS, body->data);
    curl_easy_setopt(k->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
    CURLcode rc = curl_easy_perform(k->easy);
    curl_easy_getinfo(k->easy, CURLINFO_RESPONSE_CODE, &status);
    if (rc == CURLE_OK && status >= 200 && status < 300)
        return;
    k->unsent += entries;
    if (k->why.text[0])
        return;
    if (rc != CURLE_OK)
        tt_err_set(&k->why, 0, "%s", curl_easy_strerror(rc));
    else
        tt_err_set(&k->why, 0, "it answered with status %ld", status);
}

/* The lock is held on entry and on return, not while it posts. */
static void send_waiting(struct tt_loki *k)
{
    struct tt_buf taken[TT_LOG_NONE], body;
    uint64_t entries = k->taken;
    if (!entries)
        return;
    for (int i = 0; i < TT_LOG_NONE; i++) {
        taken[i] = k->waiting[i];
        tt_buf_init(&k->waiting[i], WAITING_BYTES_MAX);
    }
    k->taken = 0;
    pthread_mutex_unlock(&k->lock);
    tt_buf_init(&body, BODY_BYTES_MAX);
    tt_buf_puts(&body, "{\"streams\":[");
    for (int i = 0, n = 0; i < TT_LOG_NONE; i++) {
        if (taken[i].len)
            tt_buf_printf(&body, "%s{\"stream\":{\"level\":\"%s\"%s},\"values\":[%s]}",
                          n++ ? "," : "", tt_log_level_name((enum tt_log_level)i),
                          k->labels.len ? k->labels.data : "", taken[i].data);
        tt_buf_fini(&taken[i]);
    }
    tt_buf_puts(&body, "]}");
    post(k, &body, entries);
    tt_buf_fini(&body);
    pthread_mutex_lock(&k->lock);
}

static void *push(void *arg)
{
    struct tt_loki *k = arg;
    bool last = false;
    pthread_mutex_lock(&k->lock);
    while (!last) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        uint64_t ns = (uint64_t)until.tv_nsec + k->period_ns % TT_NS_PER_S;
        until.tv_sec += (time_t)(k->period_ns / TT_NS_PER_S + ns / TT_NS_PER_S);
        until.tv_nsec = (long)(ns % TT_NS_PER_S);
        while (!k->closing && pthread_cond_timedwait(&k->wake, &k->lock, &until) != ETIMEDOUT)
            continue;
        last = k->closing;
        send_waiting(k);
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

/* --- for the log -------------------------------------------------------------------------------
 */

void tt_loki_add(struct tt_loki *k, const struct tt_log_entry *e)
{
    struct tt_buf line;
    if (e->level < k->level)
        return;
    tt_buf_init(&line, 1 << 20);
    tt_buf_puts(&line, e->message);
    if (e->fields)
        tt_buf_printf(&line, " %s", e->fields);
    pthread_mutex_lock(&k->lock);
    struct tt_buf *b = &k->waiting[e->level];
    size_t before = b->len;
    bool ok = k->taken < k->limit &&
              tt_buf_printf(b, "%s[\"%" PRIu64 "\",", before ? "," : "", e->wall_ns) &&
              tt_json_write_text(b, line.data ? line.data : "") && tt_buf_putc(b, ']');
    if (ok) {
        k->taken++;
    } else {
        k->dropped++;
        b->len = before;
    }
    pthread_mutex_unlock(&k->lock);
    tt_buf_fini(&line);
}

static void free_all(struct tt_loki *k)
{
    for (int i = 0; i < TT_LOG_NONE; i++)
        tt_buf_fini(&k->waiting[i]);
    tt_buf_fini(&k->labels);
    curl_slist_free_all(k->headers);
    curl_easy_cleanup(k->easy);
    pthread_cond_destroy(&k->wake);
    pthread_mutex_destroy(&k->lock);
    tt_free(k->url);
    tt_free(k);
    curl_global_cleanup();
}

struct tt_loki *tt_loki_new(const char *settings, struct tt_err *err)
{
    struct tt_loki *k = tt_xcalloc(1, sizeof *k);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    k->limit = 10000;
    k->period_ns = TT_NS_PER_S;
    tt_buf_init(&k->labels, 64 * 1024);
    for (int i = 0; i < TT_LOG_NONE; i++)
        tt_buf_init(&k->waiting[i], WAITING_BYTES_MAX);
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->wake, NULL);
    k->headers = curl_slist_append(NULL, "Content-Type: application/json");
    k->easy = curl_easy_init();
    TT_ASSERT(k->easy);
    bool ok = read_settings(k, settings, err);
    curl_easy_setopt(k->easy, CURLOPT_URL, k->url);
    curl_easy_setopt(k->easy, CURLOPT_HTTPHEADER, k->headers);
    curl_easy_setopt(k->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(k->easy, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    curl_easy_setopt(k->easy, CURLOPT_WRITEFUNCTION, discard);
    if (ok && tt_thread_start(&k->thread, "loki", push, k, err))
        return k;
    free_all(k);
    return NULL;
}

void tt_loki_free(struct tt_loki *k)
{
    if (!k)
        return;
    pthread_mutex_lock(&k->lock);
    k->closing = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
    tt_thread_join(&k->thread);
    if (k->unsent)
        fprintf(stderr, "ttload: log_output loki: %" PRIu64 " entries were not taken (%s)\n",
                k->unsent, k->why.text);
    if (k->dropped)
        fprintf(stderr,
                "ttload: log_output loki: %" PRIu64 " entries beyond %" PRIu64
                " per push were dropped (limit=N allows more)\n",
                k->dropped, k->limit);
    free_all(k);
}
