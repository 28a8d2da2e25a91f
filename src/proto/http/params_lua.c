/* SPDX-License-Identifier: MIT */
/* Arguments of a request: URL and params, and the table of parameters. Nothing is held here that a
 * raised error could leak: texts live on the Lua stack or in the call, which is still in its pool.
 */
#include "base/clock.h"
#include "proto/http/params_int.h"
#include "vu/args.h"
#include "vu/fiber.h"
#include <string.h>

void tt__param_type(lua_State *L, const struct tt__http_request *r, const char *name, int type)
{
    if (lua_type(L, -1) != type)
        luaL_error(L, "%s: params.%s: a %s is expected, not a %s", r->what, name,
                   lua_typename(L, type), luaL_typename(L, -1));
}

const char *tt__param_what(lua_State *L, const struct tt__http_request *r, const char *name)
{
    return lua_pushfstring(L, "%s: params.%s", r->what, name);
}

/* --- the parameters ----------------------------------------------------------------------------
 */

static void read_timeout(lua_State *L, struct tt__http_request *r, const char *name)
{
    int value = lua_gettop(L);
    const char *what = tt__param_what(L, r, name);
    r->call->timeout_ns = tt_args_duration(L, value, what);
    lua_settop(L, value);
}

static void read_tags(lua_State *L, struct tt__http_request *r, const char *name)
{
    int value = lua_gettop(L);
    tt_tags_hold(&r->call->tags, tt_args_tags(L, value, tt__param_what(L, r, name), r->call->tags));
    lua_settop(L, value);
}

static void read_response_type(lua_State *L, struct tt__http_request *r, const char *name)
{
    tt__param_type(L, r, name, LUA_TSTRING);
    const char *s = lua_tostring(L, -1);
    bool none = strcmp(s, "none") == 0;
    if (!none && strcmp(s, "text") != 0 && strcmp(s, "binary") != 0)
        luaL_error(L, "%s: params.response_type: 'text', 'binary' or 'none' is expected, not '%s'",
                   r->what, s);
    r->call->keep_body = !none;
}

static void read_redirects(lua_State *L, struct tt__http_request *r, const char *name)
{
    int is_int;
    lua_Integer v = lua_tointegerx(L, -1, &is_int);
    if (!is_int || lua_type(L, -1) != LUA_TNUMBER || v < 0)
        luaL_error(L, "%s: params.%s: a whole number from 0 is expected", r->what, name);
    r->call->redirects = v;
    r->call->redirects_default = false;
}

static void read_throw(lua_State *L, struct tt__http_request *r, const char *name)
{
    tt__param_type(L, r, name, LUA_TBOOLEAN);
    r->call->throws = lua_toboolean(L, -1);
}

/* Taken when all are read: it wins over a name among params.tags. */
static void read_name(lua_State *L, struct tt__http_request *r, const char *name)
{
    tt__param_type(L, r, name, LUA_TSTRING);
}

static void read_json(lua_State *L, struct tt__http_request *r, const char *name)
{
    (void)L;
    (void)name;
    r->has_json = true;
}

static void read_on_chunk(lua_State *L, struct tt__http_request *r, const char *name)
{
    tt__param_type(L, r, name, LUA_TFUNCTION);
    if (r->is_sse)
        luaL_error(L, "%s: it takes the function as its last argument, not params.on_chunk",
                   r->what);
    r->call->streams = true;
}

/* Read by sse_lua.c. */
static void read_reconnect(lua_State *L, struct tt__http_request *r, const char *name)
{
    (void)L;
    if (!r->is_sse)
        luaL_error(L, "%s: params.%s is of http.sse", r->what, name);
}

static const struct tt__http_param params[] = {
    {"auth", tt__param_auth},
    {"aws", tt__param_aws},
    {"compression", tt__param_compression},
    {"cookies", tt__param_cookies},
    {"headers", tt__param_headers},
    {"http_version", tt__param_http_version},
    {"jar", tt__param_jar},
    {"json", read_json},
    {"name", read_name},
    {"on_chunk", read_on_chunk},
    {"proxy", tt__param_proxy},
    {"query", tt__param_query},
    {"reconnect", read_reconnect},
    {"redirects", read_redirects},
    {"response_callback", tt__param_response_callback},
    {"response_type", read_response_type},
    {"tags", read_tags},
    {"throw", read_throw},
    {"timeout", read_timeout},
    {"tls_server_name", tt__param_server_name},
    {"unix_socket", tt__param_unix_socket},
};
enum { N_PARAMS = sizeof params / sizeof *params };

static void unknown(lua_State *L, const struct tt__http_request *r, const char *name)
{
    const char *names[N_PARAMS];
    for (size_t i = 0; i < N_PARAMS; i++)
        names[i] = params[i].name;
    tt_args_unknown(L, r->what, "parameter", name, names, N_PARAMS);
}

static void read_param(lua_State *L, struct tt__http_request *r, const char *name)
{
    for (size_t i = 0; i < N_PARAMS; i++)
        if (strcmp(params[i].name, name) == 0) {
            params[i].read(L, r, name);
            return;
        }
    unknown(L, r, name);
}

static void read_params(lua_State *L, struct tt__http_request *r)
{
    if (lua_isnoneornil(L, TT__ARG_PARAMS))
        return;
    if (lua_type(L, TT__ARG_PARAMS) != LUA_TTABLE)
        luaL_error(L, "%s: params: a table is expected, not a %s", r->what,
                   luaL_typename(L, TT__ARG_PARAMS));
    lua_pushnil(L);
    while (lua_next(L, TT__ARG_PARAMS)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "%s: params: names are text, not a %s", r->what, luaL_typename(L, -2));
        read_param(L, r, lua_tostring(L, -2));
        lua_pop(L, 1);
    }
}

/* params.name, else a name among the tags, else http.url's. */
static void name_tag(lua_State *L, const struct tt__http_request *r)
{
    const char *name = NULL;
    if (lua_istable(L, TT__ARG_PARAMS)) {
        lua_pushliteral(L, "name");
        lua_rawget(L, TT__ARG_PARAMS);
        name = lua_tostring(L, -1); /* the table keeps it */
        lua_pop(L, 1);
    }
    if (!name && r->url_name && !tt_tags_get(r->call->tags, "name"))
        name = r->url_name;
    if (!name)
        return;
    const struct tt_tag tag = {"name", name};
    tt_tags_hold(&r->call->tags, tt_tags_with(r->call->engine->w->tags, r->call->tags, &tag, 1));
}

/* --- all of it ---------------------------------------------------------------------------------
 */

void tt__http_read_request(lua_State *L, struct tt_http_call *c, const char *what)
{
    struct tt__http_request r = {.call = c, .what = what, .is_sse = c->streams};
    const struct tt_options *opt = c->engine->opt;
    int top = lua_gettop(L);
    c->timeout_ns = r.is_sse ? TT_NEVER : UINT64_C(60000000000);
    c->redirects = opt ? opt->max_redirects : 10;
    c->redirects_default = !opt || opt->layer[TT_OPT_max_redirects] == TT_LAYER_DEFAULT;
    c->keep_body = !opt || !opt->discard_response_bodies;
    c->throws = opt && opt->throw;
    tt_tags_hold(&c->tags, c->engine->w->current->tags);
    tt__http_read_url(L, &r);
    read_params(L, &r);
    name_tag(L, &r);
    tt__http_add_query(L, &r);
    tt__http_read_body(L, &r);
    tt__http_check_route(L, &r);
    lua_settop(L, top);
}
