/* SPDX-License-Identifier: MIT */
/* response:json(path): what each form of a path finds, and what it must not find. */
#include "proto/http/http_lua_int.h"
#include "unit.h"
#include "vu/value.h"
#include <lualib.h>

static lua_State *open_lua(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &tt_json_array_key);
    lua_pushlightuserdata(L, (void *)(uintptr_t)&tt_json_null_key);
    lua_setglobal(L, "null");
    return L;
}

struct call {
    const char *text, *path;
};

static int l_call(lua_State *L)
{
    const struct call *c = lua_touserdata(L, 1);
    return tt__http_json(L, c->text, strlen(c->text), c->path);
}

/* Leaves the value, or the error, on top. */
static int look_up(lua_State *L, const char *text, const char *path)
{
    struct call c = {text, path};
    lua_pushcfunction(L, l_call);
    lua_pushlightuserdata(L, &c);
    return lua_pcall(L, 1, 1, 0);
}

/* The condition, a Lua expression over v, holds for what path finds. */
static void finds(const char *text, const char *path, const char *condition)
{
    char chunk[512];
    lua_State *L = open_lua();
    if (look_up(L, text, path) != LUA_OK)
        fail_msg("%s: %s", path, lua_tostring(L, -1));
    lua_setglobal(L, "v");
    assert_int_equal(lua_gettop(L), 0);
    snprintf(chunk, sizeof chunk, "return %s", condition);
    assert_int_equal(luaL_dostring(L, chunk), LUA_OK);
    if (!lua_toboolean(L, -1)) {
        lua_getglobal(L, "v");
        fail_msg("%s of %s: not %s, but %s", path ? path : "all", text, condition,
                 luaL_tolstring(L, -1, NULL));
    }
    lua_close(L);
}

static void raises(const char *text, const char *path, const char *why)
{
    lua_State *L = open_lua();
    assert_int_not_equal(look_up(L, text, path), LUA_OK);
    if (!strstr(lua_tostring(L, -1), why))
        fail_msg("'%s' does not say '%s'", lua_tostring(L, -1), why);
    lua_close(L);
}

static const char doc[] =
    "{\"user\":{\"name\":\"Ann\",\"fav.movie\":\"Up\",\"a*\":1,\"ab\":2},"
    "\"items\":[{\"id\":7,\"tags\":[\"x\",\"y\"]},{\"no\":1},{\"id\":9}],"
    "\"none\":null,\"yes\":true,\"rows\":[[1,2],[3]],\"e\":[],\"7\":\"seven\","
    "\"wrap\":{\"in\":null},\"#\":\"hash\"}";

static void members_and_elements_are_named_by_dots(void **state)
{
    (void)state;
    finds(doc, "user.name", "v == 'Ann'");
    finds(doc, "items.0.id", "v == 7 and math.type(v) == 'integer'");
    finds(doc, "items.2.id", "v == 9");
    finds(doc, "rows.1.0", "v == 3");
    finds(doc, "7", "v == 'seven'");
    finds(doc, "yes", "v == true");
    finds(doc, "rows.0", "#v == 2 and v[2] == 2");
    finds(doc, "#", "v == 'hash'"); /* of an object it is a name like any other */
    finds("[[4]]", "0.0", "v == 4");
}

static void what_is_not_there_is_nil(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "nobody", "user.nobody", "user.name.0", "items.3", "items.-1", "items.id", "items.0x",
        "yes.no", "user.",       "User",        "e.0",     "items.",   ".user",    "",
        "none",   "none.x",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        finds(doc, paths[i], "v == nil");
    finds("", "a", "v == nil"); /* and where there is no JSON nothing is */
    finds("<html>", "a.b", "v == nil");
    finds("{\"a\":1} trailing", "a", "v == nil");
}

static void a_hash_counts_or_collects(void **state)
{
    (void)state;
    finds(doc, "items.#", "v == 3");
    finds(doc, "e.#", "v == 0");
    finds(doc, "rows.0.#", "v == 2");
    finds(doc, "items.#.id", "#v == 2 and v[1] == 7 and v[2] == 9");
    finds(doc, "items.#.tags.#", "#v == 1 and v[1] == 2");
    finds(doc, "items.#.tags.1", "#v == 1 and v[1] == 'y'");
    finds(doc, "rows.#.0", "#v == 2 and v[2] == 3");
    finds(doc, "items.#.nobody", "type(v) == 'table' and next(v) == nil");
    finds("[{\"a\":[{\"b\":1},{\"b\":2}]},{\"a\":[{\"b\":3}]}]", "#.a.#.b",
          "#v == 2 and v[1][2] == 2 and v[2][1] == 3");
    finds(doc, "user.#", "v == nil");
}

/* Empty lists are marked, so that encoding one again says [] and not {}. */
static void an_empty_collection_is_still_a_list(void **state)
{
    (void)state;
    static const char *const paths[] = {"items.#.nobody", "e", "e.#.x"};
    for (size_t i = 0; i < 3; i++) {
        struct tt_err err = {0};
        lua_State *L = open_lua();
        assert_int_equal(look_up(L, doc, paths[i]), LUA_OK);
        cJSON *v = tt_lua_to_json(L, -1, "v", &err);
        assert_non_null(v);
        assert_true(cJSON_IsArray(v));
        cJSON_Delete(v);
        lua_close(L);
    }
}

static void a_backslash_takes_the_next_character_as_it_is(void **state)
{
    (void)state;
    finds(doc, "user.fav\\.movie", "v == 'Up'");
    finds(doc, "user.fav.movie", "v == nil");
    finds(doc, "user.a\\*", "v == 1");
    finds("{\"a?\":1,\"ab\":2}", "a\\?", "v == 1");
    finds("{\"a\\\\b\":1}", "a\\\\b", "v == 1");
    finds("{\"end\\\\\":1}", "end\\", "v == 1"); /* the last one stands for itself */
}

static void patterns_find_the_first_member_that_matches(void **state)
{
    (void)state;
    finds(doc, "us*.n?me", "v == 'Ann'");
    finds(doc, "us*.*e", "v == 'Ann'");
    finds(doc, "*.name", "v == 'Ann'");
    finds("{\"abc\":1,\"abd\":2}", "ab?", "v == 1");
    finds("{\"abc\":1,\"abd\":2}", "a*d", "v == 2");
    finds("{\"ab\":1}", "ab?", "v == nil");
    finds("{\"ab\":1}", "ab*", "v == 1");
    finds("{\"ab\":1}", "**b", "v == 1");
    finds("{\"ab\":1}", "a*a", "v == nil");
    finds("{\"a.b\":{\"c\":1}}", "a*b.c", "v == 1");
}

static void a_pattern_that_explodes_gives_up(void **state)
{
    (void)state;
    char text[256];
    snprintf(text, sizeof text, "{\"%0*d\":1}", 200, 0);
    finds(text, "*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0x", "v == nil");
}

static void null_is_nil_on_its_own_and_kept_inside(void **state)
{
    (void)state;
    finds(doc, "wrap.in", "v == nil");
    finds(doc, "wrap", "v['in'] == null");
    finds("null", NULL, "v == nil");
    finds("[null,1]", NULL, "v[1] == null and v[2] == 1");
    finds("[{\"a\":null},{\"a\":1}]", "#.a", "#v == 2 and v[1] == null");
}

static void without_a_path_it_is_all_or_an_error(void **state)
{
    (void)state;
    finds("[1,2]", NULL, "#v == 2");
    finds(" \"text\" ", NULL, "v == 'text'");
    raises("{\"a\":\n oops}", NULL, "line 2");
    raises("", NULL, "json: ");
}

static void queries_are_refused(void **state)
{
    (void)state;
    raises(doc, "items.#(id>8).id", "are not supported");
    raises(doc, "#(a==1)", "are not supported");
    raises("no json", "items.#(id>8)", "are not supported"); /* whatever was answered */
    finds("{\"a#(\":1}", "a#(", "v == 1");
    finds("{\"#(\":1}", "\\#(", "v == 1");
}

static void deep_values_do_not_overflow_the_stack(void **state)
{
    (void)state;
    enum { DEPTH = 900 };
    char text[2 * DEPTH + 1];
    memset(text, '[', DEPTH);
    memset(text + DEPTH, ']', DEPTH);
    text[2 * DEPTH] = '\0';
    finds(text, NULL, "type(v[1][1][1]) == 'table'");
    finds(text, "0.0.0", "type(v[1]) == 'table'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_and_elements_are_named_by_dots),
        cmocka_unit_test(what_is_not_there_is_nil),
        cmocka_unit_test(a_hash_counts_or_collects),
        cmocka_unit_test(an_empty_collection_is_still_a_list),
        cmocka_unit_test(a_backslash_takes_the_next_character_as_it_is),
        cmocka_unit_test(patterns_find_the_first_member_that_matches),
        cmocka_unit_test(a_pattern_that_explodes_gives_up),
        cmocka_unit_test(null_is_nil_on_its_own_and_kept_inside),
        cmocka_unit_test(without_a_path_it_is_all_or_an_error),
        cmocka_unit_test(queries_are_refused),
        cmocka_unit_test(deep_values_do_not_overflow_the_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
