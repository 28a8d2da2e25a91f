/* SPDX-License-Identifier: MIT */
/* A selector, a newline, a page: matched, read, and written again. */
#include "html/controls.h"
#include "html/css.h"
#include <stdint.h>
#include <string.h>

static void one(void *arg, const char *value)
{
    *(size_t *)arg += strlen(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tt_css css;
    struct tt_err err = {0};
    struct tt_buf text;
    const char *p = (const char *)data;
    const char *nl = size ? memchr(p, '\n', size < 24 ? size : 24) : NULL; /* long ones take long */
    size_t n = nl ? (size_t)(nl - p) : 0, total = 0;
    bool ok = tt_css_parse(&css, p, n, &err);
    xmlDoc *doc = tt_html_parse(p + n, size - n);
    tt_buf_init(&text, 1 << 20);
    for (xmlNode *at = (xmlNode *)doc; at; at = tt_html_next((xmlNode *)doc, at)) {
        if (ok && tt_css_match(&css, at))
            total++;
        if (tt_html_sent_name(at))
            tt_html_values(at, &text, one, &total);
    }
    tt_buf_clear(&text);
    tt_html_text((xmlNode *)doc, &text);
    tt_html_inner((xmlNode *)doc, &text);
    tt_buf_fini(&text);
    tt_html_free(doc);
    return 0;
}
