/* SPDX-License-Identifier: MIT */
/* Where the control API listens and whom it answers: addresses, tokens, pages, the sockets' folder.
 */
#include "control_rig.h"
#include <fcntl.h>
#include <sys/stat.h>

static uint16_t port(const struct rig *g)
{
    return tt_server_port(g->control->tcp_end.server);
}

/* The status of GET /v1/status over TCP with these header lines. */
static int status_with(const struct rig *g, const char *headers)
{
    struct client_answer a;
    int fd = client_tcp(port(g));
    client_request(fd, "GET", "/v1/status", headers, NULL);
    client_read_answer(fd, &a, true);
    int status = a.status;
    if (status == 401)
        assert_string_equal(client_header(&a, "www-authenticate"), "Bearer");
    client_answer_fini(&a);
    close(fd);
    return status;
}

static void tcp_asks_for_the_token_and_the_socket_does_not(void **state)
{
    struct rig *g = rig_new("127.0.0.1:0", "secret");
    (void)state;
    assert_int_equal(status_with(g, ""), 401);
    assert_int_equal(status_with(g, "Authorization: secret\r\n"), 401);
    assert_int_equal(status_with(g, "Authorization: Bearer secre\r\n"), 401);
    assert_int_equal(status_with(g, "Authorization: Bearer secret2\r\n"), 401);
    assert_int_equal(status_with(g, "Authorization: Bearer secreT\r\n"), 401);
    assert_int_equal(status_with(g, "Authorization: Basic secret\r\n"), 401);
    assert_int_equal(status_with(g, "Authorization: Bearer secret\r\n"), 200);
    assert_int_equal(status_with(g, "authorization: bearer secret\r\n"), 200); /* RFC 9110 11.1 */
    cJSON_Delete(rig_ask(g, "GET", "/v1/status", NULL, 200));
    rig_free(g);
}

static void without_a_token_loopback_needs_none(void **state)
{
    static const char *const tokens[] = {NULL, ""};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct rig *g = rig_new("127.0.0.1:0", tokens[i]);
        assert_int_equal(status_with(g, ""), 200);
        rig_free(g);
    }
}

static void web_pages_are_refused_even_with_the_token(void **state)
{
    struct rig *g = rig_new("127.0.0.1:0", "secret");
    (void)state;
    assert_int_equal(status_with(g, "Origin: http://127.0.0.1\r\n"), 403);
    assert_int_equal(status_with(g, "Origin: null\r\nAuthorization: Bearer secret\r\n"), 403);
    rig_free(g);
    g = rig_new("127.0.0.1:0", NULL);
    assert_int_equal(status_with(g, "Origin: http://localhost\r\n"), 403);
    rig_free(g);
}

static void commands_over_tcp_name_the_peer(void **state)
{
    struct rig *g = rig_new("127.0.0.1:0", NULL);
    (void)state;
    int fd = client_tcp(port(g));
    client_request(fd, "PATCH", "/v1/status", "", "{\"data\":{\"attributes\":{\"paused\":true}}}");
    cJSON_Delete(rig_answer(fd, 200));
    close(fd);
    assert_string_equal(g->client, "127.0.0.1");
    rig_free(g);
}

static void both_ends_get_events(void **state)
{
    struct rig *g = rig_new("127.0.0.1:0", NULL);
    struct client_answer a;
    char got[17] = "";
    (void)state;
    int fds[] = {client_tcp(port(g)), client_unix(g->path)};
    for (int i = 0; i < 2; i++) {
        client_request(fds[i], "GET", "/v1/events", "", NULL);
        client_read_head(fds[i], &a);
    }
    rig_publish(g, "{\"status\":{}}");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(client_read(fds[i], got, 15), 15);
        assert_string_equal(got, "event: snapshot");
        close(fds[i]);
    }
    rig_free(g);
}

static void hosts_may_be_short(void **state)
{
    static const char *const addresses[] = {":0", "localhost:0", "127.0.0.1:0"};
    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        struct rig *g = rig_new(addresses[i], NULL);
        assert_int_equal(status_with(g, ""), 200);
        rig_free(g);
    }
}

/* --- addresses that cannot be used */

static bool never(void *arg, struct tt_intervention *c)
{
    (void)arg;
    (void)c;
    return false;
}

static void assert_refused(const char *address, const char *token, const char *text)
{
    struct tt_err err = {0};
    const struct tt_control_config c = {.address = address, .token = token, .submit = never};
    assert_null(tt_control_start(&c, &err));
    assert_int_equal(err.exit_code, 106);
    if (!strstr(err.text, text))
        fail_msg("'%s' is not in: %s", text, err.text);
}

static void bad_addresses_end_with_a_word(void **state)
{
    (void)state;
    assert_refused("nonsense", NULL, "expected HOST:PORT");
    assert_refused("127.0.0.1:", NULL, "expected HOST:PORT");
    assert_refused("127.0.0.1:http", NULL, "expected HOST:PORT");
    assert_refused("127.0.0.1:65536", NULL, "expected HOST:PORT");
    assert_refused("127.0.0.1:-1", NULL, "expected HOST:PORT");
    assert_refused("127.example:0", NULL, "not an IP address");
    assert_refused("example.org:0", "secret", "not an IP address");
}

static void addresses_that_others_reach_need_a_token(void **state)
{
    (void)state;
    assert_refused("0.0.0.0:0", NULL, "set a token");
    assert_refused("0.0.0.0:0", "", "set a token");
    assert_refused("[::]:0", NULL, "set a token");
    assert_refused("192.0.2.1:0", NULL, "set a token");
}

static void a_port_in_use_is_told(void **state)
{
    struct rig *g = rig_new("127.0.0.1:0", NULL);
    char address[32];
    (void)state;
    snprintf(address, sizeof address, "127.0.0.1:%u", port(g));
    assert_refused(address, NULL, "control API: cannot listen on 127.0.0.1");
    rig_free(g);
}

static void a_socket_path_that_is_too_long_is_told(void **state)
{
    char path[300];
    struct tt_err err = {0};
    (void)state;
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    const struct tt_control_config c = {.socket_path = path, .submit = never};
    assert_null(tt_control_start(&c, &err));
    assert_non_null(strstr(err.text, "too long"));
    assert_int_equal(err.exit_code, 106);
}

static void the_socket_is_its_users_alone_and_replaces_a_stale_one(void **state)
{
    struct rig *g = rig_new(NULL, NULL);
    struct tt_err err = {0};
    struct stat st;
    char path[96];
    (void)state;
    snprintf(path, sizeof path, "%s", g->path);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
    rig_free(g);
    snprintf(path, sizeof path, "/tmp/ttload-stale-XXXXXX"); /* left behind */
    close(mkstemp(path));
    const struct tt_control_config c = {.socket_path = path, .submit = never};
    struct tt_control *control = tt_control_start(&c, &err);
    assert_non_null(control);
    int fd = client_unix(path);
    client_request(fd, "GET", "/v1/status", "", NULL);
    cJSON_Delete(rig_answer(fd, 200));
    close(fd);
    tt_control_stop(control);
    assert_int_equal(access(path, F_OK), -1);
}

/* --- the folder */

struct folder {
    char base[64], path[96];
};

static struct folder folder_new(void)
{
    struct folder f;
    snprintf(f.base, sizeof f.base, "/tmp/ttload-folder-XXXXXX");
    assert_non_null(mkdtemp(f.base));
    snprintf(f.path, sizeof f.path, "%s/ttload", f.base);
    setenv("XDG_RUNTIME_DIR", f.base, 1);
    return f;
}

static void folder_free(struct folder *f)
{
    unsetenv("XDG_RUNTIME_DIR");
    if (unlink(f->path) != 0)
        rmdir(f->path);
    assert_int_equal(rmdir(f->base), 0);
}

static void the_folder_is_made_for_its_user_alone(void **state)
{
    struct folder f = folder_new();
    struct tt_err err = {0};
    struct stat st;
    char out[128];
    (void)state;
    assert_false(tt_control_folder(out, sizeof out, false, &err)); /* looking makes nothing */
    assert_int_equal(access(f.path, F_OK), -1);
    assert_true(tt_control_folder(out, sizeof out, true, &err));
    assert_string_equal(out, f.path);
    assert_int_equal(stat(f.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_true(tt_control_folder(out, sizeof out, true, &err));
    assert_true(tt_control_folder(out, sizeof out, false, &err));
    folder_free(&f);
}

static void a_path_too_long_for_a_socket_is_refused_as_a_whole(void **state)
{
    struct folder f = folder_new();
    struct tt_err err = {0};
    char out[sizeof f.path - 1];
    (void)state;
    snprintf(out, strlen(f.path), "%s", f.path);
    assert_false(
        tt_control_folder(out, strlen(f.path), true, &err)); /* no room for the last byte */
    assert_non_null(strstr(err.text, "too long"));
    assert_int_equal(access(f.path, F_OK), -1);
    folder_free(&f); /* nothing else is in it */
}

static void a_folder_that_others_may_enter_is_refused(void **state)
{
    struct folder f = folder_new();
    struct tt_err err = {0};
    char out[128];
    (void)state;
    assert_int_equal(mkdir(f.path, 0700), 0);
    assert_int_equal(chmod(f.path, 0710), 0);
    assert_false(tt_control_folder(out, sizeof out, true, &err));
    assert_non_null(strstr(err.text, "yours alone"));
    folder_free(&f);
}

static void what_is_no_folder_is_refused(void **state)
{
    struct folder f = folder_new();
    struct tt_err err = {0};
    char out[128];
    (void)state;
    assert_int_equal(symlink(f.base, f.path), 0); /* somebody's way to another place */
    assert_false(tt_control_folder(out, sizeof out, true, &err));
    assert_non_null(strstr(err.text, "yours alone"));
    assert_int_equal(unlink(f.path), 0);
    close(open(f.path, O_CREAT | O_WRONLY, 0600));
    assert_false(tt_control_folder(out, sizeof out, true, &err));
    folder_free(&f);
}

static void a_runtime_folder_that_cannot_be_is_told(void **state)
{
    struct tt_err err = {0};
    char out[128];
    (void)state;
    setenv("XDG_RUNTIME_DIR", "/nonexistent/folder", 1);
    assert_false(tt_control_folder(out, sizeof out, true, &err));
    assert_non_null(strstr(err.text, "cannot make the folder /nonexistent/folder/ttload"));
    unsetenv("XDG_RUNTIME_DIR");
}

static void a_relative_runtime_folder_is_passed_over(void **state)
{
    struct tt_err err = {0};
    char out[128], expected[64];
    (void)state;
    setenv("XDG_RUNTIME_DIR", "relative", 1);
    tt_control_folder(out, sizeof out, false, &err);
    snprintf(expected, sizeof expected, "/tmp/ttload-%u", (unsigned)getuid());
    assert_string_equal(out, expected);
    unsetenv("XDG_RUNTIME_DIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_asks_for_the_token_and_the_socket_does_not),
        cmocka_unit_test(without_a_token_loopback_needs_none),
        cmocka_unit_test(web_pages_are_refused_even_with_the_token),
        cmocka_unit_test(commands_over_tcp_name_the_peer),
        cmocka_unit_test(both_ends_get_events),
        cmocka_unit_test(hosts_may_be_short),
        cmocka_unit_test(bad_addresses_end_with_a_word),
        cmocka_unit_test(addresses_that_others_reach_need_a_token),
        cmocka_unit_test(a_port_in_use_is_told),
        cmocka_unit_test(a_socket_path_that_is_too_long_is_told),
        cmocka_unit_test(the_socket_is_its_users_alone_and_replaces_a_stale_one),
        cmocka_unit_test(the_folder_is_made_for_its_user_alone),
        cmocka_unit_test(a_path_too_long_for_a_socket_is_refused_as_a_whole),
        cmocka_unit_test(a_folder_that_others_may_enter_is_refused),
        cmocka_unit_test(what_is_no_folder_is_refused),
        cmocka_unit_test(a_runtime_folder_that_cannot_be_is_told),
        cmocka_unit_test(a_relative_runtime_folder_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
