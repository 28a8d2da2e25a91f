/* SPDX-License-Identifier: MIT */
/* `ttload.testserver`: embedded servers for scripts. One runs on its own thread from tunnel{},
 * http{} or ws{} until stop(), or until the end of the run: collecting the object does not stop it,
 * since its endpoint may have gone to other VUs. Worker thread. */
#include "base/memory.h"
#include "target/target.h"
#include "vu/args.h"
#include "vu/module.h"
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#define SERVER_TYPE "ttload.testserver"
enum { NAMES_MAX = 64 };

extern const struct tt_module tt_module_testserver;

struct running {
    struct tt_target *target; /* NULL: stopped */
    const struct tt_target_class *class;
    struct running *next;
    char endpoint[96], url[96];
    unsigned port;
    uint64_t counters[]; /* when it was stopped */
};

/* Per worker: all that were started here. */
struct servers {
    struct running *first;
};

struct box {
    struct running *r;
};

static struct running *check(lua_State *L)
{
    return ((struct box *)luaL_checkudata(L, 1, SERVER_TYPE))->r;
}

static void stop(struct running *r)
{
    if (!r->target)
        return;
    for (size_t i = 0; i < r->class->n_counters; i++)
        r->counters[i] = tt_target_counter(r->target, i);
    tt_target_stop(r->target);
    r->target = NULL;
}

/* --- starting ----------------------------------------------------------------------------------
 */

/* Pairs of the table at 1 as text, into a table at 2, before anything is held. */
static void read_table(lua_State *L, const struct tt_target_class *class)
{
    const char *names[NAMES_MAX];
    size_t n = tt_target_option_names(class, names, NAMES_MAX);
    const char *what = lua_pushfstring(L, "testserver.%s", class->name);
    lua_newtable(L);
    int out = lua_gettop(L);
    if (lua_isnoneornil(L, 1))
        return;
    if (!lua_istable(L, 1))
        luaL_error(L, "%s: a table of options is expected, not a %s", what, luaL_typename(L, 1));
    tt_args_only(L, 1, what, "option", names, n);
    for (lua_pushnil(L); lua_next(L, 1); lua_settop(L, out + 1)) {
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        const char *type = luaL_typename(L, -1);
        if (!tt_args_text(L, -1, NULL))
            luaL_error(L, "%s: %s: a number, text or boolean is expected, not a %s", what,
                       lua_tostring(L, -2), type);
        lua_rawset(L, out);
    }
}

static struct running *keep(struct tt_target *t, struct servers *all)
{
    struct running *r = tt_xcalloc(1, sizeof *r + t->class->n_counters * sizeof *r->counters);
    r->target = t;
    r->class = t->class;
    r->port = tt_server_port(t->server);
    memcpy(r->endpoint, t->endpoint, sizeof r->endpoint);
    bool ws = strncmp(t->endpoint, "ws", 2) == 0;
    snprintf(r->url, sizeof r->url, "%s%.80s", ws ? "http" : "", t->endpoint + (ws ? 2 : 0));
    r->next = all->first;
    all->first = r;
    return r;
}

static int start(lua_State *L, const char *name)
{
    const struct tt_target_class *class = tt_target_class_find(name);
    struct tt_vu *vu = tt_vu_running(L, lua_pushfstring(L, "testserver.%s", name));
    struct tt_err err = {0};
    lua_settop(L, 1);
    read_table(L, class);
    int table = lua_gettop(L);
    struct box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->r = NULL;
    struct tt_target_settings *s = tt_target_settings_new(class);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) /* text only: nothing raises */
        if (!err.text[0])
            tt_target_set(s, lua_tostring(L, -2), lua_tostring(L, -1), &err);
    if (err.text[0]) {
        tt_target_settings_free(s);
        return luaL_error(L, "testserver.%s: %s", name, err.text);
    }
    struct tt_target *t = tt_target_start(s, &err);
    if (!t)
        return luaL_error(L, "testserver.%s: %s", name, err.text);
    box->r = keep(t, tt_worker_state(vu->w, &tt_module_testserver));
    luaL_setmetatable(L, SERVER_TYPE);
    return 1;
}

static int l_tunnel(lua_State *L)
{
    return start(L, "tunnel");
}

static int l_http(lua_State *L)
{
    return start(L, "http");
}

static int l_ws(lua_State *L)
{
    return start(L, "ws");
}

/* --- the object --------------------------------------------------------------------------------
 */

/* server:stop(): closes its connections; once is enough */
static int l_stop(lua_State *L)
{
    stop(check(L));
    return 0;
}

/* server:stats() -> its counters by name */
static int l_stats(lua_State *L)
{
    const struct running *r = check(L);
    lua_createtable(L, 0, (int)r->class->n_counters);
    for (size_t i = 0; i < r->class->n_counters; i++) {
        uint64_t v = r->target ? tt_target_counter(r->target, i) : r->counters[i];
        lua_pushinteger(L, (lua_Integer)v);
        lua_setfield(L, -2, r->class->counters[i]);
    }
    return 1;
}

static int l_index(lua_State *L)
{
    const struct running *r = check(L);
    const char *name = luaL_tolstring(L, 2, NULL);
    if (strcmp(name, "endpoint") == 0)
        lua_pushstring(L, r->endpoint);
    else if (strcmp(name, "url") == 0)
        lua_pushstring(L, r->url);
    else if (strcmp(name, "port") == 0)
        lua_pushinteger(L, r->port);
    else if (strcmp(name, "stop") == 0)
        lua_pushcfunction(L, l_stop);
    else if (strcmp(name, "stats") == 0)
        lua_pushcfunction(L, l_stats);
    else
        return luaL_error(L, "a test server has endpoint, url, port, stop and stats, no '%s'",
                          name);
    return 1;
}

static int l_tostring(lua_State *L)
{
    const struct running *r = check(L);
    lua_pushfstring(L, "%s server at %s%s", r->class->name, r->endpoint,
                    r->target ? "" : " (stopped)");
    return 1;
}

/* --- the module --------------------------------------------------------------------------------
 */

static int open_testserver(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"tunnel", l_tunnel}, {"http", l_http}, {"ws", l_ws}, {NULL, NULL}};
    luaL_newmetatable(L, SERVER_TYPE);
    lua_pushcfunction(L, l_index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "frozen");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    return 1;
}

static void worker_fini(struct tt_worker *w, void *state)
{
    struct servers *all = state;
    (void)w;
    while (all->first) {
        struct running *r = all->first;
        all->first = r->next;
        stop(r);
        tt_free(r);
    }
}

const struct tt_module tt_module_testserver = {
    .name = "ttload.testserver",
    .open = open_testserver,
    .worker_size = sizeof(struct servers),
    .worker_fini = worker_fini,
};
