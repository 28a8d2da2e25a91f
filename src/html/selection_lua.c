/* SPDX-License-Identifier: MIT */
/* Pages and selections as userdata, and what takes a function of the script: each, map, filter.
 * Those functions may wait. */
#include "base/memory.h"
#include "base/str.h"
#include "html/selection_int.h"
#include <stdlib.h>
#include <string.h>

#define PAGE_TYPE      "ttload.html.page"
#define SELECTION_TYPE "ttload.html.selection"

enum { TREE_PER_TEXT = 8 }; /* bytes of tree per byte of text, about: for the collector */

/* --- pages -------------------------------------------------------------------------------------
 */

static int l_page_gc(lua_State *L)
{
    struct tt__page *p = lua_touserdata(L, 1);
    if (p->doc)
        tt_html_free(p->doc);
    tt_free(p->list);
    tt_buf_fini(&p->text);
    *p = (struct tt__page){0};
    return 0;
}

const struct tt__selection *tt__selection_at(lua_State *L, int idx)
{
    return luaL_checkudata(L, idx, SELECTION_TYPE);
}

struct tt__page *tt__page_begin(lua_State *L, int idx)
{
    lua_getiuservalue(L, idx, 1);
    struct tt__page *p = lua_touserdata(L, -1);
    p->len = 0;
    tt_buf_clear(&p->text);
    return p;
}

void tt__page_add(struct tt__page *p, xmlNode *n)
{
    if (p->len == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 16;
        p->list = tt_xreallocarray(p->list, p->cap, sizeof *p->list);
    }
    p->list[p->len++] = n;
}

static int by_order(const void *a, const void *b)
{
    uintptr_t x = tt_html_order(*(xmlNode *const *)a), y = tt_html_order(*(xmlNode *const *)b);
    return (x > y) - (x < y);
}

int tt__page_end(lua_State *L, struct tt__page *p)
{
    size_t n = 0;
    if (p->len > 1)
        qsort(p->list, p->len, sizeof *p->list, by_order);
    for (size_t i = 0; i < p->len; i++)
        if (i == 0 || p->list[i] != p->list[i - 1])
            p->list[n++] = p->list[i];
    struct tt__selection *s = lua_newuserdatauv(L, sizeof *s + n * sizeof *s->nodes, 1);
    s->n = n;
    if (n)
        memcpy(s->nodes, p->list, n * sizeof *s->nodes);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, SELECTION_TYPE);
    return 1;
}

void tt__push_node(lua_State *L, int idx, xmlNode *n)
{
    struct tt__page *p = tt__page_begin(L, idx);
    tt__page_add(p, n);
    tt__page_end(L, p);
}

void tt__read_css(lua_State *L, int idx, struct tt_css *css)
{
    struct tt_err err = {0};
    size_t n;
    if (lua_type(L, idx) != LUA_TSTRING)
        luaL_error(L, "html: a selector (text) is expected, not a %s", luaL_typename(L, idx));
    const char *text = lua_tolstring(L, idx, &n);
    if (!tt_css_parse(css, text, n, &err))
        luaL_error(L, "html: bad selector '%s': %s", text, err.text);
}

bool tt__opt_css(lua_State *L, int idx, struct tt_css *css)
{
    if (lua_isnoneornil(L, idx))
        return false;
    tt__read_css(L, idx, css);
    return true;
}

/* --- functions of the script -------------------------------------------------------------------
 */

enum mode { EACH, MAP, FILTER, FILTER_OUT };
enum { MODES = 4 };

/* The frame: selection, function, and a table for map's results and filter's choices. */
enum { AT_SELECTION = 1, AT_FUNCTION, AT_TABLE };

static int choose(lua_State *L, enum mode mode)
{
    const struct tt__selection *s = lua_touserdata(L, AT_SELECTION);
    struct tt__page *p = tt__page_begin(L, AT_SELECTION);
    for (size_t i = 0; i < s->n; i++) {
        lua_rawgeti(L, AT_TABLE, (lua_Integer)i + 1);
        if (lua_toboolean(L, -1) == (mode == FILTER))
            tt__page_add(p, s->nodes[i]);
        lua_pop(L, 1);
    }
    return tt__page_end(L, p);
}

/* The result for node i - 1 is on top. True: go on. */
static bool keep_result(lua_State *L, enum mode mode, lua_Integer i)
{
    if (mode == EACH) {
        bool stop = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
        lua_pop(L, 1);
        return !stop;
    }
    if (mode == MAP && lua_isnil(L, -1))
        lua_pop(L, 1); /* left out */
    else
        lua_rawseti(L, AT_TABLE, mode == MAP ? (lua_Integer)lua_rawlen(L, AT_TABLE) + 1 : i);
    return true;
}

static int run(lua_State *L, enum mode mode, lua_Integer i);

static int go_on(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    enum mode mode = (enum mode)(ctx % MODES);
    lua_Integer i = (lua_Integer)(ctx / MODES);
    return run(L, mode, keep_result(L, mode, i) ? i : -1);
}

/* Calls the function with (index, node) for the nodes after i; -1: for none. */
static int run(lua_State *L, enum mode mode, lua_Integer i)
{
    const struct tt__selection *s = lua_touserdata(L, AT_SELECTION);
    while (i >= 0 && (size_t)i < s->n) {
        lua_pushvalue(L, AT_FUNCTION);
        lua_pushinteger(L, i + 1);
        tt__push_node(L, AT_SELECTION, s->nodes[i]);
        i++;
        lua_callk(L, 2, 1, (lua_KContext)(i * MODES + (lua_Integer)mode), go_on);
        if (!keep_result(L, mode, i))
            break;
    }
    if (mode == FILTER || mode == FILTER_OUT)
        return choose(L, mode);
    lua_settop(L, mode == EACH ? AT_SELECTION : AT_TABLE);
    return 1;
}

static int with_function(lua_State *L, enum mode mode)
{
    tt__selection_at(L, AT_SELECTION);
    luaL_checktype(L, AT_FUNCTION, LUA_TFUNCTION);
    lua_settop(L, AT_FUNCTION);
    lua_newtable(L);
    return run(L, mode, 0);
}

static int l_each(lua_State *L)
{
    return with_function(L, EACH);
}

static int l_map(lua_State *L)
{
    return with_function(L, MAP);
}

static bool in(const struct tt__selection *s, const xmlNode *n)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->nodes[i] == n)
            return true;
    return false;
}

/* filter(selector, selection or function) */
static int filter(lua_State *L, enum mode mode)
{
    const struct tt__selection *s = tt__selection_at(L, 1);
    const struct tt__selection *others = luaL_testudata(L, 2, SELECTION_TYPE);
    struct tt_css css;
    if (lua_isfunction(L, 2))
        return with_function(L, mode);
    if (!others)
        tt__read_css(L, 2, &css);
    struct tt__page *p = tt__page_begin(L, 1);
    for (size_t i = 0; i < s->n; i++) {
        bool yes = others ? in(others, s->nodes[i]) : tt_css_match(&css, s->nodes[i]);
        if (yes == (mode == FILTER))
            tt__page_add(p, s->nodes[i]);
    }
    return tt__page_end(L, p);
}

static int l_filter(lua_State *L)
{
    return filter(L, FILTER);
}

static int l_not(lua_State *L)
{
    return filter(L, FILTER_OUT);
}

/* --- the type ----------------------------------------------------------------------------------
 */

static int l_len(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)tt__selection_at(L, 1)->n);
    return 1;
}

static int l_tostring(lua_State *L)
{
    const struct tt__selection *s = tt__selection_at(L, 1);
    lua_pushfstring(L, "html selection of %d nodes", (int)s->n);
    return 1;
}

static const luaL_Reg own[] = {{"each", l_each}, {"map", l_map},  {"filter", l_filter},
                               {"not_", l_not},  {"size", l_len}, {NULL, NULL}};

static int l_unknown(lua_State *L)
{
    const char *names[64];
    size_t n = 0;
    for (const luaL_Reg *m = own; m->name; m++)
        names[n++] = m->name;
    for (const luaL_Reg *m = tt__walk_methods; m->name; m++)
        names[n++] = m->name;
    for (const luaL_Reg *m = tt__value_methods; m->name; m++)
        names[n++] = m->name;
    const char *name = luaL_tolstring(L, 2, NULL), *near = tt_suggest(name, names, n);
    return luaL_error(L, "an html selection has no method '%s'%s%s%s", name,
                      near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static void make_types(lua_State *L)
{
    if (!luaL_newmetatable(L, SELECTION_TYPE)) {
        lua_pop(L, 1);
        return;
    }
    lua_newtable(L);
    luaL_setfuncs(L, own, 0);
    luaL_setfuncs(L, tt__walk_methods, 0);
    luaL_setfuncs(L, tt__value_methods, 0);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_unknown);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_len);
    lua_setfield(L, -2, "__len");
    lua_pushcfunction(L, l_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "frozen");
    lua_setfield(L, -2, "__metatable");
    luaL_newmetatable(L, PAGE_TYPE);
    lua_pushcfunction(L, l_page_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 2);
}

static void push_page(lua_State *L, const char *text, size_t n, const char *what)
{
    struct tt__page *p = lua_newuserdatauv(L, sizeof *p, 0);
    *p = (struct tt__page){0};
    tt_buf_init(&p->text, TT_HTML_TEXT_MAX * 2);
    luaL_setmetatable(L, PAGE_TYPE);
    p->doc = tt_html_parse(text, n);
    if (!p->doc)
        luaL_error(L, "%s: the page is over %d bytes", what, TT_HTML_TEXT_MAX);
    lua_gc(L, LUA_GCSTEP, (int)(n * TREE_PER_TEXT / 1024)); /* it sees the userdata only */
    tt__page_add(p, (xmlNode *)p->doc);
    tt__page_end(L, p);
}

void tt_html_push(lua_State *L, const char *text, size_t n, int idx, const char *what)
{
    struct tt_css css;
    make_types(L);
    bool find = tt__opt_css(L, idx, &css);
    push_page(L, text, n, what);
    if (!find)
        return;
    struct tt__page *p = tt__page_begin(L, -1);
    xmlNode *top = (xmlNode *)p->doc;
    for (xmlNode *at = top; at; at = tt_html_next(top, at))
        if (tt_css_match(&css, at))
            tt__page_add(p, at);
    tt__page_end(L, p);
    lua_remove(L, -2);
}
