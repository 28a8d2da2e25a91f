/* SPDX-License-Identifier: MIT */
/* Fields of JSON messages. */
#include "proto/ws/field.h"
#include "unit.h"

static const char *field(const char *json, const char *path, char out[64])
{
    struct tt_buf text;
    cJSON *v = tt_ws_json(json, strlen(json));
    tt_buf_init(&text, 63);
    bool ok = tt_ws_field_text(tt_ws_field(v, path), &text);
    snprintf(out, 64, "%s", ok ? text.len ? text.data : "" : "none");
    tt_buf_fini(&text);
    cJSON_Delete(v);
    return out;
}

static void a_field_is_found_by_the_names_on_its_way(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"{\"id\":\"a\"}", "id", "a"},
        {" [{\"id\":5}]", "0.id", "5"},
        {"{\"a\":{\"b\":[1,{\"c\":2.5}]}}", "a.b.1.c", "2.5"},
        {"{\"a\":\"\"}", "a", ""},
        {"{\"a\":true,\"b\":null,\"c\":{}}", "a", "none"},
        {"{\"a\":{}}", "a", "none"},
        {"{\"a\":1}", "a.b", "none"},
        {"{\"ab\":1}", "a", "none"},
        {"[1]", "1", "none"},
        {"[1]", "x", "none"},
        {"\"id\"", "id", "none"},
        {"{\"id\":", "id", "none"},
        {"", "id", "none"},
    };
    char out[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(field(cases[i][0], cases[i][1], out), cases[i][2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_is_found_by_the_names_on_its_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
