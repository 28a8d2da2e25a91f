/* SPDX-License-Identifier: MIT */
/* Pages: whatever a server sends is one. */
#include "base/memory.h"
#include "html/controls.h"
#include "unit.h"

static void text_is(const char *page, size_t n, const char *want)
{
    struct tt_buf text;
    xmlDoc *doc = tt_html_parse(page, n);
    tt_buf_init(&text, 4096);
    tt_buf_puts(&text, "");
    assert_true(tt_html_text((xmlNode *)doc, &text));
    assert_string_equal(text.data, want);
    tt_buf_fini(&text);
    tt_html_free(doc);
}
#define TEXT_IS(page, want) text_is(page, sizeof page - 1, want)

static void a_broken_page_is_a_page(void **state)
{
    (void)state;
    TEXT_IS("", "");
    TEXT_IS("plain", "plain");
    TEXT_IS("<p>a<p>b</div></b>c", "abc");
    TEXT_IS("<p", "");
}

static void bytes_are_utf8_or_latin1(void **state)
{
    (void)state;
    TEXT_IS("<p>gr\xc3\xbc\xc3\x9f</p>", "gr\xc3\xbc\xc3\x9f");
    TEXT_IS("<p>gr\xfc\xdf</p>", "gr\xc3\xbc\xc3\x9f");
}

static void entities_are_characters(void **state)
{
    (void)state;
    TEXT_IS("<p>&lt;a&gt; &amp; &uuml; &#65;</p>", "<a> & \xc3\xbc A");
}

static void a_deep_page_ends_no_stack(void **state)
{
    (void)state;
    struct tt_buf text;
    tt_buf_init(&text, SIZE_MAX);
    for (int i = 0; i < 100000; i++)
        tt_buf_puts(&text, "<div><b>");
    xmlDoc *doc = tt_html_parse(text.data, text.len);
    size_t n = 0;
    for (xmlNode *at = (xmlNode *)doc; at; at = tt_html_next((xmlNode *)doc, at))
        n++;
    assert_true(n > 100);
    tt_html_free(doc);
    tt_buf_fini(&text);
}

static void the_inside_of_an_element_is_html(void **state)
{
    (void)state;
    static const char page[] = "<div>a <b>b</b> &amp; <br>c</div>";
    struct tt_buf text;
    xmlDoc *doc = tt_html_parse(page, sizeof page - 1);
    tt_buf_init(&text, 4096);
    xmlNode *n = (xmlNode *)doc;
    while (!tt_html_is(n, "div"))
        n = tt_html_next((xmlNode *)doc, n);
    assert_true(tt_html_inner(n, &text));
    assert_string_equal(text.data, "a <b>b</b> &amp; <br>c");
    tt_buf_fini(&text);
    tt_html_free(doc);
}

static void add(void *arg, const char *value)
{
    tt_buf_printf(arg, "=%s", value);
}

/* "name=value=value;" of what would be sent */
static void sends(const char *page, const char *want)
{
    struct tt_buf got, text;
    xmlDoc *doc = tt_html_parse(page, strlen(page));
    tt_buf_init(&got, 4096);
    tt_buf_init(&text, 4096);
    tt_buf_puts(&got, "");
    for (xmlNode *n = (xmlNode *)doc; n; n = tt_html_next((xmlNode *)doc, n)) {
        const char *name = tt_html_sent_name(n);
        if (!name)
            continue;
        tt_buf_puts(&got, name);
        tt_html_values(n, &text, add, &got);
        tt_buf_putc(&got, ';');
    }
    assert_string_equal(got.data, want);
    tt_buf_fini(&got);
    tt_buf_fini(&text);
    tt_html_free(doc);
}

static void a_form_sends_what_a_browser_would(void **state)
{
    (void)state;
    sends("<form><input name=a value=1><input name=b><input value=nameless>"
          "<input type=checkbox name=c><input type=checkbox name=d checked>"
          "<input type=radio name=e value=x><input type=radio name=e value=y checked>"
          "<input type=hidden name=f value=h><input type=submit name=g value=go>"
          "<input type=file name=h><button name=i value=b>b</button>"
          "<textarea name=j>text &amp; more</textarea><input name=k value=off disabled></form>",
          "a=1;b=;d=on;e=y;f=h;j=text & more;");
    sends("<form><fieldset disabled><input name=a value=1></fieldset><input name=b value=2></form>",
          "b=2;");
}

static void selects_send_their_options(void **state)
{
    (void)state;
    sends("<select name=a><option>one<option value=2>two</select>", "a=one;");
    sends("<select name=a><option>one<option value=2 selected>two</select>", "a=2;");
    sends("<select name=a multiple><option selected>x<option>y<option selected>z</select>",
          "a=x=z;");
    sends("<select name=a multiple><option>x</select>", "a;");
    sends("<select name=a></select>", "a;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_page_is_a_page),
        cmocka_unit_test(bytes_are_utf8_or_latin1),
        cmocka_unit_test(entities_are_characters),
        cmocka_unit_test(a_deep_page_ends_no_stack),
        cmocka_unit_test(the_inside_of_an_element_is_html),
        cmocka_unit_test(a_form_sends_what_a_browser_would),
        cmocka_unit_test(selects_send_their_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
