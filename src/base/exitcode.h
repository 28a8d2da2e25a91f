/* SPDX-License-Identifier: MIT */
/* Exit codes of the process, the field's usual numbers (docs/exit-codes.md). Immutable; any thread.
 */
#pragma once

enum tt_exit {
    TT_EXIT_OK = 0,
    TT_EXIT_CLOUD = 97, /* these two are k6's for its cloud: no run ends with them */
    TT_EXIT_CLOUD_PROGRESS = 98,
    TT_EXIT_THRESHOLDS = 99, /* a threshold failed and nothing worse happened */
    TT_EXIT_SETUP_TIMEOUT = 100,
    TT_EXIT_TEARDOWN_TIMEOUT = 101,
    TT_EXIT_TIMEOUT = 102,
    TT_EXIT_API_STOP = 103,
    TT_EXIT_CONFIG = 104, /* bad options, thresholds, config file or environment */
    TT_EXIT_SIGNAL = 105, /* SIGINT or SIGTERM */
    TT_EXIT_API_BIND = 106,
    TT_EXIT_SCRIPT = 107,   /* error in init, setup or teardown */
    TT_EXIT_ABORT = 108,    /* the script called abort() */
    TT_EXIT_INTERNAL = 109, /* a broken invariant of ttload */
    TT_EXIT_MARKED_FAILED = 110,
    TT_EXIT_OTHER = 255, /* file not found, unknown flag, errors without a number of their own */
};
