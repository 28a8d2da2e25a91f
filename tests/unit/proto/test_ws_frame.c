/* SPDX-License-Identifier: MIT */
/* The frame codec: what is written, what is read, in any pieces, and what is refused. */
#include "proto/ws/frame.h"
#include "unit.h"

struct got {
    char log[4096];
    size_t len;
};

/* Reads bytes in pieces of at most step bytes; "T:text;" "B:..;" "P:..;" "O:..;" "C1000:..;"
 * "E1002;". */
static const char *read_all(struct got *g, const char *p, size_t n, size_t step, size_t max)
{
    struct tt_ws_reader r;
    g->len = 0;
    g->log[0] = '\0';
    tt_ws_reader_init(&r, max);
    for (size_t at = 0; at < n;) {
        size_t used, piece = step < n - at ? step : n - at;
        struct tt_ws_message m = tt_ws_read(&r, p + at, piece, &used);
        at += used;
        static const char letters[] = "?TPOCE";
        if (m.kind == TT_WS_GOT_NOTHING)
            continue;
        char letter = m.kind == TT_WS_GOT_MESSAGE && m.binary ? 'B' : letters[m.kind];
        g->len += (size_t)snprintf(g->log + g->len, sizeof g->log - g->len, "%c", letter);
        if (m.kind == TT_WS_GOT_CLOSE || m.kind == TT_WS_GOT_ERROR)
            g->len += (size_t)snprintf(g->log + g->len, sizeof g->log - g->len, "%u", m.close_code);
        if (m.kind != TT_WS_GOT_ERROR)
            g->len += (size_t)snprintf(g->log + g->len, sizeof g->log - g->len, ":%.*s", (int)m.len,
                                       m.data ? m.data : "");
        g->len += (size_t)snprintf(g->log + g->len, sizeof g->log - g->len, ";");
        if (m.kind == TT_WS_GOT_ERROR || m.kind == TT_WS_GOT_CLOSE)
            break;
    }
    tt_ws_reader_fini(&r);
    return g->log;
}

#define READS(bytes, step, expected)                                                               \
    do {                                                                                           \
        struct got g;                                                                              \
        assert_string_equal(read_all(&g, bytes, sizeof(bytes) - 1, step, 1024), expected);         \
    } while (0)

static void a_masked_frame_is_the_payload_xored_with_its_key(void **state)
{
    (void)state;
    struct tt_buf b;
    tt_buf_init(&b, 1024);
    assert_true(tt_ws_put_frame(&b, TT_WS_FIN | TT_WS_TEXT, "Hello", 5, 0x37fa213d));
    /* RFC 6455 5.7 */
    assert_int_equal(b.len, 11);
    assert_memory_equal(b.data, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    tt_buf_fini(&b);
}

static void lengths_take_the_shortest_form(void **state)
{
    (void)state;
    static const struct {
        size_t n, header;
    } cases[] = {{0, 6}, {125, 6}, {126, 8}, {65535, 8}, {65536, 14}};
    char *p = calloc(1, 70000);
    for (size_t i = 0; i < 5; i++) {
        struct tt_buf b;
        tt_buf_init(&b, 100000);
        assert_true(tt_ws_put_frame(&b, TT_WS_FIN | TT_WS_BINARY, p, cases[i].n, 1));
        assert_int_equal(b.len, cases[i].n + cases[i].header);
        tt_buf_fini(&b);
    }
    free(p);
}

static void masking_twice_gives_the_payload_back(void **state)
{
    (void)state;
    char a[100] = "", b[100];
    for (size_t n = 0; n < sizeof a; n++) { /* every remainder of the wide steps */
        for (size_t i = 0; i < n; i++)
            a[i] = (char)(i * 7);
        tt_ws_mask(b, a, n, 0x01020304);
        for (size_t i = 0; i < n; i++)
            assert_int_equal((unsigned char)b[i], (unsigned char)a[i] ^ (i % 4 + 1));
        tt_ws_mask(b, b, n, 0x01020304);
        assert_memory_equal(a, b, n);
    }
}

static void a_full_buffer_refuses_the_frame(void **state)
{
    (void)state;
    struct tt_buf b;
    tt_buf_init(&b, 16);
    assert_false(tt_ws_put_frame(&b, TT_WS_FIN | TT_WS_TEXT, "0123456789abcdef", 16, 1));
    assert_int_equal(b.len, 0);
    tt_buf_fini(&b);
}

static void messages_are_read_in_any_pieces(void **state)
{
    (void)state;
    static const char bytes[] = "\x81\x05hello\x82\x01x\x81\x00\x89\x02hi\x8a\x01p\x88\x05\x03\xe8"
                                "bye";
    for (size_t step = 1; step < sizeof bytes; step++)
        READS(bytes, step, "T:hello;B:x;T:;P:hi;O:p;C1000:bye;");
}

static void fragments_are_joined_and_control_frames_come_between(void **state)
{
    (void)state;
    static const char bytes[] = "\x01\x03hel\x89\x03mid\x00\x01l\x80\x01o";
    for (size_t step = 1; step < sizeof bytes; step++)
        READS(bytes, step, "P:mid;T:hello;");
}

static void a_close_without_a_code_is_1005(void **state)
{
    (void)state;
    READS("\x88\x00", 10, "C1005:;");
}

static void what_breaks_the_protocol_is_refused(void **state)
{
    (void)state;
    READS("\x83\x00", 10, "E1002;");                  /* reserved opcode */
    READS("\xc1\x01x", 10, "E1002;");                 /* rsv1 without an extension */
    READS("\x81\x81\x00\x00\x00\x00x", 10, "E1002;"); /* a server must not mask */
    READS("\x89\x7e\x00\x7e", 10, "E1002;");          /* a control frame of 126 bytes */
    READS("\x09\x00", 10, "E1002;");                  /* a control frame in fragments */
    READS("\x80\x01x", 10, "E1002;");                 /* a continuation of nothing */
    READS("\x01\x01x\x81\x01y", 10, "E1002;");        /* a message inside a message */
    READS("\x88\x01x", 10, "E1002;");                 /* half a close code */
    READS("\x88\x02\x03\xed", 10, "E1002;");          /* 1005 must not be sent */
    READS("\x81\x02\xff\xfe", 10, "E1007;");          /* text that is no UTF-8 */
    READS("\x88\x04\x03\xe8\xff\xfe", 10, "E1007;");  /* a reason that is no UTF-8 */
}

static void a_message_above_the_maximum_is_refused_before_it_is_read(void **state)
{
    (void)state;
    READS("\x82\x7e\x04\x01", 10, "E1009;");
    READS("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10, "E1009;");
    struct got g;
    assert_string_equal(read_all(&g,
                                 "\x01\x03"
                                 "abc\x80\x03"
                                 "def",
                                 10, 10, 5),
                        "E1009;");
}

static void close_payloads_hold_code_and_a_cut_reason(void **state)
{
    (void)state;
    char out[TT_WS_CONTROL_MAX], reason[200];
    memset(reason, 'r', sizeof reason);
    assert_int_equal(tt_ws_close_payload(out, 0, "x", 1), 0);
    assert_int_equal(tt_ws_close_payload(out, 1001, "ab", 2), 4);
    assert_memory_equal(out,
                        "\x03\xe9"
                        "ab",
                        4);
    assert_int_equal(tt_ws_close_payload(out, 1000, reason, sizeof reason), 125);
}

static void only_codes_that_may_be_sent_are_valid(void **state)
{
    (void)state;
    static const unsigned good[] = {1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999};
    static const unsigned bad[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(tt_ws_close_code_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(tt_ws_close_code_valid(bad[i]));
}

static void wrong_utf8_is_seen_before_the_message_is_whole(void **state)
{
    (void)state;
    READS("\x01\x02\xf4\x90", 10, "E1007;"); /* the first frame of several */
    READS("\x81\x7d"
          "abc\xed\xa0",
          1, "E1007;");                                   /* the middle of a frame */
    READS("\x01\x01\xc3\x80\x01\xa9", 10, "T:\xc3\xa9;"); /* cut inside a character */
    READS("\x01\x01\xc3\x80\x00", 10, "E1007;");
}

static void a_compressed_frame_needs_an_agreement(void **state)
{
    (void)state;
    static const char hello[] = "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
    struct tt_ws_streams shared = {0};
    const struct tt_ws_deflate agreed = {.on = true};
    struct tt_ws_reader r;
    size_t used;
    READS("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", 20, "E1002;");
    tt_ws_reader_init(&r, 1024);
    r.packer = tt_ws_packer_new(&shared, &agreed);
    struct tt_ws_message m = tt_ws_read(&r, hello, sizeof hello - 1, &used);
    assert_int_equal(m.kind, TT_WS_GOT_MESSAGE);
    assert_int_equal(m.len, 5);
    assert_memory_equal(m.data, "Hello", 5);
    m = tt_ws_read(&r, "\xc9\x00", 2, &used); /* a ping is never compressed */
    assert_int_equal(m.kind, TT_WS_GOT_ERROR);
    tt_ws_packer_free(r.packer);
    tt_ws_reader_fini(&r);
    tt_ws_streams_fini(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_masked_frame_is_the_payload_xored_with_its_key),
        cmocka_unit_test(lengths_take_the_shortest_form),
        cmocka_unit_test(wrong_utf8_is_seen_before_the_message_is_whole),
        cmocka_unit_test(a_compressed_frame_needs_an_agreement),
        cmocka_unit_test(masking_twice_gives_the_payload_back),
        cmocka_unit_test(a_full_buffer_refuses_the_frame),
        cmocka_unit_test(messages_are_read_in_any_pieces),
        cmocka_unit_test(fragments_are_joined_and_control_frames_come_between),
        cmocka_unit_test(a_close_without_a_code_is_1005),
        cmocka_unit_test(what_breaks_the_protocol_is_refused),
        cmocka_unit_test(a_message_above_the_maximum_is_refused_before_it_is_read),
        cmocka_unit_test(close_payloads_hold_code_and_a_cut_reason),
        cmocka_unit_test(only_codes_that_may_be_sent_are_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
