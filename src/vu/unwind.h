/* SPDX-License-Identifier: MIT */
/* Endings that a script cannot catch: fail(), abort(), and the interruption of a runaway script.
 * Worker thread. */
#pragma once
#include <lua.h>
#include <stdbool.h>

enum tt_unwind { TT_UNWIND_NONE, TT_UNWIND_FAIL, TT_UNWIND_ABORT, TT_UNWIND_RUNAWAY };

/* Raises an error that pcall, xpcall and coroutine.resume pass on. message_index: stack index of
 * the message, or 0 for none. Never returns: `return tt_vu_unwind(...)`. */
int tt_vu_unwind(lua_State *L, enum tt_unwind why, int message_index);
/* In C code that has caught an error (lua_pcall): must it go on (lua_error)? */
bool tt_vu_unwinding(lua_State *L);
