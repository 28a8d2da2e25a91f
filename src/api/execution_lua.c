/* SPDX-License-Identifier: MIT */
/* `ttload.execution`: what the script may know of its VU, its scenario, this process and the test,
 * and change of them. Its tables are shared by the worker's VUs and hold nothing: a field is looked
 * up when it is read. Worker thread. */
#include "vu/args.h"
#include "vu/fiber.h"
#include "vu/unwind.h"
#include "vu/value.h"
#include <lauxlib.h>
#include <math.h>
#include <string.h>

static const char tags_key, metadata_key, options_key; /* in the registry */

enum { FIELDS_MAX = 8 };
struct field {
    const char *name;
    void (*push)(lua_State *L, struct tt_vu *vu);
};
struct object {
    const char *name;
    void (*check)(lua_State *L, const struct object *o, const struct tt_vu *vu);
    struct field fields[FIELDS_MAX];
};

static void not_in_init(lua_State *L, const struct object *o, const struct tt_vu *vu)
{
    if (!vu || vu->stage == TT_STAGE_INIT)
        luaL_error(L, "%s is not available in init (the top level of the script)", o->name);
}

static void only_in_iterations(lua_State *L, const struct object *o, const struct tt_vu *vu)
{
    not_in_init(L, o, vu);
    if (vu->stage != TT_STAGE_ITERATION)
        luaL_error(L,
                   "%s is available in iterations only, not in setup, teardown or handle_summary",
                   o->name);
}

/* --- vu ----------------------------------------------------------------------------------------
 */

static void push_count(lua_State *L, uint64_t n)
{
    lua_pushinteger(L, (lua_Integer)n);
}

static void vu_id_in_test(lua_State *L, struct tt_vu *vu)
{
    push_count(L, vu->id);
}

static void vu_id_in_instance(lua_State *L, struct tt_vu *vu)
{
    push_count(L, vu->id_in_instance);
}

static void vu_iteration_in_instance(lua_State *L, struct tt_vu *vu)
{
    push_count(L, vu->iteration);
}

static void vu_iteration_in_scenario(lua_State *L, struct tt_vu *vu)
{
    push_count(L, vu->iteration_in_scenario);
}

static void vu_tags(lua_State *L, struct tt_vu *vu)
{
    (void)vu;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tags_key);
}

static void vu_metadata(lua_State *L, struct tt_vu *vu)
{
    (void)vu;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &metadata_key);
}

/* --- scenario, instance ------------------------------------------------------------------------
 */

static struct tt_scenario_facts scenario_facts(const struct tt_vu *vu)
{
    struct tt_scenario_facts f = {0};
    vu->w->services->scenario_facts(vu, &f);
    return f;
}

static struct tt_instance_facts instance_facts(const struct tt_vu *vu)
{
    struct tt_instance_facts f = {0};
    vu->w->services->instance_facts(vu->w, &f);
    return f;
}

static void scenario_name(lua_State *L, struct tt_vu *vu)
{
    lua_pushstring(L, vu->scenario->name);
}

static void scenario_executor(lua_State *L, struct tt_vu *vu)
{
    lua_pushstring(L, vu->scenario->executor);
}

static void scenario_start_time(lua_State *L, struct tt_vu *vu)
{
    push_count(L, scenario_facts(vu).start_wall_ns / 1000000);
}

static void scenario_progress(lua_State *L, struct tt_vu *vu)
{
    lua_pushnumber(L, scenario_facts(vu).progress);
}

static void scenario_iteration_in_instance(lua_State *L, struct tt_vu *vu)
{
    push_count(L, scenario_facts(vu).iteration_in_instance);
}

static void scenario_iteration_in_test(lua_State *L, struct tt_vu *vu)
{
    push_count(L, vu->iteration_in_test);
}

static void instance_vus_active(lua_State *L, struct tt_vu *vu)
{
    lua_pushinteger(L, instance_facts(vu).vus_active);
}

static void instance_vus_initialized(lua_State *L, struct tt_vu *vu)
{
    lua_pushinteger(L, instance_facts(vu).vus_initialized);
}

static void instance_completed(lua_State *L, struct tt_vu *vu)
{
    push_count(L, instance_facts(vu).complete);
}

static void instance_interrupted(lua_State *L, struct tt_vu *vu)
{
    push_count(L, instance_facts(vu).interrupted);
}

static void instance_duration(lua_State *L, struct tt_vu *vu)
{
    lua_pushnumber(L, (double)instance_facts(vu).elapsed_ns / 1e6);
}

/* --- test --------------------------------------------------------------------------------------
 */

static int l_abort(lua_State *L)
{
    return tt_vu_unwind(L, TT_UNWIND_ABORT, lua_isnoneornil(L, 1) ? 0 : 1);
}

/* The run is a failed one, and goes on. */
static int l_fail(lua_State *L)
{
    struct tt_vu *vu = tt_vu_running(L, "test.fail");
    if (vu->stage == TT_STAGE_SUMMARY)
        return luaL_error(L, "test.fail is not allowed in handle_summary: the test is over");
    vu->w->services->fail_test(vu->w, luaL_optstring(L, 1, NULL));
    return 0;
}

static void test_abort(lua_State *L, struct tt_vu *vu)
{
    (void)vu;
    lua_pushcfunction(L, l_abort);
}

static void test_fail(lua_State *L, struct tt_vu *vu)
{
    (void)vu;
    lua_pushcfunction(L, l_fail);
}

/* Made when somebody asks first, then shared. */
static void test_options(lua_State *L, struct tt_vu *vu)
{
    static const struct object self = {.name = "ttload.execution.test.options"};
    not_in_init(L, &self, vu);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &options_key) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    cJSON *options = tt_plan_json(vu->w->plan);
    tt_json_push(L, options, false); /* raises only when memory is out, which ends the process */
    cJSON_Delete(options);
    tt_l_freeze(L, self.name);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &options_key);
}

/* --- the objects --------------------------------------------------------------------------------
 */

static const struct object objects[] = {
    {"ttload.execution.vu",
     not_in_init,
     {{"id_in_test", vu_id_in_test},
      {"id_in_instance", vu_id_in_instance},
      {"iteration_in_instance", vu_iteration_in_instance},
      {"iteration_in_scenario", vu_iteration_in_scenario},
      {"tags", vu_tags},
      {"metadata", vu_metadata}}},
    {"ttload.execution.scenario",
     only_in_iterations,
     {{"name", scenario_name},
      {"executor", scenario_executor},
      {"start_time", scenario_start_time},
      {"progress", scenario_progress},
      {"iteration_in_instance", scenario_iteration_in_instance},
      {"iteration_in_test", scenario_iteration_in_test}}},
    {"ttload.execution.instance",
     not_in_init,
     {{"vus_active", instance_vus_active},
      {"vus_initialized", instance_vus_initialized},
      {"iterations_completed", instance_completed},
      {"iterations_interrupted", instance_interrupted},
      {"current_test_run_duration", instance_duration}}},
    {"ttload.execution.test",
     NULL,
     {{"abort", test_abort}, {"fail", test_fail}, {"options", test_options}}},
};

static const struct object *self(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

static int l_index(lua_State *L)
{
    const struct object *o = self(L);
    const char *name = luaL_tolstring(L, 2, NULL), *known[FIELDS_MAX];
    struct tt_vu *vu = tt_vu_current(L);
    size_t n = 0;
    for (; n < FIELDS_MAX && o->fields[n].name; n++) {
        known[n] = o->fields[n].name;
        if (strcmp(name, known[n]) != 0)
            continue;
        if (o->check)
            o->check(L, o, vu);
        o->fields[n].push(L, vu);
        return 1;
    }
    return tt_args_unknown(L, o->name, "field", name, known, n);
}

static int l_newindex(lua_State *L)
{
    return luaL_error(L, "%s is read-only", self(L)->name);
}

static int l_pairs(lua_State *L)
{
    const struct object *o = self(L);
    struct tt_vu *vu = tt_vu_current(L);
    if (o->check)
        o->check(L, o, vu);
    lua_getglobal(L, "next");
    lua_newtable(L);
    for (size_t n = 0; n < FIELDS_MAX && o->fields[n].name; n++) {
        o->fields[n].push(L, vu);
        lua_setfield(L, -2, o->fields[n].name);
    }
    lua_pushnil(L);
    return 3;
}

/* --- tags and metadata ---------------------------------------------------------------------------
 */

/* The key at 2, the value at 3 as text; NULL: it is removed. */
static const char *read_label(lua_State *L, const char *what)
{
    if (lua_type(L, 2) != LUA_TSTRING)
        luaL_error(L, "%s: a name is text, not %s", what, luaL_typename(L, 2));
    if (lua_isnil(L, 3))
        return NULL;
    const char *type = luaL_typename(L, 3), *value = tt_args_text(L, 3, NULL);
    if (!value)
        luaL_error(L, "%s: '%s' is text, a number or a boolean, not %s", what, lua_tostring(L, 2),
                   type);
    return value;
}

static const struct tt_tags *current_tags(lua_State *L)
{
    struct tt_vu *vu = tt_vu_running(L, "vu.tags");
    return vu->w->current ? vu->w->current->tags : vu->tags;
}

static int l_tags_index(lua_State *L)
{
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    lua_pushstring(L, tt_tags_get(current_tags(L), key));
    return 1;
}

static int l_tags_newindex(lua_State *L)
{
    static const char *const ours[] = {"group", "scenario", "check", "warmup"};
    struct tt_vu *vu = tt_vu_running(L, "vu.tags");
    const char *value = read_label(L, "vu.tags"), *key = lua_tostring(L, 2);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(key, ours[i]) == 0)
            return luaL_error(L, "vu.tags: '%s' is set by ttload itself", key);
    if (!tt_vu_set_tag(vu, key, value))
        return luaL_error(L, "vu.tags: too many tags, or too many different values of them (for "
                             "values that never come again there is vu.metadata)");
    return 0;
}

static int l_tags_pairs(lua_State *L)
{
    const struct tt_tags *t = current_tags(L);
    lua_getglobal(L, "next");
    lua_newtable(L);
    for (size_t i = 0; i < tt_tags_count(t); i++) {
        lua_pushstring(L, tt_tags_at(t, i).value);
        lua_setfield(L, -2, tt_tags_at(t, i).key);
    }
    lua_pushnil(L);
    return 3;
}

static int l_metadata_index(lua_State *L)
{
    const struct tt_vu *vu = tt_vu_running(L, "vu.metadata");
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    for (size_t i = 0; vu->metadata && i < vu->metadata->n; i++)
        if (strcmp(vu->metadata->items[i].key, key) == 0) {
            lua_pushstring(L, vu->metadata->items[i].value);
            return 1;
        }
    return 0;
}

static int l_metadata_newindex(lua_State *L)
{
    struct tt_vu *vu = tt_vu_running(L, "vu.metadata");
    const char *value = read_label(L, "vu.metadata");
    tt_vu_set_metadata(vu, lua_tostring(L, 2), value);
    return 0;
}

static int l_metadata_pairs(lua_State *L)
{
    const struct tt_vu *vu = tt_vu_running(L, "vu.metadata");
    lua_getglobal(L, "next");
    lua_newtable(L);
    for (size_t i = 0; vu->metadata && i < vu->metadata->n; i++) {
        lua_pushstring(L, vu->metadata->items[i].value);
        lua_setfield(L, -2, vu->metadata->items[i].key);
    }
    lua_pushnil(L);
    return 3;
}

/* --- the module ---------------------------------------------------------------------------------
 */

/* An empty table whose fields are these functions' matter. */
static void push_proxy(lua_State *L, const luaL_Reg *meta, const struct object *o)
{
    lua_newtable(L);
    lua_newtable(L);
    lua_pushlightuserdata(L, (void *)(uintptr_t)o);
    luaL_setfuncs(L, meta, 1);
    lua_pushliteral(L, "locked");
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}

static int open_execution(lua_State *L)
{
    static const luaL_Reg object[] = {
        {"__index", l_index}, {"__newindex", l_newindex}, {"__pairs", l_pairs}, {NULL, NULL}};
    static const luaL_Reg tags[] = {{"__index", l_tags_index},
                                    {"__newindex", l_tags_newindex},
                                    {"__pairs", l_tags_pairs},
                                    {NULL, NULL}};
    static const luaL_Reg metadata[] = {{"__index", l_metadata_index},
                                        {"__newindex", l_metadata_newindex},
                                        {"__pairs", l_metadata_pairs},
                                        {NULL, NULL}};
    push_proxy(L, tags, NULL);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &tags_key);
    push_proxy(L, metadata, NULL);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &metadata_key);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        push_proxy(L, object, &objects[i]);
        lua_setfield(L, -2, strrchr(objects[i].name, '.') + 1);
    }
    return 1;
}

const struct tt_module tt_module_execution = {.name = "ttload.execution", .open = open_execution};
