/* SPDX-License-Identifier: MIT */
/* Selectors against one page: which elements, by their ids, each finds. */
#include "base/memory.h"
#include "html/css.h"
#include "html/doc.h"
#include "unit.h"
#include <stdio.h>

static const char page[] =
    "<html id=html><body id=body><div id=d1 class='a b' lang=en-GB>"
    "<p id=p1>one</p><p id=p2 class=b>two <b id=b1>bold</b></p><span id=s1></span><p "
    "id=p3>three</p>"
    "</div><ul id=u1><li id=l1>1<li id=l2>2<li id=l3>3<li id=l4>4<li id=l5>5</ul>"
    "<form id=f1><input id=i1 type=text name='x[y]' value='a.b'><input id=i2 type=checkbox checked>"
    "<select id=e1 disabled><option id=o1><option id=o2 selected></select>"
    "<a id=a1 href='http://x/y.png'>link</a><img id=g1 data-k='one two'></form>"
    "<div id='d:2'></div></body></html>";

static void finds(const char *selector, const char *want)
{
    struct tt_css css;
    struct tt_err err = {0};
    struct tt_buf got;
    xmlDoc *doc = tt_html_parse(page, strlen(page));
    tt_buf_init(&got, 4096);
    tt_buf_puts(&got, "");
    if (!tt_css_parse(&css, selector, strlen(selector), &err))
        fail_msg("%s: %s", selector, err.text);
    for (xmlNode *n = (xmlNode *)doc; n; n = tt_html_next((xmlNode *)doc, n))
        if (tt_css_match(&css, n)) {
            const char *id = tt_html_attr(n, "id", 2);
            tt_buf_printf(&got, "%s%s", got.len ? " " : "", id ? id : "?");
        }
    if (strcmp(got.data, want) != 0)
        fail_msg("%s: '%s' is expected, got '%s'", selector, want, got.data);
    tt_buf_fini(&got);
    tt_html_free(doc);
}

static void tags_ids_and_classes(void **state)
{
    (void)state;
    finds("p", "p1 p2 p3");
    finds("P", "p1 p2 p3");
    finds("#p2", "p2");
    finds(".b", "d1 p2");
    finds("p.b", "p2");
    finds("div.a.b", "d1");
    finds("*.b", "d1 p2");
    finds("#d\\:2", "d:2");
    finds(".B", "");
}

static void attributes_have_their_operators(void **state)
{
    (void)state;
    finds("[href]", "a1");
    finds("[type=text]", "i1");
    finds("[ type = \"text\" ]", "i1");
    finds("input[type='checkbox']", "i2");
    finds("[name='x[y]']", "i1");
    finds("[href^=http]", "a1");
    finds("[href$='.png']", "a1");
    finds("[href*='/x/']", "a1");
    finds("[data-k~=two]", "g1");
    finds("[data-k~='one two']", "");
    finds("[lang|=en]", "d1");
    finds("[lang|=e]", "");
    finds("input[type!=text]", "i2");
    finds("[href*='']", "");
    finds("[TYPE=text]", "i1");
}

static void combinators(void **state)
{
    (void)state;
    finds("div p", "p1 p2 p3");
    finds("body b", "b1");
    finds("body > b", "");
    finds("div>p>b", "b1");
    finds("p + p", "p2");
    finds("p ~ p", "p2 p3");
    finds("span + p", "p3");
    finds("#d1 .b b, #u1 > li:first-child", "b1 l1");
    finds("html body div p b", "b1");
}

static void children_are_counted(void **state)
{
    (void)state;
    finds("li:first-child", "l1");
    finds("li:last-child", "l5");
    finds("li:nth-child(2)", "l2");
    finds("li:nth-child(odd)", "l1 l3 l5");
    finds("li:nth-child(EVEN)", "l2 l4");
    finds("li:nth-child(3n+1)", "l1 l4");
    finds("li:nth-child(n+4)", "l4 l5");
    finds("li:nth-child( -n + 2 )", "l1 l2");
    finds("li:nth-last-child(1)", "l5");
    finds("#d1 > p:nth-of-type(3)", "p3");
    finds("#d1 > p:nth-child(3)", "");
    finds("#d1 > :last-of-type", "s1 p3");
    finds("span:only-of-type", "s1");
    finds("b:only-child", "b1");
    finds("li:nth-child(99999999999)", "");
}

static void other_pseudo_classes(void **state)
{
    (void)state;
    finds("p:not(.b)", "p1 p3");
    finds("p:not(.b, #p3)", "p1");
    finds(":is(span, b)", "b1 s1");
    finds("p:has(b)", "p2");
    finds("p:contains('tw')", "p2");
    finds("span:empty", "s1");
    finds(":root", "html");
    finds(":checked", "i2 o2");
    finds(":disabled", "e1");
    finds("input:enabled", "i1 i2");
    finds("form :input", "i1 i2 e1");
}

static void bad_selectors_say_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "a name is expected at character 1"},
        {"p,", "a name is expected at character 3"},
        {"p >", "a name is expected at character 4"},
        {"[a", "'=' or ']' is expected at character 3"},
        {"[a=", "a name is expected at character 4"},
        {"[a='b]", "a closing quote is expected"},
        {"p)", "an unexpected character at character 2"},
        {":not(p", "')' is expected at character 7"},
        {":hover", "unknown pseudo-class ':hover'"},
        {":nth-child(x)", "a number, odd, even or an+b is expected at character 12"},
        {"a\\", "nothing after '\\'"},
        {":not(:not(:not(:not(:not(:not(:not(:not(:not(a)))))))))", "too many brackets"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tt_css css;
        struct tt_err err = {0};
        assert_false(tt_css_parse(&css, cases[i].text, strlen(cases[i].text), &err));
        if (!strstr(err.text, cases[i].why))
            fail_msg("%s: '%s' is expected, got '%s'", cases[i].text, cases[i].why, err.text);
    }
}

static void a_selector_has_a_largest_size(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a ", "a,", ".a"};
    for (size_t i = 0; i < 3; i++) {
        char text[2048] = {0};
        struct tt_css css;
        struct tt_err err = {0};
        for (size_t n = 0; n + 3 < sizeof text; n += 2)
            memcpy(text + n, pieces[i], 3);
        text[strlen(text)] = 'b';
        assert_false(tt_css_parse(&css, text, strlen(text), &err));
        assert_non_null(strstr(err.text, "too many"));
    }
}

/* Every step has as many ancestors to try as the page is deep; trying them all again for each that
 * was tried before would not end. The texts that do match show that nothing is given up too soon.
 */
static void steps_that_match_anywhere_are_tried_once(void **state)
{
    (void)state;
    static const char *const steps[] = {"div ", "p ~ p ~ div ", "div > div ", "div + div "};
    static const bool found[] = {true, true, true, false};
    struct tt_buf deep;
    tt_buf_init(&deep, 1 << 16);
    for (int i = 0; i < 100; i++)
        tt_buf_puts(&deep, "<p></p><p></p><div>");
    tt_buf_puts(&deep, "<i></i>");
    xmlDoc *doc = tt_html_parse(deep.data, deep.len);
    xmlNode *leaf = (xmlNode *)doc;
    while (!tt_html_is(leaf, "i"))
        leaf = tt_html_next((xmlNode *)doc, leaf);
    for (size_t i = 0; i < 4; i++)
        for (int impossible = 0; impossible < 2; impossible++) {
            char text[1024] = "";
            struct tt_css css;
            struct tt_err err = {0};
            snprintf(text, sizeof text, "%s%s%s%s%s%s%s%s%s%s%s%s%si", impossible ? "table " : "",
                     steps[i], steps[i], steps[i], steps[i], steps[i], steps[i], steps[i], steps[i],
                     steps[i], steps[i], steps[i], steps[i]);
            assert_true(tt_css_parse(&css, text, strlen(text), &err));
            assert_int_equal(tt_css_match(&css, leaf), found[i] && !impossible);
        }
    tt_html_free(doc);
    tt_buf_fini(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_ids_and_classes),
        cmocka_unit_test(attributes_have_their_operators),
        cmocka_unit_test(combinators),
        cmocka_unit_test(children_are_counted),
        cmocka_unit_test(other_pseudo_classes),
        cmocka_unit_test(bad_selectors_say_where),
        cmocka_unit_test(a_selector_has_a_largest_size),
        cmocka_unit_test(steps_that_match_anywhere_are_tried_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
