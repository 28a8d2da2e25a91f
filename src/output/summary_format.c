/* SPDX-License-Identifier: MIT */
/* Numbers as the summary shows them, and JSON with exact numbers. */
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "output/summary.h"
#include <math.h>
#include <string.h>

/* At most this many decimals, cut (not rounded), trailing zeros dropped. */
static void cut_decimals(char *buf, size_t size, double v, int decimals)
{
    double scale = pow(10, decimals);
    double cut = trunc(v * scale + (v < 0 ? -1e-9 : 1e-9)) / scale;
    snprintf(buf, size, "%.*f", decimals, cut);
    char *dot = strchr(buf, '.');
    if (!dot)
        return;
    char *end = buf + strlen(buf);
    while (end[-1] == '0')
        *--end = '\0';
    if (end[-1] == '.')
        end[-1] = '\0';
}

char *tt_summary_duration(char *buf, size_t size, double ms, const char *unit)
{
    double ns = ms * 1e6;
    char number[48];
    if (unit && *unit) {
        double v = strcmp(unit, "s") == 0 ? ms / 1000 : strcmp(unit, "us") == 0 ? ms * 1000 : ms;
        snprintf(buf, size, "%.2f%s", v, strcmp(unit, "us") == 0 ? "\xC2\xB5s" : unit);
        return buf;
    }
    if (ms < 0) {
        snprintf(buf, size, "%.0fns", ns);
        return buf;
    }
    if (ns < 1e3) {
        snprintf(buf, size, "%.0fns", trunc(ns));
    } else if (ns < 1e6) {
        cut_decimals(number, sizeof number, ns / 1e3, 2);
        snprintf(buf, size, "%s\xC2\xB5s", number);
    } else if (ns < 1e9) {
        cut_decimals(number, sizeof number, ms, 2);
        snprintf(buf, size, "%sms", number);
    } else if (ns < 60e9) {
        cut_decimals(number, sizeof number, ms / 1000, 2);
        snprintf(buf, size, "%ss", number);
    } else {
        unsigned long long s = (unsigned long long)(ms / 1000);
        if (s >= 3600)
            snprintf(buf, size, "%lluh%llum%llus", s / 3600, s / 60 % 60, s % 60);
        else
            snprintf(buf, size, "%llum%llus", s / 60, s % 60);
    }
    return buf;
}

char *tt_summary_bytes(char *buf, size_t size, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    size_t u = 0;
    double v = bytes;
    if (v < 10) {
        snprintf(buf, size, "%.0f B", trunc(v));
        return buf;
    }
    while (v >= 1000 && u + 1 < sizeof units / sizeof *units) {
        v /= 1000;
        u++;
    }
    v = floor(v * 10 + 0.5) / 10;
    snprintf(buf, size, v < 10 ? "%.1f %s" : "%.0f %s", v, units[u]);
    return buf;
}

char *tt_summary_rate(char *buf, size_t size, double fraction)
{
    snprintf(buf, size, "%.2f%%",
             trunc(fraction * 10000 + 1e-9) / 100); /* cut: 99.999 % is not 100 % */
    return buf;
}

/* Six decimals, less the zeros at the end. */
static void cut_zeros(char *buf, size_t size, double v)
{
    snprintf(buf, size, "%.6f", v);
    char *end = buf + strlen(buf);
    while (end[-1] == '0')
        *--end = '\0';
    if (end[-1] == '.')
        end[-1] = '\0';
    if (strcmp(buf, "-0") == 0)
        snprintf(buf, size, "0");
}

char *tt_summary_number(char *buf, size_t size, double v)
{
    if (v == trunc(v) && fabs(v) < 1e15) {
        snprintf(buf, size, "%.0f", v);
        return buf;
    }
    if (fabs(v) >= 1e15)
        snprintf(buf, size, "%g", v);
    else
        cut_zeros(buf, size, v);
    return buf;
}

char *tt_summary_json(const cJSON *data)
{
    struct tt_buf b;
    tt_buf_init(&b, SIZE_MAX);
    tt_json_write(&b, data, true);
    tt_buf_putc(&b, '\n');
    return tt_buf_take(&b);
}
