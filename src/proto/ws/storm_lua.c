/* SPDX-License-Identifier: MIT */
/* ws.storm: what a server lives through when all its users lose it at once and come back. Worker
 * thread. */
#include "base/clock.h"
#include "proto/ws/ws_lua_int.h"
#include "vu/args.h"
#include "vu/wait_lua.h"
#include <lauxlib.h>

#define STORM_TYPE "ttload.ws.storm"
enum { ARG_STORM = 1, ARG_SOCKET };

struct storm {
    uint64_t at_ns; /* of the test's time; 0: at once */
    uint64_t jitter_ns;
    uint64_t struck_ns; /* on the monotonic clock; 0: not yet */
};

static uint64_t duration(lua_State *L, const char *name, uint64_t def)
{
    const char *what = lua_pushfstring(L, "ws.storm: %s", name);
    if (lua_getfield(L, 1, name) != LUA_TNIL)
        def = tt_args_duration(L, -1, what);
    lua_pop(L, 2);
    return def;
}

/* storm(options?) -> storm */
int tt__ws_l_storm(lua_State *L)
{
    static const char *const names[] = {"at", "jitter"};
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        lua_newtable(L);
        lua_replace(L, 1);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    tt_args_only(L, 1, "ws.storm", "option", names, 2);
    const struct storm s = {.at_ns = duration(L, "at", 0), .jitter_ns = duration(L, "jitter", 0)};
    struct storm *home = lua_newuserdatauv(L, sizeof s, 0);
    *home = s;
    luaL_setmetatable(L, STORM_TYPE);
    return 1;
}

static int sleep_ns(lua_State *L, uint64_t ns)
{
    lua_settop(L, 0);
    lua_pushnumber(L, (double)ns / 1e9);
    return tt_l_sleep(L);
}

/* The time has come: the socket is lost, and a random part of the jitter passes. */
static int strike(lua_State *L, int status, lua_KContext unused)
{
    const struct storm *s = lua_touserdata(L, ARG_STORM);
    struct tt__ws_script *x = tt__ws_socket_at(L, ARG_SOCKET);
    struct tt_worker *w = tt_vu_running(L, "storm:strike")->w;
    (void)status;
    (void)unused;
    if (x)
        tt_ws_lose(x->s);
    double random = (double)(tt_rng_next(&w->rng) >> 11) * 0x1p-53;
    return sleep_ns(L, (uint64_t)(random * (double)s->jitter_ns));
}

/* storm:strike(socket?) */
static int l_strike(lua_State *L)
{
    struct storm *s = luaL_checkudata(L, ARG_STORM, STORM_TYPE);
    struct tt_worker *w = tt_vu_running(L, "storm:strike")->w;
    struct tt_instance_facts facts;
    lua_settop(L, 2);
    if (!lua_isnil(L, ARG_SOCKET) && !tt__ws_socket_at(L, ARG_SOCKET))
        return luaL_typeerror(L, ARG_SOCKET, "socket");
    w->services->instance_facts(w, &facts);
    uint64_t wait = s->at_ns > facts.elapsed_ns ? s->at_ns - facts.elapsed_ns : 0;
    s->struck_ns = tt_loop_now(w->loop) + wait;
    lua_pushcfunction(L, tt_l_sleep);
    lua_pushnumber(L, (double)wait / 1e9);
    lua_callk(L, 1, 0, 0, strike);
    return strike(L, LUA_OK, 0);
}

/* storm:recovered(): the VU is back */
static int l_recovered(lua_State *L)
{
    struct storm *s = luaL_checkudata(L, ARG_STORM, STORM_TYPE);
    struct tt_vu *vu = tt_vu_running(L, "storm:recovered");
    uint64_t now = tt_loop_now(vu->w->loop);
    if (!s->struck_ns)
        return luaL_error(L, "storm:recovered: it has not struck (storm:strike)");
    tt_vu_sample(vu, TT_M_ws_reconnect_duration,
                 now > s->struck_ns ? tt_ns_to_ms(now - s->struck_ns) : 0, vu->w->current->tags,
                 now);
    s->struck_ns = 0;
    return 0;
}

void tt__ws_storm_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"strike", l_strike}, {"recovered", l_recovered}, {NULL, NULL}};
    luaL_newmetatable(L, STORM_TYPE);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "frozen");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
