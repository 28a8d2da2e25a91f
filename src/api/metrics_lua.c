/* SPDX-License-Identifier: MIT */
/* `ttload.metrics`: a script's own counters, gauges, rates and trends. Metric objects say nothing
 * but which metric they are, so a worker's VUs share them. Worker thread. */
#include "base/clock.h"
#include "base/exitcode.h"
#include "vu/args.h"
#include "vu/fiber.h"
#include <lauxlib.h>
#include <math.h>

#define METRIC_TYPE "ttload.metric"

struct metric {
    tt_metric_id id;
    enum tt_metric_type type;
};

static const char objects_key; /* registry: id -> object */

/* metric:add(value, tags?) */
static int l_add(lua_State *L)
{
    const struct metric *m = luaL_checkudata(L, 1, METRIC_TYPE);
    struct tt_vu *vu = tt_vu_running(L, "metric:add");
    double v;
    if (lua_isboolean(L, 2)) {
        if (m->type != TT_RATE)
            return luaL_argerror(L, 2, "a number is expected (booleans are for rates)");
        v = lua_toboolean(L, 2);
    } else if (lua_type(L, 2) == LUA_TNUMBER) {
        v = lua_tonumber(L, 2);
    } else {
        return luaL_argerror(L, 2,
                             m->type == TT_RATE ? "a boolean or a number is expected"
                                                : "a number is expected");
    }
    if (!isfinite(v))
        return luaL_argerror(L, 2, "NaN and infinities are no measurements");
    if (m->type == TT_COUNTER && v < 0)
        return luaL_argerror(L, 2, "a counter only grows: the value is negative");
    const struct tt_tags *tags = vu->w->current->tags;
    if (!lua_isnoneornil(L, 3))
        tags = tt_args_tags(L, 3, "metric:add: tags", tags);
    tt_vu_sample(vu, m->id, v, tags, tt_now_ns());
    return 0;
}

static int l_tostring(lua_State *L)
{
    const struct metric *m = luaL_checkudata(L, 1, METRIC_TYPE);
    const struct tt_metric *info = tt_registry_get(tt_worker_of(L)->registry, m->id);
    lua_pushfstring(L, "%s %s", tt_metric_type_name(info->type), info->name);
    return 1;
}

/* The options' time flag, for trends and gauges: values are milliseconds. */
static enum tt_metric_contains read_contains(lua_State *L, enum tt_metric_type type)
{
    static const char *const known[] = {"time"};
    if (lua_isnoneornil(L, 2))
        return TT_DEFAULT;
    luaL_checktype(L, 2, LUA_TTABLE);
    tt_args_only(L, 2, tt_metric_type_name(type), "option", known, 1);
    lua_getfield(L, 2, "time");
    bool time = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return time ? TT_TIME : TT_DEFAULT;
}

static int declare(lua_State *L, enum tt_metric_type type)
{
    const char *name = luaL_checkstring(L, 1);
    struct tt_worker *w = tt_worker_of(L);
    const struct tt_vu *vu = tt_vu_current(L);
    struct tt_err err = {0};
    tt_metric_id id;
    if (!vu || vu->stage != TT_STAGE_INIT)
        return luaL_error(L, "metrics are declared in init (the top level of the script) only");
    enum tt_metric_contains contains = read_contains(L, type);
    if (!tt_registry_add(w->registry, name, type, contains, &id, &err))
        return luaL_error(L, "%s", err.text);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &objects_key);
    if (lua_rawgeti(L, -1, (lua_Integer)id) == LUA_TUSERDATA)
        return 1;
    lua_pop(L, 1);
    struct metric *m = lua_newuserdatauv(L, sizeof *m, 0);
    *m = (struct metric){id, type};
    luaL_setmetatable(L, METRIC_TYPE);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, (lua_Integer)id);
    return 1;
}

static int l_counter(lua_State *L)
{
    return declare(L, TT_COUNTER);
}

static int l_gauge(lua_State *L)
{
    return declare(L, TT_GAUGE);
}

static int l_rate(lua_State *L)
{
    return declare(L, TT_RATE);
}

static int l_trend(lua_State *L)
{
    return declare(L, TT_TREND);
}

static int open_metrics(lua_State *L)
{
    static const luaL_Reg functions[] = {{"counter", l_counter},
                                         {"gauge", l_gauge},
                                         {"rate", l_rate},
                                         {"trend", l_trend},
                                         {NULL, NULL}};
    luaL_newmetatable(L, METRIC_TYPE);
    lua_newtable(L);
    lua_pushcfunction(L, l_add);
    lua_setfield(L, -2, "add");
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "frozen");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &objects_key);
    luaL_newlib(L, functions);
    return 1;
}

extern const struct tt_module tt_module_metrics;
const struct tt_module tt_module_metrics = {.name = "ttload.metrics", .open = open_metrics};
