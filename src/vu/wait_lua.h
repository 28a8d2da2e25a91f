/* SPDX-License-Identifier: MIT */
/* The core module's functions that wait, and tasks. The core module puts them into its table. */
#pragma once
#include <lua.h>

int tt_l_sleep(lua_State *L); /* sleep(seconds or "500ms") */
int tt_l_spawn(lua_State *L); /* spawn(fn, ...) -> task */
int tt_l_all(lua_State *L);   /* all(tasks) -> first results by the same keys, or nil, err, key */
int tt_l_race(lua_State *L);  /* race(tasks) -> key, results... (or key, nil, err) */
