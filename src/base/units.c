/* SPDX-License-Identifier: MIT */
/* Durations and sizes; see units.h. */
#include "base/units.h"
#include "base/clock.h"
#include "base/exitcode.h"
#include "base/str.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define EXPECTED "expected a duration like \"500ms\", \"1m30s\", \"1h\", or a number of seconds"

struct unit {
    const char *name;
    uint64_t ns;
};

/* Longer names first where one begins another. */
static const struct unit units[] = {
    {"ns", 1},
    {"us", TT_NS_PER_US},
    {"\xC2\xB5s", TT_NS_PER_US}, /* micro sign */
    {"\xCE\xBCs", TT_NS_PER_US}, /* Greek mu */
    {"ms", TT_NS_PER_MS},
    {"s", TT_NS_PER_S},
    {"m", 60 * TT_NS_PER_S},
    {"h", 3600 * TT_NS_PER_S},
    {"d", 86400 * TT_NS_PER_S},
};

static const struct unit *unit_at(const char *s)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (tt_starts_with(s, units[i].name))
            return &units[i];
    return NULL;
}

/* digits[.digits] times unit, added to *ns. False on overflow or no number. Fractions are truncated
 * to whole nanoseconds. */
static bool add_part(const char **at, uint64_t *ns)
{
    const char *s = *at;
    uint64_t whole = 0, part = 0, scale = 1, v;
    bool digits = false;
    for (; *s >= '0' && *s <= '9'; s++, digits = true)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(*s - '0'), &whole))
            return false;
    if (*s == '.')
        for (s++; *s >= '0' && *s <= '9'; s++, digits = true)
            if (scale < UINT64_C(1000000000000000)) {
                part = part * 10 + (uint64_t)(*s - '0');
                scale *= 10;
            }
    const struct unit *u = digits ? unit_at(s) : NULL;
    if (!u || (strcmp(u->name, "d") == 0 && scale != 1) || __builtin_mul_overflow(whole, u->ns, &v))
        return false;
    v += (uint64_t)((double)part * ((double)u->ns / (double)scale));
    if (__builtin_add_overflow(*ns, v, ns) || *ns > (uint64_t)INT64_MAX + 1)
        return false;
    *at = s + strlen(u->name);
    return true;
}

/* Bare numbers as seconds; a sign before the whole. */
static bool parse_signed(const char *text, uint64_t *ns, bool *negative, struct tt_err *err)
{
    double seconds;
    const char *s = text;
    *ns = 0;
    *negative = *s == '-';
    if (tt_parse_double(text, &seconds))
        return tt_seconds_to_ns(fabs(seconds), ns, err);
    if (*s == '+' || *s == '-')
        s++;
    if (!*s)
        return tt_err_set(err, TT_EXIT_CONFIG, "'%s' is not a duration; %s", text, EXPECTED);
    for (bool first = true; *s; first = false) {
        const char *part = s;
        if (!add_part(&s, ns) || (s[-1] == 'd' && !first))
            return tt_err_set(err, TT_EXIT_CONFIG, "'%s' is not a duration (at '%s'); %s", text,
                              part, EXPECTED);
        if (s[-1] == 'd') { /* the sign is that of the days */
            *negative &= *ns != 0;
            s += *s == '+';
        }
    }
    return true;
}

bool tt_parse_signed_duration(const char *text, int64_t *ns, struct tt_err *err)
{
    uint64_t magnitude;
    bool negative;
    if (!parse_signed(text, &magnitude, &negative, err))
        return false;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return tt_err_set(err, TT_EXIT_CONFIG, "'%s' is too long", text);
    *ns = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool tt_parse_duration(const char *text, uint64_t *ns, struct tt_err *err)
{
    int64_t value;
    *ns = 0;
    if (!tt_parse_signed_duration(text, &value, err))
        return false;
    if (value < 0)
        return tt_err_set(err, TT_EXIT_CONFIG, "'%s' is negative; %s", text, EXPECTED);
    *ns = (uint64_t)value;
    return true;
}

bool tt_seconds_to_ns(double seconds, uint64_t *ns, struct tt_err *err)
{
    if (!isfinite(seconds) || seconds < 0 || seconds > 9.2e9)
        return tt_err_set(err, TT_EXIT_CONFIG, "%g is not a usable number of seconds; %s", seconds,
                          EXPECTED);
    *ns = (uint64_t)llround(seconds * 1e9);
    return true;
}

char *tt_format_duration(char *buf, size_t size, uint64_t ns)
{
    uint64_t h = ns / (3600 * TT_NS_PER_S), m = ns / (60 * TT_NS_PER_S) % 60,
             rest = ns % (60 * TT_NS_PER_S);
    char number[32];
    int n = 0;
    buf[0] = '\0';
    if (ns && ns < TT_NS_PER_S) {
        const struct unit *u = ns >= TT_NS_PER_MS   ? &units[4]
                               : ns >= TT_NS_PER_US ? &units[2]
                                                    : &units[0];
        snprintf(buf, size, "%s%s",
                 tt_format_double(number, sizeof number, (double)ns / (double)u->ns), u->name);
        return buf;
    }
    if (h)
        n = snprintf(buf, size, "%lluh", (unsigned long long)h);
    if (h || m)
        n += snprintf(buf + n, size - (size_t)n, "%llum", (unsigned long long)m);
    int len =
        snprintf(number, sizeof number, "%llu.%09llu", (unsigned long long)(rest / TT_NS_PER_S),
                 (unsigned long long)(rest % TT_NS_PER_S));
    while (number[len - 1] == '0')
        len--;
    if (number[len - 1] == '.')
        len--;
    snprintf(buf + n, size - (size_t)n, "%.*ss", len, number);
    return buf;
}

bool tt_parse_size(const char *text, uint64_t *bytes, struct tt_err *err)
{
    static const struct unit sizes[] = {
        {"", 1},
        {"B", 1},
        {"kB", 1000},
        {"KB", 1000},
        {"MB", 1000000},
        {"GB", 1000000000},
        {"KiB", 1024},
        {"MiB", 1024 * 1024},
        {"GiB", 1024 * 1024 * 1024},
    };
    char number[32];
    double v;
    size_t n = strspn(text, "0123456789.");
    if (n && n < sizeof number) {
        memcpy(number, text, n);
        number[n] = '\0';
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            if (strcmp(text + n, sizes[i].name) == 0 && tt_parse_double(number, &v) &&
                v * (double)sizes[i].ns < 9e18) {
                *bytes = (uint64_t)(v * (double)sizes[i].ns);
                return true;
            }
    }
    return tt_err_set(err, TT_EXIT_CONFIG,
                      "'%s' is not a size; expected one like \"16MiB\", \"10kB\" or 4096", text);
}
