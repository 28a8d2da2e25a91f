/* SPDX-License-Identifier: MIT */
/* Selections: pages for scripts, in k6's vocabulary. Worker thread; these may raise. */
#pragma once
#include <lua.h>
#include <stddef.h>

/* Pushes a selection of the page: the whole of it, or what selector (at idx; none or nil: all)
 * finds. what: "res:html", for messages. */
void tt_html_push(lua_State *L, const char *text, size_t n, int idx, const char *what);
