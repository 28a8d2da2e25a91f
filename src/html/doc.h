/* SPDX-License-Identifier: MIT */
/* A page as libxml2's tree, read only. Any thread; one user at a time. */
#pragma once
#include "base/buf.h"
#include <libxml/tree.h>

enum { TT_HTML_TEXT_MAX = 64 * 1024 * 1024 };

/* Never fails for what a server sends: the parser repairs. Text that is no UTF-8 is read as its
 * meta element says, or as Latin-1. NULL: larger than TT_HTML_TEXT_MAX. */
xmlDoc *tt_html_parse(const char *text, size_t n);
void tt_html_free(xmlDoc *doc);
/* The next node below top in the page's order; NULL at the end. Begin with top itself. */
xmlNode *tt_html_next(const xmlNode *top, xmlNode *at);
bool tt_html_is_element(const xmlNode *n);
/* Name and case as in HTML: "input". n may be no element. */
bool tt_html_is(const xmlNode *n, const char *name);
/* Where n stands in the page's order. */
uintptr_t tt_html_order(const xmlNode *n);
/* An attribute's value, "" when it has none, NULL when there is no such attribute. */
const char *tt_html_attr(const xmlNode *n, const char *name, size_t len);
/* Appends the text below n. */
bool tt_html_text(xmlNode *n, struct tt_buf *out);
/* Appends what is between n's tags, as HTML. */
bool tt_html_inner(xmlNode *n, struct tt_buf *out);
