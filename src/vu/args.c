/* SPDX-License-Identifier: MIT */
/* Reading arguments: see args.h. */
#include "vu/args.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/units.h"
#include <lauxlib.h>
#include <math.h>
#include <string.h>

enum { TAGS_MAX = 64 };

uint64_t tt_args_duration(lua_State *L, int idx, const char *what)
{
    struct tt_err err = {0};
    uint64_t ns = 0;
    bool ok;
    if (lua_type(L, idx) == LUA_TNUMBER)
        ok = tt_seconds_to_ns(lua_tonumber(L, idx), &ns, &err);
    else if (lua_type(L, idx) == LUA_TSTRING)
        ok = tt_parse_duration(lua_tostring(L, idx), &ns, &err);
    else
        ok = tt_err_set(&err, 0, "a duration (\"500ms\") or seconds are expected, not %s",
                        luaL_typename(L, idx));
    if (!ok)
        luaL_error(L, "%s: %s", what, err.text);
    return ns;
}

const char *tt_args_text(lua_State *L, int idx, size_t *n)
{
    idx = lua_absindex(L, idx);
    int type = lua_type(L, idx);
    if (type == LUA_TBOOLEAN) {
        lua_pushstring(L, lua_toboolean(L, idx) ? "true" : "false");
        lua_replace(L, idx);
    } else if (type == LUA_TNUMBER && !lua_isinteger(L, idx)) {
        double v = lua_tonumber(L, idx);
        if (v == floor(v) && fabs(v) < 9007199254740992.0) {
            lua_pushinteger(L, (lua_Integer)v);
            lua_replace(L, idx);
        }
    } else if (type != LUA_TNUMBER && type != LUA_TSTRING) {
        return NULL;
    }
    return lua_tolstring(L, idx, n);
}

const struct tt_tags *tt_args_tags(lua_State *L, int idx, const char *what,
                                   const struct tt_tags *base)
{
    struct tt_tag tags[TAGS_MAX];
    size_t n = 0;
    if (lua_isnoneornil(L, idx))
        return base;
    idx = lua_absindex(L, idx);
    if (lua_type(L, idx) != LUA_TTABLE)
        luaL_error(L, "%s: a table of tags is expected, not %s", what, luaL_typename(L, idx));
    int top = lua_gettop(L);
    luaL_checkstack(L, TAGS_MAX + 8, NULL);
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "%s: a tag's name is text, not %s", what, luaL_typename(L, -2));
        const char *key = lua_tostring(L, -2), *type = luaL_typename(L, -1);
        const char *value = tt_args_text(L, -1, NULL);
        if (!value)
            luaL_error(L, "%s: tag '%s' is text, a number or a boolean, not %s", what, key, type);
        if (n == TAGS_MAX)
            luaL_error(L, "%s: more than %d tags", what, TAGS_MAX);
        tags[n++] = (struct tt_tag){key, value};
        lua_insert(L, -2); /* the value's text stays below the key until the set is made */
    }
    struct tt_worker *w = tt_worker_of(L);
    const struct tt_tags *set = w->tags && n ? tt_tags_with(w->tags, base, tags, n) : base;
    lua_settop(L, top);
    return set;
}

int tt_args_unknown(lua_State *L, const char *what, const char *kind, const char *name,
                    const char *const *known, size_t n_known)
{
    const char *near = tt_suggest(name, known, n_known);
    if (near)
        return luaL_error(L, "%s: unknown %s '%s' (did you mean '%s'?)", what, kind, name, near);
    return luaL_error(L, "%s: unknown %s '%s'", what, kind, name);
}

void tt_args_only(lua_State *L, int idx, const char *what, const char *kind,
                  const char *const *known, size_t n_known)
{
    idx = lua_absindex(L, idx);
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        lua_pop(L, 1);
        const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
        size_t i = 0;
        if (!name)
            luaL_error(L, "%s: a %s's name is text, not %s", what, kind, luaL_typename(L, -1));
        while (i < n_known && strcmp(name, known[i]) != 0)
            i++;
        if (i == n_known)
            tt_args_unknown(L, what, kind, name, known, n_known);
    }
}

size_t tt_args_choice(lua_State *L, int idx, const char *what, const char *const *choices, size_t n,
                      size_t def)
{
    if (lua_isnoneornil(L, idx))
        return def;
    const char *s = lua_type(L, idx) == LUA_TSTRING ? lua_tostring(L, idx) : "";
    for (size_t i = 0; i < n; i++)
        if (strcmp(s, choices[i]) == 0)
            return i;
    luaL_Buffer b;
    lua_pushvalue(L, idx);
    const char *found = luaL_tolstring(L, -1, NULL);
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < n; i++) {
        luaL_addstring(&b, i == 0 ? "'" : i + 1 < n ? "', '" : "' or '");
        luaL_addstring(&b, choices[i]);
    }
    luaL_addstring(&b, "'");
    luaL_pushresult(&b);
    luaL_error(L, "%s: %s is expected, not '%s'", what, lua_tostring(L, -1), found);
    return 0;
}
