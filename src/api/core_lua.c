/* SPDX-License-Identifier: MIT */
/* `ttload`: checks, groups, endings, the environment, time. What waits is in vu/wait_lua.c. Worker
 * thread. */
#include "api/random_lua.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "vu/args.h"
#include "vu/fiber.h"
#include "vu/open_lua.h"
#include "vu/unwind.h"
#include "vu/value.h"
#include "vu/wait_lua.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

extern const struct tt_module tt_module_core;

struct core {             /* per worker */
    struct tt_map groups; /* path -> the same path, which fibers point to */
};

/* --- check --------------------------------------------------------------------------------------
 */

enum { ARG_SUBJECT = 1, ARG_SETS, ARG_TAGS, CHECKS_MAX = 256 };

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The condition on top, popped: true, or a function's answer. */
static bool holds(lua_State *L, const char *name)
{
    if (lua_isfunction(L, -1)) {
        lua_pushvalue(L, ARG_SUBJECT);
        if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
            if (tt_vu_unwinding(L))
                lua_error(L);
            tt_log(TT_LOG_ERROR, "check '%s' raised an error and counts as failed: %s", name,
                   luaL_tolstring(L, -1, NULL));
            lua_pop(L, 2);
            return false;
        }
    } else if (!lua_isboolean(L, -1) && !lua_isnil(L, -1)) {
        luaL_error(L, "check: '%s' is a boolean or a function, not a %s", name,
                   luaL_typename(L, -1));
    }
    bool ok = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return ok;
}

static void record(struct tt_vu *vu, const struct tt_tags *base, const char *name, bool ok)
{
    struct tt_worker *w = vu->w;
    uint64_t now = tt_now_ns();
    const struct tt_tag tag = {"check", name};
    if (!w->shard || vu->warming)
        return;
    const char *group = tt_tags_get(base, "group"); /* a system tag: perhaps not chosen */
    tt_shard_check(w->shard, group ? group : w->current->group, name, ok, now);
    tt_vu_sample(vu, TT_M_checks, ok, tt_tags_system(w->tags, base, &tag, 1), now);
}

/* check(subject, { name = condition }, tags?) -> all held. In the order of their names. */
static int l_check(lua_State *L)
{
    const char *names[CHECKS_MAX];
    size_t n = 0;
    bool all = true;
    struct tt_vu *vu = tt_vu_running(L, "check");
    luaL_checktype(L, ARG_SETS, LUA_TTABLE);
    lua_settop(L, ARG_TAGS);
    const struct tt_tags *base = tt_args_tags(L, ARG_TAGS, "check: tags", vu->w->current->tags);
    for (lua_pushnil(L); lua_next(L, ARG_SETS); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            return luaL_error(L, "check: conditions have names: check(res, { [\"status is 200\"] = "
                                 "res.status == 200 })");
        if (n == CHECKS_MAX)
            return luaL_error(L, "check: more than %d conditions in one call", CHECKS_MAX);
        names[n++] = lua_tostring(L, -2);
    }
    if (n > 1)
        qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++) {
        lua_getfield(L, ARG_SETS, names[i]);
        bool ok = holds(L, names[i]);
        record(vu, base, names[i], ok);
        all &= ok;
    }
    lua_pushboolean(L, all);
    return 1;
}

/* --- group --------------------------------------------------------------------------------------
 */

/* On the stack while the function runs; closing it ends the group, however the function ended. */
struct group {
    struct tt_fiber *fiber;
    const struct tt_tags *tags, *inside; /* before and in the group; held */
    const char *path;
    uint64_t start_ns;
};

static int l_group_close(lua_State *L)
{
    struct group *g = lua_touserdata(L, 1);
    const struct tt_tag outer = {"group", tt_tags_get(g->tags, "group")};
    if (g->fiber->tags == g->inside)
        tt_tags_hold(&g->fiber->tags, g->tags);
    else /* the script has changed its VU's tags meanwhile */
        tt_tags_hold(&g->fiber->tags,
                     tt_tags_with(tt_worker_of(L)->tags, g->fiber->tags, &outer, 1));
    tt_tags_hold(&g->tags, NULL);
    tt_tags_hold(&g->inside, NULL);
    g->fiber->group = g->path;
    return 0;
}

static const char *group_path(lua_State *L, struct tt_worker *w, const char *parent,
                              const char *name)
{
    struct core *core = tt_worker_state(w, &tt_module_core);
    const char *text = lua_pushfstring(L, "%s::%s", parent ? parent : "", name);
    char *path = tt_map_get(&core->groups, text);
    if (!path) {
        path = tt_xstrdup(text);
        tt_map_put(&core->groups, text, path);
    }
    lua_pop(L, 1);
    return path;
}

static int group_done(lua_State *L, int status, lua_KContext start)
{
    struct tt_worker *w = tt_worker_of(L);
    struct group *g = lua_touserdata(L, 3);
    uint64_t now = tt_now_ns();
    (void)status;
    (void)start;
    tt_vu_sample(w->current->vu, TT_M_group_duration, tt_ns_to_ms(now - g->start_ns),
                 w->current->tags, now);
    return lua_gettop(L) - 3;
}

/* group(name, fn) -> fn's results */
static int l_group(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    struct tt_vu *vu = tt_vu_running(L, "group");
    struct tt_worker *w = vu->w;
    struct tt_fiber *f = w->current;
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (!*name || strstr(name, "::"))
        return luaL_argerror(L, 1, "a group's name is not empty and has no '::'");
    lua_settop(L, 2);
    struct group *g = lua_newuserdatauv(L, sizeof *g, 0);
    *g = (struct group){.fiber = f, .path = f->group, .start_ns = tt_now_ns()};
    luaL_setmetatable(L, "ttload.group");
    tt_tags_hold(&g->tags, f->tags);
    tt_tags_hold(&g->inside, f->tags);
    lua_toclose(L, 3);
    f->group = group_path(L, w, f->group, name);
    if (w->shard) {
        const struct tt_tag tag = {"group", f->group};
        tt_tags_hold(&f->tags, tt_tags_system(w->tags, f->tags, &tag, 1));
        tt_tags_hold(&g->inside, f->tags);
        if (!f->vu->warming)
            tt_shard_group(w->shard, f->group, g->start_ns);
    }
    lua_pushvalue(L, 2);
    lua_callk(L, 0, LUA_MULTRET, 0, group_done);
    return group_done(L, LUA_OK, 0);
}

/* --- endings, time, text ------------------------------------------------------------------------
 */

static int l_fail(lua_State *L)
{
    tt_vu_running(L, "fail");
    return tt_vu_unwind(L, TT_UNWIND_FAIL, lua_isnoneornil(L, 1) ? 0 : 1);
}

static int l_abort(lua_State *L)
{
    return tt_vu_unwind(L, TT_UNWIND_ABORT, lua_isnoneornil(L, 1) ? 0 : 1);
}

static int l_now(lua_State *L)
{
    lua_pushnumber(L, tt_ns_to_ms(tt_now_ns()));
    return 1;
}

static int l_time(lua_State *L)
{
    lua_pushnumber(L, (double)tt_wall_ns() / 1e9);
    return 1;
}

static int l_summary_text(lua_State *L)
{
    struct tt_err err = {0};
    cJSON *data = tt_lua_to_json(L, 1, "data", &err);
    if (!data)
        return luaL_error(L, "summary_text: %s", err.text);
    char *text = tt_worker_of(L)->services->summary_text(data);
    cJSON_Delete(data);
    lua_pushstring(L, text ? text : "");
    tt_free(text);
    return 1;
}

/* --- log ----------------------------------------------------------------------------------------
 */

static int write_log(lua_State *L, enum tt_log_level level)
{
    int n = lua_gettop(L);
    char fields[256] = "source=console";
    luaL_Buffer b;
    if (level < tt_log_get_level())
        return 0;
    luaL_buffinit(L, &b);
    for (int i = 1; i <= n; i++) {
        if (i > 1)
            luaL_addchar(&b, ' ');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    const struct tt_vu *vu = tt_vu_current(L);
    if (vu && vu->stage == TT_STAGE_ITERATION && vu->scenario)
        snprintf(fields, sizeof fields, "source=console vu=%llu iter=%llu scenario=%s",
                 (unsigned long long)vu->id, (unsigned long long)vu->iteration, vu->scenario->name);
    tt_log_fields(level, fields, "%s", lua_tostring(L, -1));
    return 0;
}

static int l_log_debug(lua_State *L)
{
    return write_log(L, TT_LOG_DEBUG);
}

static int l_log_info(lua_State *L)
{
    return write_log(L, TT_LOG_INFO);
}

static int l_log_warn(lua_State *L)
{
    return write_log(L, TT_LOG_WARN);
}

static int l_log_error(lua_State *L)
{
    return write_log(L, TT_LOG_ERROR);
}

/* --- env ----------------------------------------------------------------------------------------
 */

/* One read-only table for all VUs: what it shows depends on the VU that looks. The scenario's
 * variables win over the run's, later ones over earlier ones. */
static const char *env_find(const struct tt_worker *w, const struct tt_vu *vu, const char *name)
{
    const struct tt_scenario *sc = vu ? vu->scenario : NULL;
    for (size_t i = sc ? sc->n_env : 0; i-- > 0;)
        if (strcmp(sc->env[i].key, name) == 0)
            return sc->env[i].value;
    for (size_t i = w->n_env; i-- > 0;)
        if (strcmp(w->env[i].key, name) == 0)
            return w->env[i].value;
    return NULL;
}

static int l_env_index(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    lua_pushstring(L, env_find(tt_worker_of(L), tt_vu_current(L), name));
    return 1;
}

static int l_env_newindex(lua_State *L)
{
    return luaL_error(L, "ttload.env is read-only (set variables with --env NAME=VALUE)");
}

static int l_env_pairs(lua_State *L)
{
    struct tt_worker *w = tt_worker_of(L);
    const struct tt_vu *vu = tt_vu_current(L);
    const struct tt_scenario *sc = vu ? vu->scenario : NULL;
    lua_getglobal(L, "next");
    lua_newtable(L);
    for (size_t i = 0; i < w->n_env; i++) {
        lua_pushstring(L, w->env[i].value);
        lua_setfield(L, -2, w->env[i].key);
    }
    for (size_t i = 0; sc && i < sc->n_env; i++) {
        lua_pushstring(L, sc->env[i].value);
        lua_setfield(L, -2, sc->env[i].key);
    }
    lua_pushnil(L);
    return 3;
}

static void push_env(lua_State *L)
{
    static const luaL_Reg meta[] = {{"__index", l_env_index},
                                    {"__newindex", l_env_newindex},
                                    {"__pairs", l_env_pairs},
                                    {NULL, NULL}};
    lua_newtable(L);
    luaL_newlib(L, meta);
    lua_pushliteral(L, "frozen");
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}

/* --- the module ---------------------------------------------------------------------------------
 */

static int open_core(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"check", l_check}, {"group", l_group},  {"sleep", tt_l_sleep},
        {"fail", l_fail},   {"abort", l_abort},  {"spawn", tt_l_spawn},
        {"all", tt_l_all},  {"race", tt_l_race}, {"open", tt_l_open},
        {"now", l_now},     {"time", l_time},    {"summary_text", l_summary_text},
        {NULL, NULL},
    };
    static const luaL_Reg log[] = {
        {"debug", l_log_debug}, {"info", l_log_info}, {"warn", l_log_warn},
        {"error", l_log_error}, {NULL, NULL},
    };
    luaL_newmetatable(L, "ttload.group");
    lua_pushcfunction(L, l_group_close);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    luaL_newlib(L, log);
    lua_setfield(L, -2, "log");
    tt_l_push_random(L);
    lua_setfield(L, -2, "random");
    push_env(L);
    lua_setfield(L, -2, "env");
    return 1;
}

static bool core_init(struct tt_worker *w, void *state, struct tt_err *err)
{
    (void)w;
    (void)err;
    tt_map_init(&((struct core *)state)->groups);
    return true;
}

static void core_fini(struct tt_worker *w, void *state)
{
    (void)w;
    tt_map_fini(&((struct core *)state)->groups, tt_free);
}

const struct tt_module tt_module_core = {
    .name = "ttload",
    .open = open_core,
    .worker_size = sizeof(struct core),
    .worker_init = core_init,
    .worker_fini = core_fini,
};
