/* SPDX-License-Identifier: MIT */
/* For run/: making workers and VUs, running the script's functions in them. Worker thread, except
 * tt_script_* (coordinator before the workers start, then read-only). */
#pragma once
#include "vu/value.h"
#include "vu/vu.h"

/* The scenario file and its text; modules are found relative to it. */
struct tt_script;
/* path as given by the user. False, exit code 255, when it cannot be read. libs: extra folders for
 * require (--lib, TTLOAD_PATH), copied. */
struct tt_script *tt_script_load(const char *path, const struct tt_text_list *libs,
                                 struct tt_err *err);
/* A script that is in no file; name stands for its path in messages. */
struct tt_script *tt_script_of_text(const char *name, const char *text, size_t size,
                                    const struct tt_text_list *libs);
void tt_script_free(struct tt_script *s);
const char *tt_script_path(const struct tt_script *s);

struct tt_worker_config {
    unsigned index;
    struct tt_loop *loop;
    struct tt_script *script;
    const struct tt_plan *plan; /* NULL: the first init */
    struct tt_registry *registry;
    const struct tt_tag *env; /* lives as long as the worker */
    size_t n_env;
    const struct tt_services *services;
    bool allow_unsafe;
    void *user;
};
struct tt_worker *tt_worker_new(const struct tt_worker_config *c, struct tt_err *err);
/* Every VU must be freed before. Runs the loop until the modules' handles are closed. */
void tt_worker_free(struct tt_worker *w);

/* Runs the script's top level for a new VU. id 0: the service VU of setup, teardown,
 * handle_summary. NULL with exit code 107 (script error) or 108 (abort) on failure. */
struct tt_vu *tt_vu_new(struct tt_worker *w, uint64_t id, struct tt_err *err);
void tt_vu_free(struct tt_vu *vu); /* kills what runs in it */
/* The script's table has a function of this name. */
bool tt_vu_has(struct tt_vu *vu, const char *name);
/* A field of the script's table as JSON ("options"); NULL and no error text when it is nil. */
cJSON *tt_vu_field_json(struct tt_vu *vu, const char *name, struct tt_err *err);

/* From here on the VU runs iterations of this scenario, with these base tags. NULL: back in the
 * pool. */
void tt_vu_activate(struct tt_vu *vu, const struct tt_scenario *sc, const struct tt_tags *tags);

enum tt_outcome {
    TT_DONE,        /* returned */
    TT_FAILED,      /* raised an error, or fail() (counted, logged) */
    TT_INTERRUPTED, /* cut */
    TT_ABORTED      /* abort() */
};
/* co: the coroutine with nresults results on top (TT_DONE), else NULL. message: of the error or
 * NULL. Called from the loop, never from inside the call that started it. */
typedef void (*tt_vu_ended)(struct tt_vu *vu, enum tt_outcome how, lua_State *co, int nresults,
                            const char *message, void *arg);

/* Runs one iteration of the VU's scenario; setup: the flat copy of setup's result (tt_lua_flatten),
 * n bytes, 0 = nil; it must stay valid while the VU lives. Emits the iteration's samples. */
void tt_vu_iterate(struct tt_vu *vu, uint64_t number_in_test, uint64_t intended_ns,
                   const char *setup, size_t n, tt_vu_ended ended, void *arg);
/* Runs setup, teardown or handle_summary in the service VU. argument: JSON pushed as the only
 * argument, or NULL; flat: the same from a flat copy. */
void tt_vu_call(struct tt_vu *vu, enum tt_stage_kind stage, const char *fn, const cJSON *argument,
                const char *flat, size_t n, tt_vu_ended ended, void *arg);
bool tt_vu_busy(const struct tt_vu *vu);
/* Cuts what runs; ended(TT_INTERRUPTED) is called from inside. No-op when idle. */
void tt_vu_interrupt(struct tt_vu *vu);
