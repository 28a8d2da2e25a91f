/* SPDX-License-Identifier: MIT */
/* The life of an HTTP call over a transport that is made up: hops, redirects, addresses, deadlines,
 * cancelling, and the samples that each hop leaves. */
#include "base/json.h"
#include "fake_transport.h"

static const struct answer ok = {.head = "HTTP/1.1 200 OK\r\n", .body = "hello"};

#define REDIRECT(code, to)                                                                         \
    {                                                                                              \
        .head = "HTTP/1.1 " code " Moved\r\n", .redirect = (to)                                    \
    }

static void sent_is(const struct http_rig *h, size_t i, const char *method, const char *url)
{
    assert_true(i < h->fake.n_sent);
    assert_string_equal(h->fake.sent[i].method, method);
    assert_string_equal(h->fake.sent[i].url, url);
}

static bool sent_line(const struct http_rig *h, size_t i, const char *line)
{
    assert_true(i < h->fake.n_sent);
    return strstr(h->fake.sent[i].lines, line) != NULL;
}

static void count_is(struct http_rig *h, const char *metric, double count)
{
    struct tt_sink_values v = rig_values(h->rig, metric);
    double got = v.type == TT_COUNTER ? v.sum : v.type == TT_RATE ? (double)v.trues : -1;
    if (got != count)
        fail_msg("%s: %g, not %g", metric, got, count);
}

static void ends_with_error(struct tt_http_call *c, int code, const char *text)
{
    assert_true(c->op.finished);
    assert_int_equal(c->x.error.code, code);
    assert_int_equal(c->status.code, 0);
    if (!strstr(c->x.error.text, text))
        fail_msg("'%s' does not say '%s'", c->x.error.text, text);
}

/* --- one hop ------------------------------------------------------------------------------------
 */

static void an_answer_comes_back_as_it_is(void **state)
{
    (void)state;
    struct http_rig *h = http_rig_new(&ok, 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "POST", "http://127.0.0.1:8080/a b?q#frag");
    add_header(c, "X-One", "1");
    add_header(c, "X-Empty", "");
    add_header(c, "content-type", "text/x");
    c->body = "body";
    c->body_len = 4;
    tt_http_call_start(c);
    assert_true(c->op.finished);
    assert_int_equal(c->status.code, 200);
    assert_int_equal(c->x.error.code, 0);
    assert_string_equal(c->x.body.data, "hello");
    sent_is(h, 0, "POST", "http://127.0.0.1:8080/a%20b?q");
    assert_string_equal(h->fake.sent[0].lines, "X-One: 1\nX-Empty;\ncontent-type: text/x\n");
    assert_string_equal(h->fake.sent[0].body, "body");
    assert_string_equal(h->fake.sent[0].connect_to, ""); /* the URL says it */
    assert_true(h->fake.sent[0].has_content_type);
    count_is(h, "http_reqs", 1);
    count_is(h, "http_req_failed", 0);
    tt_http_call_put(c);
    http_rig_free(h);
}

static bool known_as_http1(struct http_rig *h, const char *url,
                           const struct tt_http_special *special)
{
    struct tt_http_call *c = http_rig_call(h, "GET", url);
    if (special) {
        c->special = *special;
        c->is_special = true;
    }
    tt_http_call_start(c);
    bool known = c->x.origin && c->x.origin->http1;
    tt_http_call_put(c);
    return known;
}

static void an_answer_tells_what_its_origin_speaks(void **state)
{
    (void)state;
    static const struct tt_http_special old = {.version = TT_HTTP_VERSION_1_1};
    const struct answer answers[] = {
        {.head = "HTTP/2 200 OK\r\n"},   {.error = TT_HTTP_E_RESET},      ok, ok,
        {.head = "HTTP/1.1 404 No\r\n"}, {.head = "HTTP/1.1 500 No\r\n"}, ok, {.error = 1000}};
    struct http_rig *h = http_rig_new(answers, 8, NULL);
    assert_false(known_as_http1(h, "https://127.0.0.1/", NULL));
    assert_false(known_as_http1(h, "https://127.0.0.2/", NULL));
    assert_false(known_as_http1(h, "https://127.0.0.2/", &old)); /* it was not asked */
    assert_false(known_as_http1(h, "http://127.0.0.2/", NULL));
    assert_true(known_as_http1(h, "https://127.0.0.2/", NULL));
    assert_true(known_as_http1(h, "https://127.0.0.2:444/", NULL));
    assert_true(known_as_http1(h, "https://127.0.0.3/", NULL));
    assert_true(known_as_http1(h, "https://127.0.0.2/x", NULL)); /* for good */
    http_rig_free(h);
}

static void too_many_origins_are_not_known(void **state)
{
    (void)state;
    struct tt_http_origins o = {0};
    char name[16];
    for (int i = 0; i < TT_HTTP_ORIGINS_MAX; i++) {
        snprintf(name, sizeof name, "h%d", i);
        assert_non_null(tt_http_origin_of(&o, (struct tt_slice){name, strlen(name)}));
    }
    assert_null(tt_http_origin_of(&o, (struct tt_slice){"one more", 8}));
    assert_non_null(tt_http_origin_of(&o, (struct tt_slice){"h7", 2}));
    tt_http_origins_fini(&o);
}

static void bytes_of_all_hops_count_for_the_vu(void **state)
{
    (void)state;
    const struct answer answers[] = {REDIRECT("302", "http://127.0.0.1/2"),
                                     {.head = "HTTP/1.1 200 OK\r\n"}};
    struct http_rig *h = http_rig_new(answers, 2, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    tt_http_call_start(c);
    assert_true(h->vu->data_sent == 200);
    assert_true(h->vu->data_received == 2000);
    count_is(h, "http_reqs", 2);
    tt_http_call_put(c);
    http_rig_free(h);
}

static void an_answer_without_a_status_line_is_an_error(void **state)
{
    (void)state;
    const struct answer answers[] = {{.head = "Content-Type: text/plain\r\n", .body = "x"}, {0}};
    struct http_rig *h = http_rig_new(answers, 2, NULL);
    for (int i = 0; i < 2; i++) {
        struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
        tt_http_call_start(c);
        ends_with_error(c, 1000, "malformed HTTP response");
        tt_http_call_put(c);
    }
    count_is(h, "http_req_failed", 2);
    http_rig_free(h);
}

static void failures_and_bad_statuses_count_as_failed(void **state)
{
    (void)state;
    const struct answer answers[] = {{.error = TT_HTTP_E_RESET},
                                     {.head = "HTTP/1.1 500 No\r\n"},
                                     {.head = "HTTP/1.1 404 No\r\n"},
                                     {.head = "HTTP/1.1 304 Not Modified\r\n"}};
    static const char *const subs[] = {"http_reqs{status:0}",
                                       "http_reqs{status:500}",
                                       "http_reqs{error_code:1220}",
                                       "http_reqs{error_code:1404}",
                                       "http_reqs{expected_response:true}",
                                       "http_reqs{error:made to fail}",
                                       NULL};
    struct http_rig *h = http_rig_new(answers, 4, subs);
    for (int i = 0; i < 4; i++) {
        struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
        tt_http_call_start(c);
        assert_true(c->op.finished);
        tt_http_call_put(c);
    }
    count_is(h, "http_reqs", 4);
    count_is(h, "http_req_failed", 3);
    for (size_t i = 0; subs[i]; i++)
        count_is(h, subs[i], 1);
    http_rig_free(h);
}

static void tags_show_the_url_without_its_secrets(void **state)
{
    (void)state;
    static const char *const subs[] = {"http_reqs{url:http://****:****@127.0.0.1/x}",
                                       "http_reqs{name:http://127.0.0.1/y,method:GET}",
                                       "http_reqs{url:named,name:named}",
                                       "http_reqs{proto:HTTP/1.1,status:200}", NULL};
    struct http_rig *h = http_rig_new(&ok, 1, subs);
    const struct tt_tag name = {"name", "named"};
    struct tt_http_call *c = http_rig_call(h, "GET", "http://u:p@127.0.0.1/x");
    tt_http_call_start(c);
    tt_http_call_put(c);
    for (int i = 0; i < 2; i++) { /* the second time from the cache */
        c = http_rig_call(h, "GET", "http://127.0.0.1/y");
        tt_http_call_start(c);
        tt_http_call_put(c);
    }
    c = http_rig_call(h, "GET", "http://127.0.0.1/z");
    c->tags = tt_tags_with(h->rig->w->tags, c->tags, &name, 1);
    tt_http_call_start(c);
    tt_http_call_put(c);
    count_is(h, subs[0], 1);
    count_is(h, subs[1], 2);
    count_is(h, subs[2], 1);
    count_is(h, subs[3], 4);
    http_rig_free(h);
}

/* --- redirects ----------------------------------------------------------------------------------
 */

static void redirected(const char *method, const char *code, const char *want_method,
                       bool want_body)
{
    char head[64];
    struct answer answers[] = {{.head = head, .redirect = "http://127.0.0.1/to"},
                               {.head = "HTTP/1.1 200 OK\r\n"}};
    snprintf(head, sizeof head, "HTTP/1.1 %s X\r\n", code);
    struct http_rig *h = http_rig_new(answers, 2, NULL);
    struct tt_http_call *c = http_rig_call(h, method, "http://127.0.0.1/from");
    bool with_body = strcmp(method, "HEAD") != 0 && strcmp(method, "GET") != 0;
    if (with_body) {
        add_header(c, "Content-Type", "text/x");
        c->body = "body";
        c->body_len = 4;
    }
    tt_http_call_start(c);
    assert_int_equal(h->fake.n_sent, 2);
    sent_is(h, 1, want_method, "http://127.0.0.1/to");
    assert_int_equal(h->fake.sent[1].has_body, want_body);
    assert_int_equal(sent_line(h, 1, "Content-Type"), want_body);
    assert_int_equal(c->status.code, 200);
    tt_http_call_put(c);
    http_rig_free(h);
}

static void a_redirect_keeps_or_drops_method_and_body_as_k6_does(void **state)
{
    (void)state;
    redirected("POST", "301", "GET", false);
    redirected("PUT", "302", "GET", false);
    redirected("DELETE", "303", "GET", false);
    redirected("GET", "302", "GET", false);
    redirected("HEAD", "301", "HEAD", false);
    redirected("HEAD", "303", "HEAD", false);
    redirected("POST", "307", "POST", true);
    redirected("PATCH", "308", "PATCH", true);
    redirected("HEAD", "308", "HEAD", false);
}

static void other_statuses_with_a_location_are_answers(void **state)
{
    (void)state;
    static const char *const codes[] = {"200", "201", "300", "304", "305", "404"};
    for (size_t i = 0; i < 6; i++) {
        char head[64];
        const struct answer a = {.head = head, .redirect = "http://127.0.0.1/to"};
        snprintf(head, sizeof head, "HTTP/1.1 %s X\r\n", codes[i]);
        struct http_rig *h = http_rig_new(&a, 1, NULL);
        struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
        tt_http_call_start(c);
        assert_int_equal(h->fake.n_sent, 1);
        assert_int_equal(c->status.code, atoi(codes[i]));
        tt_http_call_put(c);
        http_rig_free(h);
    }
    const struct answer nowhere = {.head = "HTTP/1.1 302 Found\r\n"};
    struct http_rig *h = http_rig_new(&nowhere, 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    tt_http_call_start(c);
    assert_int_equal(c->status.code, 302); /* without a Location */
    tt_http_call_put(c);
    http_rig_free(h);
}

static void redirects_end_at_their_limit_with_the_last_answer(void **state)
{
    (void)state;
    const struct answer loop = REDIRECT("302", "http://127.0.0.1/again");
    struct http_rig *h = http_rig_new(&loop, 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    c->redirects = 3;
    tt_http_call_start(c);
    assert_int_equal(h->fake.n_sent, 4);
    assert_int_equal(c->status.code, 302);
    assert_int_equal(c->x.error.code, 0);
    assert_non_null(strstr(h->rig->log, "stopped following redirects"));
    tt_http_call_put(c);
    h->rig->log[0] = '\0';
    c = http_rig_call(h, "GET", "http://127.0.0.1/");
    c->redirects = 0;
    c->redirects_default = false; /* the script wants it so */
    tt_http_call_start(c);
    assert_int_equal(h->fake.n_sent, 5);
    assert_string_equal(h->rig->log, "");
    tt_http_call_put(c);
    http_rig_free(h);
}

static void secrets_stay_with_the_host_and_do_not_come_back(void **state)
{
    (void)state;
    const struct answer answers[] = {REDIRECT("307", "http://sub.a.localhost/1"),
                                     REDIRECT("307", "http://b.localhost/2"),
                                     REDIRECT("307", "http://a.localhost/3"),
                                     {.head = "HTTP/1.1 200 OK\r\n"}};
    static const char *const secrets[] = {"Authorization: s", "cookie2: s", "Www-Authenticate: s"};
    struct http_rig *h = http_rig_new(answers, 4, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://a.localhost/0");
    add_header(c, "Authorization", "s");
    add_header(c, "Cookie", "s");
    add_header(c, "cookie2", "s");
    add_header(c, "Www-Authenticate", "s");
    add_header(c, "Authorization-Not", "kept");
    add_header(c, "Host", "named");
    tt_http_call_start(c);
    assert_int_equal(h->fake.n_sent, 4);
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(sent_line(h, i, secrets[k]), i < 2);
        assert_int_equal(sent_line(h, i, "Cookie: s"), i == 0); /* each hop has its own */
        assert_true(sent_line(h, i, "Authorization-Not: kept"));
        assert_int_equal(sent_line(h, i, "Host: named"), i == 0); /* of that server only */
    }
    tt_http_call_put(c);
    http_rig_free(h);
}

static void the_referer_is_the_hop_before(void **state)
{
    (void)state;
    const struct answer answers[] = {REDIRECT("302", "http://127.0.0.1/1"),
                                     REDIRECT("302", "https://127.0.0.1/2"),
                                     REDIRECT("302", "http://127.0.0.1/3"),
                                     {.head = "HTTP/1.1 200 OK\r\n"}};
    struct http_rig *h = http_rig_new(answers, 4, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://u:p@127.0.0.1/0#frag");
    tt_http_call_start(c);
    assert_false(sent_line(h, 0, "Referer"));
    assert_true(sent_line(h, 1, "Referer: http://127.0.0.1/0\n")); /* without user and password */
    assert_true(sent_line(h, 2, "Referer: http://127.0.0.1/1\n"));
    assert_false(sent_line(h, 3, "Referer")); /* https says nothing to http */
    tt_http_call_put(c);
    http_rig_free(h);
}

static void a_referer_of_the_script_stays(void **state)
{
    (void)state;
    const struct answer answers[] = {REDIRECT("302", "http://127.0.0.1/1"),
                                     REDIRECT("302", "http://127.0.0.1/2"),
                                     {.head = "HTTP/1.1 200 OK\r\n"}};
    struct http_rig *h = http_rig_new(answers, 3, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/0");
    add_header(c, "referer", "mine");
    tt_http_call_start(c);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(h->fake.sent[i].lines, "referer: mine\n");
    tt_http_call_put(c);
    http_rig_free(h);
}

static void a_bad_location_is_an_error(void **state)
{
    (void)state;
    const struct answer a = REDIRECT("302", "ftp://127.0.0.1/");
    struct http_rig *h = http_rig_new(&a, 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    tt_http_call_start(c);
    ends_with_error(c, 1000, "it does not begin with http:// or https://");
    assert_int_equal(h->fake.n_sent, 1);
    count_is(h, "http_reqs", 2);
    count_is(h, "http_req_failed", 1);
    tt_http_call_put(c);
    http_rig_free(h);
}

static void location_gives(const char *from, const char *location, int code, const char *url,
                           double samples)
{
    struct answer answers[] = {REDIRECT("302", location), ok};
    struct http_rig *h = http_rig_new(answers, 2, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", from);
    tt_http_call_start(c);
    assert_true(c->op.finished);
    if (c->x.error.code != code || strcmp(c->url.p, url) != 0)
        fail_msg("%s: %d, %s", location, c->x.error.code, c->url.p);
    count_is(h, "http_reqs", samples);
    tt_http_call_put(c);
    http_rig_free(h);
}

static void a_location_leads_where_k6_goes(void **state)
{
    (void)state;
    const char *from = "http://127.0.0.1/a/b", *mine = "http://u:p@127.0.0.1/a";
    location_gives(from, "c d?e f", 0, "http://127.0.0.1/a/c%20d?e%20f", 2);
    location_gives(from, "/\xc3\xa9", 0, "http://127.0.0.1/%C3%A9", 2);
    location_gives(from, "http://127.0.0.1:99999/", 1210, "http://127.0.0.1:99999/", 2);
    location_gives(from, "mailto:x", 1000, "mailto:x", 2);
    location_gives(from, ":foo", 1000, from, 1);
    location_gives(from, "http://h h/", 1000, from, 1);
    location_gives(mine, "b", 0, "http://u:p@127.0.0.1/b", 2);
    location_gives(mine, "//127.0.0.1/b", 0, "http://127.0.0.1/b", 2);
}

static void a_repeated_request_keeps_its_content_headers(void **state)
{
    (void)state;
    struct answer answers[] = {REDIRECT("307", "http://127.0.0.1/"), REDIRECT("302", "/"), ok};
    struct http_rig *h = http_rig_new(answers, 3, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    add_header(c, "Content-Type", "a/b");
    tt_http_call_start(c);
    assert_true(sent_line(h, 1, "Content-Type: a/b"));
    assert_false(sent_line(h, 2, "Content-Type"));
    tt_http_call_put(c);
    http_rig_free(h);
}

static void refused(const char *url, int code, double samples)
{
    struct http_rig *h = http_rig_new(&ok, 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", url);
    tt_http_call_start(c);
    ends_with_error(c, code, "invalid URL");
    assert_int_equal(h->fake.n_sent, 0);
    count_is(h, "http_reqs", samples);
    tt_http_call_put(c);
    http_rig_free(h);
}

static void a_url_that_nothing_can_be_sent_to_is_an_error(void **state)
{
    (void)state;
    refused("http://127.0.0.1:abc/", 1020, 0);
    refused("http://127.0.0.1:65536/", 1210, 1);
    refused("127.0.0.1/", 1000, 1);
    refused("", 1000, 1);
}

static void a_timeout_of_nothing_is_over_at_once(void **state)
{
    (void)state;
    struct http_rig *h = http_rig_new(&ok, 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    c->timeout_ns = 0;
    tt_http_call_start(c);
    ends_with_error(c, 1050, "request timeout");
    assert_int_equal(h->fake.n_sent, 0);
    count_is(h, "http_req_failed", 1);
    tt_http_call_put(c);
    http_rig_free(h);
}

static void switching_protocols_leaves_no_sample(void **state)
{
    (void)state;
    const struct answer a = {.head = "HTTP/1.1 101 Switching Protocols\r\n"};
    struct http_rig *h = http_rig_new(&a, 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    tt_http_call_start(c);
    assert_true(c->op.finished);
    assert_int_equal(c->status.code, 101);
    count_is(h, "http_reqs", 0);
    tt_http_call_put(c);
    http_rig_free(h);
}

static void the_last_hops_url_and_method_are_the_calls(void **state)
{
    (void)state;
    const struct answer answers[] = {REDIRECT("303", "http://127.0.0.1/1#top"),
                                     {.head = "HTTP/1.1 200 OK\r\n"}};
    struct http_rig *h = http_rig_new(answers, 2, NULL);
    struct tt_http_call *c = http_rig_call(h, "POST", "http://127.0.0.1/0");
    tt_http_call_start(c);
    assert_string_equal(c->method, "GET");
    assert_string_equal(c->url.p, "http://127.0.0.1/1#top");
    sent_is(h, 1, "GET", "http://127.0.0.1/1"); /* the fragment is not sent */
    tt_http_call_put(c);
    http_rig_free(h);
}

static void userinfo_is_sent_as_authorization(void **state)
{
    (void)state;
    struct http_rig *h = http_rig_new(&ok, 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://user@127.0.0.1/");
    tt_http_call_start(c);
    sent_is(h, 0, "GET", "http://127.0.0.1/");
    assert_string_equal(h->fake.sent[0].lines, "Authorization: Basic dXNlcjo=\n");
    tt_http_call_put(c);
    c = http_rig_call(h, "GET", "http://user@127.0.0.1/");
    add_header(c, "authorization", "Bearer x"); /* wins */
    tt_http_call_start(c);
    assert_string_equal(h->fake.sent[1].lines, "authorization: Bearer x\n");
    tt_http_call_put(c);
    http_rig_free(h);
}

/* --- addresses ----------------------------------------------------------------------------------
 */

static void the_next_address_is_tried_when_one_cannot_be_reached(void **state)
{
    (void)state;
    const struct answer answers[] = {{.error = TT_HTTP_E_REFUSED}, {.head = "HTTP/1.1 200 X\r\n"}};
    struct http_rig *h = http_rig_new(answers, 2, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://x.localhost:81/");
    tt_http_call_start(c);
    assert_int_equal(c->status.code, 200);
    assert_string_equal(h->fake.sent[0].connect_to, "127.0.0.1:81");
    assert_string_equal(h->fake.sent[1].connect_to, "[::1]:81");
    sent_is(h, 1, "GET", "http://x.localhost:81/");
    count_is(h, "http_reqs", 1); /* it is one request */
    count_is(h, "http_req_failed", 0);
    tt_http_call_put(c);
    http_rig_free(h);
}

static void when_no_address_answers_the_last_error_counts(void **state)
{
    (void)state;
    const struct answer answers[] = {{.error = TT_HTTP_E_DIAL_ERRNO}, {.error = TT_HTTP_E_REFUSED}};
    struct http_rig *h = http_rig_new(answers, 2, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://x.localhost/");
    tt_http_call_start(c);
    ends_with_error(c, TT_HTTP_E_REFUSED, "");
    assert_int_equal(h->fake.n_sent, 2);
    count_is(h, "http_reqs", 1);
    tt_http_call_put(c);
    http_rig_free(h);
}

static void a_request_that_got_out_is_not_tried_again(void **state)
{
    (void)state;
    const struct answer answers[] = {{.error = TT_HTTP_E_RESET}, {.head = "HTTP/1.1 200 X\r\n"}};
    struct http_rig *h = http_rig_new(answers, 2, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://x.localhost/");
    tt_http_call_start(c);
    ends_with_error(c, TT_HTTP_E_RESET, "");
    assert_int_equal(h->fake.n_sent, 1);
    tt_http_call_put(c);
    http_rig_free(h);
}

static void no_problem(void *arg, const char *text)
{
    (void)arg;
    fail_msg("%s", text);
}

static void the_hosts_option_says_where_to_connect(void **state)
{
    (void)state;
    struct http_rig *h = http_rig_new(&ok, 1, NULL);
    struct tt_err err = {0};
    cJSON *obj =
        cJSON_Parse("{\"hosts\":{\"api.test\":\"10.0.0.1:8080\",\"10.9.9.9\":\"10.0.0.2\"}}");
    if (!tt_options_apply_json(&h->rig->plan->opt, &h->rig->plan->arena, obj, TT_LAYER_SCRIPT,
                               "test", &err))
        fail_msg("%s", err.text);
    cJSON_Delete(obj);
    tt_network_read(&h->rig->plan->network, &h->rig->plan->arena, &h->rig->plan->opt, no_problem,
                    NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "https://API.test/x");
    tt_http_call_start(c);
    sent_is(h, 0, "GET", "https://API.test/x");
    assert_string_equal(h->fake.sent[0].connect_to, "10.0.0.1:8080");
    tt_http_call_put(c);
    c = http_rig_call(h, "GET", "http://10.9.9.9:81/"); /* also for a literal */
    tt_http_call_start(c);
    assert_string_equal(h->fake.sent[1].connect_to, "10.0.0.2:81");
    tt_http_call_put(c);
    http_rig_free(h);
}

static void a_host_name_that_is_too_long_is_an_error(void **state)
{
    (void)state;
    char url[400];
    struct http_rig *h = http_rig_new(&ok, 1, NULL);
    snprintf(url, sizeof url, "http://%0*d.localhost/", 300, 0);
    struct tt_http_call *c = http_rig_call(h, "GET", url);
    tt_http_call_start(c);
    ends_with_error(c, 1020, "too long");
    assert_int_equal(h->fake.n_sent, 0);
    tt_http_call_put(c);
    http_rig_free(h);
}

/* --- deadlines ----------------------------------------------------------------------------------
 */

static void a_request_ends_at_its_timeout(void **state)
{
    (void)state;
    const struct answer never = {.waits = true};
    struct http_rig *h = http_rig_new(&never, 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    c->timeout_ns = 2 * TT_NS_PER_S;
    tt_http_call_start(c);
    rig_pass(h->rig, 1999);
    assert_false(c->op.finished);
    rig_pass(h->rig, 1);
    ends_with_error(c, 1050, "request timeout: connecting");
    assert_int_equal(h->fake.cancelled, 1);
    count_is(h, "http_reqs", 1);
    count_is(h, "http_req_failed", 1);
    rig_pass(h->rig, 60000); /* and nothing else comes */
    count_is(h, "http_reqs", 1);
    tt_http_call_put(c);
    http_rig_free(h);
}

static void one_timeout_covers_all_hops(void **state)
{
    (void)state;
    struct answer answers[] = {{.waits = true}, {.waits = true}};
    const struct answer moved = REDIRECT("302", "http://127.0.0.1/2");
    struct http_rig *h = http_rig_new(answers, 2, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    c->timeout_ns = TT_NS_PER_S;
    tt_http_call_start(c);
    rig_pass(h->rig, 600);
    fake_finish(&h->fake, h->fake.pending, &moved);
    assert_int_equal(h->fake.n_sent, 2);
    rig_pass(h->rig, 399);
    assert_false(c->op.finished);
    rig_pass(h->rig, 1);
    ends_with_error(c, 1050, "request timeout: connecting");
    count_is(h, "http_reqs", 2);
    tt_http_call_put(c);
    http_rig_free(h);
}

static void a_timeout_says_what_took_so_long(void **state)
{
    (void)state;
    static const struct {
        struct tt_http_stamps at;
        bool dialled;
        const char *url, *text;
    } cases[] = {
        {{0}, true, "https://127.0.0.1/", "request timeout: TLS handshake"},
        {{0}, false, "https://127.0.0.1/", "request timeout: connecting"},
        {{.ready = 1}, true, "http://127.0.0.1/", "request timeout: sending the request"},
        {{.ready = 1, .sent = 2},
         true,
         "http://127.0.0.1/",
         "request timeout: waiting for the response"},
        {{.ready = 1, .sent = 2, .first_byte = 3},
         true,
         "http://127.0.0.1/",
         "request timeout: receiving the response"},
    };
    const struct answer never = {.waits = true};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_rig *h = http_rig_new(&never, 1, NULL);
        struct tt_http_call *c = http_rig_call(h, "GET", cases[i].url);
        c->timeout_ns = TT_NS_PER_S;
        h->fake.dialled = cases[i].dialled;
        tt_http_call_start(c);
        c->x.at.ready = cases[i].at.ready;
        c->x.at.sent = cases[i].at.sent;
        c->x.at.first_byte = cases[i].at.first_byte;
        rig_pass(h->rig, 1000);
        ends_with_error(c, 1050, cases[i].text);
        tt_http_call_put(c);
        http_rig_free(h);
    }
}

static void connecting_has_a_limit_of_its_own(void **state)
{
    (void)state;
    const struct answer never = {.waits = true};
    struct http_rig *h = http_rig_new(&never, 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    c->timeout_ns = 1000 * TT_NS_PER_S;
    tt_http_call_start(c);
    rig_pass(h->rig, 29000);
    assert_false(c->op.finished);
    rig_pass(h->rig, 30000); /* 30 s from the real time of the start */
    ends_with_error(c, 1211, "dial: i/o timeout");
    assert_int_equal(h->fake.cancelled, 1);
    tt_http_call_put(c);
    http_rig_free(h);
}

static void once_connected_the_timeout_alone_counts(void **state)
{
    (void)state;
    const struct answer never = {.waits = true};
    struct http_rig *h = http_rig_new(&never, 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    c->timeout_ns = 1000 * TT_NS_PER_S;
    h->fake.dialled = true;
    tt_http_call_start(c);
    rig_pass(h->rig, 999000);
    assert_false(c->op.finished);
    rig_pass(h->rig, 1000);
    ends_with_error(c, 1050, "request timeout: connecting");
    tt_http_call_put(c);
    http_rig_free(h);
}

/* --- cancelling, the pool -----------------------------------------------------------------------
 */

static void a_cancelled_call_leaves_no_sample_and_returns_to_the_pool(void **state)
{
    (void)state;
    const struct answer never = {.waits = true};
    struct http_rig *h = http_rig_new(&never, 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    tt_http_call_start(c);
    tt_http_call_cancel(c);
    assert_int_equal(h->fake.cancelled, 1);
    rig_pass(h->rig, 120000); /* its timer is stopped */
    count_is(h, "http_reqs", 0);
    assert_ptr_equal(http_rig_call(h, "GET", "http://127.0.0.1/"), c);
    http_rig_free(h);
}

static void a_finished_call_can_be_cancelled(void **state)
{
    (void)state;
    struct http_rig *h = http_rig_new(&ok, 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    tt_http_call_start(c);
    tt_http_call_cancel(c); /* the fiber was killed before it read the answer */
    assert_int_equal(h->fake.cancelled, 0);
    count_is(h, "http_reqs", 1);
    http_rig_free(h);
}

static void a_call_from_the_pool_remembers_nothing(void **state)
{
    (void)state;
    const struct answer answers[] = {{.head = "HTTP/1.1 200 OK\r\n", .body = "first"},
                                     {.error = TT_HTTP_E_RESET}};
    struct http_rig *h = http_rig_new(answers, 2, NULL);
    struct tt_http_call *c = http_rig_call(h, "POST", "http://127.0.0.1/");
    add_header(c, "X-First", "1");
    c->body = "sent";
    c->body_len = 4;
    tt_http_call_start(c);
    tt_http_call_put(c);
    struct tt_http_call *again = http_rig_call(h, "GET", "http://127.0.0.1/2");
    assert_ptr_equal(again, c);
    tt_http_call_start(again);
    assert_string_equal(h->fake.sent[1].lines, "");
    assert_false(h->fake.sent[1].has_body);
    assert_int_equal(again->x.body.len, 0);
    assert_int_equal(again->status.code, 0);
    tt_http_call_put(again);
    http_rig_free(h);
}

static void a_call_that_was_not_started_stays_in_the_pool(void **state)
{
    (void)state;
    struct http_rig *h = http_rig_new(&ok, 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    add_header(c, "X-Half", "filled in");
    assert_ptr_equal(http_rig_call(h, "GET", "http://127.0.0.1/"), c); /* the binding had raised */
    tt_http_call_start(c);
    assert_string_equal(h->fake.sent[0].lines, "");
    struct tt_http_call *other = http_rig_call(h, "GET", "http://127.0.0.1/");
    assert_ptr_not_equal(other, c);
    tt_http_call_put(c);
    http_rig_free(h);
}

static void calls_under_way_do_not_disturb_each_other(void **state)
{
    (void)state;
    const struct answer answers[] = {{.waits = true}, {.head = "HTTP/1.1 204 No Content\r\n"}};
    struct http_rig *h = http_rig_new(answers, 2, NULL);
    struct tt_http_call *a = http_rig_call(h, "GET", "http://127.0.0.1/a");
    tt_http_call_start(a);
    struct tt_http_exchange *first = h->fake.pending;
    struct tt_http_call *b = http_rig_call(h, "GET", "http://127.0.0.1/b");
    tt_http_call_start(b);
    assert_int_equal(b->status.code, 204);
    assert_false(a->op.finished);
    fake_finish(&h->fake, first, &ok);
    assert_int_equal(a->status.code, 200);
    assert_int_equal(b->status.code, 204);
    tt_http_call_put(b);
    tt_http_call_put(a);
    http_rig_free(h);
}

static void a_transport_that_does_not_open_is_an_error_each_time(void **state)
{
    (void)state;
    struct http_rig *h = http_rig_new(&ok, 1, NULL);
    struct tt_err err = {0};
    h->fake.fails_to_open = true;
    for (int i = 0; i < 2; i++) {
        assert_null(tt_http_call_get(&h->engine, h->vu, &h->hv, &err));
        assert_string_equal(err.text, "no transport");
    }
    h->fake.fails_to_open = false;
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    tt_http_call_start(c);
    assert_int_equal(c->status.code, 200);
    tt_http_call_put(c);
    http_rig_free(h);
}

/* --- headers ------------------------------------------------------------------------------------
 */

static void headers_that_would_break_the_request_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        size_t name_len, value_len;
    } bad[] = {
        {"", "x", 0, 1},     {"A:B", "x", 3, 1},  {"A B", "x", 3, 1},       {"A;", "x", 2, 1},
        {"A\r", "x", 2, 1},  {"A\nB", "x", 3, 1}, {"A", "x\r\nB: y", 1, 7}, {"A", "x\ny", 1, 3},
        {"A", "x\0y", 1, 3}, {"A\0", "x", 2, 1},
    };
    struct http_rig *h = http_rig_new(&ok, 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (tt_http_call_header(c, bad[i].name, bad[i].name_len, bad[i].value, bad[i].value_len))
            fail_msg("%zu was taken", i);
    assert_int_equal(c->n_lines, 0);
    add_header(c, "Accept", "*/*");
    add_header(c, "X-Empty", "");
    assert_true(tt_http_call_has_header(c, "accept"));
    assert_true(tt_http_call_has_header(c, "x-empty"));
    assert_false(tt_http_call_has_header(c, "Acc"));
    assert_false(tt_http_call_has_header(c, "Accept-Encoding"));
    http_rig_free(h);
}

/* --- a VU's session -----------------------------------------------------------------------------
 */

static void get_once(struct http_rig *h)
{
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    tt_http_call_start(c);
    tt_http_call_put(c);
}

static const struct answer *sets(const char *cookie)
{
    static char head[128];
    static struct answer a;
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nSet-Cookie: %s\r\n", cookie);
    a = (struct answer){.head = head};
    return &a;
}

static void cookies_come_back_until_the_iteration_ends(void **state)
{
    (void)state;
    struct http_rig *h = http_rig_new(sets("k=v"), 1, NULL);
    tt_http_vu_iteration_begin(&h->engine, &h->hv); /* before the first request: no jar */
    get_once(h);
    get_once(h);
    assert_string_equal(h->fake.sent[1].lines, "Cookie: k=v\n");
    tt_http_vu_iteration_begin(&h->engine, &h->hv);
    get_once(h);
    assert_string_equal(h->fake.sent[2].lines, "");
    h->rig->plan->opt.no_cookies_reset = true;
    tt_http_vu_iteration_begin(&h->engine, &h->hv);
    get_once(h);
    assert_string_equal(h->fake.sent[3].lines, "Cookie: k=v\n");
    http_rig_free(h);
}

static void each_hop_has_the_cookies_of_its_own(void **state)
{
    (void)state;
    const struct answer answers[] = {
        {.head = "HTTP/1.1 302 Found\r\nSet-Cookie: a=1\r\n", .redirect = "http://127.0.0.1/2"},
        {.head = "HTTP/1.1 302 Found\r\nSet-Cookie: b=2\r\n", .redirect = "http://127.0.0.2/3"},
        {.head = "HTTP/1.1 200 OK\r\n"}};
    struct http_rig *h = http_rig_new(answers, 3, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    add_header(c, "Cookie", "own=0");
    add_header(c, "X", "y");
    assert_true(tt_http_call_cookie(c, (struct tt_slice){"p", 1}, (struct tt_slice){"x y", 3}, 0));
    tt_http_call_start(c);
    assert_string_equal(h->fake.sent[0].lines, "X: y\nCookie: own=0; p=\"x y\"\n");
    assert_true(sent_line(h, 1, "\nCookie: p=\"x y\"; a=1\n"));
    assert_true(sent_line(h, 2, "\nCookie: p=\"x y\"\n"));
    tt_http_call_put(c);
    http_rig_free(h);
}

static void a_cookie_of_the_call_may_replace_the_jars(void **state)
{
    (void)state;
    struct http_rig *h = http_rig_new(sets("k=jar"), 1, NULL);
    get_once(h);
    for (int replaces = 0; replaces < 2; replaces++) {
        struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
        assert_true(tt_http_call_cookie(c, (struct tt_slice){"k", 1}, (struct tt_slice){"own", 3},
                                        replaces));
        assert_false(
            tt_http_call_cookie(c, (struct tt_slice){"k;", 2}, (struct tt_slice){"", 0}, 0));
        tt_http_call_start(c);
        tt_http_call_put(c);
    }
    assert_string_equal(h->fake.sent[1].lines, "Cookie: k=own; k=jar\n");
    assert_string_equal(h->fake.sent[2].lines, "Cookie: k=own\n");
    http_rig_free(h);
}

static void a_call_with_a_jar_leaves_the_vus_alone(void **state)
{
    (void)state;
    struct http_rig *h = http_rig_new(sets("k=v"), 1, NULL);
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    struct tt_http_jar *jar = tt_http_jar_new();
    c->jar = tt_http_jar_ref(jar);
    tt_http_call_start(c);
    tt_http_call_put(c);
    assert_false(tt_http_jar_empty(jar));
    tt_http_jar_unref(jar);
    get_once(h);
    assert_string_equal(h->fake.sent[1].lines, "");
    http_rig_free(h);
}

static void a_failed_response_sets_no_cookies(void **state)
{
    (void)state;
    const struct answer fails = {.head = "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\n",
                                 .error = TT_HTTP_E_RESET};
    struct http_rig *h = http_rig_new(&fails, 1, NULL);
    get_once(h);
    get_once(h);
    assert_string_equal(h->fake.sent[1].lines, "");
    http_rig_free(h);
}

static void an_option_closes_connections_after_each_iteration(void **state)
{
    (void)state;
    struct http_rig *h = http_rig_new(&ok, 1, NULL);
    tt_http_vu_iteration_end(&h->engine, &h->hv);
    get_once(h);
    tt_http_vu_iteration_end(&h->engine, &h->hv);
    get_once(h);
    assert_int_equal(h->fake.sessions_made, 1);
    h->rig->plan->opt.no_vu_connection_reuse = true;
    tt_http_vu_iteration_end(&h->engine, &h->hv);
    assert_int_equal(h->fake.sessions, 0);
    get_once(h);
    assert_int_equal(h->fake.sessions_made, 2);
    http_rig_free(h);
}

/* --- the log ------------------------------------------------------------------------------------
 */

static unsigned times(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
        n++;
    return n;
}

static void equal_failures_are_logged_once(void **state)
{
    (void)state;
    const struct answer fails = {.error = TT_HTTP_E_RESET};
    struct http_rig *h = http_rig_new(&fails, 1, NULL);
    for (int i = 0; i < 5; i++) {
        struct tt_http_call *c = http_rig_call(h, "GET", "http://u:secret@127.0.0.1/");
        tt_http_call_start(c);
        tt_http_call_put(c);
    }
    assert_int_equal(times(h->rig->log, "request failed: made to fail"), 1);
    assert_null(strstr(h->rig->log, "secret"));
    h->rig->log[0] = '\0';
    struct tt_http_call *c = http_rig_call(h, "GET", "http://127.0.0.1/");
    c->throws = true; /* the script hears of it */
    h->fake.answers = &(const struct answer){.head = "no status\r\n"};
    tt_http_call_start(c);
    assert_string_equal(h->rig->log, "");
    tt_http_call_put(c);
    http_rig_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_back_as_it_is),
        cmocka_unit_test(an_answer_tells_what_its_origin_speaks),
        cmocka_unit_test(too_many_origins_are_not_known),
        cmocka_unit_test(bytes_of_all_hops_count_for_the_vu),
        cmocka_unit_test(an_answer_without_a_status_line_is_an_error),
        cmocka_unit_test(failures_and_bad_statuses_count_as_failed),
        cmocka_unit_test(tags_show_the_url_without_its_secrets),
        cmocka_unit_test(a_redirect_keeps_or_drops_method_and_body_as_k6_does),
        cmocka_unit_test(other_statuses_with_a_location_are_answers),
        cmocka_unit_test(redirects_end_at_their_limit_with_the_last_answer),
        cmocka_unit_test(secrets_stay_with_the_host_and_do_not_come_back),
        cmocka_unit_test(the_referer_is_the_hop_before),
        cmocka_unit_test(a_referer_of_the_script_stays),
        cmocka_unit_test(a_bad_location_is_an_error),
        cmocka_unit_test(a_location_leads_where_k6_goes),
        cmocka_unit_test(a_repeated_request_keeps_its_content_headers),
        cmocka_unit_test(a_url_that_nothing_can_be_sent_to_is_an_error),
        cmocka_unit_test(a_timeout_of_nothing_is_over_at_once),
        cmocka_unit_test(switching_protocols_leaves_no_sample),
        cmocka_unit_test(the_last_hops_url_and_method_are_the_calls),
        cmocka_unit_test(userinfo_is_sent_as_authorization),
        cmocka_unit_test(the_next_address_is_tried_when_one_cannot_be_reached),
        cmocka_unit_test(when_no_address_answers_the_last_error_counts),
        cmocka_unit_test(a_request_that_got_out_is_not_tried_again),
        cmocka_unit_test(the_hosts_option_says_where_to_connect),
        cmocka_unit_test(a_host_name_that_is_too_long_is_an_error),
        cmocka_unit_test(a_request_ends_at_its_timeout),
        cmocka_unit_test(one_timeout_covers_all_hops),
        cmocka_unit_test(a_timeout_says_what_took_so_long),
        cmocka_unit_test(connecting_has_a_limit_of_its_own),
        cmocka_unit_test(once_connected_the_timeout_alone_counts),
        cmocka_unit_test(a_cancelled_call_leaves_no_sample_and_returns_to_the_pool),
        cmocka_unit_test(a_finished_call_can_be_cancelled),
        cmocka_unit_test(a_call_from_the_pool_remembers_nothing),
        cmocka_unit_test(a_call_that_was_not_started_stays_in_the_pool),
        cmocka_unit_test(calls_under_way_do_not_disturb_each_other),
        cmocka_unit_test(a_transport_that_does_not_open_is_an_error_each_time),
        cmocka_unit_test(headers_that_would_break_the_request_are_refused),
        cmocka_unit_test(cookies_come_back_until_the_iteration_ends),
        cmocka_unit_test(each_hop_has_the_cookies_of_its_own),
        cmocka_unit_test(a_cookie_of_the_call_may_replace_the_jars),
        cmocka_unit_test(a_call_with_a_jar_leaves_the_vus_alone),
        cmocka_unit_test(a_failed_response_sets_no_cookies),
        cmocka_unit_test(an_option_closes_connections_after_each_iteration),
        cmocka_unit_test(equal_failures_are_logged_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
