/* SPDX-License-Identifier: MIT */
/* Output json: every sample as a line of JSON, as k6 writes them; a line about each metric before
 * its first sample. The output's thread.
 *
 *   {"type":"Metric","data":{"name":N,"type":T,"contains":C,"thresholds":[...],"submetrics":...},
 *    "metric":N}
 *   {"metric":N,"type":"Point","data":{"time":T,"value":V,"tags":{...},"metadata":{...}}}
 *
 * metadata: only where there is some. */
#include "base/json.h"
#include "base/clock.h"
#include "base/exitcode.h"
#include "base/memory.h"
#include "base/str.h"
#include "output/output.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { TEXT_MAX_BYTES = 64 << 20, WRITE_BYTES = 256 << 10, GZ_BUFFER_BYTES = 128 << 10 };

struct json {
    const struct tt_output_context *context;
    gzFile file; /* its transparent mode writes plain files */
    char *path;
    bool *announced;           /* by metric id */
    struct tt_buf text;        /* to be written */
    struct tt_buf tags;        /* the text of the set below */
    const struct tt_tags *set; /* neighbouring samples mostly share one */
    uint64_t second;           /* since the epoch, and its text */
    char second_text[32];
};

static gzFile open_file(const char *path, struct tt_err *err)
{
    bool out = strcmp(path, "-") == 0;
    int fd = out ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    gzFile f = fd < 0 ? NULL : gzdopen(fd, tt_ends_with(path, ".gz") ? "wb" : "wbT");
    if (!f) {
        tt_err_sys(err, TT_EXIT_OTHER, errno, "cannot write '%s'", path);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    gzbuffer(f, GZ_BUFFER_BYTES);
    return f;
}

static void *json_open(const struct tt_output_context *c, const char *argument, struct tt_err *err)
{
    const char *path = argument && *argument ? argument : "-";
    gzFile f = open_file(path, err);
    if (!f)
        return NULL;
    struct json *j = tt_xcalloc(1, sizeof *j);
    j->context = c;
    j->file = f;
    j->path = tt_xstrdup(path);
    j->announced = tt_xcalloc(tt_registry_count(c->registry), sizeof *j->announced);
    j->second = UINT64_MAX;
    tt_buf_init(&j->text, TEXT_MAX_BYTES);
    tt_buf_init(&j->tags, TEXT_MAX_BYTES);
    return j;
}

static bool failed(struct json *j, struct tt_err *err)
{
    int code;
    const char *text = gzerror(j->file, &code);
    if (code == Z_ERRNO)
        return tt_err_sys(err, TT_EXIT_OTHER, errno, "cannot write '%s'", j->path);
    return tt_err_set(err, TT_EXIT_OTHER, "cannot write '%s': %s", j->path, text);
}

static bool write_text(struct json *j, struct tt_err *err)
{
    bool ok = !j->text.len || gzwrite(j->file, j->text.data, (unsigned)j->text.len) > 0;
    tt_buf_clear(&j->text);
    return ok || failed(j, err);
}

/* --- lines */

static void put_tag(struct tt_buf *b, bool first, struct tt_tag t)
{
    if (!first)
        tt_buf_putc(b, ',');
    tt_json_write_text(b, t.key);
    tt_buf_putc(b, ':');
    tt_json_write_text(b, t.value);
}

static void put_thresholds(struct tt_buf *b, const struct tt_plan *plan, const char *metric)
{
    bool first = true;
    tt_buf_puts(b, ",\"thresholds\":[");
    for (size_t i = 0; i < plan->n_thresholds; i++) {
        const struct tt_threshold_set *set = &plan->thresholds[i];
        for (size_t k = 0; tt_streq(set->metric, metric) && k < set->n; k++) {
            if (!first)
                tt_buf_putc(b, ',');
            first = false;
            tt_json_write_text(b, set->items[k].source);
        }
    }
    tt_buf_putc(b, ']');
}

static void put_submetrics(struct tt_buf *b, const struct tt_registry *r, tt_metric_id parent)
{
    bool first = true;
    tt_buf_puts(b, ",\"submetrics\":");
    for (size_t i = 0; i < tt_registry_sub_count(r); i++) {
        const struct tt_submetric *s = tt_registry_sub(r, i);
        if (s->parent != parent)
            continue;
        tt_buf_puts(b, first ? "[{\"name\":" : ",{\"name\":");
        first = false;
        tt_json_write_text(b, s->name);
        tt_buf_puts(b, ",\"suffix\":");
        tt_json_write_text(b, s->suffix);
        tt_buf_puts(b, ",\"tags\":{");
        for (size_t k = 0; k < s->n_tags; k++)
            put_tag(b, k == 0, s->tags[k]);
        tt_buf_puts(b, "}}");
    }
    tt_buf_puts(b, first ? "null" : "]");
}

static void announce(struct json *j, const struct tt_metric *m)
{
    const struct tt_output_context *c = j->context;
    j->announced[m->id] = true;
    tt_buf_printf(&j->text,
                  "{\"type\":\"Metric\",\"data\":{\"name\":\"%s\",\"type\":\"%s\","
                  "\"contains\":\"%s\"",
                  m->name, tt_metric_type_name(m->type), tt_metric_contains_name(m->contains));
    put_thresholds(&j->text, c->plan, m->name);
    put_submetrics(&j->text, c->registry, m->id);
    tt_buf_printf(&j->text, "},\"metric\":\"%s\"}\n", m->name);
}

static void put_time(struct json *j, uint64_t at_ns)
{
    uint64_t wall = at_ns + (uint64_t)j->context->wall_ns, second = wall / TT_NS_PER_S;
    if (second != j->second) {
        time_t t = (time_t)second;
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(j->second_text, sizeof j->second_text, "%Y-%m-%dT%H:%M:%S", &tm);
        j->second = second;
    }
    tt_buf_printf(&j->text, "%s.%09uZ", j->second_text, (unsigned)(wall % TT_NS_PER_S));
}

static void put_tags(struct json *j, const struct tt_tags *set)
{
    if (set != j->set) {
        tt_buf_clear(&j->tags);
        for (size_t i = 0; i < tt_tags_count(set); i++)
            put_tag(&j->tags, i == 0, tt_tags_at(set, i));
        j->set = set;
    }
    tt_buf_append(&j->text, j->tags.data, j->tags.len);
}

static void put_metadata(struct tt_buf *b, const struct tt_metadata *m)
{
    if (m)
        tt_buf_puts(b, "},\"metadata\":{");
    for (size_t i = 0; m && i < m->n; i++)
        put_tag(b, i == 0, m->items[i]);
}

static bool json_samples(void *state, const struct tt_sample *s, size_t n, struct tt_err *err)
{
    struct json *j = state;
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        const struct tt_metric *m = tt_registry_get(j->context->registry, s[i].metric);
        if (!j->announced[m->id])
            announce(j, m);
        tt_buf_printf(&j->text, "{\"metric\":\"%s\",\"type\":\"Point\",\"data\":{\"time\":\"",
                      m->name);
        put_time(j, s[i].at_ns);
        tt_buf_puts(&j->text, "\",\"value\":");
        tt_json_write_number(&j->text, s[i].value);
        tt_buf_puts(&j->text, ",\"tags\":{");
        put_tags(j, s[i].tags);
        put_metadata(&j->text, s[i].metadata);
        tt_buf_puts(&j->text, "}}}\n");
        if (j->text.len >= WRITE_BYTES)
            ok = write_text(j, err);
    }
    j->set = NULL; /* a temporary one is gone with its block */
    return ok;
}

static bool json_tick(void *state, struct tt_err *err)
{
    struct json *j = state;
    return write_text(j, err) && (gzflush(j->file, Z_SYNC_FLUSH) == Z_OK || failed(j, err));
}

static bool json_close(void *state, struct tt_err *err)
{
    struct json *j = state;
    bool ok = write_text(j, err);
    if (gzclose(j->file) != Z_OK && ok)
        ok = tt_err_sys(err, TT_EXIT_OTHER, errno, "cannot write '%s'", j->path);
    tt_buf_fini(&j->text);
    tt_buf_fini(&j->tags);
    tt_free(j->announced);
    tt_free(j->path);
    tt_free(j);
    return ok;
}

extern const struct tt_output tt_output_json;
const struct tt_output tt_output_json = {
    .name = "json",
    .argument = "FILE",
    .summary = "every sample as a line of JSON, as k6 writes them; FILE.gz is compressed; without "
               "a file or with - to standard output",
    .open = json_open,
    .samples = json_samples,
    .tick = json_tick,
    .close = json_close,
};
