/* SPDX-License-Identifier: MIT */
/* The control API of a running test: k6 v1's REST resources over a unix socket (always) and TCP
 * (when asked for), answered from what the coordinator publishes; commands travel to the
 * coordinator as letters. Runs on serve's thread, never on a worker's. */
#pragma once
#include "base/err.h"
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

enum tt_command_kind {
    TT_COMMAND_PAUSE,
    TT_COMMAND_RESUME,
    TT_COMMAND_SCALE, /* vus, max_vus and rate, those that are not negative */
    TT_COMMAND_STOP,  /* like a signal: running iterations are cut; exit code 103 */
    TT_COMMAND_ABORT, /* as stop, with reason, exit code 108 */
    TT_COMMAND_SETUP, /* (again) runs setup(), teardown(): answered with its data */
    TT_COMMAND_SET_SETUP,
    TT_COMMAND_TEARDOWN
};

/* One intervention. Made by the control server, submitted from its thread; the coordinator carries
 * it out on its own thread, fills ok, err or data, and calls done there once; done hands it back to
 * the server's thread. */
struct tt_command {
    enum tt_command_kind kind;
    int64_t vus, max_vus; /* SCALE: -1 unchanged */
    double rate;          /* SCALE: -1 unchanged; iterations per time_unit of the scenario */
    const char *scenario; /* SCALE: NULL: the one scenario that can be scaled */
    const char *reason;   /* ABORT */
    cJSON *data;          /* SET_SETUP in; SETUP out; owned by the command */
    const char *client;   /* "unix" or "tcp", for the timeline */
    bool ok;
    struct tt_err err; /* why not, in words for the user */
    void (*done)(struct tt_command *c);
};

struct tt_control_config {
    const char *id;          /* of the run; file name of the socket */
    const char *script;      /* path, for `ttload ps` */
    const char *socket_path; /* NULL: no unix socket */
    const char *address;     /* host:port for TCP, NULL: none */
    const char *token;       /* needed with an address that is not loopback */
    /* Takes the command; any thread. False: the run is over. */
    bool (*submit)(void *arg, struct tt_command *c);
    void *arg;
};

struct tt_control;
/* NULL with err: TT_EXIT_API for the TCP address; a unix socket that cannot be made is the
 * caller's to warn of. Strings are copied. Any thread. */
struct tt_control *tt_control_start(const struct tt_control_config *c, struct tt_err *err);
/* The newest figures, once a second and at the end; takes snapshot: { status = {...}, metrics =
 * [...], groups = {...}, timeline = [...] }. Any thread. */
void tt_control_publish(struct tt_control *c, cJSON *snapshot);
/* Ends the event streams, answers what is open, removes the socket. */
void tt_control_stop(struct tt_control *c);

/* "$XDG_RUNTIME_DIR/ttload/<id>.sock", else /tmp/ttload-<uid>/<id>.sock; makes the folder (0700).
 * False with err when it cannot. */
bool tt_control_socket_path(const char *id, char *out, size_t size, struct tt_err *err);
