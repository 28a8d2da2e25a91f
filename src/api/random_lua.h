/* SPDX-License-Identifier: MIT */
/* The core module's `random`. */
#pragma once
#include <lua.h>

void tt_l_push_random(lua_State *L); /* its table */
