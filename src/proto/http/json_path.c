/* SPDX-License-Identifier: MIT */
/* Dotted paths into JSON, a subset of the ones k6 takes (gjson's):
 *
 *   user.name     a member            items.0     an element, from 0
 *   items.#       how many elements   items.#.id  the id of each element that has one, as a list
 *   fav\.movie    '\' takes the next character as it is
 *   chi*.na?e     the first member whose name matches
 *
 * Queries ("#(age>40)") are refused. Worker thread. */
#include "base/json.h"
#include "proto/http/http_lua_int.h"
#include "vu/value.h"
#include <string.h>

enum { MATCH_STEPS_MAX = 10000 }; /* of one name: patterns with many '*' explode */

static bool at_end(const char *p)
{
    return *p == '\0' || *p == '.';
}

/* Does name match the path's component at p? */
static bool matches(const char *p, const char *name, unsigned *steps)
{
    for (; !at_end(p); p++, name++) {
        if (++*steps > MATCH_STEPS_MAX)
            return false;
        if (*p == '*') {
            while (*p == '*')
                p++;
            for (;; name++) {
                if (matches(p, name, steps))
                    return true;
                if (!*name)
                    return false;
            }
        }
        if (!*name)
            return false;
        if (*p == '\\' && p[1])
            p++;
        else if (*p == '?')
            continue;
        if (*p != *name)
            return false;
    }
    return *name == '\0';
}

static const char *skip_component(const char *p)
{
    while (!at_end(p))
        p += *p == '\\' && p[1] ? 2 : 1;
    return p;
}

static const cJSON *member(const cJSON *v, const char *component)
{
    for (const cJSON *c = v->child; c; c = c->next) {
        unsigned steps = 0;
        if (c->string && matches(component, c->string, &steps))
            return c;
    }
    return NULL;
}

static const cJSON *element(const cJSON *v, const char *component)
{
    size_t i = 0;
    const char *p = component;
    for (; *p >= '0' && *p <= '9' && i < SIZE_MAX / 16; p++)
        i = i * 10 + (size_t)(*p - '0');
    if (p == component || !at_end(p))
        return NULL;
    const cJSON *c = v->child;
    while (c && i--)
        c = c->next;
    return c;
}

static bool push_path(lua_State *L, const cJSON *v, const char *path);

static bool push_each(lua_State *L, const cJSON *list, const char *path)
{
    lua_Integer n = 0;
    lua_newtable(L);
    for (const cJSON *c = list->child; c; c = c->next)
        if (push_path(L, c, path))
            lua_rawseti(L, -2, ++n);
    if (n == 0) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, &tt_json_array_key);
        lua_setmetatable(L, -2);
    }
    return true;
}

/* Pushes what path names below v; false and nothing when there is no such thing. */
static bool push_path(lua_State *L, const cJSON *v, const char *path)
{
    luaL_checkstack(L, 6, "JSON path too deep");
    for (;;) {
        const char *next = skip_component(path);
        bool last = *next == '\0';
        if (cJSON_IsArray(v) && path[0] == '#' && at_end(path + 1)) {
            if (!last)
                return push_each(L, v, next + 1);
            lua_pushinteger(L, cJSON_GetArraySize(v));
            return true;
        }
        v = cJSON_IsArray(v) ? element(v, path) : cJSON_IsObject(v) ? member(v, path) : NULL;
        if (!v)
            return false;
        if (last)
            break;
        path = next + 1;
    }
    tt_json_push(L, v, true);
    return true;
}

struct job {
    const cJSON *root;
    const char *path;
};

static int push_job(lua_State *L)
{
    const struct job *j = lua_touserdata(L, 1);
    if (!j->path)
        tt_json_push(L, j->root, true);
    else if (!push_path(L, j->root, j->path))
        lua_pushnil(L);
    if (lua_touserdata(L, -1) == &tt_json_null_key) /* only inside of tables null is a value */
        lua_pushnil(L);
    return 1;
}

static void refuse_queries(lua_State *L, const char *path)
{
    for (const char *p = path;; p++) {
        if (p[0] == '#' && p[1] == '(')
            luaL_error(L, "json: path '%s': queries, '#(...)', are not supported", path);
        p = skip_component(p);
        if (!*p)
            return;
    }
}

int tt__http_json(lua_State *L, const char *text, size_t n, const char *path)
{
    struct tt_err err = {0};
    if (path)
        refuse_queries(L, path);
    struct job job = {.path = path};
    cJSON *root = tt_json_read(text, n, 0, &err);
    if (!root && !path)
        return luaL_error(L, "json: %s", err.text);
    if (!root) {
        lua_pushnil(L);
        return 1;
    }
    job.root = root;
    lua_pushcfunction(L, push_job);
    lua_pushlightuserdata(L, &job);
    int status = lua_pcall(L, 1, 1, 0); /* deep values may not fit on the stack */
    cJSON_Delete(root);
    return status == LUA_OK ? 1 : lua_error(L);
}
