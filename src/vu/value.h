/* SPDX-License-Identifier: MIT */
/* Lua values to and from JSON (cJSON) and to and from flat copies that any thread may hold. Worker
 * thread; the functions that push may raise, so call them where Lua may be entered and hold
 * nothing. */
#pragma once
#include "base/buf.h"
#include <cjson/cJSON.h>
#include <lua.h>

/* The value at idx as JSON; the caller's (cJSON_Delete). NULL with err naming the path
 * ("data.users[3].conn: userdata") for functions, userdata, threads, cycles, mixed keys, NaN and
 * infinities. root names the first path element. Does not raise. */
cJSON *tt_lua_to_json(lua_State *L, int idx, const char *root, struct tt_err *err);
/* Pushes it. Integral numbers up to 2^53 become integers. null becomes ttload.json's null where
 * keep_null, else nil. */
void tt_json_push(lua_State *L, const cJSON *v, bool keep_null);
/* Plain data (nil, boolean, number, string, tables of these without cycles) appended to out in a
 * private flat form. */
bool tt_lua_flatten(lua_State *L, int idx, const char *root, struct tt_buf *out,
                    struct tt_err *err);
void tt_lua_unflatten(lua_State *L, const char *p, size_t n); /* pushes a deep copy */
/* A flat copy as JSON, and its top-level pairs, without a Lua state; any thread. */
cJSON *tt_flat_to_json(const char *p, size_t n); /* the caller's; n = 0: null */
bool tt_flat_is_map(const char *p, size_t n);
struct tt_flat_pair {
    const char *key, *value; /* into the copy, not terminated; set where is_text */
    size_t key_len, value_len;
    bool is_text; /* key and value are both strings */
};
/* *at starts as the copy of a table; false after the last pair. */
bool tt_flat_next(const char **at, struct tt_flat_pair *out);
extern const char tt_json_null_key; /* null is the light userdata of this address */
extern const char
    tt_json_array_key; /* registry key of the metatable that marks a table as an array */
