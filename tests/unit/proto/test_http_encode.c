/* SPDX-License-Identifier: MIT */
/* Content codings of requests: what is encoded is decoded again. */
#include "proto/http/decode.h"
#include "proto/http/encode.h"
#include "unit.h"

static bool take(void *arg, const char *p, size_t n)
{
    return tt_buf_append(arg, p, n);
}

static void round_trip(size_t coding, const char *p, size_t n)
{
    struct tt_buf coded, plain;
    const char *name = tt_http_encodings[coding], *why = NULL;
    tt_buf_init(&coded, 1 << 22);
    tt_buf_init(&plain, 1 << 22);
    assert_true(tt_buf_puts(&coded, "before"));
    assert_true(tt_http_encode(coding, &coded, p, n));
    struct tt_http_decoder *d = tt_http_decoder_new((struct tt_slice){name, strlen(name)});
    if (!tt_http_decoder_put(d, coded.data + 6, coded.len - 6, take, &plain, &why) ||
        !tt_http_decoder_complete(d))
        fail_msg("%s: %s", name, why ? why : "not complete");
    assert_int_equal(plain.len, n);
    assert_true(n == 0 || memcmp(plain.data, p, n) == 0);
    tt_http_decoder_free(d);
    tt_buf_fini(&coded);
    tt_buf_fini(&plain);
}

static void every_coding_comes_back(void **state)
{
    (void)state;
    static char big[1 << 20];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * i >> 7);
    for (size_t coding = 0; tt_http_encodings[coding]; coding++) {
        round_trip(coding, "", 0);
        round_trip(coding, "hello hello hello", 17);
        round_trip(coding, big, sizeof big);
    }
}

static void a_full_buffer_is_told(void **state)
{
    (void)state;
    struct tt_buf out;
    tt_buf_init(&out, 4);
    for (size_t coding = 0; tt_http_encodings[coding]; coding++)
        assert_false(tt_http_encode(coding, &out, "hello hello hello", 17));
    tt_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_coding_comes_back),
        cmocka_unit_test(a_full_buffer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
