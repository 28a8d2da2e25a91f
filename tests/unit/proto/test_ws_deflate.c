/* SPDX-License-Identifier: MIT */
/* permessage-deflate: the negotiation, RFC 7692's examples, contexts and limits. */
#include "proto/ws/deflate.h"
#include "unit.h"

static const char *agree(const char *text, struct tt_ws_deflate offered,
                         struct tt_ws_deflate *agreed)
{
    *agreed = (struct tt_ws_deflate){0};
    offered.on = true;
    return tt_ws_deflate_agree((struct tt_slice){text, strlen(text)}, &offered, agreed);
}

static void an_offer_names_its_limits(void **state)
{
    (void)state;
    char text[160];
    const struct tt_ws_deflate none = {.on = true}, all = {.on = true,
                                                           .client_no_takeover = true,
                                                           .server_no_takeover = true,
                                                           .client_bits = 10,
                                                           .server_bits = 9};
    tt_ws_deflate_offer(&none, text, sizeof text);
    assert_string_equal(text, "permessage-deflate; client_max_window_bits");
    const struct tt_ws_deflate bare = {.on = true, .no_client_bits = true};
    tt_ws_deflate_offer(&bare, text, sizeof text);
    assert_string_equal(text, "permessage-deflate");
    tt_ws_deflate_offer(&all, text, sizeof text);
    assert_string_equal(text, "permessage-deflate; server_no_context_takeover; "
                              "client_no_context_takeover; server_max_window_bits=9; "
                              "client_max_window_bits=10");
}

static void the_servers_choice_is_read(void **state)
{
    (void)state;
    struct tt_ws_deflate a;
    assert_null(agree("permessage-deflate", (struct tt_ws_deflate){0}, &a));
    assert_true(a.on && !a.client_bits && !a.server_bits && !a.client_no_takeover);
    assert_null(
        agree(" Permessage-Deflate ; server_no_context_takeover;client_no_context_takeover; "
              "server_max_window_bits=\"10\" ; client_max_window_bits = 8",
              (struct tt_ws_deflate){0}, &a));
    assert_true(a.client_no_takeover && a.server_no_takeover);
    assert_int_equal(a.server_bits, 10);
    assert_int_equal(a.client_bits, 8);
    /* what we promised holds though the server does not repeat it */
    assert_null(
        agree("permessage-deflate", (struct tt_ws_deflate){.client_no_takeover = true}, &a));
    assert_true(a.client_no_takeover && !a.server_no_takeover);
}

static void a_choice_outside_the_offer_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"x-webkit-deflate-frame",
                                      "permessage-deflate; foo",
                                      "permessage-deflate; server_max_window_bits",
                                      "permessage-deflate; server_max_window_bits=",
                                      "permessage-deflate; server_max_window_bits=7",
                                      "permessage-deflate; server_max_window_bits=16",
                                      "permessage-deflate; server_max_window_bits=09",
                                      "permessage-deflate; server_max_window_bits=1x",
                                      "permessage-deflate; client_max_window_bits=12",
                                      "permessage-deflate; server_no_context_takeover=1",
                                      "permessage-deflate; client_no_context_takeover; "
                                      "client_no_context_takeover",
                                      "permessage-deflate; server_max_window_bits=9; "
                                      "server_max_window_bits=9"};
    struct tt_ws_deflate a;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_non_null(agree(bad[i], (struct tt_ws_deflate){.client_bits = 11}, &a));
    const struct tt_ws_deflate off = {0};
    a = off;
    assert_non_null(tt_ws_deflate_agree((struct tt_slice){"permessage-deflate", 18}, &off, &a));
    const struct tt_ws_deflate bare = {.no_client_bits = true};
    assert_non_null(agree("permessage-deflate; client_max_window_bits=12", bare, &a));
    assert_null(agree("permessage-deflate; server_max_window_bits=12", bare, &a));
    const struct tt_ws_deflate on = {.on = true};
    a = on; /* a second one */
    assert_non_null(tt_ws_deflate_agree((struct tt_slice){"permessage-deflate", 18}, &on, &a));
}

static struct tt_ws_streams shared;

static void expect_unpacked(struct tt_ws_packer *k, const char *p, size_t n, const char *text)
{
    struct tt_buf out;
    tt_buf_init(&out, 1024);
    assert_int_equal(tt_ws_unpack(k, p, n, &out), TT_WS_UNPACKED);
    assert_int_equal(out.len, strlen(text));
    assert_string_equal(out.len ? out.data : "", text);
    tt_buf_fini(&out);
}
#define UNPACKS(k, bytes, text) expect_unpacked(k, bytes, sizeof(bytes) - 1, text)

static void the_examples_of_the_rfc_are_expanded(void **state)
{
    (void)state;
    const struct tt_ws_deflate keep = {.on = true};
    struct tt_ws_packer *k = tt_ws_packer_new(&shared, &keep);
    UNPACKS(k, "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello");                         /* 7.2.3.1 */
    UNPACKS(k, "\xf2\x00\x11\x00\x00", "Hello");                                 /* 7.2.3.2 */
    UNPACKS(k, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello");         /* 7.2.3.3 */
    UNPACKS(k, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello");                     /* 7.2.3.4 */
    UNPACKS(k, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello"); /* 7.2.3.5 */
    UNPACKS(k, "\x00", "");                                                      /* 7.2.3.6 */
    UNPACKS(k, "\xf2\x00\x11\x00\x00", "Hello"); /* the window outlives them all */
    tt_ws_packer_free(k);
    tt_ws_streams_fini(&shared);
}

static void round_trip(struct tt_ws_deflate agreed)
{
    struct tt_ws_packer *k = tt_ws_packer_new(&shared, &agreed);
    struct tt_buf packed, plain;
    char text[70000];
    tt_buf_init(&packed, 1 << 20);
    tt_buf_init(&plain, 1 << 20);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * i >> 5);
    for (size_t n = 0; n <= sizeof text; n = n * 3 + 1) {
        tt_buf_clear(&packed);
        tt_buf_clear(&plain);
        assert_true(tt_ws_pack(k, text, n, &packed));
        assert_int_equal(tt_ws_unpack(k, packed.data, packed.len, &plain), TT_WS_UNPACKED);
        assert_int_equal(plain.len, n);
        assert_memory_equal(plain.len ? plain.data : "", text, n);
    }
    tt_buf_fini(&packed);
    tt_buf_fini(&plain);
    tt_ws_packer_free(k);
}

static void what_is_packed_is_expanded_again(void **state)
{
    (void)state;
    for (unsigned char bits = 9; bits <= 15; bits++) {
        round_trip((struct tt_ws_deflate){.on = true, .client_bits = bits, .server_bits = bits});
        round_trip((struct tt_ws_deflate){.on = true,
                                          .client_bits = bits,
                                          .client_no_takeover = true,
                                          .server_no_takeover = true});
    }
    round_trip((struct tt_ws_deflate){.on = true});
    tt_ws_streams_fini(&shared);
}

static void a_kept_context_makes_a_repeated_message_short(void **state)
{
    (void)state;
    static const char text[] = "a message that is sent again and again, with little change";
    const struct tt_ws_deflate keep = {.on = true},
                               fresh = {.on = true, .client_no_takeover = true};
    size_t len[2][2];
    for (int i = 0; i < 2; i++) {
        struct tt_ws_packer *k = tt_ws_packer_new(&shared, i ? &fresh : &keep);
        for (int j = 0; j < 2; j++) {
            struct tt_buf out;
            tt_buf_init(&out, 1024);
            assert_true(tt_ws_pack(k, text, sizeof text, &out));
            len[i][j] = out.len;
            tt_buf_fini(&out);
        }
        tt_ws_packer_free(k);
    }
    assert_true(len[0][1] < len[0][0] / 4);
    assert_int_equal(len[1][0], len[1][1]);
    tt_ws_streams_fini(&shared);
}

static void a_window_of_256_bytes_is_sent_uncompressed(void **state)
{
    (void)state;
    const struct tt_ws_deflate small = {.on = true, .client_bits = 8};
    struct tt_ws_packer *k = tt_ws_packer_new(&shared, &small);
    struct tt_buf out;
    tt_buf_init(&out, 1024);
    assert_false(tt_ws_pack(k, "x", 1, &out));
    tt_buf_fini(&out);
    tt_ws_packer_free(k);
}

static void a_bomb_stops_at_the_maximum(void **state)
{
    (void)state;
    enum { N = 1 << 20, MAX = 10000 };
    const struct tt_ws_deflate fresh = {
        .on = true, .client_no_takeover = true, .server_no_takeover = true};
    struct tt_ws_packer *k = tt_ws_packer_new(&shared, &fresh);
    char *zeros = calloc(1, N);
    struct tt_buf packed, out, exact;
    tt_buf_init(&packed, 2 * N);
    tt_buf_init(&out, MAX);
    assert_true(tt_ws_pack(k, zeros, N, &packed));
    assert_int_equal(tt_ws_unpack(k, packed.data, packed.len, &out), TT_WS_UNPACK_TOO_LARGE);
    assert_true(out.cap < (size_t)2 * MAX);
    tt_buf_clear(&packed);
    tt_buf_init(&exact, MAX);
    assert_true(tt_ws_pack(k, zeros, MAX, &packed)); /* as much as fits is no bomb */
    assert_int_equal(tt_ws_unpack(k, packed.data, packed.len, &exact), TT_WS_UNPACKED);
    assert_int_equal(exact.len, MAX);
    tt_buf_fini(&packed);
    tt_buf_fini(&out);
    tt_buf_fini(&exact);
    tt_ws_packer_free(k);
    tt_ws_streams_fini(&shared);
    free(zeros);
}

static void broken_data_are_an_error(void **state)
{
    (void)state;
    static const char bad[] = "\xff\xff\xff\xff\xff";
    const struct tt_ws_deflate keep = {.on = true};
    struct tt_ws_packer *k = tt_ws_packer_new(&shared, &keep);
    struct tt_buf out;
    tt_buf_init(&out, 1024);
    assert_int_equal(tt_ws_unpack(k, bad, sizeof bad - 1, &out), TT_WS_UNPACK_BROKEN);
    tt_buf_fini(&out);
    tt_ws_packer_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offer_names_its_limits),
        cmocka_unit_test(the_servers_choice_is_read),
        cmocka_unit_test(a_choice_outside_the_offer_is_refused),
        cmocka_unit_test(the_examples_of_the_rfc_are_expanded),
        cmocka_unit_test(what_is_packed_is_expanded_again),
        cmocka_unit_test(a_kept_context_makes_a_repeated_message_short),
        cmocka_unit_test(a_window_of_256_bytes_is_sent_uncompressed),
        cmocka_unit_test(a_bomb_stops_at_the_maximum),
        cmocka_unit_test(broken_data_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
