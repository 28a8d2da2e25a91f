/* SPDX-License-Identifier: MIT */
/* response:submit_form{} and response:click_link{}: what a browser would request next, as k6 has
 * it: the first form or link that the selector finds, its action resolved against the response's
 * URL. They are put together with the methods of selections, and sent as any request. Worker
 * thread. */
#include "html/selection.h"
#include "proto/http/params_int.h"
#include "vu/args.h"
#include <ctype.h>
#include <string.h>

/* The frame while a request is put together. */
enum { AT_RESPONSE = 1, AT_ARGUMENTS, AT_SELECTOR, AT_ELEMENT, AT_VALUES };

static void read_arguments(lua_State *L, const char *what, const char *const *known, size_t n)
{
    lua_settop(L, AT_ARGUMENTS);
    if (lua_isnil(L, AT_ARGUMENTS)) {
        lua_newtable(L);
        lua_replace(L, AT_ARGUMENTS);
    }
    if (!lua_istable(L, AT_ARGUMENTS))
        luaL_error(L, "%s: a table is expected, not a %s", what, luaL_typename(L, AT_ARGUMENTS));
    tt_args_only(L, AT_ARGUMENTS, what, "field", known, n);
}

/* Pushes the text argument of this name. */
static const char *push_text(lua_State *L, const char *what, const char *name, const char *deflt)
{
    if (lua_getfield(L, AT_ARGUMENTS, name) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_pushstring(L, deflt);
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "%s: %s: a selector (text) is expected, not a %s", what, name,
                   luaL_typename(L, -1));
    return lua_tostring(L, -1);
}

/* Pushes selection[method](selection, argument); NULL: none. */
static void call(lua_State *L, int selection, const char *method, const char *argument)
{
    selection = lua_absindex(L, selection);
    lua_getfield(L, selection, method);
    lua_pushvalue(L, selection);
    if (argument)
        lua_pushstring(L, argument);
    lua_call(L, argument ? 2 : 1, 1);
}

/* AT_SELECTOR, AT_ELEMENT: the selector and the first element that the selector finds; raises
 * without one. */
static void find(lua_State *L, const struct tt__http_page *page, const char *what, const char *name,
                 const char *deflt, const char *kind)
{
    const char *selector = push_text(L, what, name, deflt);
    tt_html_push(L, page->body.p, page->body.n, lua_gettop(L), what);
    call(L, -1, "first", NULL);
    lua_replace(L, AT_ELEMENT);
    lua_settop(L, AT_ELEMENT); /* the selector's text stays at AT_SELECTOR */
    if (luaL_len(L, AT_ELEMENT) == 0)
        luaL_error(L, "%s: no %s for selector '%s' in the response of %s", what, kind, selector,
                   page->url);
}

/* Pushes the absolute URL that the text on top means, seen from the response's. */
static void resolve(lua_State *L, const struct tt__http_page *page, const char *what)
{
    struct tt_slice location;
    struct tt_buf url;
    location.p = lua_tolstring(L, -1, &location.n);
    tt_buf_init(&url, 1024 * 1024);
    bool ok = tt_http_url_join(page->url, location, &url);
    if (ok)
        lua_pushlstring(L, url.data, url.len);
    tt_buf_fini(&url);
    if (!ok)
        luaL_error(L, "%s: '%s' is no link to follow from %s", what, location.p, page->url);
}

/* --- forms -------------------------------------------------------------------------------------
 */

/* AT_VALUES: what the form sends, the submit button's value and the script's fields over it. */
static void gather(lua_State *L, const char *what)
{
    call(L, AT_ELEMENT, "serialize_object", NULL);
    const char *selector = push_text(L, what, "submit_selector", "[type=\"submit\"]");
    call(L, AT_ELEMENT, "find", selector);
    int submit = lua_gettop(L);
    call(L, submit, "attr", "name");
    call(L, submit, "val", NULL);
    if (!lua_isnil(L, -2) && !lua_isnil(L, -1))
        lua_rawset(L, AT_VALUES);
    lua_settop(L, AT_VALUES);
    if (lua_getfield(L, AT_ARGUMENTS, "fields") != LUA_TNIL) {
        if (!lua_istable(L, -1))
            luaL_error(L, "%s: fields: a table is expected, not a %s", what, luaL_typename(L, -1));
        for (lua_pushnil(L); lua_next(L, AT_VALUES + 1); lua_pop(L, 1)) {
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, AT_VALUES);
        }
    }
    lua_settop(L, AT_VALUES);
}

/* Pushes a copy of the argument params, with query where the table on top of the stack is sent in
 * the URL; pops that. */
static void push_params(lua_State *L, const char *what, bool with_query)
{
    int query = lua_gettop(L);
    lua_newtable(L);
    if (lua_getfield(L, AT_ARGUMENTS, "params") != LUA_TNIL) {
        if (!lua_istable(L, -1))
            luaL_error(L, "%s: params: a table is expected, not a %s", what, luaL_typename(L, -1));
        for (lua_pushnil(L); lua_next(L, query + 2); lua_pop(L, 1)) {
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, query + 1);
        }
    }
    lua_settop(L, query + 1);
    if (with_query) {
        if (lua_getfield(L, query + 1, "query") != LUA_TNIL)
            luaL_error(L, "%s: the form is sent as the query: give fields, not params.query", what);
        lua_pop(L, 1);
        lua_pushvalue(L, query);
        lua_setfield(L, query + 1, "query");
    }
    lua_remove(L, query);
}

/* Pushes the form's method in capitals. */
static const char *push_method(lua_State *L)
{
    char text[16];
    size_t n = 0;
    call(L, AT_ELEMENT, "attr", "method");
    const char *given = lua_isnil(L, -1) ? "" : lua_tostring(L, -1);
    for (; given[n] && n < sizeof text - 1; n++)
        text[n] = (char)toupper((unsigned char)given[n]);
    lua_pop(L, 1);
    return lua_pushlstring(L, n ? text : "GET", n ? n : 3);
}

/* Replaces the frame by url, body, params, method and sends that; they are on top. */
static int request(lua_State *L, const char *what)
{
    lua_rotate(L, 1, 4);
    lua_settop(L, 4);
    return tt__http_send(L, what, lua_tostring(L, 4));
}

int tt__http_submit_form(lua_State *L, const struct tt__http_page *page)
{
    static const char *const known[] = {"form_selector", "submit_selector", "fields", "params"};
    static const char what[] = "submit_form";
    read_arguments(L, what, known, 4);
    find(L, page, what, "form_selector", "form", "form");
    gather(L, what);
    call(L, AT_ELEMENT, "attr", "action");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushstring(L, page->url);
    }
    resolve(L, page, what);
    const char *url = lua_tostring(L, -1), *method = push_method(L);
    bool get = strcmp(method, "GET") == 0;
    lua_pushlstring(L, url, get ? strcspn(url, "?#") : strcspn(url, "#"));
    if (get)
        lua_pushnil(L);
    else
        lua_pushvalue(L, AT_VALUES);
    lua_pushvalue(L, AT_VALUES);
    push_params(L, what, get);
    lua_pushstring(L, method);
    return request(L, what);
}

int tt__http_click_link(lua_State *L, const struct tt__http_page *page)
{
    static const char *const known[] = {"selector", "params"};
    static const char what[] = "click_link";
    read_arguments(L, what, known, 2);
    find(L, page, what, "selector", "a[href]", "link");
    call(L, AT_ELEMENT, "attr", "href");
    if (lua_isnil(L, -1))
        return luaL_error(L, "%s: what the selector finds has no href", what);
    resolve(L, page, what);
    lua_pushnil(L); /* no body */
    lua_pushnil(L); /* no query */
    push_params(L, what, false);
    lua_pushliteral(L, "GET");
    return request(L, what);
}
