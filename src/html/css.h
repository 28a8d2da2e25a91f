/* SPDX-License-Identifier: MIT */
/* CSS selectors: read into a fixed block, matched against nodes. Pure; the text must outlive it.
 *
 * tag, *, #id, .class; [name], with = ~= |= ^= $= *= !=; descendants, > + ~, lists;
 * :not() :is() :has() :contains("text"); :first-child, :last-child, :only-child and of-type,
 * :nth-child(2n+1) :nth-last-child() :nth-of-type() :nth-last-of-type(); :empty :root :checked
 * :selected :disabled :enabled :input. */
#pragma once
#include "base/err.h"
#include <libxml/tree.h>
#include <stdint.h>

enum { TT_CSS_PARTS = 96, TT_CSS_COMPOUNDS = 64, TT_CSS_ALTERNATIVES = 32, TT_CSS_DEPTH = 8 };

enum tt_css_kind {
    TT_CSS_TAG,
    TT_CSS_ID,
    TT_CSS_CLASS,
    TT_CSS_ATTR,
    TT_CSS_NOT,
    TT_CSS_IS,
    TT_CSS_HAS,
    TT_CSS_CONTAINS,
    TT_CSS_NTH, /* a, b; from_end, of_type */
    TT_CSS_ONLY,
    TT_CSS_EMPTY,
    TT_CSS_ROOT,
    TT_CSS_CHECKED,
    TT_CSS_DISABLED,
    TT_CSS_ENABLED,
    TT_CSS_INPUT
};
struct tt_css_text {
    const char *p;
    size_t n;
    bool escaped; /* it has backslashes */
};
struct tt_css_part {
    enum tt_css_kind kind;
    struct tt_css_text name, value;
    char op; /* of an attribute: 0 = it is there, '=', '~', '|', '^', '$', '*', '!' */
    bool from_end, of_type;
    int a, b;
    int list; /* first alternative of NOT, IS, HAS */
    int next; /* of the compound; -1: none */
};
struct tt_css_compound {
    int part;        /* the first; -1: any element */
    char combinator; /* towards left: ' ', '>', '+', '~' */
    int left;        /* compound; -1: none */
};
struct tt_css_alternative {
    int compound; /* the rightmost */
    int next;     /* -1: none */
};
struct tt_css {
    struct tt_css_part parts[TT_CSS_PARTS];
    struct tt_css_compound compounds[TT_CSS_COMPOUNDS];
    struct tt_css_alternative alternatives[TT_CSS_ALTERNATIVES];
    int n_parts, n_compounds, n_alternatives;
    int list;
};

/* False, with what is wrong and where. */
bool tt_css_parse(struct tt_css *css, const char *text, size_t n, struct tt_err *err);
bool tt_css_match(const struct tt_css *css, const xmlNode *n);
