/* SPDX-License-Identifier: MIT */
/* The socket object of ttload.ws: a userdata that points to the script's side of a socket. Worker
 * thread. */
#include "base/memory.h"
#include "base/str.h"
#include "proto/http/headers.h"
#include "proto/http/tls_lua.h"
#include "proto/ws/ws_lua_int.h"
#include "vu/args.h"
#include <string.h>

#define SOCKET_TYPE "ttload.ws.socket"
enum { SEND_QUEUE_MAX = 1024 * 1024 }; /* bytes; send() waits above */

struct box {
    struct tt__ws_script *x;
};

void tt__ws_socket_push(lua_State *L, struct tt__ws_script *x)
{
    struct box *b = lua_newuserdatauv(L, sizeof *b, 0);
    b->x = NULL;
    luaL_setmetatable(L, SOCKET_TYPE);
    b->x = x; /* the caller's reference */
}

struct tt__ws_script *tt__ws_socket_at(lua_State *L, int idx)
{
    const struct box *b = luaL_testudata(L, idx, SOCKET_TYPE);
    return b ? b->x : NULL;
}

/* Upvalue 1 of every method is the metatable: comparing with it is cheaper than its name. */
static struct tt__ws_script *check(lua_State *L)
{
    const struct box *b = lua_touserdata(L, 1);
    if (!b || !lua_getmetatable(L, 1) ||
        lua_topointer(L, -1) != lua_topointer(L, lua_upvalueindex(1)))
        luaL_typeerror(L, 1, SOCKET_TYPE);
    lua_pop(L, 1);
    return b->x;
}

static int l_gc(lua_State *L)
{
    struct box *b = luaL_checkudata(L, 1, SOCKET_TYPE);
    if (b->x)
        tt__ws_script_unref(b->x);
    b->x = NULL;
    return 0;
}

static int push_closed(lua_State *L)
{
    lua_pushnil(L);
    lua_pushliteral(L, "closed");
    return 2;
}

/* --- sending -----------------------------------------------------------------------------------
 */

static int sent(lua_State *L, int status, lua_KContext op)
{
    (void)status;
    if (tt__ws_wait_of(op)->script->s->state == TT_WS_CLOSED)
        return push_closed(L);
    lua_pushboolean(L, true);
    return 1;
}

static int send_message(lua_State *L, const char *what, enum tt_ws_opcode op)
{
    size_t n;
    struct tt__ws_script *x = check(L);
    if (lua_type(L, 2) != LUA_TSTRING)
        return luaL_error(L, "%s: text is expected, not a %s", what, luaL_typename(L, 2));
    const char *p = lua_tolstring(L, 2, &n);
    if (!tt_ws_send(x->s, op, p, n))
        return push_closed(L);
    if (tt_ws_buffered(x->s) > SEND_QUEUE_MAX) {
        tt_op_check(L, what);
        return tt__ws_wait(L, x, TT__WS_DRAINED, 0, sent);
    }
    lua_pushboolean(L, true);
    return 1;
}

/* socket:send(text) -> true, or nil, "closed" */
static int l_send(lua_State *L)
{
    return send_message(L, "socket:send", TT_WS_TEXT);
}

/* socket:send_binary(bytes) -> true, or nil, "closed" */
static int l_send_binary(lua_State *L)
{
    return send_message(L, "socket:send_binary", TT_WS_BINARY);
}

/* socket:ping(data?) -> true, or nil, "closed" */
static int l_ping(lua_State *L)
{
    size_t n = 0;
    struct tt__ws_script *x = check(L);
    const char *data = luaL_optlstring(L, 2, NULL, &n);
    if (n > TT_WS_CONTROL_MAX)
        return luaL_error(L, "socket:ping: at most %d bytes, not %d", TT_WS_CONTROL_MAX, (int)n);
    if (!tt_ws_ping(x->s, data, n))
        return push_closed(L);
    lua_pushboolean(L, true);
    return 1;
}

/* socket:close(code?, reason?) */
static int l_close(lua_State *L)
{
    size_t n;
    struct tt__ws_script *x = check(L);
    lua_Integer code = luaL_optinteger(L, 2, 1000);
    const char *reason = luaL_optlstring(L, 3, "", &n);
    if (code < 1 || code > 65535)
        return luaL_error(L, "socket:close: a code from 1 to 65535 is expected, not %I", code);
    if (n > TT_WS_CONTROL_MAX - 2)
        return luaL_error(L, "socket:close: the reason has at most 123 bytes, not %d", (int)n);
    tt_ws_close(x->s, (unsigned)code, reason, n);
    tt__ws_timers_drop(x);
    return 0;
}

/* --- receiving ---------------------------------------------------------------------------------
 */

int tt__ws_push_message(lua_State *L, struct tt_ws_event *ev)
{
    bool binary = ev->kind == TT_WS_EV_BINARY;
    lua_pushlstring(L, ev->data, ev->len);
    tt_ws_event_free(ev);
    lua_pushstring(L, binary ? "binary" : "text");
    return 2;
}

static int received(lua_State *L, int status, lua_KContext op)
{
    struct tt__ws_wait *wait = tt__ws_wait_of(op);
    struct tt_ws_event *ev = wait->event;
    (void)status;
    wait->event = NULL;
    if (ev)
        return tt__ws_push_message(L, ev);
    if (!wait->timed_out)
        return push_closed(L);
    lua_pushnil(L);
    lua_pushliteral(L, "timeout");
    return 2;
}

static int receive(lua_State *L, struct tt__ws_script *x, uint64_t timeout_ns)
{
    struct tt_ws_event *ev;
    if (x->handled & (1U << TT_WS_EV_MESSAGE | 1U << TT_WS_EV_BINARY))
        return luaL_error(L, "socket:receive: this socket's messages go to its message handler");
    tt_op_check(L, "socket:receive");
    ev = tt_ws_queue_take(&x->inbox);
    if (ev) {
        tt__ws_inbox_taken(x);
        return tt__ws_push_message(L, ev);
    }
    if (x->s->state == TT_WS_CLOSED)
        return push_closed(L);
    return tt__ws_wait(L, x, TT__WS_RECEIVE, timeout_ns, received);
}

/* socket:receive(timeout?) -> text, kind, or nil, "timeout" | "closed" */
static int l_receive(lua_State *L)
{
    struct tt__ws_script *x = check(L);
    uint64_t ns = 0;
    if (!lua_isnoneornil(L, 2)) {
        ns = tt_args_duration(L, 2, "socket:receive: timeout");
        ns = ns ? ns : 1;
    }
    return receive(L, x, ns);
}

static int l_next(lua_State *L)
{
    return receive(L, check(L), 0);
}

/* for text, kind in socket:messages() do: until it is closed */
static int l_messages(lua_State *L)
{
    check(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushcclosure(L, l_next, 1);
    lua_pushvalue(L, 1);
    return 2;
}

static int l_request(lua_State *L)
{
    return tt__ws_l_request(L, check(L));
}

/* --- handlers and timers -----------------------------------------------------------------------
 */

static const char *const event_choices[] = {"open", "message", "binary_message", "ping",
                                            "pong", "close",   "error"};

/* socket:on(event, fn) */
static int l_on(lua_State *L)
{
    struct tt__ws_script *x = check(L);
    const size_t n = sizeof event_choices / sizeof *event_choices;
    if (lua_type(L, 2) != LUA_TSTRING)
        return luaL_error(L, "socket:on: the name of an event is expected, not a %s",
                          luaL_typename(L, 2));
    size_t kind = tt_args_choice(L, 2, "socket:on", event_choices, n, 0);
    if (lua_type(L, 3) != LUA_TFUNCTION)
        return luaL_error(L, "socket:on: a function is expected, not a %s", luaL_typename(L, 3));
    tt__ws_handle(L, x, (enum tt_ws_event_kind)kind, 3);
    return 0;
}

static int start_timer(lua_State *L, const char *what, enum tt__ws_timer_kind kind)
{
    struct tt__ws_script *x = check(L);
    if (lua_type(L, 2) != LUA_TFUNCTION)
        return luaL_error(L, "%s: a function is expected, not a %s", what, luaL_typename(L, 2));
    uint64_t ns = tt_args_duration(L, 3, what);
    if (!ns)
        return luaL_error(L, "%s: the time must be more than 0", what);
    lua_pushinteger(L, tt__ws_timer_start(L, x, 2, ns, kind));
    return 1;
}

/* socket:set_timeout(fn, delay) -> timer */
static int l_set_timeout(lua_State *L)
{
    return start_timer(L, "socket:set_timeout", TT__WS_TIMEOUT);
}

/* socket:set_interval(fn, interval) -> timer */
static int l_set_interval(lua_State *L)
{
    return start_timer(L, "socket:set_interval", TT__WS_INTERVAL);
}

/* socket:every(interval, fn) -> timer */
static int l_every(lua_State *L)
{
    check(L);
    lua_settop(L, 3);
    lua_rotate(L, 2, 1);
    return start_timer(L, "socket:every", TT__WS_EVERY);
}

/* socket:clear(timer) */
static int l_clear(lua_State *L)
{
    struct tt__ws_script *x = check(L);
    lua_Integer number = luaL_checkinteger(L, 2);
    if (number > 0)
        tt__ws_timer_clear(L, x, (unsigned)number);
    return 0;
}

/* --- fields ------------------------------------------------------------------------------------
 */

void tt__ws_push_headers(lua_State *L, const struct tt_ws_socket *s)
{
    struct tt_http_header h;
    size_t at = 0;
    lua_newtable(L);
    while (s->head && tt_http_headers_next(s->head, s->head_len, &at, &h)) {
        lua_pushlstring(L, h.name.p, h.name.n);
        char *name = tt_xstrdup(lua_tostring(L, -1));
        tt_http_header_canonical(name, h.name.n);
        lua_pop(L, 1);
        lua_pushlstring(L, name, h.name.n);
        tt_free(name);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) == LUA_TNIL) {
            lua_pop(L, 1);
            lua_pushlstring(L, h.value.p, h.value.n);
        } else {
            lua_pushliteral(L, ", ");
            lua_pushlstring(L, h.value.p, h.value.n);
            lua_concat(L, 3);
        }
        lua_rawset(L, -3);
    }
}

static const char *const field_names[] = {
    "status", "headers",     "subprotocol",      "close_code",  "close_reason", "buffered", "url",
    "closed", "tls_version", "tls_cipher_suite", "tls_resumed", "certificates", "ocsp"};

static bool push_tls_field(lua_State *L, const struct tt_tls_info *tls, const char *name)
{
    if (strcmp(name, "tls_version") == 0)
        lua_pushstring(L, tls->version);
    else if (strcmp(name, "tls_cipher_suite") == 0)
        lua_pushstring(L, tls->cipher);
    else if (strcmp(name, "tls_resumed") == 0)
        lua_pushboolean(L, tls->resumed);
    else if (strcmp(name, "certificates") == 0)
        tt_http_push_certificates(L, tls->peer);
    else if (strcmp(name, "ocsp") == 0)
        tt_http_push_ocsp(L, tls->peer);
    else
        return false;
    return true;
}

static bool push_field(lua_State *L, const struct tt_ws_socket *s, const char *name)
{
    bool closed = s->state == TT_WS_CLOSED;
    if (strcmp(name, "status") == 0)
        lua_pushinteger(L, s->status);
    else if (strcmp(name, "headers") == 0)
        tt__ws_push_headers(L, s);
    else if (strcmp(name, "subprotocol") == 0)
        lua_pushstring(L, s->subprotocol ? s->subprotocol : "");
    else if (strcmp(name, "close_code") == 0 && closed)
        lua_pushinteger(L, s->close_code);
    else if (strcmp(name, "close_reason") == 0 && closed)
        lua_pushlstring(L, s->close_reason ? s->close_reason : "", s->close_reason_len);
    else if (strcmp(name, "buffered") == 0)
        lua_pushinteger(L, (lua_Integer)tt_ws_buffered(s));
    else if (strcmp(name, "url") == 0)
        lua_pushstring(L, s->url);
    else if (strcmp(name, "closed") == 0)
        lua_pushboolean(L, closed);
    else if (strncmp(name, "close_", 6) == 0)
        lua_pushnil(L);
    else
        return push_tls_field(L, &s->tls, name);
    return true;
}

/* upvalue 2: the methods */
static int l_index(lua_State *L)
{
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL)
        return 1; /* it checks the socket itself */
    struct tt__ws_script *x = check(L);
    const char *name = luaL_tolstring(L, 2, NULL);
    if (push_field(L, x->s, name))
        return 1;
    const char *near = tt_suggest(name, field_names, sizeof field_names / sizeof *field_names);
    return luaL_error(L, "a socket has no field or method '%s'%s%s%s", name,
                      near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static int l_tostring(lua_State *L)
{
    static const char *const states[] = {"connecting", "open", "closing", "closed"};
    struct tt__ws_script *x = check(L);
    lua_pushfstring(L, "socket to %s (%s)", x->s->url, states[x->s->state]);
    return 1;
}

void tt__ws_socket_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"send", l_send},   {"send_binary", l_send_binary}, {"ping", l_ping},
        {"close", l_close}, {"receive", l_receive},         {"messages", l_messages},
        {"on", l_on},       {"set_timeout", l_set_timeout}, {"set_interval", l_set_interval},
        {"every", l_every}, {"request", l_request},         {"clear", l_clear},
        {NULL, NULL}};
    luaL_newmetatable(L, SOCKET_TYPE);
    lua_pushvalue(L, -1);
    luaL_newlibtable(L, methods);
    lua_pushvalue(L, -2);
    luaL_setfuncs(L, methods, 1);
    lua_pushcclosure(L, l_index, 2);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, l_tostring, 1);
    lua_setfield(L, -2, "__tostring");
    lua_pushcfunction(L, l_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushliteral(L, "frozen");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
