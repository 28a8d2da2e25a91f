/* SPDX-License-Identifier: MIT */
/* Cookie jars as Lua values. Worker thread. */
#pragma once
#include "proto/http/jar.h"
#include <lua.h>

/* The jar at idx; NULL when it is something else. */
struct tt_http_jar *tt_http_jar_at(lua_State *L, int idx);
