/* SPDX-License-Identifier: MIT */
/* TLS sessions of a VU (option tls_resumption): the next connection to a server resumes one, which
 * saves both sides most of the handshake. Counted; worker thread only. */
#pragma once

struct tt_tls_sessions;

struct tt_tls_sessions *tt_tls_sessions_new(void);
void tt_tls_sessions_ref(struct tt_tls_sessions *s);
void tt_tls_sessions_unref(struct tt_tls_sessions *s); /* NULL is fine */
