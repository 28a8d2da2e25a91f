/* SPDX-License-Identifier: MIT */
/* Does a node match? From right to left, with a way back. */
#include "base/str.h"
#include "html/css.h"
#include "html/doc.h"
#include <string.h>

static bool match_list(const struct tt_css *css, int list, const xmlNode *n);

/* --- texts, with their escapes -----------------------------------------------------------------
 */

/* How many bytes of s the text t matches at its beginning; SIZE_MAX: it does not. */
static size_t matches_at(struct tt_css_text t, const char *s, size_t n, bool any_case)
{
    size_t k = 0;
    for (size_t i = 0; i < t.n; i++, k++) {
        if (t.escaped && t.p[i] == '\\' && i + 1 < t.n)
            i++;
        if (k == n || (any_case ? !tt_strnieq(&s[k], &t.p[i], 1) : s[k] != t.p[i]))
            return SIZE_MAX;
    }
    return k;
}

static bool equals(struct tt_css_text t, const char *s, bool any_case)
{
    size_t n = strlen(s);
    return matches_at(t, s, n, any_case) == n;
}

static bool contains(struct tt_css_text t, const char *s)
{
    for (size_t n = strlen(s);; s++, n--) {
        if (matches_at(t, s, n, false) != SIZE_MAX)
            return true;
        if (n == 0)
            return false;
    }
}

static bool ends_with(struct tt_css_text t, const char *s)
{
    for (; *s; s++)
        if (equals(t, s, false))
            return true;
    return false;
}

static bool has_word(struct tt_css_text t, const char *s)
{
    static const char spaces[] = " \t\n\r\f";
    for (s += strspn(s, spaces); *s; s += strspn(s, spaces)) {
        size_t n = strcspn(s, spaces);
        if (matches_at(t, s, n, false) == n)
            return true;
        s += n;
    }
    return false;
}

/* --- parts -------------------------------------------------------------------------------------
 */

static const char *attribute(const xmlNode *n, struct tt_css_text name)
{
    if (!name.escaped)
        return tt_html_attr(n, name.p, name.n);
    for (const xmlAttr *a = n->properties; a; a = a->next)
        if (equals(name, (const char *)a->name, true))
            return tt_html_attr(n, (const char *)a->name, strlen((const char *)a->name));
    return NULL;
}

static bool match_attribute(const struct tt_css_part *part, const xmlNode *n)
{
    const char *v = attribute(n, part->name);
    struct tt_css_text t = part->value;
    if (!v)
        return part->op == '!';
    size_t len = strlen(v), begin;
    switch (part->op) {
    case '=':
        return equals(t, v, false);
    case '!':
        return !equals(t, v, false);
    case '~':
        return has_word(t, v);
    case '^':
        return t.n && matches_at(t, v, len, false) != SIZE_MAX;
    case '$':
        return t.n && ends_with(t, v);
    case '*':
        return t.n && contains(t, v);
    case '|':
        begin = matches_at(t, v, len, false);
        return begin != SIZE_MAX && (begin == len || v[begin] == '-');
    default:
        return true;
    }
}

static const xmlNode *sibling(const xmlNode *n, bool forward)
{
    do
        n = forward ? n->next : n->prev;
    while (n && n->type != XML_ELEMENT_NODE);
    return n;
}

/* How many siblings stand before (or behind) it, of its type if so. */
static int place(const xmlNode *n, bool from_end, bool of_type)
{
    int i = 1;
    for (const xmlNode *s = sibling(n, from_end); s; s = sibling(s, from_end))
        i += !of_type || xmlStrEqual(s->name, n->name);
    return i;
}

/* Is i = a * k + b for a k from 0 on? */
static bool on_grid(int i, int a, int b)
{
    int d = i - b;
    return a == 0 ? d == 0 : d % a == 0 && d / a >= 0;
}

static bool text_contains(const struct tt_css_part *part, const xmlNode *n)
{
    struct tt_buf text;
    tt_buf_init(&text, TT_HTML_TEXT_MAX);
    tt_html_text((xmlNode *)(uintptr_t)n, &text);
    bool found = contains(part->value, text.data ? text.data : "");
    tt_buf_fini(&text);
    return found;
}

static bool is_empty(const xmlNode *n)
{
    for (const xmlNode *c = n->children; c; c = c->next)
        if (c->type == XML_ELEMENT_NODE ||
            (c->content && *c->content && c->type != XML_COMMENT_NODE))
            return false;
    return true;
}

static bool is_control(const xmlNode *n, bool option_too)
{
    return tt_html_is(n, "input") || tt_html_is(n, "select") || tt_html_is(n, "textarea") ||
           tt_html_is(n, "button") || (option_too && tt_html_is(n, "option"));
}

static bool has_inside(const struct tt_css *css, int list, const xmlNode *n)
{
    xmlNode *top = (xmlNode *)(uintptr_t)n;
    for (xmlNode *at = tt_html_next(top, top); at; at = tt_html_next(top, at))
        if (match_list(css, list, at))
            return true;
    return false;
}

static bool match_part(const struct tt_css *css, const struct tt_css_part *part, const xmlNode *n)
{
    const char *v;
    switch (part->kind) {
    case TT_CSS_TAG:
        return equals(part->name, (const char *)n->name, true);
    case TT_CSS_ID:
        return (v = tt_html_attr(n, "id", 2)) && equals(part->name, v, false);
    case TT_CSS_CLASS:
        return (v = tt_html_attr(n, "class", 5)) && has_word(part->name, v);
    case TT_CSS_ATTR:
        return match_attribute(part, n);
    case TT_CSS_NOT:
        return !match_list(css, part->list, n);
    case TT_CSS_IS:
        return match_list(css, part->list, n);
    case TT_CSS_HAS:
        return has_inside(css, part->list, n);
    case TT_CSS_CONTAINS:
        return text_contains(part, n);
    case TT_CSS_NTH:
        return on_grid(place(n, part->from_end, part->of_type), part->a, part->b);
    case TT_CSS_ONLY:
        return place(n, false, part->of_type) == 1 && place(n, true, part->of_type) == 1;
    case TT_CSS_EMPTY:
        return is_empty(n);
    case TT_CSS_ROOT:
        return !tt_html_is_element(n->parent);
    case TT_CSS_CHECKED:
        return tt_html_attr(n, tt_html_is(n, "option") ? "selected" : "checked",
                            tt_html_is(n, "option") ? 8 : 7) != NULL;
    case TT_CSS_DISABLED:
        return is_control(n, true) && tt_html_attr(n, "disabled", 8);
    case TT_CSS_ENABLED:
        return is_control(n, true) && !tt_html_attr(n, "disabled", 8);
    default:
        return is_control(n, false);
    }
}

/* --- compounds ---------------------------------------------------------------------------------
 */

/* How far a failure reaches, as browsers tell it: whoever tries one node after another stops where
 * none of the others can do better, so that the work grows with the page's depth, not with its
 * power. What is exhausted from a node on is so from those above it, or in front of it, too. */
enum outcome {
    MATCHES,
    FAILS,              /* here: another ancestor or sibling may do */
    FAILS_FOR_SIBLINGS, /* and for those in front of it; an ancestor may do */
    FAILS_FOR_ALL       /* and for its ancestors */
};

static enum outcome match_compound(const struct tt_css *css, int i, const xmlNode *n);

static enum outcome match_ancestors(const struct tt_css *css, int left, const xmlNode *n)
{
    for (n = n->parent; tt_html_is_element(n); n = n->parent) {
        enum outcome o = match_compound(css, left, n);
        if (o == MATCHES || o == FAILS_FOR_ALL)
            return o;
    }
    return FAILS_FOR_ALL;
}

static enum outcome match_parent(const struct tt_css *css, int left, const xmlNode *n)
{
    if (!tt_html_is_element(n->parent))
        return FAILS_FOR_ALL;
    enum outcome o = match_compound(css, left, n->parent);
    return o == MATCHES || o == FAILS_FOR_ALL ? o : FAILS_FOR_SIBLINGS;
}

static enum outcome match_siblings(const struct tt_css *css, int left, const xmlNode *n)
{
    for (n = sibling(n, false); n; n = sibling(n, false)) {
        enum outcome o = match_compound(css, left, n);
        if (o != FAILS)
            return o;
    }
    return FAILS_FOR_SIBLINGS;
}

static enum outcome match_compound(const struct tt_css *css, int i, const xmlNode *n)
{
    const struct tt_css_compound *c = &css->compounds[i];
    for (int k = c->part; k >= 0; k = css->parts[k].next)
        if (!match_part(css, &css->parts[k], n))
            return FAILS;
    if (c->left < 0)
        return MATCHES;
    switch (c->combinator) {
    case '>':
        return match_parent(css, c->left, n);
    case '+':
        n = sibling(n, false);
        return n ? match_compound(css, c->left, n) : FAILS_FOR_SIBLINGS;
    case '~':
        return match_siblings(css, c->left, n);
    default:
        return match_ancestors(css, c->left, n);
    }
}

static bool match_list(const struct tt_css *css, int list, const xmlNode *n)
{
    if (!tt_html_is_element(n))
        return false;
    for (int i = list; i >= 0; i = css->alternatives[i].next)
        if (match_compound(css, css->alternatives[i].compound, n) == MATCHES)
            return true;
    return false;
}

bool tt_css_match(const struct tt_css *css, const xmlNode *n)
{
    return match_list(css, css->list, n);
}
