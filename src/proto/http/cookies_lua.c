/* SPDX-License-Identifier: MIT */
/* Cookies as tables: those that a response sets and those that its request sent; and the parameters
 * jar and cookies. Worker thread. */
#include "base/str.h"
#include "proto/http/jar_lua.h"
#include "proto/http/params_int.h"
#include "vu/args.h"
#include <string.h>

/* --- tables ------------------------------------------------------------------------------------
 */

static void set_text(lua_State *L, const char *field, struct tt_slice s)
{
    lua_pushlstring(L, s.p ? s.p : "", s.n);
    lua_setfield(L, -2, field);
}

static void set_bool(lua_State *L, const char *field, bool v)
{
    lua_pushboolean(L, v);
    lua_setfield(L, -2, field);
}

/* Appends the table on top (popped) to the list cookies[name] of the table below it. */
static void append(lua_State *L, struct tt_slice name)
{
    lua_pushlstring(L, name.p, name.n);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -4) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_createtable(L, 1, 0);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -6);
    }
    lua_replace(L, -2);
    lua_insert(L, -2);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
}

static void add_set_cookie(lua_State *L, const struct tt_http_cookie *c)
{
    lua_createtable(L, 0, 8);
    set_text(L, "name", c->name);
    set_text(L, "value", c->value);
    set_text(L, "domain", c->domain);
    set_text(L, "path", c->path);
    set_bool(L, "secure", c->secure);
    set_bool(L, "http_only", c->http_only);
    lua_pushinteger(L, c->max_age);
    lua_setfield(L, -2, "max_age");
    if (c->has_expires) {
        lua_pushinteger(L, c->expires_ms);
        lua_setfield(L, -2, "expires");
    }
    append(L, c->name);
}

void tt__http_push_cookies(lua_State *L, const char *head, size_t n)
{
    struct tt_http_header h;
    struct tt_http_cookie c;
    size_t at = 0;
    lua_newtable(L);
    while (tt_http_headers_next(head, n, &at, &h))
        if (h.name.n == 10 && tt_strnieq(h.name.p, "Set-Cookie", 10) &&
            tt_http_cookie_parse(h.value, &c))
            add_set_cookie(L, &c);
}

/* The pairs of a Cookie header's value. */
static void add_pairs(lua_State *L, const char *p)
{
    while (*p) {
        size_t n = strcspn(p, ";");
        const char *eq = memchr(p, '=', n);
        if (eq) {
            struct tt_slice name = {p, (size_t)(eq - p)},
                            value = {eq + 1, (size_t)(p + n - eq - 1)};
            lua_createtable(L, 0, 2);
            set_text(L, "name", name);
            set_text(L, "value", value);
            append(L, name);
        }
        p += n;
        p += strspn(p, "; ");
    }
}

void tt__http_push_sent_cookies(lua_State *L, const char *lines, size_t n)
{
    lua_newtable(L);
    for (const char *p = lines; p < lines + n; p += strlen(p) + 1)
        if (tt_strnieq(p, "Cookie: ", 8))
            add_pairs(L, p + 8);
}

/* --- parameters --------------------------------------------------------------------------------
 */

void tt__param_jar(lua_State *L, struct tt__http_request *r, const char *name)
{
    struct tt_http_jar *jar = tt_http_jar_at(L, -1);
    if (!jar)
        luaL_error(L, "%s: params.%s: a jar of http.CookieJar.new() is expected, not a %s", r->what,
                   name, luaL_typename(L, -1));
    tt_http_jar_unref(r->call->jar);
    r->call->jar = tt_http_jar_ref(jar);
}

/* The table on top is { value =, replace = }: its value replaces it. */
static bool open_cookie(lua_State *L, const struct tt__http_request *r, const char *name)
{
    static const char *const fields[] = {"value", "replace"};
    const char *what = lua_pushfstring(L, "%s: params.cookies.%s", r->what, name);
    lua_insert(L, -2);
    tt_args_only(L, -1, what, "field", fields, 2);
    lua_pushliteral(L, "replace");
    int type = lua_rawget(L, -2);
    if (type != LUA_TBOOLEAN && type != LUA_TNIL)
        luaL_error(L, "%s.replace: a boolean is expected, not a %s", what, lua_typename(L, type));
    bool replaces = lua_toboolean(L, -1);
    lua_pop(L, 1);
    lua_pushliteral(L, "value");
    lua_rawget(L, -2);
    lua_replace(L, -3); /* in place of what */
    lua_pop(L, 1);
    return replaces;
}

static void read_cookie(lua_State *L, struct tt__http_request *r)
{
    struct tt_slice name, value;
    if (lua_type(L, -2) != LUA_TSTRING)
        luaL_error(L, "%s: params.cookies: names are text, not a %s", r->what,
                   luaL_typename(L, -2));
    name.p = lua_tolstring(L, -2, &name.n);
    bool replaces = lua_istable(L, -1) && open_cookie(L, r, name.p);
    const char *type = luaL_typename(L, -1);
    value.p = tt_args_text(L, -1, &value.n);
    if (!value.p)
        luaL_error(L, "%s: params.cookies.%s: text is expected, not a %s", r->what, name.p, type);
    if (!tt_http_call_cookie(r->call, name, value, replaces))
        luaL_error(L,
                   "%s: params.cookies.%s: name or value has a character that no cookie may have "
                   "(control, '\"', ';', '\\', not ASCII): encode it",
                   r->what, name.p);
}

void tt__param_cookies(lua_State *L, struct tt__http_request *r, const char *param)
{
    tt__param_type(L, r, param, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        read_cookie(L, r);
}
