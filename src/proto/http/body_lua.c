/* SPDX-License-Identifier: MIT */
/* The body of a request: text as it is, a table as a form, params.json as JSON. What is made
 * replaces the argument, so that the Lua stack owns it while the request is under way. */
#include "base/json.h"
#include "proto/http/params_int.h"
#include "vu/args.h"
#include "vu/value.h"
#include <stdlib.h>
#include <string.h>

static bool form_put(struct tt_buf *out, const char *p, size_t n)
{
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '_' || c == '.' || c == '~')
            ok = tt_buf_putc(out, (char)c);
        else if (c == ' ')
            ok = tt_buf_putc(out, '+');
        else
            ok = tt_buf_printf(out, "%%%02X", c);
    }
    return ok;
}

/* key=value of the scalar on top (popped). */
static void form_pair(lua_State *L, const struct tt__http_request *r, const char *key,
                      size_t key_len)
{
    struct tt_buf *out = &r->call->wire;
    size_t n;
    const char *type = luaL_typename(L, -1);
    const char *value = tt_args_text(L, -1, &n);
    if (!value)
        luaL_error(L, "%s: body.%s: a form holds text, numbers and booleans, not a %s", r->what,
                   key, type);
    if ((out->len && !tt_buf_putc(out, '&')) || !form_put(out, key, key_len) ||
        !tt_buf_putc(out, '=') || !form_put(out, value, n))
        luaL_error(L, "%s: the form is too large", r->what);
    lua_pop(L, 1);
}

static int by_bytes(const void *a, const void *b)
{
    const struct tt_slice *x = a, *y = b;
    int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

/* Pushes the table at 2 as application/x-www-form-urlencoded, keys sorted. */
static void push_form(lua_State *L, const struct tt__http_request *r)
{
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, TT__ARG_BODY); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L,
                       "%s: body: a table is sent as a form and its keys are names (for JSON: "
                       "params.json)",
                       r->what);
        n++;
    }
    struct tt_slice *keys = lua_newuserdatauv(L, (n ? n : 1) * sizeof *keys, 0);
    size_t i = 0;
    for (lua_pushnil(L); lua_next(L, TT__ARG_BODY); lua_pop(L, 1), i++)
        keys[i].p = lua_tolstring(L, -2, &keys[i].n);
    qsort(keys, n, sizeof *keys, by_bytes);
    tt_buf_clear(&r->call->wire);
    for (i = 0; i < n; i++) {
        lua_pushlstring(L, keys[i].p, keys[i].n);
        if (lua_rawget(L, TT__ARG_BODY) == LUA_TTABLE) {
            lua_Integer len = (lua_Integer)lua_rawlen(L, -1);
            for (lua_Integer k = 1; k <= len; k++) {
                lua_rawgeti(L, -1, k);
                form_pair(L, r, keys[i].p, keys[i].n);
            }
            lua_pop(L, 1);
        } else {
            form_pair(L, r, keys[i].p, keys[i].n);
        }
    }
    lua_pop(L, 1);
    lua_pushlstring(L, r->call->wire.len ? r->call->wire.data : "", r->call->wire.len);
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
        push_form(L, r);
        lua_replace(L, TT__ARG_BODY);
        default_type(c, "application/x-www-form-urlencoded");
    } else if (type != LUA_TNIL && type != LUA_TSTRING) {
        luaL_error(L, "%s: body: text or a table is expected, not a %s", r->what,
                   luaL_typename(L, TT__ARG_BODY));
    }
    if (lua_type(L, TT__ARG_BODY) != LUA_TSTRING)
        return;
    if (strcmp(c->method, "HEAD") == 0)
        luaL_error(L, "%s: a HEAD request has no body", r->what);
    c->body = lua_tolstring(L, TT__ARG_BODY, &c->body_len);
}
