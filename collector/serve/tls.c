/* TLS: 1.2 and later, HTTP/1.1 only. One SSL_CTX for all loops, replaced as a whole; what is connected keeps the one
 * it began with. */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "serve/serve_int.h"

static enum err wrong(struct err_text *text, const char *file, const char *what)
{
    char reason[200] = "";
    unsigned long code = ERR_peek_last_error();
    if (code)
        ERR_error_string_n(code, reason, sizeof reason);
    ERR_clear_error();
    return err_set(text, ERR_TLS, "%s: %s%s%s", file, what, *reason ? ": " : "", reason);
}

static enum err load(SSL_CTX *context, const char *certificate, const char *key, struct err_text *text)
{
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return wrong(text, certificate, "no certificate could be read");
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return wrong(text, key, "no private key could be read, or it is not the certificate's");
    if (SSL_CTX_check_private_key(context) != 1)
        return wrong(text, key, "the key is not the certificate's");
    return ERR_OK;
}

static void set_up(SSL_CTX *context)
{
    /* h2o picks the protocol by ALPN: it must never hear of "h2" */
    static const h2o_iovec_t protocols[] = {{(char *)"http/1.1", 8}, {NULL, 0}};
    static const unsigned char name[] = "seismo";
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets need no memory */
    SSL_CTX_set_session_id_context(context, name, sizeof name - 1);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    h2o_ssl_register_alpn_protocols(context, protocols);
}

enum err tls_load(SSL_CTX **ret_context, const char *certificate, const char *key, struct err_text *text)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context)
        return err_set(text, ERR_NO_MEMORY, "no memory for TLS");
    enum err err = load(context, certificate, key, text);
    if (err) {
        SSL_CTX_free(context);
        return err;
    }
    set_up(context);
    *ret_context = context;
    return ERR_OK;
}

enum err serve_check_tls(const char *certificate, const char *key, struct err_text *text)
{
    SSL_CTX *context = NULL;
    enum err err = tls_load(&context, certificate, key, text);
    SSL_CTX_free(context);
    return err;
}

enum err serve_set_tls(struct serve *serve, const char *certificate, const char *key, struct err_text *text)
{
    SSL_CTX *fresh = NULL;
    enum err err = tls_load(&fresh, certificate, key, text);
    if (err)
        return err;
    pthread_mutex_lock(&serve->mutex);
    SSL_CTX *old = serve->tls;
    serve->tls = fresh;
    atomic_fetch_add(&serve->tls_number, 1);
    pthread_mutex_unlock(&serve->mutex);
    SSL_CTX_free(old);
    return ERR_OK;
}

void tls_refresh(struct loop *loop)
{
    struct serve *serve = loop->serve;
    if (loop->tls_number == atomic_load(&serve->tls_number))
        return;
    pthread_mutex_lock(&serve->mutex);
    SSL_CTX *old = loop->accept.ssl_ctx;
    loop->accept.ssl_ctx = serve->tls;
    SSL_CTX_up_ref(serve->tls);
    loop->tls_number = atomic_load(&serve->tls_number);
    pthread_mutex_unlock(&serve->mutex);
    SSL_CTX_free(old);
}
