/* SPDX-License-Identifier: MIT */
/* The summary for people, from the JSON tree: thresholds, checks, metrics by area. Columns are
 * aligned over the block. */
#include "base/buf.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/vec.h"
#include "output/summary.h"
#include <stdlib.h>
#include <string.h>

#define TICK  "\xE2\x9C\x93"
#define CROSS "\xE2\x9C\x97"
#define BLOCK "\xE2\x96\x88"

struct text {
    struct tt_buf b;
    const cJSON *data;
    const char *unit;
    double seconds;
    bool color, full;
};

static void paint(struct text *x, const char *code, const char *s)
{
    if (x->color)
        tt_buf_printf(&x->b, "\x1b[%sm%s\x1b[0m", code, s);
    else
        tt_buf_puts(&x->b, s);
}

static const char *field(const cJSON *o, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsString(v) ? v->valuestring : "";
}

static double number(const cJSON *o, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

/* The first item of a list or table; NULL: it is neither, or empty. Scripts hand us what they like.
 */
static const cJSON *items(const cJSON *o, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return v ? v->child : NULL;
}

/* The same of a table: every item has a name. */
static const cJSON *named_items(const cJSON *o, const char *name)
{
    return cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(o, name)) ? items(o, name) : NULL;
}

/* Columns that a terminal shows for s: UTF-8 bytes that begin a character. */
static size_t width(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void title(struct text *x, const char *s)
{
    tt_buf_puts(&x->b, "  " BLOCK " ");
    paint(x, "1", s);
    tt_buf_puts(&x->b, "\n\n");
}

/* A value of the metric as text: contains decides the unit. */
static char *value_text(struct text *x, char *buf, size_t size, const char *contains, double v)
{
    if (strcmp(contains, "time") == 0)
        return tt_summary_duration(buf, size, v, x->unit);
    if (strcmp(contains, "data") == 0)
        return tt_summary_bytes(buf, size, v);
    return tt_summary_number(buf, size, v);
}

/* --- thresholds
 * -------------------------------------------------------------------------------------------- */

static void threshold_line(struct text *x, const char *indent, const cJSON *metric, const cJSON *t)
{
    char buf[64];
    bool ok = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(t, "ok"));
    const char *type = field(metric, "type");
    tt_buf_puts(&x->b, indent);
    paint(x, ok ? "32" : "31", ok ? TICK : CROSS);
    tt_buf_printf(&x->b, " '%s' ", t->string);
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(t, "no_samples"))) {
        tt_buf_puts(&x->b, "no samples\n");
        return;
    }
    size_t n = strcspn(t->string, "<>=! ");
    bool per_second = strcmp(type, "counter") == 0 && strncmp(t->string, "rate", 4) == 0;
    tt_buf_printf(&x->b, "%.*s=", (int)n, t->string);
    if (strcmp(type, "rate") == 0)
        tt_buf_puts(&x->b, tt_summary_rate(buf, sizeof buf, number(t, "value")));
    else
        tt_buf_puts(&x->b,
                    value_text(x, buf, sizeof buf, field(metric, "contains"), number(t, "value")));
    tt_buf_puts(&x->b, per_second ? "/s\n" : "\n");
}

/* "mine{a:b}" is before "mine_too": a sub-metric's brace sorts below all that names are made of. */
static int by_name(const void *a, const void *b)
{
    const char *x = (*(const cJSON *const *)a)->string, *y = (*(const cJSON *const *)b)->string;
    while (*x && *x == *y) {
        x++;
        y++;
    }
    int left = *x == '{' ? 1 : (unsigned char)*x, right = *y == '{' ? 1 : (unsigned char)*y;
    return left - right;
}

/* The metrics sorted by name, sub-metrics after their parents; NULL at the end, the caller frees
 * it. */
static const cJSON **sorted_metrics(const struct text *x)
{
    const cJSON *metrics = named_items(x->data, "metrics");
    size_t n = 0, i = 0;
    for (const cJSON *m = metrics; m; m = m->next)
        n++;
    const cJSON **list = tt_xcalloc(n + 1, sizeof *list);
    for (const cJSON *m = metrics; m; m = m->next)
        list[i++] = m;
    qsort(list, n, sizeof *list, by_name);
    return list;
}

static void thresholds(struct text *x, const cJSON **metrics)
{
    bool any = false;
    for (size_t i = 0; metrics[i]; i++) {
        const cJSON *all = named_items(metrics[i], "thresholds");
        if (!all)
            continue;
        if (!any)
            title(x, "THRESHOLDS");
        any = true;
        tt_buf_printf(&x->b, "    %s\n", metrics[i]->string);
        for (const cJSON *t = all; t; t = t->next)
            threshold_line(x, "    ", metrics[i], t);
        tt_buf_putc(&x->b, '\n');
    }
    if (any)
        tt_buf_putc(&x->b, '\n');
}

/* --- checks
 * ----------------------------------------------------------------------------------------------------
 */

static void count_checks(const cJSON *group, double *passes, double *fails)
{
    for (const cJSON *c = items(group, "checks"); c; c = c->next) {
        *passes += number(c, "passes");
        *fails += number(c, "fails");
    }
    for (const cJSON *g = items(group, "groups"); g; g = g->next)
        count_checks(g, passes, fails);
}

static void check_lines(struct text *x, const cJSON *group)
{
    for (const cJSON *c = items(group, "checks"); c; c = c->next) {
        double passes = number(c, "passes"), fails = number(c, "fails");
        const char *path = field(group, "path");
        tt_buf_puts(&x->b, "    ");
        paint(x, fails > 0 ? "31" : "32", fails > 0 ? CROSS : TICK);
        path += tt_starts_with(path, "::") ? 2 : 0;
        tt_buf_printf(&x->b, " %s%s%s\n", path, *path ? "::" : "", field(c, "name"));
        if (fails > 0)
            tt_buf_printf(&x->b,
                          "      \xE2\x86\xB3  %d%% \xE2\x80\x94 " TICK " %.0f / " CROSS " %.0f\n",
                          (int)(100 * passes / (passes + fails)), passes, fails);
    }
    for (const cJSON *g = items(group, "groups"); g; g = g->next)
        check_lines(x, g);
}

static void checks(struct text *x)
{
    const cJSON *root = cJSON_GetObjectItemCaseSensitive(x->data, "root_group");
    double passes = 0, fails = 0;
    char total[48], rate[48], good[48], bad[48];
    count_checks(root, &passes, &fails);
    double all = passes + fails;
    if (all <= 0)
        return;
    tt_summary_number(total, sizeof total, all);
    tt_summary_number(rate, sizeof rate, x->seconds > 0 ? all / x->seconds : 0);
    tt_summary_rate(good, sizeof good, passes / all);
    tt_summary_rate(bad, sizeof bad, fails / all);
    size_t w = strlen(total) > strlen(good) ? strlen(total) : strlen(good);
    w = strlen(bad) > w ? strlen(bad) : w;
    tt_buf_printf(&x->b, "    checks_total.......: %-*s %s/s\n", (int)w, total, rate);
    tt_buf_printf(&x->b, "    checks_succeeded...: %-*s %.0f out of %.0f\n", (int)w, good, passes,
                  all);
    tt_buf_printf(&x->b, "    checks_failed......: %-*s %.0f out of %.0f\n\n", (int)w, bad, fails,
                  all);
    check_lines(x, root);
    tt_buf_putc(&x->b, '\n');
}

/* --- metric lines
 * ------------------------------------------------------------------------------------------------
 */

enum { COLUMNS_MAX = 16 };

struct line {
    const cJSON *metric;
    const char *section;
    char name[256];
    char cells[COLUMNS_MAX][64];
    size_t n_cells;
    bool trend;
};

/* Of a metric of ours, or of a sub-metric of one; names alone do not tell: http_request_time may be
 * a script's. */
static bool is_builtin(const char *name)
{
    static const char *const builtin[] = {
#define X(name, type, contains) #name,
        TT_BUILTIN_METRICS(X)
#undef X
    };
    size_t n = strcspn(name, "{");
    for (size_t i = 0; i < TT_M_COUNT; i++)
        if (strlen(builtin[i]) == n && memcmp(builtin[i], name, n) == 0)
            return true;
    return false;
}

static const char *section_of(const char *name)
{
    static const struct {
        const char *prefix, *section;
    } table[] = {
        {"http_", "HTTP"},
        {"vus", "EXECUTION"},
        {"iteration", "EXECUTION"},
        {"dropped_iterations", "EXECUTION"},
        {"pacing_overruns", "EXECUTION"},
        {"script_errors", "EXECUTION"},
        {"data_", "NETWORK"},
        {"ws_", "WEBSOCKET"},
    };
    for (size_t i = 0; is_builtin(name) && i < sizeof table / sizeof *table; i++)
        if (tt_starts_with(name, table[i].prefix))
            return table[i].section;
    return "CUSTOM";
}

static bool hidden(const struct text *x, const char *name)
{
    static const char *const always[] = {"checks", "group_duration"};
    static const char *const compact[] = {"http_req_blocked",         "http_req_connecting",
                                          "http_req_receiving",       "http_req_sending",
                                          "http_req_tls_handshaking", "http_req_waiting"};
    for (size_t i = 0; i < 2; i++)
        if (strcmp(name, always[i]) == 0)
            return true;
    for (size_t i = 0; i < 6 && !x->full; i++)
        if (strcmp(name, compact[i]) == 0)
            return true;
    return false;
}

static void fill_cells(struct text *x, struct line *l)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(l->metric, "values");
    const char *type = field(l->metric, "type"), *contains = field(l->metric, "contains");
    char buf[48];
    if (strcmp(type, "trend") == 0) {
        l->trend = true;
        const cJSON *options = cJSON_GetObjectItemCaseSensitive(x->data, "options"), *name;
        cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(options, "summary_trend_stats"))
        {
            const cJSON *s = cJSON_GetObjectItemCaseSensitive(v, cJSON_GetStringValue(name));
            if (!s || l->n_cells == COLUMNS_MAX)
                continue;
            bool count = strcmp(s->string, "count") == 0;
            snprintf(l->cells[l->n_cells++], sizeof *l->cells, "%.12s=%.48s", s->string,
                     count ? tt_summary_number(buf, sizeof buf, s->valuedouble)
                           : value_text(x, buf, sizeof buf, contains, s->valuedouble));
        }
    } else if (strcmp(type, "counter") == 0) {
        value_text(x, l->cells[l->n_cells++], sizeof *l->cells, contains, number(v, "count"));
        snprintf(l->cells[l->n_cells++], sizeof *l->cells, "%.47s/s",
                 value_text(x, buf, sizeof buf, contains, number(v, "rate")));
    } else if (strcmp(type, "rate") == 0) {
        tt_summary_rate(l->cells[l->n_cells++], sizeof *l->cells, number(v, "rate"));
        snprintf(l->cells[l->n_cells++], sizeof *l->cells, "%.0f out of %.0f", number(v, "passes"),
                 number(v, "passes") + number(v, "fails"));
    } else {
        value_text(x, l->cells[l->n_cells++], sizeof *l->cells, contains, number(v, "value"));
        snprintf(l->cells[l->n_cells++], sizeof *l->cells, "min=%.40s",
                 value_text(x, buf, sizeof buf, contains, number(v, "min")));
        snprintf(l->cells[l->n_cells++], sizeof *l->cells, "max=%.40s",
                 value_text(x, buf, sizeof buf, contains, number(v, "max")));
    }
}

/* Pads one column of all lines of a kind to the same width. Trend columns align among trends only.
 */
static void align(struct line *lines, size_t n, bool trend, size_t column)
{
    size_t widest = 0;
    for (size_t i = 0; i < n; i++)
        if (lines[i].trend == trend && column + 1 < lines[i].n_cells &&
            width(lines[i].cells[column]) > widest)
            widest = width(lines[i].cells[column]);
    for (size_t i = 0; i < n; i++) {
        char *cell = lines[i].cells[column];
        if (lines[i].trend != trend || column + 1 >= lines[i].n_cells)
            continue;
        size_t len = strlen(cell), w = width(cell);
        while (w++ < widest && len + 1 < sizeof lines[i].cells[0]) {
            cell[len++] = ' ';
            cell[len] = '\0';
        }
    }
}

static void print_line(struct text *x, const struct line *l, size_t name_width)
{
    size_t n = width(l->name);
    tt_buf_printf(&x->b, "    %s", l->name);
    for (; n < name_width + 3; n++)
        tt_buf_putc(&x->b, '.');
    tt_buf_puts(&x->b, ":");
    for (size_t i = 0; i < l->n_cells; i++) {
        tt_buf_putc(&x->b, ' ');
        paint(x, i == 0 || l->trend ? "36" : "2", l->cells[i]);
    }
    tt_buf_putc(&x->b, '\n');
}

static size_t gather(struct text *x, const cJSON **metrics, struct line *lines)
{
    size_t n = 0;
    for (size_t i = 0; metrics[i]; i++) {
        const char *name = metrics[i]->string, *brace = strchr(name, '{');
        char parent[192];
        snprintf(parent, sizeof parent, "%.*s", (int)strcspn(name, "{"), name);
        if (hidden(x, parent))
            continue;
        struct line *l = &lines[n++];
        l->metric = metrics[i];
        l->section = section_of(parent);
        if (brace)
            snprintf(l->name, sizeof l->name, "  { %.*s }", (int)strlen(brace) - 2, brace + 1);
        else
            snprintf(l->name, sizeof l->name, "%s", name);
        fill_cells(x, l);
    }
    return n;
}

static void metric_lines(struct text *x, const cJSON **metrics, size_t n_metrics)
{
    static const char *const sections[] = {"CUSTOM", "HTTP", "EXECUTION", "NETWORK", "WEBSOCKET"};
    struct line *lines = tt_xcalloc(n_metrics + 1, sizeof *lines);
    size_t n = gather(x, metrics, lines), name_width = 0;
    for (size_t i = 0; i < n; i++)
        if (width(lines[i].name) > name_width)
            name_width = width(lines[i].name);
    for (size_t c = 0; c < COLUMNS_MAX; c++) {
        align(lines, n, true, c);
        align(lines, n, false, c);
    }
    for (size_t s = 0; s < sizeof sections / sizeof *sections; s++) {
        bool any = false;
        for (size_t i = 0; i < n; i++) {
            if (strcmp(lines[i].section, sections[s]) != 0)
                continue;
            if (!any) {
                tt_buf_puts(&x->b, "    ");
                paint(x, "1", sections[s]);
                tt_buf_putc(&x->b, '\n');
            }
            any = true;
            print_line(x, &lines[i], name_width);
        }
        if (any)
            tt_buf_putc(&x->b, '\n');
    }
    tt_free(lines);
}

/* What was changed from outside while the test ran: figures around it mean something else. */
static void interventions(struct text *x)
{
    const cJSON *at, *timeline = cJSON_GetObjectItemCaseSensitive(x->data, "timeline");
    if (!cJSON_GetArraySize(timeline))
        return;
    tt_buf_puts(&x->b, "    ");
    paint(x, "1", "INTERVENTIONS");
    tt_buf_puts(&x->b, "\n");
    cJSON_ArrayForEach(at, timeline) tt_buf_printf(
        &x->b, "    %8.1fs  %s (%s)\n", number(at, "at_s"), field(at, "what"), field(at, "by"));
    tt_buf_putc(&x->b, '\n');
}

char *tt_summary_text(const cJSON *data, bool color, enum tt_summary_mode mode)
{
    struct text x = {.data = data, .color = color, .full = mode == TT_SUMMARY_FULL};
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(data, "options");
    const cJSON *state = cJSON_GetObjectItemCaseSensitive(data, "state");
    tt_buf_init(&x.b, SIZE_MAX);
    x.unit = field(options, "summary_time_unit");
    bool warmed = cJSON_GetObjectItemCaseSensitive(state, "measured_duration_ms") != NULL;
    x.seconds = number(state, warmed ? "measured_duration_ms" : "test_run_duration_ms") / 1000;
    const cJSON **metrics = sorted_metrics(&x);
    size_t n = 0;
    while (metrics[n])
        n++;
    tt_buf_putc(&x.b, '\n');
    thresholds(&x, metrics);
    title(&x, "TOTAL RESULTS");
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(options, "insecure_skip_tls_verify"))) {
        tt_buf_puts(&x.b, "    ");
        paint(&x, "31", "CERTIFICATES WERE NOT VERIFIED (insecure_skip_tls_verify)");
        tt_buf_puts(&x.b, "\n\n");
    }
    if (cJSON_GetObjectItemCaseSensitive(data, "root_group"))
        checks(&x);
    metric_lines(&x, metrics, n);
    interventions(&x);
    tt_free(metrics);
    return tt_buf_take(&x.b);
}
