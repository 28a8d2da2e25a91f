/* SPDX-License-Identifier: MIT */
/* Phase arithmetic, after k6's tracer: a server may answer before the request is fully written
 * (HTTP/2, early errors): waiting is then 0 and sending ends with the first byte, so that the
 * phases never overlap and never sum to more than the time that passed. */
#include "proto/http/timing.h"
#include "base/clock.h"

static double ms_between(uint64_t from, uint64_t to)
{
    return to > from ? tt_ns_to_ms(to - from) : 0;
}

struct tt_http_timings tt_http_timings_of(const struct tt_http_stamps *s)
{
    struct tt_http_timings t = {0};
    t.looking_up = ms_between(s->begin, s->looked_up);
    t.connecting = tt_ns_to_ms(s->connect_ns);
    t.tls_handshaking = tt_ns_to_ms(s->tls_ns);
    if (!s->ready)
        return t;
    t.blocked = ms_between(s->begin, s->ready);
    uint64_t sent = s->sent;
    if (!sent || (s->first_byte && sent > s->first_byte))
        sent = s->first_byte ? s->first_byte : s->end;
    t.sending = ms_between(s->ready, sent);
    if (s->first_byte) {
        t.waiting = ms_between(sent, s->first_byte);
        t.receiving = ms_between(s->first_byte, s->end);
        t.first_byte = ms_between(s->begin, s->first_byte);
        t.last_byte = ms_between(s->begin, s->end);
    } else {
        t.waiting = ms_between(sent, s->end);
    }
    t.duration = t.sending + t.waiting + t.receiving;
    return t;
}
