/* SPDX-License-Identifier: MIT */
/* From a hop's stamps to its phases. Pure. */
#pragma once
#include <stdint.h>

/* Monotonic ns; 0 = did not happen. */
struct tt_http_stamps {
    uint64_t begin;              /* the hop begins: before its name is looked up */
    uint64_t looked_up;          /* its address is known */
    uint64_t ready;              /* a connection is ready, the request is written next */
    uint64_t sent;               /* the request is written */
    uint64_t first_byte;         /* of the response */
    uint64_t end;                /* body read, or failed */
    uint64_t connect_ns, tls_ns; /* durations; 0 when a connection was reused */
};

/* Phases in milliseconds, with k6's meaning (docs of http_req_*): duration is sending + waiting +
 * receiving; blocked is everything before (looking up, connecting and TLS included). A hop that got
 * no connection has only connecting, tls and looking_up. first_byte and last_byte say when those of
 * the response came, counted from the hop's begin; 0: none came. */
struct tt_http_timings {
    double blocked, looking_up, connecting, tls_handshaking, sending, waiting, receiving, duration;
    double first_byte, last_byte;
};
struct tt_http_timings tt_http_timings_of(const struct tt_http_stamps *s);
