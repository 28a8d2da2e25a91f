/* SPDX-License-Identifier: MIT */
/* `ttload.http`: the functions that send a request and wait for its response. Worker thread. */
#include "proto/http/http_lua_int.h"
#include <string.h>

static struct tt_http_engine *engine_of(struct tt_worker *w)
{
    return tt_worker_state(w, &tt_module_http);
}

static struct tt_http_call *call_of(struct tt_op *op)
{
    return (struct tt_http_call *)(void *)((char *)op - offsetof(struct tt_http_call, op));
}

static void cancel(struct tt_op *op)
{
    tt_http_call_cancel(call_of(op));
}

static const struct tt_op_class op_class = {"http request", cancel};

/* --- requests ----------------------------------------------------------------------------------
 */

bool tt__http_raises(struct tt_http_call *c)
{
    bool switched = !c->x.error.code && c->status.code == 101;
    if (switched)
        tt_http_error_set(&c->x.error, TT_HTTP_E_OTHER,
                          "the server switches protocols (status 101), which http cannot follow");
    return c->x.error.code && (c->throws || switched);
}

void tt__http_push_failure(lua_State *L, struct tt_http_call *c)
{
    tt_buf_clear(&c->wire);
    tt_http_call_show_url(c, &c->wire);
    luaL_where(L, 1);
    lua_pushfstring(L, "http: %s %s: %s", c->method, c->wire.len ? c->wire.data : "",
                    c->x.error.text);
    lua_concat(L, 2);
}

int tt__http_answer(lua_State *L, struct tt_http_call *c)
{
    bool raises = tt__http_raises(c);
    if (raises)
        tt__http_push_failure(L, c);
    else
        tt__http_response_push(L, c, 2);
    tt_http_call_put(c);
    return raises ? lua_error(L) : 1;
}

static int answered(lua_State *L, int status, lua_KContext op)
{
    (void)status;
    return tt__http_answer(L, call_of((struct tt_op *)(void *)op));
}

struct tt_http_call *tt__http_call_new(lua_State *L, const char *what, const char *method)
{
    struct tt_vu *vu = tt_vu_running(L, what);
    struct tt_err err; /* 4 KB: too much to clear for each request */
    err.text[0] = '\0';
    tt_op_check(L, what);
    struct tt_http_call *c =
        tt_http_call_get(engine_of(vu->w), vu, tt_vu_state(vu, &tt_module_http), &err);
    if (!c)
        luaL_error(L, "%s: %s", what, err.text);
    c->method = method;
    return c;
}

/* The stack holds url, body, params and whatever method points to. */
int tt__http_send(lua_State *L, const char *what, const char *method)
{
    struct tt_http_call *c = tt__http_call_new(L, what, method);
    tt__http_read_request(L, c, what);
    if (lua_isfunction(L, 2))
        return tt__http_upload(L, c, what);
    if (c->streams)
        return tt__http_stream(L, c);
    tt_http_call_start(c);
    return tt_op_suspend(L, &c->op, answered);
}

static void at_most(lua_State *L, int n, const char *what, const char *takes)
{
    if (lua_gettop(L) > n)
        luaL_error(L, "%s takes %s, not %d arguments", what, takes, lua_gettop(L));
    lua_settop(L, n);
}

static int without_body(lua_State *L, const char *what, const char *method)
{
    at_most(L, 2, what, "url and params");
    lua_pushnil(L);
    lua_insert(L, 2);
    return tt__http_send(L, what, method);
}

static int with_body(lua_State *L, const char *what, const char *method)
{
    at_most(L, 3, what, "url, body and params");
    return tt__http_send(L, what, method);
}

static int l_get(lua_State *L)
{
    return without_body(L, "http.get", "GET");
}

static int l_head(lua_State *L)
{
    return without_body(L, "http.head", "HEAD");
}

static int l_post(lua_State *L)
{
    return with_body(L, "http.post", "POST");
}

static int l_put(lua_State *L)
{
    return with_body(L, "http.put", "PUT");
}

static int l_patch(lua_State *L)
{
    return with_body(L, "http.patch", "PATCH");
}

static int l_del(lua_State *L)
{
    return with_body(L, "http.del", "DELETE");
}

static int l_options(lua_State *L)
{
    return with_body(L, "http.options", "OPTIONS");
}

bool tt__http_is_method(lua_State *L, int idx)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789!#$%&'*+-.^_`|~"; /* RFC 9110's tokens */
    size_t n;
    if (lua_type(L, idx) != LUA_TSTRING)
        return false;
    const char *method = lua_tolstring(L, idx, &n);
    return n && strspn(method, letters) == n;
}

/* request(method, url, body?, params?): any method name, sent as it is written. */
static int l_request(lua_State *L)
{
    at_most(L, 4, "http.request", "method, url, body and params");
    if (lua_type(L, 1) != LUA_TSTRING)
        return luaL_error(L, "http.request: method: text is expected, not a %s",
                          luaL_typename(L, 1));
    const char *method = lua_tostring(L, 1);
    if (!tt__http_is_method(L, 1))
        return luaL_error(L, "http.request: '%s' is no method name", method);
    lua_rotate(L, 1, -1); /* the method's text stays at the end */
    return tt__http_send(L, "http.request", method);
}

/* --- the module --------------------------------------------------------------------------------
 */

static void add_constants(lua_State *L)
{
    static const char *const names[][2] = {
        {"TLS_1_0", "tls1.0"},
        {"TLS_1_1", "tls1.1"},
        {"TLS_1_2", "tls1.2"},
        {"TLS_1_3", "tls1.3"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lua_pushstring(L, names[i][1]);
        lua_setfield(L, -2, names[i][0]);
    }
}

static int open_http(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"get", l_get},
        {"head", l_head},
        {"post", l_post},
        {"put", l_put},
        {"patch", l_patch},
        {"del", l_del},
        {"options", l_options},
        {"request", l_request},
        {"batch", tt__http_l_batch},
        {"cookie_jar", tt__http_l_cookie_jar},
        {"expected_statuses", tt__http_l_expected_statuses},
        {"set_response_callback", tt__http_l_set_response_callback},
        {"sse", tt__http_l_sse},
        {"url", tt__http_l_url},
        {"file", tt__http_l_file},
        {NULL, NULL},
    };
    tt__http_response_open(L);
    tt__http_batch_open(L);
    tt__http_stream_open(L);
    tt__http_url_open(L);
    tt__http_file_open(L);
    tt__http_expected_open(L);
    luaL_newlib(L, functions);
    tt__http_jar_open(L);
    lua_setfield(L, -2, "CookieJar");
    add_constants(L);
    return 1;
}

static bool worker_init(struct tt_worker *w, void *state, struct tt_err *err)
{
    (void)err;
    struct tt_http_engine *e = state;
    tt_http_engine_init(e, w, &tt_http_transport);
    e->op_class = &op_class;
    return true;
}

static void worker_fini(struct tt_worker *w, void *state)
{
    (void)w;
    tt_http_engine_fini(state);
}

static void vu_fini(struct tt_vu *vu, void *state)
{
    tt_http_vu_fini(engine_of(vu->w), state);
}

static void iteration_begin(struct tt_vu *vu, void *state)
{
    tt_http_vu_iteration_begin(engine_of(vu->w), state);
}

static void iteration_end(struct tt_vu *vu, void *state)
{
    tt_http_vu_iteration_end(engine_of(vu->w), state);
}

const struct tt_module tt_module_http = {
    .name = "ttload.http",
    .open = open_http,
    .worker_size = sizeof(struct tt_http_engine),
    .worker_init = worker_init,
    .worker_fini = worker_fini,
    .vu_size = sizeof(struct tt_http_vu),
    .vu_fini = vu_fini,
    .iteration_begin = iteration_begin,
    .iteration_end = iteration_end,
};
