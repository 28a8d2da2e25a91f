/* SPDX-License-Identifier: MIT */
/* TLS versions and cipher suites; see tls_options.h. */
#include "plan/tls_options.h"
#include "base/exitcode.h"
#include "base/str.h"
#include "plan/options_int.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

static bool version_of(const cJSON *v, int *out, struct tt_err *err)
{
    static const struct {
        const char *name;
        int version;
    } all[] = {{"tls1.0", TLS1_VERSION},
               {"tls1.1", TLS1_1_VERSION},
               {"tls1.2", TLS1_2_VERSION},
               {"tls1.3", TLS1_3_VERSION}};
    for (size_t i = 0; i < 4; i++)
        if (cJSON_IsString(v) && tt_streq(v->valuestring, all[i].name)) {
            *out = all[i].version;
            return true;
        }
    return tt_err_set(err, TT_EXIT_CONFIG,
                      "tls_version: '%.40s': expected tls1.0, tls1.1, tls1.2 or tls1.3",
                      cJSON_IsString(v) ? v->valuestring : "");
}

static bool read_version(struct tt_tls_options *t, const cJSON *v, struct tt_err *err)
{
    static const char *const names[] = {"min", "max"};
    bool ok = true;
    if (cJSON_IsString(v)) {
        ok = version_of(v, &t->min, err);
        t->max = t->min;
        return ok;
    }
    for (const cJSON *c = v->child; ok && c; c = c->next) {
        const char *name = c->string ? c->string : "";
        if (tt_streq(name, "min") || tt_streq(name, "max"))
            ok = version_of(c, tt_streq(name, "min") ? &t->min : &t->max, err);
        else
            ok = tt__unknown("field", name, names, 2, err) && tt_err_wrap(err, "tls_version");
    }
    if (ok && t->max && t->max < t->min)
        ok = cJSON_GetObjectItemCaseSensitive(v, "min")
                 ? tt_err_set(err, TT_EXIT_CONFIG, "tls_version: min is above max")
                 : (t->min = t->max, true);
    return ok;
}

static const char *joined(struct tt_arena *a, const char *list, const char *name)
{
    size_t n = list ? strlen(list) : 0, m = strlen(name);
    char *s = tt_arena_alloc(a, n + m + 2);
    if (n) {
        memcpy(s, list, n);
        s[n++] = ':';
    }
    memcpy(s + n, name, m + 1);
    return s;
}

/* IANA's names; those of TLS 1.3 are OpenSSL's own. */
static bool read_ciphers(struct tt_tls_options *t, struct tt_arena *a,
                         const struct tt_text_list *list, struct tt_err *err)
{
    for (size_t i = 0; i < list->n; i++) {
        const char *name = list->items[i], *own = OPENSSL_cipher_name(name);
        if (!own || own[0] == '(' || tt_streq(own, "UNDEF"))
            return tt_err_set(err, TT_EXIT_CONFIG,
                              "tls_cipher_suites: OpenSSL has no '%.80s'; names are like "
                              "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                              name);
        if (tt_starts_with(own, "TLS_"))
            t->suites = joined(a, t->suites, own);
        else
            t->ciphers = joined(a, t->ciphers, own);
    }
    return true;
}

/* --- client certificates ------------------------------------------------------------------------
 */

static const char *text_of(const cJSON *v, const char *name)
{
    const cJSON *c = cJSON_GetObjectItemCaseSensitive(v, name);
    return cJSON_IsString(c) ? c->valuestring : NULL;
}

static bool bad_identity(struct tt_err *err, size_t i, const char *what)
{
    ERR_clear_error();
    return tt_err_set(err, TT_EXIT_CONFIG, "tls_auth[%zu]: %s", i + 1, what);
}

/* OpenSSL would ask at the terminal. */
static int give_password(char *buf, int size, int writing, void *arg)
{
    const char *password = arg ? arg : "";
    (void)writing;
    int n = (int)strlen(password);
    if (n > size)
        return -1;
    memcpy(buf, password, (size_t)n);
    return n;
}

static bool read_pem(struct tt_tls_identity *id, const cJSON *v, struct tt_err *err, size_t i)
{
    const char *cert = text_of(v, "cert"), *key = text_of(v, "key");
    if (!cert || !key)
        return bad_identity(err, i, "expected { cert = PEM, key = PEM, password?, domains? }");
    BIO *b = BIO_new_mem_buf(cert, -1);
    id->cert = PEM_read_bio_X509(b, NULL, give_password, NULL);
    X509 *more;
    while (id->cert && (more = PEM_read_bio_X509(b, NULL, give_password, NULL))) {
        if (!id->chain)
            id->chain = sk_X509_new_null();
        sk_X509_push(id->chain, more);
    }
    BIO_free(b);
    b = BIO_new_mem_buf(key, -1);
    id->key =
        PEM_read_bio_PrivateKey(b, NULL, give_password, (void *)(uintptr_t)text_of(v, "password"));
    BIO_free(b);
    if (!id->cert)
        return bad_identity(err, i, "cert: no certificate in PEM text");
    if (!id->key)
        return bad_identity(err, i, "key: no private key in PEM text, or another password");
    if (X509_check_private_key(id->cert, id->key) != 1)
        return bad_identity(err, i, "the key is not that of the certificate");
    ERR_clear_error(); /* the end of the PEM text was one */
    return true;
}

static bool read_identity(struct tt_tls_options *t, struct tt_arena *a, const cJSON *v,
                          struct tt_err *err)
{
    static const char *const names[] = {"cert", "key", "password", "domains"};
    size_t i = t->n_identities++;
    struct tt_tls_identity *id = &t->identities[i];
    for (const cJSON *c = v->child; c; c = c->next) {
        bool known = false;
        for (size_t k = 0; k < 4; k++)
            known |= tt_streq(c->string, names[k]);
        if (!known) {
            tt__unknown("field", c->string ? c->string : "", names, 4, err);
            return tt_err_wrap(err, "tls_auth[%zu]", i + 1);
        }
    }
    const cJSON *domains = cJSON_GetObjectItemCaseSensitive(v, "domains"), *d;
    const char **items =
        tt_arena_alloc(a, ((size_t)cJSON_GetArraySize(domains) + 1) * sizeof *items);
    cJSON_ArrayForEach(d, domains)
    {
        if (!cJSON_IsString(d))
            return bad_identity(err, i, "domains: expected a list of texts");
        items[id->domains.n++] = tt_arena_strdup(a, d->valuestring);
    }
    id->domains.items = items;
    return read_pem(id, v, err, i);
}

static bool read_identities(struct tt_tls_options *t, struct tt_arena *a, const cJSON *list,
                            struct tt_err *err)
{
    bool ok = true;
    const cJSON *v;
    t->identities =
        tt_arena_alloc(a, ((size_t)cJSON_GetArraySize(list) + 1) * sizeof *t->identities);
    cJSON_ArrayForEach(v, list) ok = ok && read_identity(t, a, v, err);
    return ok;
}

void tt_tls_options_fini(struct tt_tls_options *t)
{
    for (size_t i = 0; i < t->n_identities; i++) {
        X509_free(t->identities[i].cert);
        sk_X509_pop_free(t->identities[i].chain, X509_free);
        EVP_PKEY_free(t->identities[i].key);
    }
    t->n_identities = 0;
}

static bool is_for(const struct tt_tls_identity *id, const char *host)
{
    size_t n = strlen(host);
    for (size_t i = 0; i < id->domains.n; i++) {
        const char *d = id->domains.items[i];
        size_t m = strlen(d);
        if (d[0] == '*' ? m - 1 < n && tt_strieq(host + n - (m - 1), d + 1) : tt_strieq(host, d))
            return true;
    }
    return id->domains.n == 0;
}

const struct tt_tls_identity *tt_tls_identity_for(const struct tt_tls_options *t, const char *host)
{
    for (size_t i = 0; i < t->n_identities; i++)
        if (is_for(&t->identities[i], host))
            return &t->identities[i];
    return NULL;
}

/* --- all of it ----------------------------------------------------------------------------------
 */

bool tt_tls_options_read(struct tt_tls_options *t, struct tt_arena *a, const struct tt_options *o,
                         struct tt_err *err)
{
    *t = (struct tt_tls_options){.min = TLS1_2_VERSION};
    if (!o)
        return true;
    t->given = o->tls_version || o->tls_cipher_suites.n || o->tls_auth;
    return (!o->tls_version || read_version(t, o->tls_version, err)) &&
           read_ciphers(t, a, &o->tls_cipher_suites, err) &&
           (!o->tls_auth || read_identities(t, a, o->tls_auth, err));
}
