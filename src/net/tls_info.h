/* SPDX-License-Identifier: MIT */
/* What a TLS connection turned out to be: version, cipher, who the peer says it is. What is kept of
 * it outlives the connection. Worker thread only. */
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A peer's certificates and its stapled OCSP response; counted, never changed. */
struct tt_tls_peer;

struct tt_tls_info {
    const char *version, *cipher; /* static text ("tls1.3", IANA's name); NULL without TLS */
    bool resumed;                 /* with the session of an earlier connection */
    struct tt_tls_peer *peer;     /* counted; NULL: none */
};
/* Of a connection after its handshake; in place of what i had. Connections keep their peer, so that
 * asking again makes none. */
void tt_tls_info_read(struct tt_tls_info *i, SSL *ssl);
void tt_tls_info_clear(struct tt_tls_info *i);

struct tt_tls_peer *tt_tls_peer_ref(struct tt_tls_peer *p);
void tt_tls_peer_unref(struct tt_tls_peer *p); /* NULL is fine */
/* The chain as it was sent, the peer's own first. Borrowed. */
size_t tt_tls_peer_count(const struct tt_tls_peer *p);
X509 *tt_tls_peer_cert(const struct tt_tls_peer *p, size_t i);

/* The stapled response: what it says of the peer's own certificate, in k6's words. Its signature is
 * not checked. Times are seconds since the epoch; 0: not given. */
struct tt_tls_ocsp {
    const char
        *status; /* "good", "revoked", "server_failed", "unknown" (also without a response) */
    const char *revocation_reason; /* NULL: not revoked */
    int64_t produced_at, this_update, next_update, revoked_at;
};
const struct tt_tls_ocsp *tt_tls_peer_ocsp(struct tt_tls_peer *p);
/* Seconds since the epoch; 0 for NULL. */
int64_t tt_tls_time(const ASN1_TIME *t);
