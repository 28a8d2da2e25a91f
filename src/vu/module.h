/* SPDX-License-Identifier: MIT */
/* A Lua module of the library and what it keeps per worker and per VU. A const struct in its
 * folder, one line in that folder's meson.build registers it. */
#pragma once
#include "base/err.h"
#include <lua.h>

struct tt_worker;
struct tt_vu;

struct tt_module {
    const char *name; /* what require takes: "ttload.http" */
    /* Pushes the module's table, once per worker (all VUs share it; the bridge freezes it). */
    int (*open)(lua_State *L);
    size_t worker_size; /* bytes of per-worker state, 0 = none */
    bool (*worker_init)(struct tt_worker *w, void *state, struct tt_err *err); /* may be NULL */
    void (*worker_fini)(struct tt_worker *w, void *state); /* after every VU is gone; may be NULL */
    size_t vu_size; /* bytes of per-VU state, 0 = none; zeroed, made with the VU */
    void (*vu_fini)(struct tt_vu *vu, void *state); /* may be NULL */
    /* Before an iteration's function runs, and when it and its fibers have ended (or were cut). May
     * be NULL. */
    void (*iteration_begin)(struct tt_vu *vu, void *state);
    void (*iteration_end)(struct tt_vu *vu, void *state);
    /* The function has returned, fibers may still run: close what would keep readers waiting. May
     * be NULL. */
    void (*iteration_returned)(struct tt_vu *vu, void *state);
};

/* __index of a module's own metatable for what it does not know (upvalues: the table, its name):
 * raises with a suggestion. */
int tt_l_unknown_field(lua_State *L);

/* Replaces the table on top, and the tables in it, by views that nobody can change; name: for the
 * error of who tries. It must not contain itself. */
void tt_l_freeze(lua_State *L, const char *name);

/* The registered modules, NULL at the end. */
extern const struct tt_module *const tt_modules[];
