/* SPDX-License-Identifier: MIT */
/* TLS versions and cipher suites; see tls_options.h. */
#include "plan/tls_options.h"
#include "base/exitcode.h"
#include "base/str.h"
#include "plan/options_int.h"
#include <openssl/ssl.h>
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

bool tt_tls_options_read(struct tt_tls_options *t, struct tt_arena *a, const struct tt_options *o,
                         struct tt_err *err)
{
    *t = (struct tt_tls_options){.min = TLS1_2_VERSION};
    if (!o)
        return true;
    t->given = o->tls_version || o->tls_cipher_suites.n;
    return (!o->tls_version || read_version(t, o->tls_version, err)) &&
           read_ciphers(t, a, &o->tls_cipher_suites, err);
}
