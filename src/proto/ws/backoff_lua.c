/* SPDX-License-Identifier: MIT */
/* ws.backoff: the waits between attempts to connect again, spread so that the users of a server
 * that comes back do not come at once. Worker thread. */
#include "base/clock.h"
#include "proto/ws/ws_lua_int.h"
#include "vu/args.h"
#include "vu/wait_lua.h"
#include <lauxlib.h>

#define BACKOFF_TYPE "ttload.ws.backoff"

struct backoff {
    double delay, max, factor, jitter; /* seconds; jitter: the part of a wait that is random */
    unsigned tries;
};

static double number(lua_State *L, const char *name, double def, double least, double most)
{
    double v = def;
    if (lua_getfield(L, 1, name) != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TNUMBER || !(lua_tonumber(L, -1) >= least) ||
            !(lua_tonumber(L, -1) <= most))
            luaL_error(L, "ws.backoff: %s: a number from %f to %f is expected", name, least, most);
        v = lua_tonumber(L, -1);
    }
    lua_pop(L, 1);
    return v;
}

static double seconds(lua_State *L, const char *name, double def)
{
    double v = def;
    const char *what = lua_pushfstring(L, "ws.backoff: %s", name);
    if (lua_getfield(L, 1, name) != LUA_TNIL)
        v = (double)tt_args_duration(L, -1, what) / 1e9;
    lua_pop(L, 2);
    return v;
}

/* backoff(options?) -> backoff */
int tt__ws_l_backoff(lua_State *L)
{
    static const char *const names[] = {"delay", "max", "factor", "jitter"};
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        lua_newtable(L);
        lua_replace(L, 1);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    tt_args_only(L, 1, "ws.backoff", "option", names, 4);
    const struct backoff b = {.delay = seconds(L, "delay", 1),
                              .max = seconds(L, "max", 30),
                              .factor = number(L, "factor", 2, 1, 100),
                              .jitter = number(L, "jitter", 1, 0, 1)};
    struct backoff *home = lua_newuserdatauv(L, sizeof b, 0);
    *home = b;
    luaL_setmetatable(L, BACKOFF_TYPE);
    return 1;
}

/* The next wait, in seconds. */
static double next_wait(struct backoff *b, struct tt_rng *rng)
{
    double wait = b->delay;
    for (unsigned i = 0; i < b->tries && wait < b->max; i++)
        wait *= b->factor;
    wait = wait < b->max ? wait : b->max;
    b->tries += b->tries < UINT32_MAX;
    double random = (double)(tt_rng_next(rng) >> 11) * 0x1p-53;
    return wait * (1 - b->jitter * random);
}

/* backoff:sleep() */
static int l_sleep(lua_State *L)
{
    struct backoff *b = luaL_checkudata(L, 1, BACKOFF_TYPE);
    struct tt_worker *w = tt_vu_running(L, "backoff:sleep")->w;
    lua_settop(L, 0);
    lua_pushnumber(L, next_wait(b, &w->rng));
    return tt_l_sleep(L);
}

/* backoff:reset(): the connection holds */
static int l_reset(lua_State *L)
{
    struct backoff *b = luaL_checkudata(L, 1, BACKOFF_TYPE);
    b->tries = 0;
    return 0;
}

void tt__ws_backoff_open(lua_State *L)
{
    static const luaL_Reg methods[] = {{"sleep", l_sleep}, {"reset", l_reset}, {NULL, NULL}};
    luaL_newmetatable(L, BACKOFF_TYPE);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "frozen");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
