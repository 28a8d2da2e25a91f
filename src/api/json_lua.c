/* SPDX-License-Identifier: MIT */
/* `ttload.json`: encode, decode, null, array. Worker thread. */
#include "base/json.h"
#include "base/memory.h"
#include "vu/args.h"
#include "vu/value.h"
#include <lauxlib.h>

/* encode(value, { indent = true }?) -> text */
static int l_encode(lua_State *L)
{
    static const char *const known[] = {"indent"};
    struct tt_err err = {0};
    struct tt_buf text;
    bool indent = false;
    luaL_checkany(L, 1);
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        tt_args_only(L, 2, "json.encode", "option", known, 1);
        lua_getfield(L, 2, "indent");
        indent = lua_toboolean(L, -1);
    }
    cJSON *v = tt_lua_to_json(L, 1, "value", &err);
    if (!v)
        return luaL_error(L, "json.encode: %s", err.text);
    tt_buf_init(&text, SIZE_MAX);
    tt_json_write(&text, v, indent);
    cJSON_Delete(v);
    lua_pushlstring(L, text.data, text.len);
    tt_buf_fini(&text);
    return 1;
}

static int push_value(lua_State *L)
{
    tt_json_push(L, lua_touserdata(L, 1), true);
    return 1;
}

/* decode(text) -> value. Raises when the text is no JSON. */
static int l_decode(lua_State *L)
{
    size_t n;
    struct tt_err err = {0};
    const char *text = luaL_checklstring(L, 1, &n);
    cJSON *v = tt_json_read(text, n, 0, &err);
    if (!v)
        return luaL_error(L, "json.decode: %s", err.text);
    lua_pushcfunction(L, push_value);
    lua_pushlightuserdata(L, v);
    int status = lua_pcall(L, 1, 1, 0); /* deep values may not fit on the stack */
    cJSON_Delete(v);
    return status == LUA_OK ? 1 : lua_error(L);
}

/* array(t?) -> t, which is an array from then on: an empty one stays []. */
static int l_array(lua_State *L)
{
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        lua_newtable(L);
        lua_replace(L, 1);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tt_json_array_key);
    if (lua_getmetatable(L, 1) && !lua_rawequal(L, -1, -2))
        return luaL_error(L, "json.array: the table has a metatable of its own");
    lua_settop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tt_json_array_key);
    lua_setmetatable(L, 1);
    return 1;
}

static int open_json(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"encode", l_encode}, {"decode", l_decode}, {"array", l_array}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_pushlightuserdata(L, (void *)(uintptr_t)&tt_json_null_key);
    lua_setfield(L, -2, "null");
    return 1;
}

extern const struct tt_module tt_module_json;
const struct tt_module tt_module_json = {.name = "ttload.json", .open = open_json};
