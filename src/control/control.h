/* SPDX-License-Identifier: MIT */
/* The control API of a running test: the REST resources that k6 v1 had, over a unix socket and,
 * when asked for, TCP. They are answered from what the coordinator publishes; commands travel to
 * the coordinator. Runs on threads of its own, never on a worker's. */
#pragma once
#include "base/err.h"
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tt_intervention_kind {
    TT_INTERVENE_PAUSE,
    TT_INTERVENE_RESUME,
    TT_INTERVENE_SCALE, /* vus, max_vus and rate, those that are not negative */
    TT_INTERVENE_STOP,  /* like a signal: running iterations are cut; exit code 103 */
    TT_INTERVENE_ABORT  /* as stop, with a reason, exit code 108 */
};

/* One intervention. Made by the control API and submitted from its thread; the coordinator carries
 * it out on its own thread, sets ok or err, and calls done once, which takes the command back. */
struct tt_intervention {
    enum tt_intervention_kind kind;
    int64_t vus, max_vus; /* SCALE: -1 unchanged */
    double rate;          /* SCALE: -1 unchanged; iterations per time_unit of the scenario */
    const char *scenario; /* SCALE: NULL: the one scenario that can be scaled */
    const char *reason;   /* ABORT; may be NULL */
    const char *client;   /* "unix", or the peer's address */
    bool ok;
    struct tt_err err; /* why not, in words for the user */
    void (*done)(struct tt_intervention *c);
};

struct tt_control_config {
    cJSON *first;            /* the snapshot to begin with; taken. NULL: nothing yet */
    const char *socket_path; /* NULL: no unix socket */
    const char *address;     /* HOST:PORT for TCP, numeric; NULL: none */
    const char *token;       /* asked of TCP clients; needed when the address is not loopback */
    /* Takes the command, from any thread. False: the run is over. */
    bool (*submit)(void *arg, struct tt_intervention *c);
    void *arg;
};

struct tt_control;
/* NULL with err, exit code TT_EXIT_API_BIND. The strings are copied. */
struct tt_control *tt_control_start(const struct tt_control_config *c, struct tt_err *err);
/* The newest figures; takes snapshot: { status = {...}, metrics = [...], groups = [...], setup =
 * ..., timeline = [...] }. Event streams get status and metrics. Any thread. */
void tt_control_publish(struct tt_control *c, cJSON *snapshot);
/* Ends the event streams, closes everything, removes the socket. Commands that have not been done
 * yet are freed when they are. NULL is fine. */
void tt_control_stop(struct tt_control *c);

/* The folder of the sockets: $XDG_RUNTIME_DIR/ttload, else /tmp/ttload-<uid>; made (0700) when make
 * is set. False with err when it is not ours alone or cannot be made. */
bool tt_control_folder(char *out, size_t size, bool make, struct tt_err *err);
