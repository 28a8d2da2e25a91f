/* SPDX-License-Identifier: MIT */
/* ws.fanout: the script's side, on any VU. Worker thread. */
#include "base/str.h"
#include "proto/ws/engine.h"
#include "proto/ws/ws_lua_int.h"
#include "vu/args.h"
#include <lauxlib.h>
#include <string.h>

#define FANOUT_TYPE "ttload.ws.fanout"

extern const struct tt_module tt_module_ws;

struct fanout {
    uint32_t receivers;
    uint64_t timeout_ns;
    char name[TT_WS_FANOUT_NAME_MAX + 1];
};

static const char *text_at(lua_State *L, int index, size_t most, const char *what)
{
    size_t n;
    const char *p = luaL_checklstring(L, index, &n);
    if (!n || n > most || strlen(p) != n || memchr(p, '\n', n))
        luaL_error(L, "%s: a line of 1 to %d bytes is expected", what, (int)most);
    return p;
}

/* fanout(name, { receivers, timeout? }) -> fanout */
int tt__ws_l_fanout(lua_State *L)
{
    static const char *const names[] = {"receivers", "timeout"};
    int is_int;
    struct fanout f = {.timeout_ns = UINT64_C(10000000000)};
    snprintf(f.name, sizeof f.name, "%s", text_at(L, 1, TT_WS_FANOUT_NAME_MAX, "ws.fanout: name"));
    luaL_checktype(L, 2, LUA_TTABLE);
    tt_args_only(L, 2, "ws.fanout", "option", names, 2);
    lua_getfield(L, 2, "receivers");
    lua_Integer n = lua_tointegerx(L, -1, &is_int);
    if (!is_int || n < 1 || n > 1000000)
        return luaL_error(L, "ws.fanout: receivers: a whole number from 1 to 1000000 is expected");
    f.receivers = (uint32_t)n;
    if (lua_getfield(L, 2, "timeout") != LUA_TNIL)
        f.timeout_ns = tt_args_duration(L, -1, "ws.fanout: timeout");
    struct fanout *home = lua_newuserdatauv(L, sizeof f, 0);
    *home = f;
    luaL_setmetatable(L, FANOUT_TYPE);
    return 1;
}

static void at_home(struct tt_worker *w, const void *message)
{
    struct tt_ws_engine *e = tt_worker_state(w, &tt_module_ws);
    struct tt_ws_fanout_report r;
    memcpy(&r, message, sizeof r);
    tt_ws_fanout_take(&e->fanouts, &r);
}

static int report(lua_State *L, bool sent, const char *what)
{
    struct fanout *f = luaL_checkudata(L, 1, FANOUT_TYPE);
    struct tt_worker *w = tt_vu_running(L, what)->w;
    struct tt_ws_fanout_report r = {.sent = sent,
                                    .receivers = f->receivers,
                                    .timeout_ns = f->timeout_ns,
                                    .at_ns = tt_loop_now(w->loop)};
    const char *id = text_at(L, 2, TT_WS_FANOUT_ID_MAX, what);
    int n = snprintf(r.key, sizeof r.key, "%s\n%s", f->name, id);
    uint64_t hash = tt_hash_bytes(r.key, (size_t)n, 0);
    unsigned home = (unsigned)(hash % w->services->n_workers(w));
    w->services->post(w, home, at_home, &r, sizeof r);
    return 0;
}

/* fanout:sent(id) */
static int l_sent(lua_State *L)
{
    return report(L, true, "fanout:sent");
}

/* fanout:received(id) */
static int l_received(lua_State *L)
{
    return report(L, false, "fanout:received");
}

void tt__ws_fanout_open(lua_State *L)
{
    static const luaL_Reg methods[] = {{"sent", l_sent}, {"received", l_received}, {NULL, NULL}};
    luaL_newmetatable(L, FANOUT_TYPE);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "frozen");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
