/* SPDX-License-Identifier: MIT */
/* The server's WebSockets, seen by a client that makes its frames by hand. */
#include "serve_rig.h"

enum { MESSAGE_MAX = 100000 };

static void on_request(struct tt_exchange *x, void *user)
{
    char protocol[64];
    (void)user;
    if (!x->req.wants_websocket) {
        tt_exchange_reply_text(x, 426, "text/plain", "");
        return;
    }
    bool chosen = tt_query_get(x->req.query, "protocol", protocol, sizeof protocol);
    tt_exchange_upgrade(x, chosen ? protocol : NULL, user);
}

static void on_open(struct tt_peer *ws, void *user)
{
    if (tt_peer_user(ws) == user) /* no assertion on this thread: the counts tell */
        rig_note(user, &((struct rig *)user)->opened);
}

/* What the message says is done; any other one is sent back. */
static void on_message(struct tt_peer *ws, const char *p, size_t n, bool binary, void *user)
{
    unsigned code;
    rig_note(user, &((struct rig *)user)->messages);
    if (!binary && sscanf(p, "close %u", &code) == 1) {
        tt_peer_close(ws, code, "as you wish");
        tt_peer_send(ws, "too late", 8, false, 0);
        tt_peer_ping(ws, "too late", 8);
        if (tt_peer_open(ws))
            rig_note(user, &((struct rig *)user)->messages);
    } else if (!binary && n == 4 && memcmp(p, "kill", 4) == 0) {
        tt_peer_kill(ws, false);
    } else if (!binary && n == 5 && memcmp(p, "reset", 5) == 0) {
        tt_peer_kill(ws, true);
    } else if (!binary && n == 4 && memcmp(p, "ping", 4) == 0) {
        tt_peer_ping(ws, "data", 4);
    } else if (!binary && n == 3 && memcmp(p, "cut", 3) == 0) {
        tt_peer_send(ws, "abcdefgh", 8, false, 3);
    } else {
        tt_peer_send(ws, p, n, binary, 0);
    }
}

static void on_closed(struct tt_peer *ws, void *user)
{
    (void)ws;
    rig_note(user, &((struct rig *)user)->closed);
}

static const struct tt_server_handler handler = {
    .request = on_request, .ws_open = on_open, .ws_message = on_message, .ws_closed = on_closed};

static int setup(void **state)
{
    *state = rig_new(&handler, (struct tt_server_config){.ws_message_max = MESSAGE_MAX});
    return 0;
}

/* Every socket that was opened has been closed for the handler too, by the server's end at last. */
static int teardown(void **state)
{
    struct rig *g = *state;
    rig_stop(g);
    assert_int_equal(g->opened, g->closed);
    rig_free(g);
    return 0;
}

static int opened(const struct rig *g)
{
    return client_websocket(tt_server_port(g->server), "/");
}

static void end_politely(int fd)
{
    client_frame(fd, 0x88, "\x03\xE8", 2);
    client_expect_close(fd, 1000, "");
    client_expect_end(fd);
}

/* --- messages */

static void messages_are_delivered_whole_with_their_kind(void **state)
{
    int fd = opened(*state);
    client_text(fd, "hello");
    client_expect_frame(fd, 0x81, "hello");
    client_frame(fd, 0x82, "\x01\x02\xff", 3);
    client_expect_frame(fd, 0x82, "\x01\x02\xff");
    client_text(fd, "");
    client_expect_frame(fd, 0x81, "");
    client_frame(fd, 0x01, "one ", 4);
    client_frame(fd, 0x00, "two ", 4);
    client_frame(fd, 0x80, "three", 5);
    client_expect_frame(fd, 0x81, "one two three");
    end_politely(fd);
}

static void messages_of_every_length_form_come_back(void **state)
{
    static const size_t sizes[] = {125, 126, 4096, 4097, 65535, 65536, MESSAGE_MAX};
    char *data = tt_xmalloc(MESSAGE_MAX);
    int fd = opened(*state);
    for (size_t i = 0; i < MESSAGE_MAX; i++)
        data[i] = (char)(i * 7 + i / 251);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        client_frame(fd, 0x82, data, sizes[i]);
        struct client_frame f = client_read_frame(fd);
        assert_int_equal(f.first, 0x82);
        assert_int_equal(f.len, sizes[i]);
        assert_memory_equal(f.data, data, sizes[i]);
        tt_free(f.data);
    }
    tt_free(data);
    end_politely(fd);
}

static void a_ping_between_fragments_is_answered_at_once(void **state)
{
    int fd = opened(*state);
    client_frame(fd, 0x01, "first ", 6);
    client_frame(fd, 0x89, "now", 3);
    client_expect_frame(fd, 0x8a, "now");
    client_frame(fd, 0x80, "second", 6);
    client_expect_frame(fd, 0x81, "first second");
    end_politely(fd);
}

static void a_message_may_be_sent_in_frames(void **state)
{
    int fd = opened(*state);
    client_text(fd, "cut");
    client_expect_frame(fd, 0x01, "abc");
    client_expect_frame(fd, 0x00, "def");
    client_expect_frame(fd, 0x80, "gh");
    end_politely(fd);
}

static void pings_are_sent_and_pongs_bother_nobody(void **state)
{
    struct rig *g = *state;
    int fd = opened(g);
    client_text(fd, "ping");
    client_expect_frame(fd, 0x89, "data");
    client_frame(fd, 0x8a, "data", 4);
    client_frame(fd, 0x8a, "unasked", 7);
    client_text(fd, "x");
    client_expect_frame(fd, 0x81, "x");
    assert_int_equal(g->messages, 2);
    end_politely(fd);
}

static void what_follows_the_handshake_at_once_is_read(void **state)
{
    struct rig *g = *state;
    struct client_answer a;
    int fd = client_tcp(tt_server_port(g->server));
    static const char both[] = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                               "\x81\x82\x01\x01\x01\x01\x69\x68"; /* "hi", masked */
    assert_true(client_try_send(fd, both, sizeof both - 1));
    client_read_head(fd, &a);
    assert_int_equal(a.status, 101);
    client_expect_frame(fd, 0x81, "hi");
    end_politely(fd);
}

static void many_sockets_keep_apart(void **state)
{
    struct rig *g = *state;
    int fds[20];
    char text[16];
    for (int i = 0; i < 20; i++)
        fds[i] = opened(g);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "socket %d", i);
        client_text(fds[i], text);
    }
    for (int i = 19; i >= 0; i--) {
        snprintf(text, sizeof text, "socket %d", i);
        client_expect_frame(fds[i], 0x81, text);
        end_politely(fds[i]);
    }
    rig_wait(g, &g->closed, 20);
}

/* --- the handshake */

static void the_chosen_subprotocol_is_answered(void **state)
{
    struct rig *g = *state;
    struct client_answer a;
    int fd = client_upgrade(tt_server_port(g->server), "/?protocol=chat.v2",
                            "Sec-WebSocket-Protocol: chat.v1, chat.v2\r\n", &a);
    assert_int_equal(a.status, 101);
    assert_string_equal(client_header(&a, "sec-websocket-protocol"), "chat.v2");
    end_politely(fd);
    fd = client_upgrade(tt_server_port(g->server), "/",
                        "Sec-WebSocket-Protocol: chat.v1, chat.v2\r\n", &a);
    assert_int_equal(a.status, 101);
    assert_null(client_header(&a, "sec-websocket-protocol"));
    end_politely(fd);
}

static void a_plain_request_is_no_upgrade(void **state)
{
    struct rig *g = *state;
    struct client_answer a;
    int fd = client_tcp(tt_server_port(g->server));
    client_request(fd, "GET", "/", "", NULL);
    client_read_answer(fd, &a, true);
    assert_int_equal(a.status, 426);
    client_answer_fini(&a);
    client_request(fd, "GET", "/", "Upgrade: websocket\r\nConnection: Upgrade\r\n", NULL);
    client_read_answer(fd, &a, true);
    assert_int_equal(a.status, 426); /* no key, no version */
    client_answer_fini(&a);
    close(fd);
}

/* --- ends */

static void a_close_of_the_client_is_answered_with_its_code(void **state)
{
    struct rig *g = *state;
    int fd = opened(g);
    client_frame(fd, 0x88, "\x0F\xA0reason", 8);
    struct client_frame f = client_read_frame(fd);
    assert_int_equal(f.first, 0x88);
    assert_true(f.len >= 2);
    assert_memory_equal(f.data, "\x0F\xA0", 2);
    tt_free(f.data);
    client_expect_end(fd);
    rig_wait(g, &g->closed, 1);
}

static void a_close_of_the_server_has_code_and_reason_and_is_the_last_word(void **state)
{
    struct rig *g = *state;
    int fd = opened(g);
    client_text(fd, "close 4001");
    client_expect_close(fd, 4001, "as you wish");
    client_text(fd, "not heard any more");
    client_frame(fd, 0x88, "\x0F\xA1", 2);
    client_expect_end(fd);
    rig_wait(g, &g->closed, 1);
    assert_int_equal(g->messages, 1);
}

static void a_close_without_a_code_is_empty(void **state)
{
    int fd = opened(*state);
    client_text(fd, "close 1005");
    client_expect_frame(fd, 0x88, "");
    client_frame(fd, 0x88, "", 0);
    client_expect_end(fd);
}

static void a_client_that_does_not_answer_our_close_is_cut_off(void **state)
{
    struct rig *g = *state;
    int fd = opened(g);
    client_text(fd, "close 1000");
    client_expect_close(fd, 1000, "as you wish");
    client_expect_end(fd);
    rig_wait(g, &g->closed, 1);
}

static void a_killed_socket_ends_without_a_close(void **state)
{
    struct rig *g = *state;
    char c;
    int fd = opened(g);
    client_text(fd, "kill");
    client_expect_end(fd);
    rig_wait(g, &g->closed, 1);
    fd = opened(g);
    client_text(fd, "reset");
    assert_true(client_read(fd, &c, 1) <= 0);
    close(fd);
    rig_wait(g, &g->closed, 2);
}

static void a_client_that_vanishes_is_closed(void **state)
{
    struct rig *g = *state;
    int fd = opened(g);
    rig_wait(g, &g->opened, 1);
    close(fd);
    rig_wait(g, &g->closed, 1);
}

static void stopping_closes_every_socket(void **state)
{
    struct rig *g = rig_new(&handler, (struct tt_server_config){0});
    int fds[5];
    char c;
    (void)state;
    for (int i = 0; i < 5; i++)
        fds[i] = opened(g);
    rig_wait(g, &g->opened, 5);
    rig_stop(g);
    assert_int_equal(g->closed, 5);
    for (int i = 0; i < 5; i++) {
        while (client_read(fds[i], &c, 1) > 0)
            ; /* perhaps a Close */
        close(fds[i]);
    }
    rig_free(g);
}

/* --- limits and broken clients */

/* The server ends it; with a Close of this code when it says anything. */
static void expect_broken(struct rig *g, int fd, unsigned code, unsigned closed)
{
    struct client_frame f = client_read_frame(fd);
    assert_int_equal(f.first, 0x88);
    assert_true(f.len >= 2);
    assert_int_equal((unsigned)(uint8_t)f.data[0] << 8 | (uint8_t)f.data[1], code);
    tt_free(f.data);
    shutdown(fd, SHUT_WR);
    client_expect_end(fd);
    rig_wait(g, &g->closed, closed);
}

static void messages_beyond_the_limit_are_1009(void **state)
{
    struct rig *g = *state;
    char *data = tt_xcalloc(1, MESSAGE_MAX + 1);
    int fd = opened(g);
    memset(data, 'x', MESSAGE_MAX + 1);
    client_frame(fd, 0x01, data, MESSAGE_MAX / 2);
    client_frame(fd, 0x80, data, MESSAGE_MAX / 2 + 1);
    expect_broken(g, fd, 1009, 1);
    assert_int_equal(g->messages, 0);
    tt_free(data);
}

static void frames_beyond_their_limit_are_1009(void **state)
{
    struct rig *g = rig_new(&handler, (struct tt_server_config){.ws_frame_max = 10});
    (void)state;
    int fd = opened(g);
    client_frame(fd, 0x01, "0123456789", 10);
    client_frame(fd, 0x80, "0123456789", 10);
    client_expect_frame(fd, 0x81, "01234567890123456789");
    client_text(fd, "0123456789+");
    expect_broken(g, fd, 1009, 1);
    rig_free(g);
}

static void text_that_is_no_utf8_is_1007(void **state)
{
    struct rig *g = *state;
    int fd = opened(g);
    client_frame(fd, 0x81, "\xC3(", 2);
    expect_broken(g, fd, 1007, 1);
    assert_int_equal(g->messages, 0);
}

/* Not among them: a frame without a mask, which libwebsockets 4.1 takes. */
static void frames_that_are_none_are_1002(void **state)
{
    static const char *const broken[] = {
        "\xC1\x80\x01\x01\x01\x01",                         /* a reserved bit */
        "\x83\x80\x01\x01\x01\x01",                         /* an opcode that is not defined */
        "\x80\x80\x01\x01\x01\x01",                         /* a continuation of nothing */
        "\x09\x80\x01\x01\x01\x01",                         /* a ping in pieces */
        "\x01\x80\x01\x01\x01\x01\x81\x80\x01\x01\x01\x01", /* a message inside another */
    };
    struct rig *g = *state;
    for (unsigned i = 0; i < sizeof broken / sizeof *broken; i++) {
        int fd = opened(g);
        client_send(fd, broken[i]);
        expect_broken(g, fd, 1002, i + 1);
    }
    assert_int_equal(g->messages, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_are_delivered_whole_with_their_kind),
        TEST(messages_of_every_length_form_come_back),
        TEST(a_ping_between_fragments_is_answered_at_once),
        TEST(a_message_may_be_sent_in_frames),
        TEST(pings_are_sent_and_pongs_bother_nobody),
        TEST(what_follows_the_handshake_at_once_is_read),
        TEST(many_sockets_keep_apart),
        TEST(the_chosen_subprotocol_is_answered),
        TEST(a_plain_request_is_no_upgrade),
        TEST(a_close_of_the_client_is_answered_with_its_code),
        TEST(a_close_of_the_server_has_code_and_reason_and_is_the_last_word),
        TEST(a_close_without_a_code_is_empty),
        TEST(a_client_that_does_not_answer_our_close_is_cut_off),
        TEST(a_killed_socket_ends_without_a_close),
        TEST(a_client_that_vanishes_is_closed),
        cmocka_unit_test(stopping_closes_every_socket),
        TEST(messages_beyond_the_limit_are_1009),
        cmocka_unit_test(frames_beyond_their_limit_are_1009),
        TEST(text_that_is_no_utf8_is_1007),
        TEST(frames_that_are_none_are_1002),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
