/* SPDX-License-Identifier: MIT */
/* What a script sees of the standard library: shared by a worker's VUs and frozen, so that one VU
 * cannot change it for another; without what would end or damage the process. --allow-unsafe lifts
 * the restrictions, not the sharing. Worker thread, while the worker is made. */
#include "base/str.h"
#include "vu/vu_int.h"
#include <lauxlib.h>
#include <lualib.h>
#include <math.h>
#include <string.h>

static const char frozen_key; /* field of a metatable by this address: the table is frozen */

bool tt__frozen(lua_State *L, int idx)
{
    if (!lua_getmetatable(L, idx))
        return false;
    bool frozen = lua_rawgetp(L, -1, &frozen_key) != LUA_TNIL;
    lua_pop(L, 2);
    return frozen;
}

static int frozen_write(lua_State *L)
{
    return luaL_error(L, "cannot set '%s': %s is shared by all virtual users and read-only",
                      luaL_tolstring(L, 2, NULL), lua_tostring(L, lua_upvalueindex(1)));
}

static int frozen_next(lua_State *L)
{
    lua_settop(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_replace(L, 1);
    if (lua_next(L, 1))
        return 2;
    lua_pushnil(L);
    return 1;
}

static int frozen_pairs(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushcclosure(L, frozen_next, 1);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

static int frozen_len(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, lua_upvalueindex(1)));
    return 1;
}

/* upvalue 1: the module's table, 2: its name */
int tt_l_unknown_field(lua_State *L)
{
    const char *name = lua_tostring(L, lua_upvalueindex(2));
    const char *key = luaL_tolstring(L, 2, NULL);
    const char *keys[128];
    size_t n = 0;
    lua_pushnil(L);
    while (n < 128 && lua_next(L, lua_upvalueindex(1))) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING)
            keys[n++] = lua_tostring(L, -1);
    }
    const char *near = tt_suggest(key, keys, n);
    return luaL_error(L, "%s has no field '%s'%s%s%s", name, key, near ? " (did you mean '" : "",
                      near ? near : "", near ? "'?)" : "");
}

void tt__freeze_push(lua_State *L, const char *name, bool strict)
{
    int real = lua_gettop(L);
    if (strict && !lua_getmetatable(L, real)) {
        lua_createtable(L, 0, 1);
        lua_pushvalue(L, real);
        lua_pushstring(L, name);
        lua_pushcclosure(L, tt_l_unknown_field, 2);
        lua_setfield(L, -2, "__index");
        lua_setmetatable(L, real);
    }
    lua_settop(L, real);
    lua_newtable(L); /* the view */
    lua_createtable(L, 0, 6);
    lua_pushvalue(L, real);
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, name);
    lua_pushcclosure(L, frozen_write, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushvalue(L, real);
    lua_pushcclosure(L, frozen_pairs, 1);
    lua_setfield(L, -2, "__pairs");
    lua_pushvalue(L, real);
    lua_pushcclosure(L, frozen_len, 1);
    lua_setfield(L, -2, "__len");
    lua_pushliteral(L, "frozen");
    lua_setfield(L, -2, "__metatable");
    lua_pushboolean(L, 1);
    lua_rawsetp(L, -2, &frozen_key);
    lua_setmetatable(L, -2);
    lua_remove(L, real);
}

void tt_l_freeze(lua_State *L, const char *name)
{
    int table = lua_gettop(L);
    luaL_checkstack(L, 8, "nested too deeply");
    for (lua_pushnil(L); lua_next(L, table); lua_settop(L, table + 1)) {
        if (!lua_istable(L, -1))
            continue;
        tt_l_freeze(L, name);
        lua_pushvalue(L, table + 1);
        lua_insert(L, -2);
        lua_rawset(L, table); /* an existing field: allowed during the traversal */
    }
    tt__freeze_push(L, name, false);
}

bool tt__thaw_push(lua_State *L, int idx)
{
    if (!tt__frozen(L, idx))
        return false;
    lua_getmetatable(L, idx);
    lua_pushliteral(L, "__index");
    lua_rawget(L, -2);
    lua_remove(L, -2);
    return true;
}

/* --- replaced functions -------------------------------------------------------------------------
 */

static int l_rawset(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    if (tt__frozen(L, 1))
        return luaL_error(L, "cannot rawset a read-only table that all virtual users share");
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 1;
}

/* upvalue 1: the standard setmetatable */
static int l_setmetatable(lua_State *L)
{
    if (lua_istable(L, 2) && !tt_worker_of(L)->in->allow_unsafe) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(
                L, "__gc is not available to scripts (a finalizer cannot be interrupted); "
                   "use __close");
        lua_pop(L, 1);
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int l_collectgarbage(lua_State *L)
{
    const char *what = luaL_optstring(L, 1, "collect");
    if (strcmp(what, "count") != 0)
        return luaL_error(
            L,
            "collectgarbage(\"%s\"): only \"count\" is available; a collection would stop "
            "every virtual user of this worker",
            what);
    lua_pushnumber(L, lua_gc(L, LUA_GCCOUNT) + lua_gc(L, LUA_GCCOUNTB) / 1024.0);
    return 1;
}

static int l_print(lua_State *L)
{
    int n = lua_gettop(L);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 1; i <= n; i++) {
        if (i > 1)
            luaL_addchar(&b, '\t');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    tt_log_fields(TT_LOG_INFO, "source=console", "%s", lua_tostring(L, -1));
    return 0;
}

static struct tt_rng *script_rng(lua_State *L)
{
    struct tt_vu *vu = tt_vu_current(L);
    return vu ? tt_vu_rng(vu) : &tt_worker_of(L)->rng;
}

static int l_random(lua_State *L)
{
    struct tt_rng *r = script_rng(L);
    lua_Integer low = 1, high;
    switch (lua_gettop(L)) {
    case 0:
        lua_pushnumber(L, tt_rng_double(r));
        return 1;
    case 1:
        high = luaL_checkinteger(L, 1);
        if (high == 0) {
            lua_pushinteger(L, (lua_Integer)tt_rng_next(r));
            return 1;
        }
        break;
    case 2:
        low = luaL_checkinteger(L, 1);
        high = luaL_checkinteger(L, 2);
        break;
    default:
        return luaL_error(L, "wrong number of arguments");
    }
    luaL_argcheck(L, low <= high, lua_gettop(L), "interval is empty");
    uint64_t span = (uint64_t)high - (uint64_t)low + 1;
    uint64_t v = span ? tt_rng_below(r, span) : tt_rng_next(r);
    lua_pushinteger(L, (lua_Integer)((uint64_t)low + v));
    return 1;
}

static int l_randomseed(lua_State *L)
{
    uint64_t seed = tt_random_seed();
    if (lua_isinteger(L, 1)) {
        seed = (uint64_t)lua_tointeger(L, 1);
    } else if (!lua_isnone(L, 1)) { /* as lua.org's: a whole number is that number, else its bits */
        lua_Number v = luaL_checknumber(L, 1);
        lua_Integer whole;
        if (lua_numbertointeger(v, &whole) && (lua_Number)whole == v)
            seed = (uint64_t)whole;
        else
            memcpy(&seed, &v, sizeof seed);
    }
    struct tt_vu *vu = tt_vu_current(L);
    if (vu)
        tt_vu_seed(vu, seed);
    else
        tt_rng_seed(&tt_worker_of(L)->rng, seed);
    return 0;
}

/* upvalue 1: io.open or io.lines of the standard library */
static int l_io_read(lua_State *L)
{
    const char *mode = luaL_optstring(L, 2, "r");
    if (!tt_worker_of(L)->in->init_vu)
        return luaL_error(L, "io is available in init only (the top level of the script)");
    if (lua_isboolean(L, lua_upvalueindex(2)) && mode[strcspn(mode, "wa+")])
        return luaL_error(L, "io.open: mode '%s': files can only be read", mode);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* --- the shared globals --------------------------------------------------------------------------
 */

static void copy_field(lua_State *L, int from, int to, const char *key)
{
    lua_getfield(L, from, key);
    lua_setfield(L, to, key);
}

static void set_library(lua_State *L, int globals, const char *name)
{
    tt__freeze_push(L, name, false);
    lua_setfield(L, globals, name);
}

static void open_base(lua_State *L, int globals, int real)
{
    static const char *const plain[] = {
        "assert", "error",  "getmetatable", "ipairs",   "next", "pairs",    "rawequal", "rawget",
        "rawlen", "select", "tonumber",     "tostring", "type", "_VERSION", "warn"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        copy_field(L, real, globals, plain[i]);
    static const luaL_Reg ours[] = {
        {"pcall", tt__l_pcall},
        {"xpcall", tt__l_xpcall},
        {"require", tt__l_require},
        {"loadfile", tt__l_loadfile},
        {"dofile", tt__l_dofile},
        {"rawset", l_rawset},
        {"print", l_print},
        {"collectgarbage", l_collectgarbage},
        {NULL, NULL},
    };
    lua_pushvalue(L, globals);
    luaL_setfuncs(L, ours, 0);
    lua_pop(L, 1);
    lua_getfield(L, real, "load");
    lua_pushcclosure(L, tt__l_load, 1);
    lua_setfield(L, globals, "load");
    lua_getfield(L, real, "setmetatable");
    lua_pushcclosure(L, l_setmetatable, 1);
    lua_setfield(L, globals, "setmetatable");
}

static void open_io(lua_State *L, int globals, int real, bool unsafe)
{
    lua_getfield(L, real, "io");
    int io = lua_gettop(L);
    if (!unsafe) {
        static const char *const readers[] = {"open", "lines"};
        lua_newtable(L);
        for (int i = 0; i < 2; i++) {
            lua_getfield(L, io, readers[i]);
            if (i == 0)
                lua_pushboolean(L, 1); /* takes a mode */
            else
                lua_pushnil(L);
            lua_pushcclosure(L, l_io_read, 2);
            lua_setfield(L, -2, readers[i]);
        }
        copy_field(L, io, lua_gettop(L), "type");
    }
    set_library(L, globals, "io");
    if (!unsafe) { /* files' methods are shared by all virtual users too */
        luaL_getmetatable(L, LUA_FILEHANDLE);
        lua_pushliteral(L, "locked");
        lua_setfield(L, -2, "__metatable");
    }
    lua_settop(L, io - 1);
}

static void open_os(lua_State *L, int globals, int real, bool unsafe)
{
    static const char *const removed[] = {"exit",   "execute", "remove",
                                          "rename", "tmpname", "setlocale"};
    lua_getfield(L, real, "os");
    for (size_t i = 0; !unsafe && i < sizeof removed / sizeof *removed; i++) {
        lua_pushnil(L);
        lua_setfield(L, -2, removed[i]);
    }
    set_library(L, globals, "os");
}

void tt__sandbox_open(struct tt_worker *w)
{
    lua_State *L = w->L;
    int top = lua_gettop(L);
    luaL_openlibs(L);
    lua_pushglobaltable(L);
    int real = lua_gettop(L);
    lua_getfield(L, real, "package");
    lua_getfield(L, -1, "loadlib");
    lua_setfield(L, LUA_REGISTRYINDEX, "ttload.loadlib");
    lua_pop(L, 1);
    lua_newtable(L);
    int globals = lua_gettop(L);
    open_base(L, globals, real);
    static const char *const whole[] = {"string", "table", "utf8"};
    for (size_t i = 0; i < 3; i++) {
        lua_getfield(L, real, whole[i]);
        set_library(L, globals, whole[i]);
    }
    lua_getfield(L, real, "math");
    lua_pushcfunction(L, l_random);
    lua_setfield(L, -2, "random");
    lua_pushcfunction(L, l_randomseed);
    lua_setfield(L, -2, "randomseed");
    set_library(L, globals, "math");
    tt__coro_open(L);
    set_library(L, globals, "coroutine");
    open_io(L, globals, real, w->in->allow_unsafe);
    open_os(L, globals, real, w->in->allow_unsafe);
    if (w->in->allow_unsafe)
        copy_field(L, real, globals, "debug");
    lua_pushliteral(L, ""); /* the strings' metatable is shared too */
    lua_getmetatable(L, -1);
    lua_pushliteral(L, "locked");
    lua_setfield(L, -2, "__metatable");
    lua_settop(L, globals);
    /* Every environment finds what it does not have in the frozen globals. */
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, globals);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "locked");
    lua_setfield(L, -2, "__metatable");
    w->in->env_meta_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_settop(L, top);
}
