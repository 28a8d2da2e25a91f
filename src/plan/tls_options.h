/* SPDX-License-Identifier: MIT */
/* The options tls_version and tls_cipher_suites as OpenSSL wants them. Any thread; what it holds
 * lives in the arena it was read into. */
#pragma once
#include "plan/options.h"

struct tt_tls_options {
    int min, max;        /* TLS1_2_VERSION ...; max 0: the newest */
    const char *ciphers; /* of TLS 1.2 and older, OpenSSL's names; NULL: OpenSSL's default */
    const char *suites;  /* of TLS 1.3; likewise */
    bool given;          /* one of the options is */
};

/* False with err: a name that OpenSSL does not have, or no version. */
bool tt_tls_options_read(struct tt_tls_options *t, struct tt_arena *a, const struct tt_options *o,
                         struct tt_err *err);
