/* SPDX-License-Identifier: MIT */
/* http.cookie_jar(), http.CookieJar.new() and the methods of jars. Worker thread. */
#include "proto/http/jar_lua.h"
#include "base/clock.h"
#include "proto/http/http_lua_int.h"
#include "vu/args.h"
#include <string.h>

#define JAR_TYPE "ttload.http.CookieJar"

struct tt_http_jar *tt_http_jar_at(lua_State *L, int idx)
{
    struct tt_http_jar **box = luaL_testudata(L, idx, JAR_TYPE);
    return box ? *box : NULL;
}

/* Takes over one reference, once the box is there. */
static struct tt_http_jar **push_box(lua_State *L)
{
    struct tt_http_jar **box = lua_newuserdatauv(L, sizeof(struct tt_http_jar *), 0);
    *box = NULL;
    luaL_setmetatable(L, JAR_TYPE);
    return box;
}

int tt__http_l_cookie_jar(lua_State *L)
{
    struct tt_vu *vu = tt_vu_running(L, "http.cookie_jar");
    struct tt_http_jar **box = push_box(L);
    *box = tt_http_jar_ref(tt_http_vu_cookies(tt_vu_state(vu, &tt_module_http)));
    return 1;
}

static int l_new(lua_State *L)
{
    struct tt_http_jar **box = push_box(L);
    *box = tt_http_jar_new();
    return 1;
}

static int l_gc(lua_State *L)
{
    struct tt_http_jar **box = luaL_checkudata(L, 1, JAR_TYPE);
    tt_http_jar_unref(*box);
    *box = NULL;
    return 0;
}

/* --- arguments ---------------------------------------------------------------------------------
 */

static struct tt_http_jar *check_jar(lua_State *L, const char *what, int max)
{
    struct tt_http_jar *j = tt_http_jar_at(L, 1);
    if (!j)
        luaL_error(L, "%s: it is a method of a cookie jar: jar:%s(...)", what, what);
    if (lua_gettop(L) > max)
        luaL_error(L, "%s: too many arguments", what);
    lua_settop(L, max);
    return j;
}

static void check_url(lua_State *L, const char *what, struct tt_http_url *u)
{
    const char *why = "";
    if (lua_type(L, 2) != LUA_TSTRING)
        luaL_error(L, "%s: url: text is expected, not a %s", what, luaL_typename(L, 2));
    size_t n;
    const char *text = lua_tolstring(L, 2, &n);
    if (!tt_http_url_parse(text, n, u, &why))
        luaL_error(L, "%s: bad URL '%s': %s", what, text, why);
}

static struct tt_slice check_name(lua_State *L, const char *what)
{
    struct tt_slice s;
    if (lua_type(L, 3) != LUA_TSTRING)
        luaL_error(L, "%s: name: text is expected, not a %s", what, luaL_typename(L, 3));
    s.p = lua_tolstring(L, 3, &s.n);
    return s;
}

static struct tt_slice check_value(lua_State *L)
{
    struct tt_slice s;
    const char *type = luaL_typename(L, 4);
    s.p = tt_args_text(L, 4, &s.n);
    if (!s.p)
        luaL_error(L, "set: value: text is expected, not a %s", type);
    return s;
}

static int64_t now_ms(void)
{
    return (int64_t)(tt_wall_ns() / TT_NS_PER_MS);
}

/* --- options of set ----------------------------------------------------------------------------
 */

/* The option's value on top; false when it is not given. Strings stay in the table at 5. */
static bool option(lua_State *L, const char *name, int type)
{
    lua_pushstring(L, name);
    if (lua_rawget(L, 5) == LUA_TNIL)
        return false;
    if (lua_type(L, -1) != type)
        luaL_error(L, "set: options.%s: a %s is expected, not a %s", name, lua_typename(L, type),
                   luaL_typename(L, -1));
    return true;
}

static struct tt_slice text_option(lua_State *L, const char *name)
{
    struct tt_slice s = {0};
    if (option(L, name, LUA_TSTRING))
        s.p = lua_tolstring(L, -1, &s.n);
    return s;
}

static void read_options(lua_State *L, struct tt_http_cookie *c)
{
    static const char *const names[] = {"domain",  "path",   "expires",
                                        "max_age", "secure", "http_only"};
    if (lua_isnil(L, 5))
        return;
    if (lua_type(L, 5) != LUA_TTABLE)
        luaL_error(L, "set: options: a table is expected, not a %s", luaL_typename(L, 5));
    tt_args_only(L, 5, "set", "option", names, sizeof names / sizeof *names);
    c->domain = text_option(L, "domain");
    c->path = text_option(L, "path");
    if (!tt_http_cookie_value_ok(c->path))
        luaL_error(L, "set: options.path: a character that no cookie may have");
    struct tt_slice expires = text_option(L, "expires");
    c->has_expires = expires.p != NULL;
    if (expires.p && !tt_http_cookie_date(expires, &c->expires_ms))
        luaL_error(L,
                   "set: options.expires: a date like 'Sun, 24 Jul 2033 17:01:02 GMT' is "
                   "expected, not '%s'",
                   expires.p);
    if (option(L, "max_age", LUA_TNUMBER)) {
        int is_int;
        c->max_age = lua_tointegerx(L, -1, &is_int);
        if (!is_int)
            luaL_error(L, "set: options.max_age: whole seconds are expected");
    }
    c->secure = option(L, "secure", LUA_TBOOLEAN) && lua_toboolean(L, -1);
    c->http_only = option(L, "http_only", LUA_TBOOLEAN) && lua_toboolean(L, -1);
}

/* --- methods -----------------------------------------------------------------------------------
 */

/* jar:set(url, name, value, options?) */
static int l_set(lua_State *L)
{
    struct tt_http_url u;
    struct tt_http_cookie c = {0};
    struct tt_http_jar *j = check_jar(L, "set", 5);
    check_url(L, "set", &u);
    c.name = check_name(L, "set");
    c.value = check_value(L);
    read_options(L, &c);
    if (!tt_http_cookie_name_ok(c.name))
        return luaL_error(L, "set: '%s' is no name of a cookie", c.name.p);
    if (!tt_http_cookie_value_ok(c.value))
        return luaL_error(L,
                          "set: the value of '%s' has a character that no cookie may have "
                          "(control, '\"', ';', '\\', not ASCII): encode it",
                          c.name.p);
    if (!tt_http_jar_set(j, &u, &c, now_ms()))
        return luaL_error(L,
                          "set: options.domain: '%s' is not the host of the URL or a domain that "
                          "it is in",
                          c.domain.p ? c.domain.p : "");
    return 0;
}

/* Adds a value to the list at result[name]; the result is on top. */
static void add_value(void *arg, struct tt_slice name, struct tt_slice value)
{
    lua_State *L = arg;
    lua_pushlstring(L, name.p, name.n);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_createtable(L, 1, 0);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
    lua_pushlstring(L, value.p, value.n);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 2);
}

/* jar:cookies_for_url(url) -> { name = { value, ... } } */
static int l_cookies_for_url(lua_State *L)
{
    struct tt_http_url u;
    struct tt_http_jar *j = check_jar(L, "cookies_for_url", 2);
    check_url(L, "cookies_for_url", &u);
    lua_newtable(L);
    tt_http_jar_for(j, &u, now_ms(), add_value, L);
    return 1;
}

/* jar:clear(url): all that go to it */
static int l_clear(lua_State *L)
{
    struct tt_http_url u;
    struct tt_http_jar *j = check_jar(L, "clear", 2);
    check_url(L, "clear", &u);
    tt_http_jar_remove(j, &u, (struct tt_slice){NULL, 0});
    return 0;
}

/* jar:delete(url, name) */
static int l_delete(lua_State *L)
{
    struct tt_http_url u;
    struct tt_http_jar *j = check_jar(L, "delete", 3);
    check_url(L, "delete", &u);
    tt_http_jar_remove(j, &u, check_name(L, "delete"));
    return 0;
}

void tt__http_jar_open(lua_State *L)
{
    static const luaL_Reg methods[] = {{"set", l_set},
                                       {"cookies_for_url", l_cookies_for_url},
                                       {"clear", l_clear},
                                       {"delete", l_delete},
                                       {NULL, NULL}};
    luaL_newmetatable(L, JAR_TYPE);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushliteral(L, "frozen");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_new);
    lua_setfield(L, -2, "new");
}
