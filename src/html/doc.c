/* SPDX-License-Identifier: MIT */
/* Pages. Nodes are numbered in the page's order (_private), which sorts selections. Walks use no
 * recursion: a page may be as deep as a server likes. */
#include "html/doc.h"
#include "base/memory.h"
#include "base/str.h"
#include <libxml/HTMLparser.h>
#include <libxml/HTMLtree.h>
#include <string.h>

xmlNode *tt_html_next(const xmlNode *top, xmlNode *at)
{
    if (at->children && at->type != XML_ENTITY_REF_NODE && at->type != XML_DTD_NODE)
        return at->children;
    while (at != top && !at->next)
        at = at->parent;
    return at == top ? NULL : at->next;
}

xmlDoc *tt_html_parse(const char *text, size_t n)
{
    const int options = HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                        HTML_PARSE_NONET | HTML_PARSE_COMPACT;
    if (n > TT_HTML_TEXT_MAX)
        return NULL;
    xmlDoc *doc =
        htmlReadMemory(text, (int)n, NULL, tt_utf8_valid(text, n) ? "UTF-8" : NULL, options);
    if (!doc) /* nothing in it */
        doc = htmlNewDocNoDtD(NULL, NULL);
    TT_ASSERT(doc); /* fails for want of memory only */
    uintptr_t i = 0;
    for (xmlNode *at = (xmlNode *)doc; at; at = tt_html_next((xmlNode *)doc, at))
        at->_private = (void *)i++;
    return doc;
}

void tt_html_free(xmlDoc *doc)
{
    xmlFreeDoc(doc);
}

bool tt_html_is_element(const xmlNode *n)
{
    return n && n->type == XML_ELEMENT_NODE;
}

bool tt_html_is(const xmlNode *n, const char *name)
{
    return tt_html_is_element(n) && tt_strieq((const char *)n->name, name);
}

uintptr_t tt_html_order(const xmlNode *n)
{
    return (uintptr_t)n->_private;
}

const char *tt_html_attr(const xmlNode *n, const char *name, size_t len)
{
    if (!tt_html_is_element(n))
        return NULL;
    for (const xmlAttr *a = n->properties; a; a = a->next)
        if (strlen((const char *)a->name) == len && tt_strnieq((const char *)a->name, name, len))
            return a->children && a->children->content ? (const char *)a->children->content : "";
    return NULL;
}

bool tt_html_text(xmlNode *n, struct tt_buf *out)
{
    bool ok = true;
    for (xmlNode *at = n; ok && at; at = tt_html_next(n, at))
        if ((at->type == XML_TEXT_NODE || at->type == XML_CDATA_SECTION_NODE) && at->content)
            ok = tt_buf_puts(out, (const char *)at->content);
    return ok;
}

static int write_buf(void *arg, const char *p, int n)
{
    return tt_buf_append(arg, p, (size_t)n) ? n : -1;
}

static int close_buf(void *arg)
{
    (void)arg;
    return 0;
}

bool tt_html_inner(xmlNode *n, struct tt_buf *out)
{
    size_t before = out->len;
    xmlOutputBuffer *o = xmlOutputBufferCreateIO(write_buf, close_buf, out, NULL);
    TT_ASSERT(o); /* fails for want of memory only */
    for (xmlNode *c = n->children; c; c = c->next)
        htmlNodeDumpFormatOutput(o, n->doc, c, "UTF-8", 0);
    bool ok = xmlOutputBufferClose(o) >= 0;
    return ok && out->len >= before;
}
