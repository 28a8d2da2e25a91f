/* SPDX-License-Identifier: MIT */
/* JSON text from cJSON's trees and back. */
#include "base/json.h"
#include "base/str.h"
#include <math.h>
#include <string.h>

bool tt_json_write_text(struct tt_buf *b, const char *s)
{
    tt_buf_putc(b, '"');
    while (*s) {
        size_t n = 0; /* a run of bytes that stand for themselves */
        while ((unsigned char)s[n] >= 0x20 && s[n] != '"' && s[n] != '\\')
            n++;
        tt_buf_append(b, s, n);
        s += n;
        if (!*s)
            break;
        static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
        const char *known = strchr(from, *s);
        if (known)
            tt_buf_printf(b, "\\%c", to[known - from]);
        else
            tt_buf_printf(b, "\\u%04x", (unsigned)(unsigned char)*s);
        s++;
    }
    return tt_buf_putc(b, '"');
}

bool tt_json_write_number(struct tt_buf *b, double v)
{
    char text[48];
    return tt_buf_puts(b, isfinite(v) ? tt_format_double(text, sizeof text, v) : "null");
}

static bool put(struct tt_buf *b, const cJSON *v, bool indent, int depth)
{
    if (cJSON_IsNumber(v))
        return tt_json_write_number(b, v->valuedouble);
    if (cJSON_IsString(v))
        return tt_json_write_text(b, v->valuestring);
    if (cJSON_IsRaw(v))
        return tt_buf_puts(b, v->valuestring);
    if (!cJSON_IsArray(v) && !cJSON_IsObject(v))
        return tt_buf_puts(b, cJSON_IsTrue(v) ? "true" : cJSON_IsFalse(v) ? "false" : "null");
    bool list = cJSON_IsArray(v);
    tt_buf_putc(b, list ? '[' : '{');
    for (const cJSON *c = v->child; c; c = c->next) {
        if (c != v->child)
            tt_buf_putc(b, ',');
        if (indent)
            tt_buf_printf(b, "\n%*s", 2 * depth + 2, "");
        if (!list) {
            tt_json_write_text(b, c->string);
            tt_buf_puts(b, indent ? ": " : ":");
        }
        put(b, c, indent, depth + 1);
    }
    if (v->child && indent)
        tt_buf_printf(b, "\n%*s", 2 * depth, "");
    return tt_buf_putc(b, list ? ']' : '}');
}

bool tt_json_write(struct tt_buf *out, const cJSON *v, bool indent)
{
    return put(out, v, indent, 0);
}

enum { SHOWN_MAX = 12 }; /* of the text that is wrong */

cJSON *tt_json_read(const char *text, size_t n, int exit_code, struct tt_err *err)
{
    const char *at = text;
    cJSON *v = cJSON_ParseWithLengthOpts(text, n, &at, false);
    if (v) { /* cJSON stops after the value: the rest must be blank */
        while (at < text + n && strchr(" \t\r\n", *at))
            at++;
        if (at == text + n)
            return v;
        cJSON_Delete(v);
    }
    while (at > text && at < text + n && *at &&
           strchr(" \t\r\n", *at)) /* wrong is what came last */
        at--;
    size_t line = 1, column = 1;
    for (const char *s = text; s < at && s < text + n; s++) {
        column = *s == '\n' ? 1 : column + 1;
        line += *s == '\n';
    }
    size_t left = at < text + n ? (size_t)(text + n - at) : 0, shown = 0;
    while (shown < left && shown < SHOWN_MAX && at[shown] != '\r' && at[shown] != '\n')
        shown++;
    if (!left || !*at)
        tt_err_set(err, exit_code, "line %zu, column %zu: not valid JSON: it ends too early", line,
                   column);
    else
        tt_err_set(err, exit_code, "line %zu, column %zu: not valid JSON near '%.*s'", line, column,
                   (int)shown, at);
    return NULL;
}
