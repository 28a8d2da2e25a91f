/* SPDX-License-Identifier: MIT */
/* `ttload.html`: parse(text, selector?). Worker thread. */
#include "html/selection.h"
#include "vu/module.h"
#include <lauxlib.h>

static int l_parse(lua_State *L)
{
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n);
    tt_html_push(L, text, n, 2, "html.parse");
    return 1;
}

static int open_html(lua_State *L)
{
    static const luaL_Reg functions[] = {{"parse", l_parse}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

extern const struct tt_module tt_module_html;
const struct tt_module tt_module_html = {.name = "ttload.html", .open = open_html};
