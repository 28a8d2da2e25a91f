/* SPDX-License-Identifier: MIT */
/* `ttload.random`: think times and sizes by distribution, from the VU's own stream of numbers (as
 * math.random). Worker thread. */
#include "api/random_lua.h"
#include "vu/args.h"
#include <lauxlib.h>
#include <math.h>

static struct tt_rng *rng(lua_State *L)
{
    struct tt_vu *vu = tt_vu_current(L);
    return vu ? tt_vu_rng(vu) : &tt_worker_of(L)->rng;
}

/* A finite number, or a duration's seconds. */
static double number(lua_State *L, int idx, const char *what)
{
    if (lua_type(L, idx) == LUA_TSTRING)
        return (double)tt_args_duration(L, idx, what) / 1e9;
    double v = luaL_checknumber(L, idx);
    if (!isfinite(v))
        luaL_argerror(L, idx, "a finite number is expected");
    return v;
}

static double optional(lua_State *L, int idx, const char *what, double otherwise)
{
    return lua_isnoneornil(L, idx) ? otherwise : number(L, idx, what);
}

static double positive(lua_State *L, int idx, const char *what)
{
    double v = number(L, idx, what);
    luaL_argcheck(L, v > 0, idx, "a number above 0 is expected");
    return v;
}

/* Box and Muller's; the second value is not kept, so that each call draws two numbers. */
static double standard_normal(struct tt_rng *r)
{
    double u = 1 - tt_rng_double(r), v = tt_rng_double(r);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* uniform(low, high): each value in [low, high) is as likely */
static int l_uniform(lua_State *L)
{
    double low = number(L, 1, "random.uniform"), high = number(L, 2, "random.uniform");
    luaL_argcheck(L, low <= high, 2, "interval is empty");
    lua_pushnumber(L, low + (high - low) * tt_rng_double(rng(L)));
    return 1;
}

/* Of the part of the bell between low and high: what falls outside is drawn again, from a flat
 * density when the part is narrow, so that a third of the draws and more are taken. */
static double truncated_normal(struct tt_rng *r, double mean, double deviation, double low,
                               double high)
{
    bool narrow = high - low < 2 * deviation;
    for (;;) {
        double v =
            narrow ? low + (high - low) * tt_rng_double(r) : mean + deviation * standard_normal(r);
        double z = (v - mean) / deviation;
        if (narrow ? tt_rng_double(r) < exp(-z * z / 2) : v >= low && v <= high)
            return v;
    }
}

/* normal(mean, deviation, low = 0, high?): mean must be between them */
static int l_normal(lua_State *L)
{
    double mean = number(L, 1, "random.normal"), deviation = number(L, 2, "random.normal");
    double low = optional(L, 3, "random.normal", 0),
           high = optional(L, 4, "random.normal", INFINITY);
    luaL_argcheck(L, deviation >= 0, 2, "a deviation is not negative");
    luaL_argcheck(L, low <= mean, 3, "the least value is above the mean");
    luaL_argcheck(L, high >= mean, 4, "the greatest value is below the mean");
    bool none = deviation == 0 || low == high;
    lua_pushnumber(L, none ? mean : truncated_normal(rng(L), mean, deviation, low, high));
    return 1;
}

/* exponential(mean, high?): times between independent events; never above high */
static int l_exponential(lua_State *L)
{
    double mean = positive(L, 1, "random.exponential");
    double below = 1;
    if (!lua_isnoneornil(L, 2))
        below = -expm1(-positive(L, 2, "random.exponential") / mean);
    lua_pushnumber(L, -mean * log1p(-below * tt_rng_double(rng(L))));
    return 1;
}

/* lognormal(median, sigma, high?): few are much longer than most; never above high */
static int l_lognormal(lua_State *L)
{
    double median = positive(L, 1, "random.lognormal"), sigma = number(L, 2, "random.lognormal");
    double high = optional(L, 3, "random.lognormal", INFINITY), v;
    struct tt_rng *r = rng(L);
    luaL_argcheck(L, sigma >= 0, 2, "sigma is not negative");
    luaL_argcheck(L, high >= median, 3, "the greatest value is below the median");
    do
        v = median * exp(sigma * standard_normal(r));
    while (v > high);
    lua_pushnumber(L, v);
    return 1;
}

void tt_l_push_random(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"uniform", l_uniform},     {"normal", l_normal}, {"exponential", l_exponential},
        {"lognormal", l_lognormal}, {NULL, NULL},
    };
    luaL_newlib(L, functions);
}
