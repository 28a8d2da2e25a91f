/* SPDX-License-Identifier: MIT */
/* Thresholds; see threshold.h. Grammar: METHOD OP NUMBER, spaces allowed between. */
#include "metric/threshold.h"
#include "base/clock.h"
#include "base/exitcode.h"
#include "base/str.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXPECTED "expected one like \"p(95)<500\", \"rate>0.95\", \"count>=10\""

static const struct {
    const char *text;
    enum tt_threshold_op op;
} operators[] = {
    /* in the order they are looked for */
    {"<=", TT_OP_LE},  {"<", TT_OP_LT},  {">=", TT_OP_GE}, {">", TT_OP_GT},
    {"===", TT_OP_EQ}, {"==", TT_OP_EQ}, {"!=", TT_OP_NE},
};

static size_t trim(const char **s, size_t n)
{
    while (n && strchr(" \t\r\n", **s)) {
        ++*s;
        n--;
    }
    while (n && strchr(" \t\r\n", (*s)[n - 1]))
        n--;
    return n;
}

static bool parse_number(const char *s, size_t n, double *out)
{
    char text[64], *end;
    if (!n || n >= sizeof text)
        return false;
    memcpy(text, s, n);
    text[n] = '\0';
    if (text[strspn(text, "0123456789+-.eE")])
        return false;
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

static bool parse_method(const char *s, size_t n, struct tt_threshold *out, const char *text,
                         struct tt_err *err)
{
    static const char *const plain[] = {"count", "rate", "value", "avg", "min", "max", "med"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strlen(plain[i]) == n && memcmp(s, plain[i], n) == 0) {
            memcpy(out->method, s, n);
            out->method[n] = '\0';
            return true;
        }
    if (n > 3 && s[0] == 'p' && s[1] == '(' && s[n - 1] == ')') {
        if (!parse_number(s + 2, n - 3, &out->arg) || out->arg < 0 || out->arg > 100)
            return tt_err_set(err, TT_EXIT_CONFIG,
                              "threshold '%s': p(N) takes a percentile from 0 to 100", text);
        memcpy(out->method, "p", 2);
        return true;
    }
    if (n == 1 && s[0] == 'p') { /* p(0), as k6 has it */
        memcpy(out->method, "p", 2);
        return true;
    }
    return tt_err_set(err, TT_EXIT_CONFIG,
                      "threshold '%s': unknown method '%.*s'; expected count, rate, value, avg, "
                      "min, max, med or p(N)",
                      text, (int)n, s);
}

bool tt_threshold_parse(const char *text, struct tt_threshold *out, struct tt_err *err)
{
    *out = (struct tt_threshold){.source = text};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        const char *at = strstr(text, operators[i].text);
        if (!at)
            continue;
        const char *left = text, *right = at + strlen(operators[i].text);
        size_t left_len = trim(&left, (size_t)(at - text)), right_len = trim(&right, strlen(right));
        out->op = operators[i].op;
        if (!parse_number(right, right_len, &out->bound))
            return tt_err_set(err, TT_EXIT_CONFIG, "threshold '%s': '%s' is not a number; %s", text,
                              right, EXPECTED);
        return parse_method(left, left_len, out, text, err);
    }
    return tt_err_set(err, TT_EXIT_CONFIG, "threshold '%s' has no operator; %s", text, EXPECTED);
}

bool tt_threshold_fits(const struct tt_threshold *th, const struct tt_metric *m, struct tt_err *err)
{
    static const char *const methods[] = {[TT_COUNTER] = "count rate",
                                          [TT_GAUGE] = "value",
                                          [TT_RATE] = "rate",
                                          [TT_TREND] = "avg min max med p"};
    const char *list = methods[m->type];
    size_t n = strlen(th->method);
    for (const char *s = list; s; s = strchr(s, ' ')) {
        s += *s == ' ';
        if (strncmp(s, th->method, n) == 0 && (s[n] == ' ' || !s[n]))
            return true;
    }
    return tt_err_set(err, TT_EXIT_CONFIG,
                      "threshold '%s': '%s' cannot be used on the %s '%s'; it has: %s%s",
                      th->source, th->method, tt_metric_type_name(m->type), m->name, list,
                      m->type == TT_TREND ? "(N)" : "");
}

static double aggregate(const struct tt_threshold *th, const struct tt_totals *t, uint32_t sink,
                        uint64_t duration_ns)
{
    struct tt_sink_values v = tt_totals_values(t, sink);
    const char *m = th->method;
    if (v.type == TT_RATE)
        return v.count ? (double)v.trues / (double)v.count : 0;
    if (v.type == TT_GAUGE)
        return v.last;
    if (v.type == TT_COUNTER)
        return strcmp(m, "count") == 0 ? v.sum
               : duration_ns           ? v.sum / ((double)duration_ns / 1e9)
                                       : 0;
    if (strcmp(m, "avg") == 0)
        return v.count ? v.sum / (double)v.count : 0;
    if (strcmp(m, "min") == 0)
        return v.min;
    if (strcmp(m, "max") == 0)
        return v.max;
    return tt_totals_quantile(t, sink, strcmp(m, "med") == 0 ? 0.5 : th->arg / 100);
}

bool tt_threshold_compare(const struct tt_threshold *th, double value)
{
    switch (th->op) {
    case TT_OP_LT:
        return value < th->bound;
    case TT_OP_LE:
        return value <= th->bound;
    case TT_OP_GT:
        return value > th->bound;
    case TT_OP_GE:
        return value >= th->bound;
    case TT_OP_EQ:
        return value == th->bound;
    case TT_OP_NE:
        return value != th->bound;
    }
    return false;
}

struct tt_verdict tt_threshold_judge(const struct tt_threshold *th, const struct tt_totals *t,
                                     uint32_t sink, uint64_t duration_ns)
{
    struct tt_verdict v = {.no_samples = !tt_totals_seen(t, sink)};
    if (v.no_samples) {
        v.ok = th->allow_empty;
        return v;
    }
    v.value = aggregate(th, t, sink, duration_ns);
    v.ok = tt_threshold_compare(th, v.value);
    return v;
}
