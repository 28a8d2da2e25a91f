/* SPDX-License-Identifier: MIT */
/* Arguments of a request: URL, body, params. Nothing is held here that a raised error could leak:
 * texts live on the Lua stack or in the call, which is still in its pool. */
#include "base/json.h"
#include "base/str.h"
#include "proto/http/http_lua_int.h"
#include "vu/args.h"
#include "vu/fiber.h"
#include "vu/value.h"
#include <stdlib.h>
#include <string.h>

enum { ARG_URL = 1, ARG_BODY, ARG_PARAMS };

/* What params said that is used after all of them are read. */
struct request {
    struct tt_http_call *call;
    const char *what; /* "http.get", for messages */
    bool has_json;
};

static const char *const param_names[] = {"headers", "tags", "timeout",       "redirects",
                                          "throw",   "name", "response_type", "json"};

static void want_type(lua_State *L, const struct request *r, const char *param, int type)
{
    if (lua_type(L, -1) != type)
        luaL_error(L, "%s: params.%s: a %s is expected, not a %s", r->what, param,
                   lua_typename(L, type), luaL_typename(L, -1));
}

/* --- headers -----------------------------------------------------------------------------------
 */

static void add_header(lua_State *L, const struct request *r, const char *name, size_t name_len)
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

static void read_headers(lua_State *L, const struct request *r)
{
    want_type(L, r, "headers", LUA_TTABLE);
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

/* --- params ------------------------------------------------------------------------------------
 */

/* "http.get: params.timeout", on the stack. */
static const char *param_of(lua_State *L, const struct request *r, const char *name)
{
    return lua_pushfstring(L, "%s: params.%s", r->what, name);
}

static uint64_t read_timeout(lua_State *L, const struct request *r)
{
    int value = lua_gettop(L);
    const char *what = param_of(L, r, "timeout");
    uint64_t ns = tt_args_duration(L, value, what);
    if (ns == 0)
        luaL_error(L, "%s: it must be more than 0", what);
    lua_settop(L, value);
    return ns;
}

static void read_tags(lua_State *L, const struct request *r)
{
    int value = lua_gettop(L);
    r->call->tags = tt_args_tags(L, value, param_of(L, r, "tags"), r->call->tags);
    lua_settop(L, value);
}

static void read_response_type(lua_State *L, const struct request *r)
{
    want_type(L, r, "response_type", LUA_TSTRING);
    const char *s = lua_tostring(L, -1);
    bool none = strcmp(s, "none") == 0;
    if (!none && strcmp(s, "text") != 0 && strcmp(s, "binary") != 0)
        luaL_error(L, "%s: params.response_type: 'text', 'binary' or 'none' is expected, not '%s'",
                   r->what, s);
    r->call->keep_body = !none;
}

static void read_redirects(lua_State *L, const struct request *r)
{
    int is_int;
    lua_Integer v = lua_tointegerx(L, -1, &is_int);
    if (!is_int || lua_type(L, -1) != LUA_TNUMBER || v < 0)
        luaL_error(L, "%s: params.redirects: a whole number from 0 is expected", r->what);
    r->call->redirects = v;
    r->call->redirects_default = false;
}

/* The value is on top and stays there. */
static void read_param(lua_State *L, struct request *r, const char *name)
{
    if (strcmp(name, "headers") == 0) {
        read_headers(L, r);
    } else if (strcmp(name, "tags") == 0) {
        read_tags(L, r);
    } else if (strcmp(name, "timeout") == 0) {
        r->call->timeout_ns = read_timeout(L, r);
    } else if (strcmp(name, "redirects") == 0) {
        read_redirects(L, r);
    } else if (strcmp(name, "throw") == 0) {
        want_type(L, r, name, LUA_TBOOLEAN);
        r->call->throws = lua_toboolean(L, -1);
    } else if (strcmp(name, "name") == 0) {
        want_type(L, r, name, LUA_TSTRING);
    } else if (strcmp(name, "response_type") == 0) {
        read_response_type(L, r);
    } else if (strcmp(name, "json") == 0) {
        r->has_json = true;
    } else {
        tt_args_unknown(L, r->what, "parameter", name, param_names,
                        sizeof param_names / sizeof *param_names);
    }
}

static void read_params(lua_State *L, struct request *r)
{
    if (lua_isnoneornil(L, ARG_PARAMS))
        return;
    if (lua_type(L, ARG_PARAMS) != LUA_TTABLE)
        luaL_error(L, "%s: params: a table is expected, not a %s", r->what,
                   luaL_typename(L, ARG_PARAMS));
    lua_pushnil(L);
    while (lua_next(L, ARG_PARAMS)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "%s: params: names are text, not a %s", r->what, luaL_typename(L, -2));
        read_param(L, r, lua_tostring(L, -2));
        lua_pop(L, 1);
    }
    lua_pushliteral(L, "name");
    if (lua_rawget(L, ARG_PARAMS) == LUA_TSTRING) {
        const struct tt_tag tag = {"name", lua_tostring(L, -1)};
        r->call->tags = tt_tags_with(r->call->engine->w->tags, r->call->tags, &tag, 1);
    }
    lua_pop(L, 1);
}

/* --- body --------------------------------------------------------------------------------------
 */

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
static void form_pair(lua_State *L, const struct request *r, const char *key, size_t key_len)
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
static void push_form(lua_State *L, const struct request *r)
{
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, ARG_BODY); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L,
                       "%s: body: a table is sent as a form and its keys are names (for JSON: "
                       "params.json)",
                       r->what);
        n++;
    }
    struct tt_slice *keys = lua_newuserdatauv(L, (n ? n : 1) * sizeof *keys, 0);
    size_t i = 0;
    for (lua_pushnil(L); lua_next(L, ARG_BODY); lua_pop(L, 1), i++)
        keys[i].p = lua_tolstring(L, -2, &keys[i].n);
    qsort(keys, n, sizeof *keys, by_bytes);
    tt_buf_clear(&r->call->wire);
    for (i = 0; i < n; i++) {
        lua_pushlstring(L, keys[i].p, keys[i].n);
        if (lua_rawget(L, ARG_BODY) == LUA_TTABLE) {
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

static void push_json(lua_State *L, const struct request *r)
{
    struct tt_err err = {0};
    lua_pushliteral(L, "json");
    lua_rawget(L, ARG_PARAMS);
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

static void read_body(lua_State *L, struct request *r)
{
    struct tt_http_call *c = r->call;
    int type = lua_type(L, ARG_BODY);
    if (r->has_json) {
        if (type != LUA_TNIL)
            luaL_error(L, "%s: both a body and params.json are given", r->what);
        push_json(L, r);
        lua_replace(L, ARG_BODY);
        default_type(c, "application/json");
    } else if (type == LUA_TTABLE) {
        push_form(L, r);
        lua_replace(L, ARG_BODY);
        default_type(c, "application/x-www-form-urlencoded");
    } else if (type != LUA_TNIL && type != LUA_TSTRING) {
        luaL_error(L, "%s: body: text or a table is expected, not a %s", r->what,
                   luaL_typename(L, ARG_BODY));
    }
    if (lua_type(L, ARG_BODY) != LUA_TSTRING)
        return;
    if (strcmp(c->method, "HEAD") == 0)
        luaL_error(L, "%s: a HEAD request has no body", r->what);
    c->body = lua_tolstring(L, ARG_BODY, &c->body_len);
}

static void read_url(lua_State *L, const struct request *r)
{
    struct tt_http_call *c = r->call;
    const char *why = "";
    if (lua_type(L, ARG_URL) != LUA_TSTRING)
        luaL_error(L, "%s: url: text is expected, not a %s", r->what, luaL_typename(L, ARG_URL));
    c->url.p = lua_tolstring(L, ARG_URL, &c->url.n);
    if (!tt_http_url_parse(c->url.p, c->url.n, &c->parsed, &why))
        luaL_error(L, "%s: bad URL '%s': %s", r->what, c->url.p, why);
}

void tt__http_read_request(lua_State *L, struct tt_http_call *c, const char *what)
{
    struct request r = {.call = c, .what = what};
    const struct tt_options *opt = c->engine->opt;
    int top = lua_gettop(L);
    c->timeout_ns = UINT64_C(60000000000);
    c->redirects = opt ? opt->max_redirects : 10;
    c->redirects_default = !opt || opt->layer[TT_OPT_max_redirects] == TT_LAYER_DEFAULT;
    c->keep_body = !opt || !opt->discard_response_bodies;
    c->throws = opt && opt->throw;
    c->tags = c->engine->w->current->tags;
    read_url(L, &r);
    read_params(L, &r);
    read_body(L, &r);
    lua_settop(L, top);
}
