/* SPDX-License-Identifier: MIT */
/* Arguments that every module of the library reads the same way. Worker thread; all of these raise
 * on misuse, naming what ("http.get: params.timeout"). */
#pragma once
#include "vu/vu.h"

/* Seconds or "500ms" at idx, in ns. */
uint64_t tt_args_duration(lua_State *L, int idx, const char *what);
/* A table of tags at idx (nil: none) added to base; text, numbers and booleans become text. */
const struct tt_tags *tt_args_tags(lua_State *L, int idx, const char *what,
                                   const struct tt_tags *base);
/* The scalar at idx as text, replaced in its stack slot: integral floats without ".0". NULL when it
 * is no text, number or boolean. */
const char *tt_args_text(lua_State *L, int idx, size_t *n);
/* Raises "<what>: unknown parameter 'tiemout' (did you mean 'timeout'?)". */
int tt_args_unknown(lua_State *L, const char *what, const char *kind, const char *name,
                    const char *const *known, size_t n_known);
/* Raises when a key of the table at idx is not among known. */
void tt_args_only(lua_State *L, int idx, const char *what, const char *kind,
                  const char *const *known, size_t n_known);
/* The index of the text at idx among choices; def when nil. */
size_t tt_args_choice(lua_State *L, int idx, const char *what, const char *const *choices, size_t n,
                      size_t def);
