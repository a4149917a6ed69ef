/* A self-signed certificate and its key as PEM files, for tests. */
#ifndef SEISMO_FAKES_CERTIFICATE_H
#define SEISMO_FAKES_CERTIFICATE_H

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

static inline void certificate_write(const char *name, const char *certificate_file, const char *key_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    assert(X509_sign(certificate, key, EVP_sha256()));
    FILE *file = fopen(certificate_file, "we");
    assert(file && PEM_write_X509(file, certificate));
    fclose(file);
    file = fopen(key_file, "we");
    assert(file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

#endif
