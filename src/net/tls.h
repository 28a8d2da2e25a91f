/* SPDX-License-Identifier: MIT */
/* TLS profiles of clients: one SSL_CTX each. The system's CA certificates are parsed once per
 * process, when the first profile that verifies is made, into one X509_STORE that those profiles
 * share; SSL_CERT_FILE and SSL_CERT_DIR replace the system's places. ALPN is http/1.1. */
#pragma once
#include "plan/options.h"
#include "plan/tls_options.h"
#include <openssl/ssl.h>

struct tt_tls_profile;
/* NULL with err: ca_file, SSL_CERT_FILE or SSL_CERT_DIR cannot be read.
 * From the options (insecure_skip_tls_verify, ...); NULL opt: defaults. Not shared between threads.
 * The caller's. */
struct tt_tls_profile *tt_tls_profile_new(const struct tt_options *opt, struct tt_err *err);
/* Versions, cipher suites, the key log ($SSLKEYLOGFILE) and what is asked of the server, for a
 * context, whoever made it. */
void tt_tls_apply(SSL_CTX *ctx, const struct tt_tls_options *t);
void tt_tls_profile_free(struct tt_tls_profile *p); /* NULL is fine; no connection uses it */
