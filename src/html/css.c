/* SPDX-License-Identifier: MIT */
/* The reader of selectors: recursive descent, as deep as TT_CSS_DEPTH. */
#include "html/css.h"
#include "base/str.h"
#include <stdio.h>
#include <string.h>

struct reader {
    struct tt_css *css;
    const char *text, *p, *end;
    int depth;
    struct tt_err *err;
};

static bool fail(struct reader *r, const char *what)
{
    return tt_err_set(r->err, 0, "%s at character %zu", what, (size_t)(r->p - r->text) + 1);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool skip_space(struct reader *r)
{
    const char *before = r->p;
    while (r->p < r->end && is_space(*r->p))
        r->p++;
    return r->p != before;
}

static char peek(const struct reader *r)
{
    return r->p < r->end ? *r->p : '\0';
}

static bool take(struct reader *r, char c)
{
    if (peek(r) != c || r->p == r->end)
        return false;
    r->p++;
    return true;
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || (unsigned char)c >= 0x80;
}

static bool read_name(struct reader *r, struct tt_css_text *out)
{
    *out = (struct tt_css_text){.p = r->p};
    while (r->p < r->end && (is_name(*r->p) || *r->p == '\\')) {
        if (*r->p == '\\') {
            out->escaped = true;
            if (++r->p == r->end)
                return fail(r, "nothing after '\\'");
        }
        r->p++;
    }
    out->n = (size_t)(r->p - out->p);
    return out->n || fail(r, "a name is expected");
}

static bool read_string(struct reader *r, struct tt_css_text *out)
{
    char quote = *r->p++;
    *out = (struct tt_css_text){.p = r->p};
    while (r->p < r->end && *r->p != quote) {
        if (*r->p == '\\') {
            out->escaped = true;
            if (++r->p == r->end)
                break;
        }
        r->p++;
    }
    out->n = (size_t)(r->p - out->p);
    return take(r, quote) || fail(r, "a closing quote is expected");
}

static bool read_value(struct reader *r, struct tt_css_text *out)
{
    return peek(r) == '"' || peek(r) == '\'' ? read_string(r, out) : read_name(r, out);
}

static struct tt_css_part *add_part(struct reader *r, enum tt_css_kind kind, int **tail)
{
    struct tt_css *css = r->css;
    if (css->n_parts == TT_CSS_PARTS) {
        fail(r, "the selector has too many parts");
        return NULL;
    }
    struct tt_css_part *part = &css->parts[css->n_parts];
    *part = (struct tt_css_part){.kind = kind, .next = -1};
    **tail = css->n_parts++;
    *tail = &part->next;
    return part;
}

/* [name], [name op value] */
static bool read_attribute(struct reader *r, struct tt_css_part *part)
{
    r->p++;
    skip_space(r);
    if (!read_name(r, &part->name))
        return false;
    skip_space(r);
    if (take(r, ']'))
        return true;
    char c = peek(r);
    if (c && strchr("~|^$*!", c)) {
        part->op = c;
        r->p++;
    }
    if (!take(r, '='))
        return fail(r, "'=' or ']' is expected");
    if (!part->op)
        part->op = '=';
    skip_space(r);
    if (!read_value(r, &part->value))
        return false;
    skip_space(r);
    return take(r, ']') || fail(r, "']' is expected");
}

static bool read_number(struct reader *r, int *out)
{
    const char *begin = r->p;
    int v = 0;
    for (; peek(r) >= '0' && peek(r) <= '9'; r->p++)
        if (v < 1000000) /* no page has more */
            v = v * 10 + (*r->p - '0');
    *out = v;
    return r->p != begin;
}

/* odd, even, 5, n, -n+3, 2n + 1 */
static bool read_nth(struct reader *r, struct tt_css_part *part)
{
    size_t left = (size_t)(r->end - r->p);
    if ((left >= 3 && tt_strnieq(r->p, "odd", 3)) || (left >= 4 && tt_strnieq(r->p, "even", 4))) {
        bool odd = (*r->p | 0x20) == 'o';
        r->p += odd ? 3 : 4;
        part->a = 2;
        part->b = odd;
        return true;
    }
    int sign = take(r, '-') ? -1 : (take(r, '+'), 1), v = 0;
    bool number = read_number(r, &v);
    if ((peek(r) | 0x20) != 'n') {
        part->b = sign * v;
        return number || fail(r, "a number, odd, even or an+b is expected");
    }
    r->p++;
    part->a = sign * (number ? v : 1);
    skip_space(r);
    sign = take(r, '-') ? -1 : take(r, '+') ? 1 : 0;
    skip_space(r);
    if (!sign)
        return true;
    if (!read_number(r, &v))
        return fail(r, "a number is expected");
    part->b = sign * v;
    return true;
}

static bool read_list(struct reader *r, int *list);

static const struct pseudo {
    const char *name;
    enum tt_css_kind kind;
    enum { PLAIN, WITH_LIST, WITH_TEXT, WITH_NTH } argument;
    bool from_end, of_type;
} pseudos[] = {
    {"not", TT_CSS_NOT, WITH_LIST, 0, 0},
    {"is", TT_CSS_IS, WITH_LIST, 0, 0},
    {"has", TT_CSS_HAS, WITH_LIST, 0, 0},
    {"contains", TT_CSS_CONTAINS, WITH_TEXT, 0, 0},
    {"first-child", TT_CSS_NTH, PLAIN, false, false},
    {"last-child", TT_CSS_NTH, PLAIN, true, false},
    {"first-of-type", TT_CSS_NTH, PLAIN, false, true},
    {"last-of-type", TT_CSS_NTH, PLAIN, true, true},
    {"nth-child", TT_CSS_NTH, WITH_NTH, false, false},
    {"nth-last-child", TT_CSS_NTH, WITH_NTH, true, false},
    {"nth-of-type", TT_CSS_NTH, WITH_NTH, false, true},
    {"nth-last-of-type", TT_CSS_NTH, WITH_NTH, true, true},
    {"only-child", TT_CSS_ONLY, PLAIN, 0, false},
    {"only-of-type", TT_CSS_ONLY, PLAIN, 0, true},
    {"empty", TT_CSS_EMPTY, PLAIN, 0, 0},
    {"root", TT_CSS_ROOT, PLAIN, 0, 0},
    {"checked", TT_CSS_CHECKED, PLAIN, 0, 0},
    {"selected", TT_CSS_CHECKED, PLAIN, 0, 0},
    {"disabled", TT_CSS_DISABLED, PLAIN, 0, 0},
    {"enabled", TT_CSS_ENABLED, PLAIN, 0, 0},
    {"input", TT_CSS_INPUT, PLAIN, 0, 0},
};

static const struct pseudo *pseudo_of(struct reader *r, struct tt_css_text name)
{
    for (size_t i = 0; i < sizeof pseudos / sizeof *pseudos; i++)
        if (strlen(pseudos[i].name) == name.n && tt_strnieq(pseudos[i].name, name.p, name.n))
            return &pseudos[i];
    r->p = name.p;
    tt_err_set(r->err, 0, "unknown pseudo-class ':%.*s'", (int)(name.n < 40 ? name.n : 40), name.p);
    return NULL;
}

static bool read_pseudo(struct reader *r, int **tail)
{
    struct tt_css_text name;
    r->p++;
    if (!read_name(r, &name))
        return false;
    const struct pseudo *k = pseudo_of(r, name);
    struct tt_css_part *part = k ? add_part(r, k->kind, tail) : NULL;
    if (!part)
        return false;
    part->from_end = k->from_end;
    part->of_type = k->of_type;
    part->b = 1; /* of first-child and last-child */
    if (k->argument == PLAIN)
        return true;
    if (!take(r, '('))
        return fail(r, "'(' is expected");
    skip_space(r);
    part->b = 0;
    bool ok = k->argument == WITH_LIST   ? read_list(r, &part->list)
              : k->argument == WITH_TEXT ? read_value(r, &part->value)
                                         : read_nth(r, part);
    skip_space(r);
    return ok && (take(r, ')') || fail(r, "')' is expected"));
}

static bool read_part(struct reader *r, int **tail)
{
    struct tt_css_part *part;
    char c = peek(r);
    if (c == ':')
        return read_pseudo(r, tail);
    enum tt_css_kind kind = c == '#'   ? TT_CSS_ID
                            : c == '.' ? TT_CSS_CLASS
                            : c == '[' ? TT_CSS_ATTR
                                       : TT_CSS_TAG;
    if (!(part = add_part(r, kind, tail)))
        return false;
    if (kind == TT_CSS_ATTR)
        return read_attribute(r, part);
    r->p += kind != TT_CSS_TAG;
    return read_name(r, &part->name);
}

static bool begins_part(char c)
{
    return c == '#' || c == '.' || c == '[' || c == ':';
}

/* "a.b[c]:d" */
static bool read_compound(struct reader *r, int left, char combinator, int *out)
{
    struct tt_css *css = r->css;
    if (css->n_compounds == TT_CSS_COMPOUNDS)
        return fail(r, "the selector has too many steps");
    *out = css->n_compounds++;
    struct tt_css_compound *c = &css->compounds[*out];
    *c = (struct tt_css_compound){.part = -1, .combinator = combinator, .left = left};
    int *tail = &c->part;
    bool any = take(r, '*');
    if (!any && !begins_part(peek(r)) && !read_part(r, &tail))
        return false;
    while (begins_part(peek(r)))
        if (!read_part(r, &tail))
            return false;
    return true;
}

/* "a > b c" */
static bool read_alternative(struct reader *r, int *compound)
{
    if (!read_compound(r, -1, ' ', compound))
        return false;
    for (;;) {
        bool space = skip_space(r);
        char c = peek(r), combinator = ' ';
        if (c == '>' || c == '+' || c == '~') {
            combinator = c;
            r->p++;
            skip_space(r);
        } else if (!space || c == ',' || c == ')' || r->p == r->end) {
            return true;
        }
        if (!read_compound(r, *compound, combinator, compound))
            return false;
    }
}

/* "a, b" */
static bool read_list(struct reader *r, int *list)
{
    int *tail = list;
    if (++r->depth > TT_CSS_DEPTH)
        return fail(r, "too many brackets in brackets");
    *list = -1;
    do {
        struct tt_css *css = r->css;
        if (css->n_alternatives == TT_CSS_ALTERNATIVES)
            return fail(r, "the selector has too many alternatives");
        int i = css->n_alternatives++;
        css->alternatives[i] = (struct tt_css_alternative){.compound = -1, .next = -1};
        *tail = i;
        tail = &css->alternatives[i].next;
        skip_space(r);
        if (!read_alternative(r, &css->alternatives[i].compound))
            return false;
    } while (take(r, ','));
    r->depth--;
    return true;
}

bool tt_css_parse(struct tt_css *css, const char *text, size_t n, struct tt_err *err)
{
    struct reader r = {.css = css, .text = text, .p = text, .end = text + n, .err = err};
    css->n_parts = css->n_compounds = css->n_alternatives = 0;
    return read_list(&r, &css->list) && (r.p == r.end || fail(&r, "an unexpected character"));
}
