/* SPDX-License-Identifier: MIT */
/* The options tls_version, tls_cipher_suites and tls_auth as OpenSSL wants them. Any thread. Texts
 * live in the arena it was read into. */
#pragma once
#include "plan/options.h"
#include <openssl/ssl.h>

/* A client certificate. */
struct tt_tls_identity {
    X509 *cert;
    STACK_OF(X509) * chain; /* what follows it in the PEM text; NULL: nothing */
    EVP_PKEY *key;
    struct tt_text_list domains; /* "api.test", "*.api.test"; none: any */
};

struct tt_tls_options {
    int min, max;        /* TLS1_2_VERSION ...; max 0: the newest */
    const char *ciphers; /* of TLS 1.2 and older, OpenSSL's names; NULL: OpenSSL's default */
    const char *suites;  /* of TLS 1.3; likewise */
    struct tt_tls_identity *identities;
    size_t n_identities;
    bool given; /* one of the options is */
};

/* False with err: a name that OpenSSL does not have, no version, no certificate. fini either way.
 */
bool tt_tls_options_read(struct tt_tls_options *t, struct tt_arena *a, const struct tt_options *o,
                         struct tt_err *err);
void tt_tls_options_fini(struct tt_tls_options *t);
/* The certificate for a host; NULL: none. */
const struct tt_tls_identity *tt_tls_identity_for(const struct tt_tls_options *t, const char *host);
