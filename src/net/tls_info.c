/* SPDX-License-Identifier: MIT */
/* A peer is made when it is first asked for and hangs on its connection (SSL); who wants it longer
 * holds it. The stapled response is read when somebody asks. */
#include "net/tls_info.h"
#include "base/err.h"
#include "base/memory.h"
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <pthread.h>

struct tt_tls_peer {
    size_t refs;
    STACK_OF(X509) * chain; /* NULL: none was sent */
    unsigned char *staple;  /* DER; NULL: none */
    long staple_len;
    bool read; /* ocsp is filled in */
    struct tt_tls_ocsp ocsp;
};

/* --- peers ----------------------------------------------------------------------------------- */

static pthread_once_t slot_once = PTHREAD_ONCE_INIT;
static int slot; /* written once */

static void on_free(void *parent, void *peer, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)parent;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    tt_tls_peer_unref(peer);
}

static void make_slot(void)
{
    slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_free);
    TT_ASSERT(slot >= 0);
}

struct tt_tls_peer *tt_tls_peer_ref(struct tt_tls_peer *p)
{
    p->refs++;
    return p;
}

void tt_tls_peer_unref(struct tt_tls_peer *p)
{
    if (!p || --p->refs)
        return;
    sk_X509_pop_free(p->chain, X509_free);
    tt_free(p->staple);
    tt_free(p);
}

static struct tt_tls_peer *peer_of(SSL *ssl)
{
    pthread_once(&slot_once, make_slot);
    struct tt_tls_peer *p = SSL_get_ex_data(ssl, slot);
    if (p)
        return p;
    const unsigned char *staple = NULL;
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    p = tt_xcalloc(1, sizeof *p);
    p->refs = 1; /* the connection's */
    p->chain = chain ? X509_chain_up_ref(chain) : NULL;
    p->staple_len = SSL_get_tlsext_status_ocsp_resp(ssl, &staple);
    if (p->staple_len > 0 && staple)
        p->staple = tt_xmemdup(staple, (size_t)p->staple_len);
    TT_ASSERT(SSL_set_ex_data(ssl, slot, p) == 1);
    return p;
}

size_t tt_tls_peer_count(const struct tt_tls_peer *p)
{
    return p->chain ? (size_t)sk_X509_num(p->chain) : 0;
}

X509 *tt_tls_peer_cert(const struct tt_tls_peer *p, size_t i)
{
    return sk_X509_value(p->chain, (int)i);
}

/* --- the connection -------------------------------------------------------------------------- */

static const char *version_name(int version)
{
    switch (version) {
    case TLS1_VERSION:
        return "tls1.0";
    case TLS1_1_VERSION:
        return "tls1.1";
    case TLS1_2_VERSION:
        return "tls1.2";
    default:
        return "tls1.3";
    }
}

void tt_tls_info_read(struct tt_tls_info *i, SSL *ssl)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    struct tt_tls_peer *peer = tt_tls_peer_ref(peer_of(ssl));
    tt_tls_info_clear(i);
    i->version = version_name(SSL_version(ssl));
    i->cipher = cipher ? SSL_CIPHER_standard_name(cipher) : NULL;
    i->resumed = SSL_session_reused(ssl);
    i->peer = peer;
}

void tt_tls_info_clear(struct tt_tls_info *i)
{
    tt_tls_peer_unref(i->peer);
    *i = (struct tt_tls_info){0};
}

/* --- OCSP ------------------------------------------------------------------------------------ */

int64_t tt_tls_time(const ASN1_TIME *t)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;
    TT_ASSERT(epoch);
    bool ok = t && ASN1_TIME_diff(&days, &seconds, epoch, t) == 1;
    ASN1_TIME_free(epoch);
    return ok ? (int64_t)days * 86400 + seconds : 0;
}

/* RFC 5280, 5.3.1 */
static const char *reason_name(int reason)
{
    static const char *const names[] = {
        "unspecified",     "key_compromise",         "ca_compromise",    "affiliation_changed",
        "superseded",      "cessation_of_operation", "certificate_hold", NULL,
        "remove_from_crl", "privilege_withdrawn",    "aa_compromise",
    };
    bool known = reason >= 0 && reason < (int)(sizeof names / sizeof *names) && names[reason];
    return names[known ? reason : 0];
}

/* The answer of the response for this certificate; NULL: there is none. */
static OCSP_SINGLERESP *answer_for(OCSP_BASICRESP *basic, X509 *cert)
{
    for (int i = 0; cert && i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
        ASN1_INTEGER *serial = NULL;
        OCSP_id_get0_info(NULL, NULL, NULL, &serial,
                          (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single));
        if (serial && ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(cert)) == 0)
            return single;
    }
    return NULL;
}

static void read_answer(struct tt_tls_ocsp *o, const OCSP_BASICRESP *basic, OCSP_SINGLERESP *single)
{
    ASN1_GENERALIZEDTIME *revoked = NULL, *from = NULL, *until = NULL;
    int reason = -1, status = OCSP_single_get0_status(single, &reason, &revoked, &from, &until);
    if (status == V_OCSP_CERTSTATUS_GOOD)
        o->status = "good";
    else if (status == V_OCSP_CERTSTATUS_REVOKED)
        o->status = "revoked";
    o->produced_at = tt_tls_time(OCSP_resp_get0_produced_at(basic));
    o->this_update = tt_tls_time(from);
    o->next_update = tt_tls_time(until);
    if (status == V_OCSP_CERTSTATUS_REVOKED) {
        o->revoked_at = tt_tls_time(revoked);
        o->revocation_reason = reason_name(reason);
    }
}

static void read_staple(struct tt_tls_peer *p)
{
    const unsigned char *der = p->staple;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &der, p->staple_len);
    if (response && OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        p->ocsp.status = "server_failed";
    } else if (response) {
        OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
        OCSP_SINGLERESP *single =
            basic ? answer_for(basic, tt_tls_peer_count(p) ? tt_tls_peer_cert(p, 0) : NULL) : NULL;
        if (single)
            read_answer(&p->ocsp, basic, single);
        OCSP_BASICRESP_free(basic);
    }
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
}

const struct tt_tls_ocsp *tt_tls_peer_ocsp(struct tt_tls_peer *p)
{
    if (!p->read) {
        p->read = true;
        p->ocsp.status = "unknown";
        if (p->staple)
            read_staple(p);
    }
    return &p->ocsp;
}
