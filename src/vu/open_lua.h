/* SPDX-License-Identifier: MIT */
/* The core module's open(). */
#pragma once
#include <lua.h>

int tt_l_open(lua_State *L); /* open(path, "text" or "binary") -> contents; init only */
