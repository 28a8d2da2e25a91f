/* SPDX-License-Identifier: MIT */
/* params.headers. */
#include "base/str.h"
#include "proto/http/params_int.h"
#include "vu/args.h"

static void add_header(lua_State *L, const struct tt__http_request *r, const char *name,
                       size_t name_len)
{
    size_t n;
    const char *type = luaL_typename(L, -1);
    const char *value = tt_args_text(L, -1, &n);
    if (!value)
        luaL_error(L, "%s: params.headers['%s']: text is expected, not a %s", r->what, name, type);
    /* The body decides over its framing. */
    if (tt_strieq(name, "Content-Length") || tt_strieq(name, "Transfer-Encoding"))
        return;
    if (!tt_http_call_header(r->call, name, name_len, value, n))
        luaL_error(L,
                   "%s: params.headers['%s']: not a valid header (a line break, or a character "
                   "that no header name has)",
                   r->what, name);
}

void tt__param_headers(lua_State *L, struct tt__http_request *r, const char *param)
{
    tt__param_type(L, r, param, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        size_t n;
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "%s: params.headers: names are text, not a %s", r->what,
                       luaL_typename(L, -2));
        const char *name = lua_tolstring(L, -2, &n);
        if (lua_type(L, -1) == LUA_TTABLE) { /* one line for each of a list */
            lua_Integer len = (lua_Integer)lua_rawlen(L, -1);
            for (lua_Integer i = 1; i <= len; i++) {
                lua_rawgeti(L, -1, i);
                add_header(L, r, name, n);
                lua_pop(L, 1);
            }
        } else {
            add_header(L, r, name, n);
        }
        lua_pop(L, 1);
    }
}
