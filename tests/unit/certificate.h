/* SPDX-License-Identifier: MIT */
/* A self-signed certificate for tests: made by a group's set-up, in memory and as a file. */
#pragma once
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static X509 *cert;
static EVP_PKEY *key;
static char ca_path[] = "/tmp/ttload-test-ca-XXXXXX", key_path[] = "/tmp/ttload-test-key-XXXXXX";

static int make_certificate(void **state)
{
    (void)state;
    cert = X509_new();
    key = EVP_EC_gen("P-256");
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
                                              "DNS:vu.localhost,DNS:localhost,IP:127.0.0.1");
    X509_add_ext(cert, san, -1);
    X509_EXTENSION_free(san);
    X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "CA:TRUE");
    X509_add_ext(cert, ca, -1);
    X509_EXTENSION_free(ca);
    X509_sign(cert, key, EVP_sha256());
    int fd = mkstemp(ca_path);
    FILE *out = fdopen(fd, "w");
    PEM_write_X509(out, cert);
    fclose(out);
    out = fdopen(mkstemp(key_path), "w");
    PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
    fclose(out);
    return 0;
}

static int drop_certificate(void **state)
{
    (void)state;
    unlink(ca_path);
    unlink(key_path);
    X509_free(cert);
    EVP_PKEY_free(key);
    return 0;
}
