/* SPDX-License-Identifier: MIT */
/* Certificates and OCSP responses for scripts: made when a script asks. Worker thread. */
#include "proto/http/tls_lua.h"
#include "base/err.h"
#include "base/memory.h"
#include <arpa/inet.h>
#include <lauxlib.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* --- peers ----------------------------------------------------------------------------------- */

/* Of the registry: a weak table from peers to what keeps them, so that the responses of one
 * connection share it. */
static const char keepers;

static int l_gc(lua_State *L)
{
    struct tt_tls_peer **box = lua_touserdata(L, 1);
    tt_tls_peer_unref(*box);
    *box = NULL;
    return 0;
}

static void push_keepers(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &keepers) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &keepers);
}

void tt_http_push_tls_peer(lua_State *L, struct tt_tls_peer *peer)
{
    push_keepers(L);
    if (lua_rawgetp(L, -1, peer) == LUA_TNIL) {
        lua_pop(L, 1);
        struct tt_tls_peer **box = lua_newuserdatauv(L, sizeof(struct tt_tls_peer *), 0);
        *box = NULL;
        if (luaL_newmetatable(L, "ttload.http.tls_peer")) {
            lua_pushcfunction(L, l_gc);
            lua_setfield(L, -2, "__gc");
        }
        lua_setmetatable(L, -2);
        *box = tt_tls_peer_ref(peer);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, -3, peer);
    }
    lua_remove(L, -2);
}

/* --- certificates ---------------------------------------------------------------------------- */

/* Takes the BIO's text. */
static void push_bio(lua_State *L, BIO *bio)
{
    char *text;
    long n = BIO_get_mem_data(bio, &text);
    lua_pushlstring(L, n > 0 ? text : "", n > 0 ? (size_t)n : 0);
    BIO_free(bio);
}

static BIO *text_bio(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    TT_ASSERT(bio);
    return bio;
}

/* "CN=api.test,O=Test", as RFC 2253 has it but in UTF-8 */
static void push_name(lua_State *L, const X509_NAME *name)
{
    BIO *bio = text_bio();
    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    push_bio(L, bio);
}

static void push_pem(lua_State *L, X509 *cert)
{
    BIO *bio = text_bio();
    PEM_write_bio_X509(bio, cert);
    push_bio(L, bio);
}

static void push_hex(lua_State *L, const unsigned char *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, 2 * n);
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    luaL_pushresultsize(&b, 2 * n);
}

static void push_serial(lua_State *L, const X509 *cert)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    push_hex(L, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
}

static void push_fingerprint(lua_State *L, const X509 *cert)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    X509_digest(cert, EVP_sha256(), digest, &n);
    push_hex(L, digest, n);
}

/* Appends a name to the table below it: DNS names and addresses; others are left out. */
static void add_name(lua_State *L, const GENERAL_NAME *name)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    char text[INET6_ADDRSTRLEN];
    if (type == GEN_DNS) {
        lua_pushlstring(L, (const char *)ASN1_STRING_get0_data(value),
                        (size_t)ASN1_STRING_length(value));
    } else if (type == GEN_IPADD && inet_ntop(ASN1_STRING_length(value) == 4 ? AF_INET : AF_INET6,
                                              ASN1_STRING_get0_data(value), text, sizeof text)) {
        lua_pushstring(L, text);
    } else {
        return;
    }
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static void push_names(lua_State *L, const X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    lua_newtable(L);
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++)
        add_name(L, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
}

static void push_certificate(lua_State *L, X509 *cert)
{
    lua_createtable(L, 0, 8);
    push_name(L, X509_get_subject_name(cert));
    lua_setfield(L, -2, "subject");
    push_name(L, X509_get_issuer_name(cert));
    lua_setfield(L, -2, "issuer");
    push_serial(L, cert);
    lua_setfield(L, -2, "serial");
    lua_pushinteger(L, tt_tls_time(X509_get0_notBefore(cert)));
    lua_setfield(L, -2, "not_before");
    lua_pushinteger(L, tt_tls_time(X509_get0_notAfter(cert)));
    lua_setfield(L, -2, "not_after");
    push_names(L, cert);
    lua_setfield(L, -2, "names");
    push_fingerprint(L, cert);
    lua_setfield(L, -2, "sha256");
    push_pem(L, cert);
    lua_setfield(L, -2, "pem");
    ERR_clear_error();
}

void tt_http_push_certificates(lua_State *L, const struct tt_tls_peer *peer)
{
    size_t n = peer ? tt_tls_peer_count(peer) : 0;
    if (!peer) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        push_certificate(L, tt_tls_peer_cert(peer, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* --- OCSP ------------------------------------------------------------------------------------ */

static void set_time(lua_State *L, const char *name, int64_t seconds)
{
    if (!seconds)
        return;
    lua_pushinteger(L, seconds);
    lua_setfield(L, -2, name);
}

void tt_http_push_ocsp(lua_State *L, struct tt_tls_peer *peer)
{
    if (!peer) {
        lua_pushnil(L);
        return;
    }
    const struct tt_tls_ocsp *o = tt_tls_peer_ocsp(peer);
    lua_createtable(L, 0, 6);
    lua_pushstring(L, o->status);
    lua_setfield(L, -2, "status");
    lua_pushstring(L, o->revocation_reason);
    lua_setfield(L, -2, "revocation_reason");
    set_time(L, "produced_at", o->produced_at);
    set_time(L, "this_update", o->this_update);
    set_time(L, "next_update", o->next_update);
    set_time(L, "revoked_at", o->revoked_at);
}
