/* SPDX-License-Identifier: MIT */
/* params.headers: name = value, name = { values }, and in a given order { name, value }. */
#include "base/str.h"
#include "proto/http/params_int.h"
#include "vu/args.h"

/* The value on top, which stays. */
static void add_header(lua_State *L, const struct tt__http_request *r, struct tt_slice name)
{
    size_t n;
    const char *type = luaL_typename(L, -1);
    const char *value = tt_args_text(L, -1, &n);
    if (!value)
        luaL_error(L, "%s: params.headers['%s']: text is expected, not a %s", r->what, name.p,
                   type);
    /* The body decides over its framing. */
    if (tt_strieq(name.p, "Content-Length") || tt_strieq(name.p, "Transfer-Encoding"))
        return;
    if (!tt_http_call_header(r->call, name.p, name.n, value, n))
        luaL_error(L,
                   "%s: params.headers['%s']: not a valid header (a line break, or a character "
                   "that no header name has)",
                   r->what, name.p);
}

/* One line for each of a list on top, or for what else is there. */
static void add_values(lua_State *L, const struct tt__http_request *r, struct tt_slice name)
{
    if (!lua_istable(L, -1)) {
        add_header(L, r, name);
        return;
    }
    lua_Integer len = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= len; i++) {
        lua_rawgeti(L, -1, i);
        add_header(L, r, name);
        lua_pop(L, 1);
    }
}

static struct tt_slice name_at(lua_State *L, const struct tt__http_request *r, int idx)
{
    struct tt_slice name;
    if (lua_type(L, idx) != LUA_TSTRING)
        luaL_error(L, "%s: params.headers: names are text, not a %s", r->what,
                   luaL_typename(L, idx));
    name.p = lua_tolstring(L, idx, &name.n);
    return name;
}

/* { name, value } on top. */
static void add_pair(lua_State *L, const struct tt__http_request *r)
{
    if (!lua_istable(L, -1))
        luaL_error(L, "%s: params.headers: { name, value } is expected in a list, not a %s",
                   r->what, luaL_typename(L, -1));
    lua_rawgeti(L, -1, 1);
    struct tt_slice name = name_at(L, r, -1);
    lua_rawgeti(L, -2, 2);
    add_values(L, r, name);
    lua_pop(L, 2);
}

void tt__param_headers(lua_State *L, struct tt__http_request *r, const char *param)
{
    tt__param_type(L, r, param, LUA_TTABLE);
    lua_Integer len = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= len; i++) {
        lua_rawgeti(L, -1, i);
        add_pair(L, r);
        lua_pop(L, 1);
    }
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1 || lua_tointeger(L, -2) > len)
            add_values(L, r, name_at(L, r, -2));
}
