/* SPDX-License-Identifier: MIT */
/* The body of a request: text as it is, a table as a form, params.json as JSON. What is made
 * replaces the argument, so that the Lua stack owns it while the request is under way. */
#include "base/json.h"
#include "proto/http/params_int.h"
#include "vu/value.h"
#include <string.h>

static void push_form(lua_State *L, const struct tt__http_request *r)
{
    static const struct tt__http_form form = {"body", "+"};
    struct tt_buf *out = &r->call->wire;
    if (lua_rawlen(L, TT__ARG_BODY))
        luaL_error(L,
                   "%s: body: a table is sent as a form and its keys are names (for JSON: "
                   "params.json)",
                   r->what);
    tt_buf_clear(out);
    lua_pushvalue(L, TT__ARG_BODY);
    tt__http_put_form(L, r, &form);
    lua_pushlstring(L, out->len ? out->data : "", out->len);
    lua_replace(L, -2);
}

static void push_json(lua_State *L, const struct tt__http_request *r)
{
    struct tt_err err = {0};
    lua_pushliteral(L, "json");
    lua_rawget(L, TT__ARG_PARAMS);
    cJSON *v = tt_lua_to_json(L, -1, "json", &err);
    if (!v)
        luaL_error(L, "%s: params.%s", r->what, err.text);
    struct tt_buf *out = &r->call->wire;
    tt_buf_clear(out);
    bool ok = tt_json_write(out, v, false);
    cJSON_Delete(v);
    if (!ok)
        luaL_error(L, "%s: params.json is too large", r->what);
    lua_pushlstring(L, out->data, out->len);
}

static void default_type(struct tt_http_call *c, const char *type)
{
    if (!tt_http_call_has_header(c, "Content-Type"))
        tt_http_call_header(c, "Content-Type", 12, type, strlen(type));
}

static void read_form(lua_State *L, struct tt__http_request *r)
{
    if (tt__http_has_file(L, TT__ARG_BODY)) {
        tt__http_read_multipart(L, r);
        return;
    }
    push_form(L, r);
    lua_replace(L, TT__ARG_BODY);
    default_type(r->call, "application/x-www-form-urlencoded");
}

static bool lacks_body(const char *method)
{
    static const char *const methods[] = {"GET", "HEAD", "DELETE", "OPTIONS", "PROPFIND", "SEARCH"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(method, methods[i]) == 0)
            return true;
    return false;
}

void tt__http_read_body(lua_State *L, struct tt__http_request *r)
{
    struct tt_http_call *c = r->call;
    int type = lua_type(L, TT__ARG_BODY);
    if (r->has_json) {
        if (type != LUA_TNIL)
            luaL_error(L, "%s: both a body and params.json are given", r->what);
        push_json(L, r);
        lua_replace(L, TT__ARG_BODY);
        default_type(c, "application/json");
    } else if (type == LUA_TTABLE) {
        read_form(L, r);
    } else if (type == LUA_TFUNCTION) {
        if (c->streams)
            luaL_error(L, "%s: a body from a function and params.on_chunk do not go together",
                       r->what);
    } else if (type != LUA_TNIL && type != LUA_TSTRING) {
        luaL_error(L, "%s: body: text, a table or a function is expected, not a %s", r->what,
                   luaL_typename(L, TT__ARG_BODY));
    }
    tt__http_compress(L, r);
    if (lua_isnil(L, TT__ARG_BODY))
        return;
    if (strcmp(c->method, "HEAD") == 0)
        luaL_error(L, "%s: a HEAD request has no body", r->what);
    if (lua_type(L, TT__ARG_BODY) == LUA_TSTRING)
        c->body = lua_tolstring(L, TT__ARG_BODY, &c->body_len);
    if (!c->body_len && lacks_body(c->method)) /* an empty one is none; else it is announced */
        c->body = NULL;
}
