/* SPDX-License-Identifier: MIT */
/* Lua values as JSON and as flat copies. */
#include "base/json.h"
#include "rig.h"
#include "unit.h"
#include <lauxlib.h>

/* A worker's state with the value of a Lua expression on top. */
static struct rig *with(const char *expression, lua_State **L)
{
    char text[1024];
    struct rig *r = rig_new("return {}");
    *L = r->w->L;
    snprintf(text, sizeof text, "return %s", expression);
    assert_int_equal(luaL_loadstring(*L, text), LUA_OK);
    assert_int_equal(lua_pcall(*L, 0, 1, 0), LUA_OK);
    return r;
}

static void json_of(const char *expression, const char *want)
{
    lua_State *L;
    struct rig *r = with(expression, &L);
    struct tt_err err = {0};
    struct tt_buf b;
    cJSON *v = tt_lua_to_json(L, -1, "data", &err);
    if (!v)
        fail_msg("%s: %s", expression, err.text);
    tt_buf_init(&b, 4096);
    assert_true(tt_json_write(&b, v, false));
    assert_string_equal(b.data, want);
    tt_buf_fini(&b);
    cJSON_Delete(v);
    lua_settop(L, 0);
    rig_free(r);
}

static void refused(const char *expression, const char *why)
{
    lua_State *L;
    struct rig *r = with(expression, &L);
    struct tt_err err = {0};
    if (tt_lua_to_json(L, -1, "data", &err))
        fail_msg("%s was taken", expression);
    if (!strstr(err.text, why))
        fail_msg("%s: '%s' does not say '%s'", expression, err.text, why);

    lua_settop(L, 0);
    rig_free(r);
}

static void values_become_json_with_sorted_members(void **state)
{
    (void)state;
    json_of("nil", "null");
    json_of("{ true, 1, 2.5, 'x' }", "[true,1,2.5,\"x\"]");
    json_of("{ z = 1, a = { c = 2, b = 1 }, m = {} }",
            "{\"a\":{\"b\":1,\"c\":2},\"m\":{},\"z\":1}");
    json_of("9007199254740993", "9007199254740993");
    json_of("-1e300", "-1e+300");
    json_of("3.0", "3");
}

static void what_is_no_data_is_refused_with_its_path(void **state)
{
    (void)state;
    refused("{ users = { 1, 2, { conn = print } } }", "data.users[3].conn: function");
    refused("{ co = coroutine.create(print) }", "data.co: thread");
    refused("0/0", "NaN");
    refused("{ 1, x = 2 }", "mixed keys");
    refused("{ [1] = 1, [3] = 3 }", "mixed keys");
    refused("'a\\0b'", "zero byte"); /* cJSON's texts end there */
    refused("(function() local t = {} t.t = t return t end)()", "cycle");
}

static void flat_copies_are_deep_and_equal(void **state)
{
    (void)state;
    lua_State *L;
    struct rig *r =
        with("{ list = { 1, 2, { 'deep' } }, [2.5] = 'float', [true] = 'yes', s = 'a\\0b' }", &L);
    struct tt_err err = {0};
    struct tt_buf flat;
    tt_buf_init(&flat, 4096);
    assert_true(tt_lua_flatten(L, -1, "data", &flat, &err));
    tt_lua_unflatten(L, flat.data, flat.len);
    lua_setglobal(L, "copy");
    lua_setglobal(L, "original");
    assert_int_equal(luaL_dostring(L, "original.list[3][1] = 'changed'\n"
                                      "assert(copy.list[3][1] == 'deep' and copy[2.5] == 'float')\n"
                                      "assert(copy[true] == 'yes' and copy.s == 'a\\0b')\n"
                                      "assert(math.type(copy.list[1]) == 'integer')\n"
                                      "copy, original = nil, nil"),
                     LUA_OK);
    tt_buf_fini(&flat);
    lua_settop(L, 0);
    rig_free(r);
}

static void flat_pairs_are_read_without_lua(void **state)
{
    (void)state;
    lua_State *L;
    struct rig *r = with("{ ['out.txt'] = 'text', other = 5 }", &L);
    struct tt_err err = {0};
    struct tt_buf flat;
    struct tt_flat_pair p;
    unsigned texts = 0, others = 0;
    tt_buf_init(&flat, 4096);
    assert_true(tt_lua_flatten(L, -1, "data", &flat, &err));
    assert_true(tt_flat_is_map(flat.data, flat.len));
    for (const char *at = flat.data; tt_flat_next(&at, &p);) {
        if (p.is_text) {
            assert_int_equal(p.key_len, 7);
            assert_memory_equal(p.value, "text", p.value_len);
            texts++;
        } else {
            others++;
        }
    }
    assert_int_equal(texts, 1);
    assert_int_equal(others, 1);
    cJSON *v = tt_flat_to_json(flat.data, flat.len);
    assert_int_equal(cJSON_GetObjectItemCaseSensitive(v, "other")->valuedouble, 5);
    cJSON_Delete(v);
    tt_buf_fini(&flat);
    lua_settop(L, 0);
    rig_free(r);
}

static void json_null_is_kept_or_nil(void **state)
{
    (void)state;
    struct rig *r = rig_new("return {}");
    lua_State *L = r->w->L;
    struct tt_err err = {0};
    static const char text[] = "{\"a\":null,\"n\":9007199254740992,\"f\":0.5}";
    cJSON *v = tt_json_read(text, sizeof text - 1, 1, &err);
    assert_non_null(v);
    tt_json_push(L, v, true);
    lua_getfield(L, -1, "a");
    assert_true(lua_islightuserdata(L, -1));
    lua_getfield(L, -2, "f");
    assert_true(lua_tonumber(L, -1) == 0.5);
    tt_json_push(L, v, false);
    lua_getfield(L, -1, "a");
    assert_true(lua_isnil(L, -1));
    cJSON_Delete(v);
    lua_settop(L, 0);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_become_json_with_sorted_members),
        cmocka_unit_test(what_is_no_data_is_refused_with_its_path),
        cmocka_unit_test(flat_copies_are_deep_and_equal),
        cmocka_unit_test(flat_pairs_are_read_without_lua),
        cmocka_unit_test(json_null_is_kept_or_nil),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
