/* SPDX-License-Identifier: MIT */
/* The body's way: codings undone in any cut, sizes, limits, bombs. */
#include "base/memory.h"
#include "proto/http/body.h"
#include "unit.h"
#include <zlib.h>
#include <zstd.h>

/* "hello hello hello hello\n", by brotli 1.0.9 */
static const unsigned char brotli[] = {0x1b, 0x17, 0x00, 0xf8, 0x8d, 0x94, 0x6e, 0xde,
                                       0x44, 0x55, 0x86, 0xd6, 0x0a, 0x20, 0x6c, 0x6f,
                                       0x4a, 0x11, 0x79, 0xe2, 0x80, 0xae, 0x16};
static const char hello[] = "hello hello hello hello\n";

struct fixture {
    struct tt_http_exchange x;
    struct tt_buf wire;
    unsigned arrived;
};

static void on_arrived(struct tt_http_exchange *x)
{
    ((struct fixture *)x)->arrived++;
}

static int setup(void **state)
{
    struct fixture *f = tt_xcalloc(1, sizeof *f);
    tt_buf_init(&f->x.head, 4096);
    tt_buf_init(&f->x.body, SIZE_MAX);
    tt_buf_init(&f->wire, SIZE_MAX);
    f->x.arrived = on_arrived;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tt_http_body_reset(&f->x);
    tt_buf_fini(&f->x.head);
    tt_buf_fini(&f->x.body);
    tt_buf_fini(&f->wire);
    tt_free(f);
    return 0;
}

/* Compresses n bytes (NULL: zeros) into f->wire. bits: zlib's, 31 for gzip. */
static void deflate_to_wire(struct fixture *f, const char *p, size_t n, int bits)
{
    z_stream z = {0};
    char *zeros = p ? NULL : tt_xcalloc(1, n);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t bound = deflateBound(&z, n);
    assert_true(tt_buf_reserve(&f->wire, bound));
    z.next_in = (Bytef *)(uintptr_t)(p ? p : zeros);
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)f->wire.data + f->wire.len;
    z.avail_out = (uInt)bound;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    f->wire.len += z.total_out;
    deflateEnd(&z);
    tt_free(zeros);
}

static void zstd_to_wire(struct fixture *f, const char *p, size_t n)
{
    size_t bound = ZSTD_compressBound(n);
    assert_true(tt_buf_reserve(&f->wire, bound));
    size_t k = ZSTD_compress(f->wire.data, bound, p, n, 3);
    assert_false(ZSTD_isError(k));
    f->wire.len = k;
}

static void begin(struct fixture *f, const char *codings)
{
    tt_http_body_reset(&f->x);
    f->x.error.code = 0;
    tt_buf_clear(&f->x.head);
    tt_buf_printf(&f->x.head, "HTTP/1.1 200 OK\r\nContent-encoding: %s\r\n\r\n", codings);
}

/* Puts the wire's bytes, cut into pieces. */
static bool put(struct fixture *f, size_t piece)
{
    for (size_t at = 0; at < f->wire.len; at += piece)
        if (!tt_http_body_put(&f->x, f->wire.data + at,
                              f->wire.len - at < piece ? f->wire.len - at : piece))
            return false;
    return true;
}

static void body_is(struct fixture *f, const char *text)
{
    assert_int_equal(f->x.body.len, strlen(text));
    assert_memory_equal(f->x.body.data, text, strlen(text));
}

static void decodes(struct fixture *f, const char *codings, const char *text)
{
    static const size_t pieces[] = {1, 2, 3, 7, 4096};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        begin(f, codings);
        assert_true(put(f, pieces[i]));
        assert_true(tt_http_body_end(&f->x));
        body_is(f, text);
        assert_int_equal(f->x.wire_bytes, f->wire.len);
        assert_int_equal(f->x.decoded_bytes, strlen(text));
    }
}

static void each_coding_is_undone_in_any_cut(void **state)
{
    struct fixture *f = *state;
    deflate_to_wire(f, hello, strlen(hello), 31);
    decodes(f, "gzip", hello);
    decodes(f, "X-Gzip", hello);
    tt_buf_clear(&f->wire);
    deflate_to_wire(f, hello, strlen(hello), 15);
    decodes(f, "deflate", hello);
    tt_buf_clear(&f->wire);
    deflate_to_wire(f, hello, strlen(hello), -15);
    decodes(f, "deflate", hello); /* many servers mean this one */
    tt_buf_clear(&f->wire);
    tt_buf_append(&f->wire, brotli, sizeof brotli);
    decodes(f, "br", hello);
    zstd_to_wire(f, hello, strlen(hello));
    decodes(f, "zstd", hello);
}

static void the_last_coding_is_undone_first(void **state)
{
    struct fixture *f = *state;
    char inner[256];
    deflate_to_wire(f, hello, strlen(hello), 15);
    size_t n = f->wire.len;
    memcpy(inner, f->wire.data, n);
    tt_buf_clear(&f->wire);
    deflate_to_wire(f, inner, n, 31);
    decodes(f, "deflate, gzip", hello);
    decodes(f, "identity,deflate , gzip", hello);
}

static void gzip_may_have_several_members(void **state)
{
    struct fixture *f = *state;
    deflate_to_wire(f, "one ", 4, 31);
    deflate_to_wire(f, "two", 3, 31);
    decodes(f, "gzip", "one two");
}

static void an_unknown_coding_leaves_the_body_as_it_came(void **state)
{
    struct fixture *f = *state;
    tt_buf_puts(&f->wire, hello);
    decodes(f, "compress", hello);
    decodes(f, "gzip, dcb", hello);
    decodes(f, "", hello);
}

static void a_cut_body_is_an_error_at_the_end(void **state)
{
    struct fixture *f = *state;
    deflate_to_wire(f, hello, strlen(hello), 31);
    f->wire.len -= 9;
    begin(f, "gzip");
    assert_true(put(f, 5));
    assert_false(tt_http_body_end(&f->x));
    assert_int_equal(f->x.error.code, TT_HTTP_E_DECODE);
    assert_string_equal(f->x.error.text, "decompression: unexpected EOF");
    begin(f, "gzip"); /* the answer to a HEAD has no body at all */
    assert_true(tt_http_body_end(&f->x));
}

static void data_of_another_kind_are_an_error(void **state)
{
    static const char *const codings[] = {"gzip", "deflate", "br", "zstd"};
    struct fixture *f = *state;
    tt_buf_puts(&f->wire, "<html>this is not compressed at all</html>");
    for (size_t i = 0; i < 4; i++) {
        begin(f, codings[i]);
        assert_false(put(f, 4096));
        assert_int_equal(f->x.error.code, TT_HTTP_E_DECODE);
        assert_non_null(strstr(f->x.error.text, codings[i]));
    }
}

static void a_bomb_is_stopped_by_its_ratio(void **state)
{
    struct fixture *f = *state;
    deflate_to_wire(f, NULL, 64 << 20, 31);
    begin(f, "gzip");
    f->x.max_ratio = 250;
    assert_false(put(f, 1024));
    assert_int_equal(f->x.error.code, TT_HTTP_E_DECODE);
    assert_non_null(strstr(f->x.error.text, "max_decompression_ratio"));
    assert_in_range(f->x.body.len, 1, 8 << 20);
    begin(f, "gzip");
    f->x.max_ratio = 0;
    assert_true(put(f, 1024));
    assert_int_equal(f->x.body.len, 64 << 20);
}

static void a_small_body_may_have_any_ratio(void **state)
{
    struct fixture *f = *state;
    deflate_to_wire(f, NULL, 2 << 20, 31);
    begin(f, "gzip");
    f->x.max_ratio = 250;
    assert_true(put(f, 1024));
    assert_true(tt_http_body_end(&f->x));
}

static void the_limit_counts_decoded_bytes(void **state)
{
    struct fixture *f = *state;
    deflate_to_wire(f, NULL, 1 << 20, 31);
    begin(f, "gzip");
    f->x.max_body = 100000;
    assert_false(put(f, 4096));
    assert_int_equal(f->x.error.code, TT_HTTP_E_TOO_LARGE);
    assert_true(f->x.body.len <= 100000);
}

static void a_discarded_body_is_counted_only(void **state)
{
    struct fixture *f = *state;
    tt_buf_puts(&f->wire, "not gzip");
    begin(f, "gzip");
    f->x.keep = TT_HTTP_DISCARD_BODY;
    f->x.max_body = 1;
    assert_true(put(f, 3));
    assert_true(tt_http_body_end(&f->x));
    assert_int_equal(f->x.wire_bytes, 8);
    assert_int_equal(f->x.body.len, 0);
    f->x.keep = TT_HTTP_KEEP_BODY;
}

static void a_stream_tells_and_is_full_at_its_window(void **state)
{
    struct fixture *f = *state;
    char piece[16384] = {0};
    begin(f, "identity");
    f->x.keep = TT_HTTP_STREAM_BODY;
    f->x.max_body = 1; /* of kept ones */
    for (unsigned i = 1; i <= TT_HTTP_STREAM_WINDOW / sizeof piece; i++) {
        assert_false(tt_http_body_full(&f->x));
        assert_true(tt_http_body_put(&f->x, piece, sizeof piece));
        assert_int_equal(f->arrived, i);
    }
    assert_true(tt_http_body_full(&f->x));
    tt_buf_clear(&f->x.body);
    assert_false(tt_http_body_full(&f->x));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_coding_is_undone_in_any_cut),
        TEST(the_last_coding_is_undone_first),
        TEST(gzip_may_have_several_members),
        TEST(an_unknown_coding_leaves_the_body_as_it_came),
        TEST(a_cut_body_is_an_error_at_the_end),
        TEST(data_of_another_kind_are_an_error),
        TEST(a_bomb_is_stopped_by_its_ratio),
        TEST(a_small_body_may_have_any_ratio),
        TEST(the_limit_counts_decoded_bytes),
        TEST(a_discarded_body_is_counted_only),
        TEST(a_stream_tells_and_is_full_at_its_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
