/* SPDX-License-Identifier: MIT */
/* The server's side of TLS. The context is made by the starting thread, then used by the server's
 * only. */
#include "base/exitcode.h"
#include "serve/serve_int.h"
#include <openssl/err.h>
#include <string.h>

/* Only HTTP/1.1 is spoken; a client that offers nothing we know goes on without ALPN. */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl;
    (void)arg;
    for (unsigned i = 0; i < in_len; i += in[i] + 1u) {
        if (in[i] == 8 && i + 9 <= in_len && memcmp(in + i + 1, "http/1.1", 8) == 0) {
            *out = in + i + 1;
            *out_len = 8;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK;
}

static bool no_good(SSL_CTX *ctx, const char *what, const char *path, struct tt_err *err)
{
    char text[256];
    ERR_error_string_n(ERR_peek_last_error(), text, sizeof text);
    ERR_clear_error();
    SSL_CTX_free(ctx);
    return tt_err_set(err, TT_EXIT_CONFIG, "cannot use the TLS %s %s: %s", what, path, text);
}

SSL_CTX *tt__server_tls(const char *cert, const char *key, struct tt_err *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx) {
        tt_err_set(err, TT_EXIT_OTHER, "cannot make a TLS context");
        return NULL;
    }
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
    static const unsigned char session_context[] = "ttload";
    SSL_CTX_set_session_id_context(ctx, session_context, sizeof session_context - 1);
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1) {
        no_good(ctx, "certificate", cert, err);
        return NULL;
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        no_good(ctx, "key", key, err);
        return NULL;
    }
    return ctx;
}
