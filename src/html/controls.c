/* SPDX-License-Identifier: MIT */
/* Controls of forms (HTML Living Standard, 4.10.22.4). */
#include "html/controls.h"
#include "base/str.h"
#include <string.h>

#define ATTR(n, name) tt_html_attr((n), name, sizeof name - 1)

static bool is_one_of(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (tt_strieq(s, *list))
            return true;
    return false;
}

static bool disabled(const xmlNode *n)
{
    for (const xmlNode *p = n; tt_html_is_element(p); p = p->parent)
        if (ATTR(p, "disabled") && (p == n || tt_html_is(p, "fieldset")))
            return true;
    return false;
}

const char *tt_html_sent_name(const xmlNode *n)
{
    static const char *const unsent[] = {"submit", "button", "image", "reset", "file", NULL};
    static const char *const checkable[] = {"checkbox", "radio", NULL};
    const char *name = ATTR(n, "name"), *type = ATTR(n, "type");
    if (!name || !*name || disabled(n))
        return NULL;
    if (tt_html_is(n, "select") || tt_html_is(n, "textarea"))
        return name;
    if (!tt_html_is(n, "input") || (type && is_one_of(type, unsent)))
        return NULL;
    return type && is_one_of(type, checkable) && !ATTR(n, "checked") ? NULL : name;
}

bool tt_html_is_multiple(const xmlNode *n)
{
    return tt_html_is(n, "select") && ATTR(n, "multiple");
}

static const char *text_of(xmlNode *n, struct tt_buf *text)
{
    tt_buf_clear(text);
    tt_html_text(n, text);
    return text->data ? text->data : "";
}

static const char *option_value(xmlNode *n, struct tt_buf *text)
{
    const char *v = ATTR(n, "value");
    return v ? v : text_of(n, text);
}

/* Without a selected option a select of one has its first. */
static void select_values(xmlNode *n, struct tt_buf *text, tt_html_value one, void *arg)
{
    xmlNode *first = NULL, *last = NULL;
    bool several = tt_html_is_multiple(n);
    for (xmlNode *at = n; at; at = tt_html_next(n, at)) {
        if (!tt_html_is(at, "option") || disabled(at))
            continue;
        if (!first)
            first = at;
        if (!ATTR(at, "selected"))
            continue;
        last = at;
        if (several)
            one(arg, option_value(at, text));
    }
    if (!several && (last || first))
        one(arg, option_value(last ? last : first, text));
}

void tt_html_values(xmlNode *n, struct tt_buf *text, tt_html_value one, void *arg)
{
    const char *v = ATTR(n, "value"), *type = ATTR(n, "type");
    if (tt_html_is(n, "select"))
        select_values(n, text, one, arg);
    else if (tt_html_is(n, "textarea"))
        one(arg, text_of(n, text));
    else if (tt_html_is(n, "option"))
        one(arg, option_value(n, text));
    else if (v)
        one(arg, v);
    else if (tt_html_is(n, "input"))
        one(arg, type && (tt_strieq(type, "checkbox") || tt_strieq(type, "radio")) ? "on" : "");
}
