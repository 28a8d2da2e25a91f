/* SPDX-License-Identifier: MIT */
/* `ttload.ws`: open (straight line) and connect (events). Worker thread. */
#include "base/memory.h"
#include "proto/ws/ws_lua_int.h"
#include "vu/module.h"
#include "vu/unwind.h"
#include <string.h>

#define ERROR_TYPE "ttload.ws.error"

extern const struct tt_module tt_module_ws;

enum { ARG_URL = 1, ARG_PARAMS, ARG_FUNCTION };

/* Pushes the socket object of a connection that has been started. */
static struct tt__ws_script *start(lua_State *L, const char *what)
{
    struct tt_vu *vu = tt_vu_running(L, what);
    struct tt_ws_config c;
    struct tt_err err = {0};
    tt_op_check(L, what);
    struct tt__ws_vu *home = tt_vu_state(vu, &tt_module_ws);
    tt__ws_read_params(L, &c, what, vu->w);
    struct tt_ws_engine *e = tt_worker_state(vu->w, &tt_module_ws);
    struct tt_ws_socket *s = tt_ws_open(e, vu, &c, &tt__ws_owner, NULL, &err);
    if (!s) {
        luaL_error(L, "%s: %s", what, err.text);
        return NULL;
    }
    struct tt__ws_script *x = tt__ws_script_new(vu, home);
    x->s = s;
    x->keep = c.keep;
    s->owner_data = x;
    tt__ws_socket_push(L, x);
    return x;
}

/* --- open --------------------------------------------------------------------------------------
 */

static int l_error_tostring(lua_State *L)
{
    lua_getfield(L, 1, "message");
    return 1;
}

static void push_error(lua_State *L, const struct tt_ws_socket *s)
{
    lua_createtable(L, 0, 6);
    luaL_setmetatable(L, ERROR_TYPE);
    lua_pushstring(L, s->failure.text);
    lua_setfield(L, -2, "message");
    lua_pushstring(L, s->failure.kind);
    lua_setfield(L, -2, "kind");
    lua_pushinteger(L, s->failure.code);
    lua_setfield(L, -2, "error_code");
    lua_pushstring(L, s->failure.phase); /* nil when NULL */
    lua_setfield(L, -2, "phase");
    if (!s->status)
        return;
    lua_pushinteger(L, s->status);
    lua_setfield(L, -2, "status");
    lua_pushlstring(L, s->body.len ? s->body.data : "", s->body.len);
    lua_setfield(L, -2, "body");
    tt__ws_push_headers(L, s);
    lua_setfield(L, -2, "headers");
}

/* Option throw: failed handshakes raise, as failed requests do. */
static void raise_if_asked(lua_State *L, const char *what, const struct tt_ws_socket *s)
{
    const struct tt_options *opt = s->engine->opt;
    if (opt && opt->throw)
        luaL_error(L, "%s: %s", what, s->failure.text);
}

/* The socket object is below the op on the stack. */
static int opened(lua_State *L, int status, lua_KContext op)
{
    const struct tt_ws_socket *s = tt__ws_wait_of(op)->script->s;
    (void)status;
    if (s->failure.kind) {
        raise_if_asked(L, "ws.open", s);
        lua_pushnil(L);
        push_error(L, s);
        return 2;
    }
    lua_pop(L, 1);
    return 1;
}

/* open(url, params?) -> socket, or nil, error */
static int l_open(lua_State *L)
{
    if (lua_gettop(L) > 2)
        return luaL_error(L, "ws.open takes url and params, not %d arguments", lua_gettop(L));
    lua_settop(L, 2);
    struct tt__ws_script *x = start(L, "ws.open");
    return tt__ws_wait(L, x, TT__WS_SETTLED, 0, opened);
}

/* --- connect -----------------------------------------------------------------------------------
 */

static int push_response(lua_State *L, const struct tt_ws_socket *s)
{
    lua_createtable(L, 0, 6);
    lua_pushstring(L, s->url);
    lua_setfield(L, -2, "url");
    lua_pushinteger(L, s->status);
    lua_setfield(L, -2, "status");
    tt__ws_push_headers(L, s);
    lua_setfield(L, -2, "headers");
    lua_pushlstring(L, s->body.len ? s->body.data : "", s->body.len);
    lua_setfield(L, -2, "body");
    lua_pushstring(L, s->failure.kind && strcmp(s->failure.kind, "status") != 0 ? s->failure.text
                                                                                : NULL);
    lua_setfield(L, -2, "error");
    lua_pushinteger(L, s->failure.code);
    lua_setfield(L, -2, "error_code");
    return 1;
}

static int ended(lua_State *L, struct tt__ws_script *x)
{
    bool failed = x->error_ref != LUA_NOREF;
    lua_rawgeti(L, LUA_REGISTRYINDEX, x->error_ref);
    tt__ws_connect_left(x);
    if (failed)
        tt__ws_stop_handlers(x);
    return failed ? lua_error(L) : push_response(L, x->s);
}

static int closed(lua_State *L, int status, lua_KContext op)
{
    (void)status;
    return ended(L, tt__ws_wait_of(op)->script);
}

/* The script's function has ended: handlers may be called now. */
static int prepared(lua_State *L, int status, lua_KContext arg)
{
    struct tt__ws_script *x = (struct tt__ws_script *)(void *)arg;
    bool failed = status != LUA_OK && status != LUA_YIELD;
    if (failed && tt_vu_unwinding(L)) {
        tt__ws_script_detach(x, true);
        return lua_error(L);
    }
    if (failed)
        tt__ws_failed(x, L);
    else
        tt__ws_release(x);
    if (tt__ws_over(x))
        return ended(L, x);
    tt_op_check(L, "ws.connect");
    return tt__ws_wait(L, x, TT__WS_CLOSED, 0, closed);
}

static int connected(lua_State *L, int status, lua_KContext op)
{
    struct tt__ws_script *x = tt__ws_wait_of(op)->script;
    (void)status;
    if (x->s->failure.kind) {
        raise_if_asked(L, "ws.connect", x->s);
        return push_response(L, x->s);
    }
    x->connecting = true;
    lua_pop(L, 1); /* the op; the object stays for the time of the call */
    int object = lua_gettop(L);
    lua_pushvalue(L, ARG_FUNCTION);
    lua_pushvalue(L, object);
    return prepared(L, lua_pcallk(L, 1, 0, 0, (lua_KContext)x, prepared), (lua_KContext)x);
}

/* connect(url, params, fn) -> response, when the socket has closed */
static int l_connect(lua_State *L)
{
    if (lua_gettop(L) == 2 && lua_type(L, 2) == LUA_TFUNCTION) {
        lua_pushnil(L);
        lua_insert(L, 2);
    }
    lua_settop(L, 3);
    if (lua_type(L, ARG_FUNCTION) != LUA_TFUNCTION)
        return luaL_error(L,
                          "ws.connect: a function of the socket is expected after the params, "
                          "not a %s",
                          luaL_typename(L, ARG_FUNCTION));
    struct tt__ws_script *x = start(L, "ws.connect");
    x->hold = true;
    return tt__ws_wait(L, x, TT__WS_SETTLED, 0, connected);
}

/* --- the module --------------------------------------------------------------------------------
 */

static int open_ws(lua_State *L)
{
    static const luaL_Reg functions[] = {{"open", l_open},
                                         {"connect", l_connect},
                                         {"backoff", tt__ws_l_backoff},
                                         {"fanout", tt__ws_l_fanout},
                                         {"storm", tt__ws_l_storm},
                                         {NULL, NULL}};
    tt__ws_socket_open(L);
    tt__ws_backoff_open(L);
    tt__ws_fanout_open(L);
    tt__ws_storm_open(L);
    luaL_newmetatable(L, ERROR_TYPE);
    lua_pushcfunction(L, l_error_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    return 1;
}

static bool worker_init(struct tt_worker *w, void *state, struct tt_err *err)
{
    (void)err;
    tt_ws_engine_init(state, w);
    return true;
}

static void worker_fini(struct tt_worker *w, void *state)
{
    (void)w;
    tt_ws_engine_fini(state);
}

static void detach_all(struct tt__ws_vu *home, bool also_kept, bool sampled)
{
    for (struct tt__ws_script *x = home->first, *next; x; x = next) {
        next = x->next;
        if (also_kept || !x->keep)
            tt__ws_script_detach(x, sampled);
    }
}

static void iteration_begin(struct tt_vu *vu, void *state)
{
    (void)vu;
    tt__ws_resume_iteration(state);
}

static void iteration_returned(struct tt_vu *vu, void *state)
{
    struct tt__ws_vu *home = state;
    (void)vu;
    home->running = false;
    detach_all(home, false, true);
}

static void iteration_end(struct tt_vu *vu, void *state)
{
    struct tt__ws_vu *home = state;
    (void)vu;
    home->running = false;
    detach_all(home, false, false);
}

static void vu_fini(struct tt_vu *vu, void *state)
{
    (void)vu;
    detach_all(state, true, true);
}

const struct tt_module tt_module_ws = {
    .name = "ttload.ws",
    .open = open_ws,
    .worker_size = sizeof(struct tt_ws_engine),
    .worker_init = worker_init,
    .worker_fini = worker_fini,
    .vu_size = sizeof(struct tt__ws_vu),
    .vu_fini = vu_fini,
    .iteration_begin = iteration_begin,
    .iteration_end = iteration_end,
    .iteration_returned = iteration_returned,
};
