/* SPDX-License-Identifier: MIT */
/* Arguments of ws.open and ws.connect. Nothing is held that a raised error could leak: texts live
 * on the Lua stack. */
#include "base/str.h"
#include "proto/ws/ws_lua_int.h"
#include "vu/args.h"
#include <string.h>

enum { ARG_URL = 1, ARG_PARAMS };

static const char *const param_names[] = {"headers", "tags",  "subprotocols",
                                          "timeout", "scope", "max_message_size"};

static bool token(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)p[i] <= ' ' || (unsigned char)p[i] >= 127 ||
            strchr("()<>@,;:\\\"/[]?={}", p[i]))
            return false;
    return n != 0;
}

static bool one_line(const char *p, size_t n)
{
    return !memchr(p, '\r', n) && !memchr(p, '\n', n) && !memchr(p, '\0', n);
}

/* These are the handshake's. */
static bool reserved(const char *name)
{
    static const char *const names[] = {"Upgrade",           "Connection",
                                        "Sec-WebSocket-Key", "Sec-WebSocket-Version",
                                        "Content-Length",    "Sec-WebSocket-Extensions",
                                        "Transfer-Encoding"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (tt_strieq(name, names[i]))
            return true;
    return false;
}

/* --- headers -----------------------------------------------------------------------------------
 */

/* Adds "name: value" of the value on top (popped) to the lines at index lines. */
static void add_line(lua_State *L, const char *what, int lines, const char *name)
{
    size_t n;
    const char *type = luaL_typename(L, -1);
    const char *value = tt_args_text(L, -1, &n);
    if (!value)
        luaL_error(L, "%s: params.headers['%s']: text is expected, not a %s", what, name, type);
    if (!one_line(value, n))
        luaL_error(L, "%s: params.headers['%s']: a line break in the value", what, name);
    if (reserved(name))
        luaL_error(L, "%s: params.headers['%s']: the handshake sets this header itself", what,
                   name);
    lua_pushvalue(L, lines);
    lua_insert(L, -2);
    lua_pushfstring(L, "%s: ", name);
    lua_insert(L, -2);
    lua_pushliteral(L, "\r\n");
    lua_concat(L, 4);
    lua_replace(L, lines);
}

/* The table on top; its lines are pushed. k6's scripts name subprotocols in a header. */
static void read_headers(lua_State *L, struct tt_ws_config *c, const char *what)
{
    int table = lua_gettop(L), lines = table + 1;
    lua_pushliteral(L, "");
    for (lua_pushnil(L); lua_next(L, table); lua_settop(L, lines + 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || !token(lua_tostring(L, -2), lua_rawlen(L, -2)))
            luaL_error(L, "%s: params.headers: '%s' is no header name", what,
                       luaL_tolstring(L, -2, NULL));
        const char *name = lua_tostring(L, -2);
        if (tt_strieq(name, "Sec-WebSocket-Protocol") && lua_type(L, -1) == LUA_TSTRING) {
            c->subprotocols = lua_tostring(L, -1); /* the script's table keeps it */
        } else if (lua_istable(L, -1)) {
            lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
            for (lua_Integer i = 1; i <= n; i++) {
                lua_rawgeti(L, lines + 2, i);
                add_line(L, what, lines, name);
            }
        } else {
            add_line(L, what, lines, name);
        }
    }
    c->lines = lua_tostring(L, lines);
}

/* --- the others --------------------------------------------------------------------------------
 */

/* The value on top: text or a list of texts; the joined text is pushed. */
static void read_subprotocols(lua_State *L, struct tt_ws_config *c, const char *what)
{
    int value = lua_gettop(L);
    bool list = lua_istable(L, value);
    lua_Integer n = list ? (lua_Integer)lua_rawlen(L, value) : 1;
    lua_pushliteral(L, "");
    for (lua_Integer i = 1; i <= n; i++) {
        lua_pushstring(L, i > 1 ? ", " : "");
        if (list)
            lua_rawgeti(L, value, i);
        else
            lua_pushvalue(L, value);
        if (lua_type(L, -1) != LUA_TSTRING || !token(lua_tostring(L, -1), lua_rawlen(L, -1)))
            luaL_error(L, "%s: params.subprotocols: a name or a list of names is expected", what);
        lua_concat(L, 3);
    }
    c->subprotocols = n ? lua_tostring(L, -1) : NULL;
}

static void read_max_size(lua_State *L, struct tt_ws_config *c, const char *what)
{
    lua_Integer v = lua_type(L, -1) == LUA_TNUMBER ? lua_tointeger(L, -1) : 0;
    if (v <= 0)
        luaL_error(L, "%s: params.max_message_size: a number of bytes above 0 is expected", what);
    c->max_message_bytes = (size_t)v;
}

static bool field(lua_State *L, const char *name)
{
    lua_pushstring(L, name);
    return lua_rawget(L, ARG_PARAMS) != LUA_TNIL;
}

void tt__ws_read_params(lua_State *L, struct tt_ws_config *c, const char *what,
                        const struct tt_tags *base)
{
    static const char *const scopes[] = {"iteration", "vu"};
    *c = (struct tt_ws_config){.lines = "",
                               .timeout_ns = UINT64_C(60000000000),
                               .max_message_bytes = (size_t)64 << 20,
                               .tags = base};
    if (lua_type(L, ARG_URL) != LUA_TSTRING)
        luaL_error(L, "%s: url: text is expected, not a %s", what, luaL_typename(L, ARG_URL));
    c->url = lua_tolstring(L, ARG_URL, &c->url_len);
    if (lua_isnoneornil(L, ARG_PARAMS))
        return;
    if (!lua_istable(L, ARG_PARAMS))
        luaL_error(L, "%s: params: a table is expected, not a %s", what,
                   luaL_typename(L, ARG_PARAMS));
    tt_args_only(L, ARG_PARAMS, what, "parameter", param_names,
                 sizeof param_names / sizeof *param_names);
    luaL_checkstack(L, 32, NULL);
    if (field(L, "headers")) {
        if (!lua_istable(L, -1))
            luaL_error(L, "%s: params.headers: a table is expected, not a %s", what,
                       luaL_typename(L, -1));
        read_headers(L, c, what);
    }
    if (field(L, "subprotocols"))
        read_subprotocols(L, c, what);
    const char *name = lua_pushfstring(L, "%s: params.tags", what);
    if (field(L, "tags"))
        c->tags = tt_args_tags(L, -1, name, base);
    name = lua_pushfstring(L, "%s: params.timeout", what);
    if (field(L, "timeout"))
        c->timeout_ns = tt_args_duration(L, -1, name);
    if (field(L, "max_message_size"))
        read_max_size(L, c, what);
    if (field(L, "scope"))
        c->keep = tt_args_choice(L, -1, "params.scope", scopes, 2, 0) == 1;
    if (!c->timeout_ns)
        luaL_error(L, "%s: params.timeout: it must be more than 0", what);
}
