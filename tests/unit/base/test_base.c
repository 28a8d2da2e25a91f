/* SPDX-License-Identifier: MIT */
/* Buffers, maps, heaps, text, JSON, digests. */
#include "base/buf.h"
#include "base/digest.h"
#include "base/heap.h"
#include "base/json.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/str.h"
#include "unit.h"

static void a_buffer_grows_to_its_maximum_and_no_further(void **state)
{
    (void)state;
    struct tt_buf b;
    tt_buf_init(&b, 10);
    assert_true(tt_buf_puts(&b, "12345"));
    assert_true(tt_buf_printf(&b, "%d", 678));
    assert_false(tt_buf_puts(&b, "abc"));
    assert_string_equal(b.data, "12345678");
    assert_true(tt_buf_putc(&b, '9'));
    tt_buf_consume(&b, 4);
    assert_string_equal(b.data, "56789");
    char *s = tt_buf_take(&b);
    assert_string_equal(s, "56789");
    assert_int_equal(b.len, 0);
    tt_free(s);
    tt_buf_fini(&b);
}

static void a_map_keeps_the_last_value_and_its_order(void **state)
{
    (void)state;
    struct tt_map m;
    static int values[100];
    char key[16];
    int n = 0;
    tt_map_init(&m);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_null(tt_map_put(&m, key, &values[i]));
    }
    assert_ptr_equal(tt_map_put(&m, "k7", &values[8]), &values[7]);
    assert_ptr_equal(tt_map_get(&m, "k7"), &values[8]);
    assert_ptr_equal(tt_map_getn(&m, "k99x", 3), &values[99]);
    assert_null(tt_map_get(&m, "none"));
    assert_int_equal(tt_map_count(&m), 100);
    assert_ptr_equal(tt_map_remove(&m, "k0"), &values[0]);
    for (struct tt_map_iter it = tt_map_first(&m); tt_map_next(&it); n++)
        assert_non_null(it.value);
    assert_int_equal(n, 99);
    tt_map_fini(&m, NULL);
}

static void suggestions_are_near_or_none(void **state)
{
    (void)state;
    static const char *const known[] = {"timeout", "headers", "tags"};
    assert_string_equal(tt_suggest("tiemout", known, 3), "timeout");
    assert_string_equal(tt_suggest("header", known, 3), "headers");
    assert_null(tt_suggest("completely_else", known, 3));
}

static void json_numbers_are_exact(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0.1", "9007199254740993", "[1,2.5,-3e-7,null,true,\"\\u00e9\\n\"]", "{\"a\":{\"b\":[]}}"};
    for (size_t i = 0; i < 4; i++) {
        struct tt_err err = {0};
        struct tt_buf a, b;
        tt_buf_init(&a, 4096);
        tt_buf_init(&b, 4096);
        cJSON *v = tt_json_read(texts[i], strlen(texts[i]), 1, &err);
        assert_non_null(v);
        assert_true(tt_json_write(&a, v, false));
        cJSON *w = tt_json_read(a.data, a.len, 1, &err);
        assert_true(cJSON_Compare(v, w, true));
        assert_true(tt_json_write(&b, w, false));
        assert_string_equal(a.data, b.data);
        cJSON_Delete(v);
        cJSON_Delete(w);
        tt_buf_fini(&a);
        tt_buf_fini(&b);
    }
}

static void bad_json_names_line_and_column(void **state)
{
    (void)state;
    struct tt_err err = {0};
    assert_null(tt_json_read("{\n  \"a\": }", 10, 42, &err));
    assert_non_null(strstr(err.text, "line 2"));
    assert_int_equal(err.exit_code, 42);
    assert_null(tt_json_read("1 2", 3, 1, &err));
}

static void base64_has_its_four_forms(void **state)
{
    (void)state;
    static const struct {
        enum tt_base64 form;
        const char *text;
    } cases[] = {{TT_BASE64_STD, "+/8="},
                 {TT_BASE64_RAWSTD, "+/8"},
                 {TT_BASE64_URL, "-_8="},
                 {TT_BASE64_RAWURL, "-_8"}};
    for (size_t i = 0; i < 4; i++) {
        struct tt_buf b, back;
        tt_buf_init(&b, 100);
        tt_buf_init(&back, 100);
        assert_true(tt_base64_encode(&b, "\xfb\xff", 2, cases[i].form));
        assert_string_equal(b.data, cases[i].text);
        assert_true(tt_base64_decode(&back, b.data, b.len, cases[i].form));
        assert_int_equal(back.len, 2);
        assert_memory_equal(back.data, "\xfb\xff", 2);
        assert_false(tt_base64_decode(&back, "a*b=", 4, cases[i].form));
        tt_buf_fini(&b);
        tt_buf_fini(&back);
    }
}

static void hmac_is_rfc_4231s(void **state)
{
    (void)state;
    uint8_t out[64];
    size_t n;
    struct tt_buf hex;
    assert_true(tt_hmac("SHA256", "Jefe", 4, "what do ya want for nothing?", 28, out, &n));
    tt_buf_init(&hex, 200);
    tt_hex_encode(&hex, out, n);
    assert_string_equal(hex.data,
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    tt_buf_fini(&hex);
    assert_false(tt_digest("NOPE", "", 0, out, &n));
}

/* FIPS 180-2, appendix A.1 */
static void sha1_is_the_standards(void **state)
{
    (void)state;
    uint8_t out[20];
    struct tt_buf hex;
    tt_buf_init(&hex, 200);
    tt_sha1("abc", 3, out);
    tt_hex_encode(&hex, out, sizeof out);
    assert_string_equal(hex.data, "a9993e364706816aba3e25717850c26c9cd0d89d");
    tt_buf_fini(&hex);
}

static void a_seed_gives_the_same_numbers(void **state)
{
    (void)state;
    struct tt_rng a, b;
    uint64_t seen[10] = {0};
    tt_rng_seed(&a, 42);
    tt_rng_seed(&b, 42);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(tt_rng_next(&a), tt_rng_next(&b));
        double d = tt_rng_double(&a);
        assert_true(d >= 0 && d < 1);
        tt_rng_double(&b);
        seen[tt_rng_below(&a, 10)]++;
        tt_rng_below(&b, 10);
    }
    for (int i = 0; i < 10; i++)
        assert_true(seen[i] > 800 && seen[i] < 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_grows_to_its_maximum_and_no_further),
        cmocka_unit_test(a_map_keeps_the_last_value_and_its_order),
        cmocka_unit_test(suggestions_are_near_or_none),
        cmocka_unit_test(json_numbers_are_exact),
        cmocka_unit_test(bad_json_names_line_and_column),
        cmocka_unit_test(base64_has_its_four_forms),
        cmocka_unit_test(sha1_is_the_standards),
        cmocka_unit_test(hmac_is_rfc_4231s),
        cmocka_unit_test(a_seed_gives_the_same_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
