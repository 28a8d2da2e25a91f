/* SPDX-License-Identifier: MIT */
/* One iteration of a VU whose function has a given body. */
#pragma once
#include "vu/rig.h"

/* Runs one iteration of a body; after ms milliseconds it must have ended so. */
static inline struct rig *run(const char *body, uint64_t ms, struct tt_vu **vu)
{
    char text[4096];
    snprintf(text, sizeof text,
             "local tt = require 'ttload'\nlocal M = {}\nfunction M.default()\n%s\nend\nreturn M\n",
             body);
    struct rig *r = rig_new(text);
    *vu = rig_vu(r, 1);
    rig_begin(r, *vu);
    if (ms)
        rig_pass(r, ms);
    return r;
}

static inline void ends(const char *body, uint64_t ms, enum tt_outcome how, const char *message)
{
    struct tt_vu *vu;
    struct rig *r = run(body, ms, &vu);
    if (!r->ended || r->how != how || !strstr(r->message, message))
        fail_msg("'%s': %s, outcome %d: %s\n%s", body, r->ended ? "ended" : "runs", r->how,
                 r->message, r->log);
    tt_vu_free(vu);
    rig_free(r);
}

static inline void lasts(const char *body, uint64_t ms)
{
    struct tt_vu *vu;
    struct rig *r = run(body, ms - 1, &vu);
    if (r->ended)
        fail_msg("'%s' ended early: %s", body, r->message);
    rig_pass(r, 1);
    if (!r->ended || r->how != TT_DONE)
        fail_msg("'%s' has not ended: %s\n%s", body, r->message, r->log);
    tt_vu_free(vu);
    rig_free(r);
}

/* It returns at once, or after ms: every assert in it has held. */
static inline void holds(const char *body, uint64_t ms)
{
    ends(body, ms, TT_DONE, "");
}
