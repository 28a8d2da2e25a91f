/* SPDX-License-Identifier: MIT */
/* What is in a selection: texts, attributes, values of controls, forms as a browser sends them. */
#include "base/str.h"
#include "html/controls.h"
#include "html/selection_int.h"
#include <math.h>
#include <string.h>

/* text(): of all nodes together */
static int l_text(lua_State *L)
{
    const struct tt__selection *s = tt__selection_at(L, 1);
    struct tt__page *p = tt__page_begin(L, 1);
    for (size_t i = 0; i < s->n; i++)
        if (!tt_html_text(s->nodes[i], &p->text))
            return luaL_error(L, "html: the text is too large");
    lua_pushlstring(L, p->text.data ? p->text.data : "", p->text.len);
    return 1;
}

/* html(): inside the first node; nil without one */
static int l_html(lua_State *L)
{
    const struct tt__selection *s = tt__selection_at(L, 1);
    struct tt__page *p = tt__page_begin(L, 1);
    if (s->n == 0)
        return 0;
    if (!tt_html_inner(s->nodes[0], &p->text))
        return luaL_error(L, "html: the text is too large");
    lua_pushlstring(L, p->text.data ? p->text.data : "", p->text.len);
    return 1;
}

/* attr(name, default?): of the first node */
static int l_attr(lua_State *L)
{
    const struct tt__selection *s = tt__selection_at(L, 1);
    size_t n;
    const char *name = luaL_checklstring(L, 2, &n);
    const char *v = s->n ? tt_html_attr(s->nodes[0], name, n) : NULL;
    lua_settop(L, 3);
    if (v)
        lua_pushstring(L, v);
    return 1;
}

/* --- data --------------------------------------------------------------------------------------
 */

/* Pushes text as what it looks like: a boolean, a number that reads back as the same text, nil. */
static void push_data(lua_State *L, const char *v)
{
    double d;
    char same[64];
    if (strcmp(v, "true") == 0 || strcmp(v, "false") == 0) {
        lua_pushboolean(L, *v == 't');
    } else if (strcmp(v, "null") == 0) {
        lua_pushnil(L);
    } else if (tt_parse_double(v, &d) && strcmp(tt_format_double(same, sizeof same, d), v) == 0) {
        if (d == floor(d) && fabs(d) < 9007199254740992.0)
            lua_pushinteger(L, (lua_Integer)d);
        else
            lua_pushnumber(L, d);
    } else {
        lua_pushstring(L, v);
    }
}

/* data-user-id is user_id. */
static void push_data_name(lua_State *L, const char *name)
{
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (; *name; name++)
        luaL_addchar(&b, *name == '-' ? '_' : *name);
    luaL_pushresult(&b);
}

/* data(name?): data-* of the first node: one, or all in a table. user_id and "user-id" are the same
 */
static int l_data(lua_State *L)
{
    const struct tt__selection *s = tt__selection_at(L, 1);
    const char *wanted = luaL_optstring(L, 2, NULL);
    lua_settop(L, 2);
    if (!wanted)
        lua_newtable(L);
    else
        push_data_name(L, wanted);
    const xmlAttr *a = s->n && tt_html_is_element(s->nodes[0]) ? s->nodes[0]->properties : NULL;
    for (; a; a = a->next) {
        const char *name = (const char *)a->name;
        if (!tt_starts_with(name, "data-"))
            continue;
        push_data_name(L, name + 5);
        bool found = wanted && lua_rawequal(L, -1, 3);
        push_data(L, tt_html_attr(s->nodes[0], name, strlen(name)));
        if (found)
            return 1;
        if (wanted)
            lua_pop(L, 2);
        else
            lua_rawset(L, 3);
    }
    if (wanted)
        lua_pushnil(L);
    return 1;
}

/* --- controls ----------------------------------------------------------------------------------
 */

static void add_value(void *arg, const char *value)
{
    lua_State *L = arg;
    lua_pushstring(L, value);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/* Pushes the list of a control's values. */
static void push_values(lua_State *L, struct tt__page *p, xmlNode *n)
{
    lua_newtable(L);
    tt_html_values(n, &p->text, add_value, L);
}

/* val(): of the first node; a list for a select of several options; nil for what has no value */
static int l_val(lua_State *L)
{
    const struct tt__selection *s = tt__selection_at(L, 1);
    struct tt__page *p = tt__page_begin(L, 1);
    if (s->n == 0)
        return 0;
    push_values(L, p, s->nodes[0]);
    if (!tt_html_is_multiple(s->nodes[0]))
        lua_rawgeti(L, -1, 1);
    return 1;
}

/* Pushes { { name, value }, ... } of the controls in a selection's forms, or that are in it. */
static void push_pairs(lua_State *L)
{
    const struct tt__selection *s = tt__selection_at(L, 1);
    struct tt__page *p = tt__page_begin(L, 1);
    lua_newtable(L);
    lua_Integer k = 0;
    for (size_t i = 0; i < s->n; i++)
        for (xmlNode *at = s->nodes[i]; at; at = tt_html_next(s->nodes[i], at)) {
            const char *name = tt_html_sent_name(at);
            if (!name)
                continue;
            push_values(L, p, at);
            lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
            for (lua_Integer v = 1; v <= n; v++) {
                lua_createtable(L, 0, 2);
                lua_pushstring(L, name);
                lua_setfield(L, -2, "name");
                lua_rawgeti(L, -2, v);
                lua_setfield(L, -2, "value");
                lua_rawseti(L, -3, ++k);
            }
            lua_pop(L, 1);
        }
}

static int l_serialize_array(lua_State *L)
{
    push_pairs(L);
    return 1;
}

/* serialize_object(): name -> value, or list of values where a name is sent several times */
static int l_serialize_object(lua_State *L)
{
    push_pairs(L);
    int pairs = lua_gettop(L);
    lua_Integer n = (lua_Integer)lua_rawlen(L, pairs);
    lua_newtable(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, pairs, i);
        lua_getfield(L, -1, "name");
        lua_getfield(L, -2, "value");
        lua_pushvalue(L, -2);
        int type = lua_rawget(L, pairs + 1);
        if (type == LUA_TSTRING) { /* the second one: a list from now on */
            lua_createtable(L, 2, 0);
            lua_insert(L, -2);
            lua_rawseti(L, -2, 1);
        }
        if (type == LUA_TNIL) {
            lua_pop(L, 1);
        } else {
            lua_insert(L, -2);
            lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
        }
        lua_rawset(L, pairs + 1);
        lua_settop(L, pairs + 1);
    }
    return 1;
}

static bool add_encoded(struct tt_buf *out, const char *s)
{
    bool ok = true;
    for (; ok && *s; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("-_.~", c))
            ok = tt_buf_putc(out, *s);
        else
            ok = c == ' ' ? tt_buf_putc(out, '+') : tt_buf_printf(out, "%%%02X", c);
    }
    return ok;
}

/* serialize(): "a=1&b=2", in the page's order */
static int l_serialize(lua_State *L)
{
    push_pairs(L);
    int pairs = lua_gettop(L);
    lua_Integer n = (lua_Integer)lua_rawlen(L, pairs);
    struct tt_buf *out = &tt__page_begin(L, 1)->text;
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, pairs, i);
        lua_getfield(L, -1, "name");
        lua_getfield(L, -2, "value");
        if ((out->len && !tt_buf_putc(out, '&')) || !add_encoded(out, lua_tostring(L, -2)) ||
            !tt_buf_putc(out, '=') || !add_encoded(out, lua_tostring(L, -1)))
            return luaL_error(L, "html: the form is too large");
        lua_pop(L, 3);
    }
    lua_pushlstring(L, out->data ? out->data : "", out->len);
    return 1;
}

const luaL_Reg tt__value_methods[] = {
    {"text", l_text},
    {"html", l_html},
    {"attr", l_attr},
    {"data", l_data},
    {"val", l_val},
    {"serialize", l_serialize},
    {"serialize_array", l_serialize_array},
    {"serialize_object", l_serialize_object},
    {NULL, NULL},
};
