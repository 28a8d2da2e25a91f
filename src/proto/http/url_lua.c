/* SPDX-License-Identifier: MIT */
/* The URL of a request: text, or http.url(format, ...), which names the request by its format; and
 * params.query. Worker thread. */
#include "proto/http/params_int.h"
#include <string.h>

#define URL_TYPE "ttload.http.url"

enum { UV_TEXT = 1, UV_NAME, UV_COUNT = UV_NAME };

/* --- http.url ----------------------------------------------------------------------------------
 */

/* Pushes the format with "${}" in place of its directives: the name that k6 gives. */
static void push_name(lua_State *L, const char *format)
{
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (const char *p = format; *p; p++) {
        if (*p != '%') {
            luaL_addchar(&b, *p);
        } else if (p[1] == '%') {
            luaL_addchar(&b, *p++);
        } else {
            p += strcspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
            luaL_addstring(&b, "${}");
        }
    }
    luaL_pushresult(&b);
}

/* url(format, ...): as string.format */
int tt__http_l_url(lua_State *L)
{
    int n = lua_gettop(L);
    if (lua_type(L, 1) != LUA_TSTRING)
        return luaL_error(L, "http.url: format: text is expected, not a %s", luaL_typename(L, 1));
    const char *format = lua_tostring(L, 1);
    lua_newuserdatauv(L, 0, UV_COUNT);
    luaL_setmetatable(L, URL_TYPE);
    lua_pushliteral(L, "");
    luaL_getmetafield(L, -1, "__index"); /* the string library */
    lua_getfield(L, -1, "format");
    for (int i = 1; i <= n; i++)
        lua_pushvalue(L, i);
    if (lua_pcall(L, n, 1, 0) != LUA_OK) /* its errors name no line */
        return luaL_error(L, "http.url: %s", luaL_tolstring(L, -1, NULL));
    lua_setiuservalue(L, n + 1, UV_TEXT);
    push_name(L, format);
    lua_setiuservalue(L, n + 1, UV_NAME);
    lua_settop(L, n + 1);
    return 1;
}

static int l_url_tostring(lua_State *L)
{
    luaL_checkudata(L, 1, URL_TYPE);
    lua_getiuservalue(L, 1, UV_TEXT);
    return 1;
}

void tt__http_url_open(lua_State *L)
{
    luaL_newmetatable(L, URL_TYPE);
    lua_pushcfunction(L, l_url_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "frozen");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

/* --- reading it --------------------------------------------------------------------------------
 */

static void parse(lua_State *L, const struct tt__http_request *r)
{
    struct tt_http_call *c = r->call;
    c->url.p = lua_tolstring(L, TT__ARG_URL, &c->url.n);
    tt_http_url_parse(c->url.p, c->url.n, &c->parsed, &c->bad_url);
}

void tt__http_read_url(lua_State *L, struct tt__http_request *r)
{
    if (luaL_testudata(L, TT__ARG_URL, URL_TYPE)) {
        lua_getiuservalue(L, TT__ARG_URL, UV_NAME);
        r->url_name = lua_tostring(L, -1); /* stays on the stack */
        lua_getiuservalue(L, TT__ARG_URL, UV_TEXT);
        lua_replace(L, TT__ARG_URL);
    }
    if (lua_type(L, TT__ARG_URL) != LUA_TSTRING)
        luaL_error(L, "%s: url: text or http.url(...) is expected, not a %s", r->what,
                   luaL_typename(L, TT__ARG_URL));
    parse(L, r);
}

/* --- params.query ------------------------------------------------------------------------------
 */

void tt__param_query(lua_State *L, struct tt__http_request *r, const char *name)
{
    tt__param_type(L, r, name, LUA_TTABLE);
    r->has_query = true;
}

void tt__http_add_query(lua_State *L, const struct tt__http_request *r)
{
    struct tt_http_call *c = r->call;
    const struct tt__http_form form = {"params.query", "%20"};
    if (!r->has_query)
        return;
    lua_pushliteral(L, "query");
    lua_rawget(L, TT__ARG_PARAMS);
    struct tt_slice url = c->url;
    const char *hash = memchr(url.p, '#', url.n);
    size_t n = hash ? (size_t)(hash - url.p) : url.n;
    tt_buf_clear(&c->wire);
    tt__http_put_form(L, r, &form);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_addlstring(&b, url.p, n);
    if (c->wire.len) {
        luaL_addchar(&b, memchr(url.p, '?', n) ? '&' : '?');
        luaL_addlstring(&b, c->wire.data, c->wire.len);
    }
    luaL_addlstring(&b, url.p + n, url.n - n);
    luaL_pushresult(&b);
    lua_replace(L, TT__ARG_URL);
    lua_pop(L, 1);
    parse(L, r);
}
