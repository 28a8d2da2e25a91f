/* SPDX-License-Identifier: MIT */
/* From a selection to another one: down, up, beside, and parts of it. */
#include "html/selection_int.h"
#include <string.h>

static xmlNode *element_beside(xmlNode *n, bool forward)
{
    do
        n = forward ? n->next : n->prev;
    while (n && n->type != XML_ELEMENT_NODE);
    return n;
}

static int l_find(lua_State *L)
{
    const struct tt__selection *s = tt__selection_at(L, 1);
    struct tt_css css;
    tt__read_css(L, 2, &css);
    struct tt__page *p = tt__page_begin(L, 1);
    for (size_t i = 0; i < s->n; i++)
        for (xmlNode *at = s->nodes[i]; at; at = tt_html_next(s->nodes[i], at))
            if (at != s->nodes[i] && tt_css_match(&css, at))
                tt__page_add(p, at);
    return tt__page_end(L, p);
}

/* --- steps: each adds what it finds from one node ----------------------------------------------
 */

typedef void (*step)(struct tt__page *p, xmlNode *n, const struct tt_css *css);

static void add_if(struct tt__page *p, xmlNode *n, const struct tt_css *css)
{
    if (n && n->type == XML_ELEMENT_NODE && (!css || tt_css_match(css, n)))
        tt__page_add(p, n);
}

static void step_children(struct tt__page *p, xmlNode *n, const struct tt_css *css)
{
    for (xmlNode *c = n->children; c; c = c->next)
        add_if(p, c, css);
}

static void step_parent(struct tt__page *p, xmlNode *n, const struct tt_css *css)
{
    add_if(p, n->parent, css);
}

static void step_parents(struct tt__page *p, xmlNode *n, const struct tt_css *css)
{
    for (n = n->parent; n; n = n->parent)
        add_if(p, n, css);
}

static void step_next(struct tt__page *p, xmlNode *n, const struct tt_css *css)
{
    add_if(p, element_beside(n, true), css);
}

static void step_prev(struct tt__page *p, xmlNode *n, const struct tt_css *css)
{
    add_if(p, element_beside(n, false), css);
}

static void step_next_all(struct tt__page *p, xmlNode *n, const struct tt_css *css)
{
    while ((n = element_beside(n, true)))
        add_if(p, n, css);
}

static void step_prev_all(struct tt__page *p, xmlNode *n, const struct tt_css *css)
{
    while ((n = element_beside(n, false)))
        add_if(p, n, css);
}

static void step_siblings(struct tt__page *p, xmlNode *n, const struct tt_css *css)
{
    step_prev_all(p, n, css);
    step_next_all(p, n, css);
}

static void step_closest(struct tt__page *p, xmlNode *n, const struct tt_css *css)
{
    for (; n; n = n->parent)
        if (tt_css_match(css, n)) {
            tt__page_add(p, n);
            return;
        }
}

static int walk(lua_State *L, step one)
{
    const struct tt__selection *s = tt__selection_at(L, 1);
    struct tt_css css;
    bool given = tt__opt_css(L, 2, &css);
    struct tt__page *p = tt__page_begin(L, 1);
    for (size_t i = 0; i < s->n; i++)
        one(p, s->nodes[i], given ? &css : NULL);
    return tt__page_end(L, p);
}

#define STEP(name)                                                                                 \
    static int l_##name(lua_State *L)                                                              \
    {                                                                                              \
        return walk(L, step_##name);                                                               \
    }
STEP(children)
STEP(parent)
STEP(parents)
STEP(next)
STEP(prev)
STEP(next_all)
STEP(prev_all)
STEP(siblings)

static int l_closest(lua_State *L)
{
    luaL_checkstring(L, 2);
    return walk(L, step_closest);
}

/* --- parts of it -------------------------------------------------------------------------------
 */

/* Nodes from to to, from 1; negative ones count from the end. */
static int slice(lua_State *L, lua_Integer from, lua_Integer to)
{
    const struct tt__selection *s = tt__selection_at(L, 1);
    const lua_Integer n = (lua_Integer)s->n;
    struct tt__page *p = tt__page_begin(L, 1);
    if (from < 0)
        from = from < -n ? 1 : from + n + 1;
    if (to < 0)
        to = to < -n ? 0 : to + n + 1;
    for (lua_Integer i = from < 1 ? 1 : from; i <= to && i <= n; i++)
        tt__page_add(p, s->nodes[i - 1]);
    return tt__page_end(L, p);
}

static int l_first(lua_State *L)
{
    return slice(L, 1, 1);
}

static int l_last(lua_State *L)
{
    return slice(L, -1, -1);
}

static int l_eq(lua_State *L)
{
    lua_Integer i = luaL_checkinteger(L, 2), n = (lua_Integer)tt__selection_at(L, 1)->n;
    return i < -n ? slice(L, 1, 0) : slice(L, i, i);
}

static int l_slice(lua_State *L)
{
    return slice(L, luaL_checkinteger(L, 2), luaL_optinteger(L, 3, -1));
}

/* Those with a descendant that matches. */
static int l_has(lua_State *L)
{
    const struct tt__selection *s = tt__selection_at(L, 1);
    struct tt_css css;
    tt__read_css(L, 2, &css);
    struct tt__page *p = tt__page_begin(L, 1);
    for (size_t i = 0; i < s->n; i++)
        for (xmlNode *at = s->nodes[i]; at; at = tt_html_next(s->nodes[i], at))
            if (at != s->nodes[i] && tt_css_match(&css, at)) {
                tt__page_add(p, s->nodes[i]);
                break;
            }
    return tt__page_end(L, p);
}

static int l_is(lua_State *L)
{
    const struct tt__selection *s = tt__selection_at(L, 1);
    struct tt_css css;
    bool found = false;
    tt__read_css(L, 2, &css);
    for (size_t i = 0; i < s->n && !found; i++)
        found = tt_css_match(&css, s->nodes[i]);
    lua_pushboolean(L, found);
    return 1;
}

const luaL_Reg tt__walk_methods[] = {
    {"find", l_find},
    {"children", l_children},
    {"parent", l_parent},
    {"parents", l_parents},
    {"closest", l_closest},
    {"next", l_next},
    {"prev", l_prev},
    {"next_all", l_next_all},
    {"prev_all", l_prev_all},
    {"siblings", l_siblings},
    {"first", l_first},
    {"last", l_last},
    {"eq", l_eq},
    {"slice", l_slice},
    {"has", l_has},
    {"is", l_is},
    {NULL, NULL},
};
