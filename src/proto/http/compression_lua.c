/* SPDX-License-Identifier: MIT */
/* params.compression: the body in one coding or several, in the order given. Worker thread. */
#include "base/str.h"
#include "proto/http/encode.h"
#include "proto/http/params_int.h"
#include <string.h>

void tt__param_compression(lua_State *L, struct tt__http_request *r, const char *name)
{
    int type = lua_type(L, -1);
    if (type != LUA_TSTRING && type != LUA_TTABLE)
        luaL_error(L, "%s: params.%s: text like 'gzip' or a list is expected, not a %s", r->what,
                   name, luaL_typename(L, -1));
    r->has_compression = true;
}

static size_t coding_of(lua_State *L, const struct tt__http_request *r, const char *p, size_t n)
{
    for (size_t i = 0; tt_http_encodings[i]; i++)
        if (strlen(tt_http_encodings[i]) == n && tt_strnieq(tt_http_encodings[i], p, n))
            return i;
    lua_pushlstring(L, p, n);
    luaL_error(L, "%s: params.compression: 'gzip', 'deflate', 'br' or 'zstd' is expected, not '%s'",
               r->what, lua_tostring(L, -1));
    return 0;
}

/* Encodes the body at TT__ARG_BODY once; notes the coding in the text at index names. */
static void encode(lua_State *L, const struct tt__http_request *r, size_t coding, int names)
{
    struct tt_http_call *c = r->call;
    size_t n;
    if (lua_isnil(L, TT__ARG_BODY))
        return;
    const char *body = lua_tolstring(L, TT__ARG_BODY, &n);
    tt_buf_clear(&c->wire);
    if (!tt_http_encode(coding, &c->wire, body, n))
        luaL_error(L, "%s: params.compression: the body is too large", r->what);
    lua_pushlstring(L, c->wire.data, c->wire.len);
    lua_replace(L, TT__ARG_BODY);
    lua_pushfstring(L, "%s%s%s", lua_tostring(L, names), *lua_tostring(L, names) ? ", " : "",
                    tt_http_encodings[coding]);
    lua_replace(L, names);
}

/* "gzip, br" on top (popped) */
static void encode_list(lua_State *L, const struct tt__http_request *r, int names)
{
    const char *p = lua_tostring(L, -1);
    for (p += strspn(p, " ,"); *p; p += strspn(p, " ,")) {
        size_t n = strcspn(p, " ,");
        encode(L, r, coding_of(L, r, p, n), names);
        p += n;
    }
    lua_pop(L, 1);
}

void tt__http_compress(lua_State *L, const struct tt__http_request *r)
{
    struct tt_http_call *c = r->call;
    size_t n;
    bool without = lua_isnil(L, TT__ARG_BODY); /* the names are looked at all the same */
    if (!r->has_compression)
        return;
    if (!without && lua_type(L, TT__ARG_BODY) != LUA_TSTRING)
        luaL_error(L, "%s: params.compression: only a body in one piece can be compressed",
                   r->what);
    lua_pushliteral(L, "");
    int names = lua_gettop(L);
    lua_pushliteral(L, "compression");
    if (lua_rawget(L, TT__ARG_PARAMS) == LUA_TTABLE) {
        lua_Integer len = (lua_Integer)lua_rawlen(L, -1);
        for (lua_Integer i = 1; i <= len; i++) {
            if (lua_rawgeti(L, names + 1, i) != LUA_TSTRING)
                luaL_error(L, "%s: params.compression[%d]: text is expected", r->what, (int)i);
            encode_list(L, r, names);
        }
        lua_pop(L, 1);
    } else {
        encode_list(L, r, names);
    }
    const char *value = lua_tolstring(L, names, &n);
    if (n && !tt_http_call_has_header(c, "Content-Encoding"))
        tt_http_call_header(c, "Content-Encoding", 16, value, n);
    lua_pop(L, 1);
}
