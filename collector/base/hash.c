/* SHA-256 by OpenSSL's functions of old: SHA256() of OpenSSL 3 looks the algorithm up by its name and allocates each
 * time, which takes longer than the hash of a document's id. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/hash.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <sys/random.h>

uint64_t hash_stable(struct slice bytes)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a, then a finaliser so that low bits are good too */
    for (size_t i = 0; i < bytes.len; i++)
        h = (h ^ (unsigned char)bytes.at[i]) * 0x100000001b3u;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdu;
    return h ^ h >> 33;
}

uint64_t hash_quick(struct slice bytes)
{
    const uint64_t factor = 0x9e3779b97f4a7c15u;
    uint64_t hash = bytes.len, word;
    size_t at = 0;
    for (; at + sizeof word <= bytes.len; at += sizeof word) {
        memcpy(&word, bytes.at + at, sizeof word);
        hash = (hash ^ word) * factor;
        hash ^= hash >> 32;
    }
    for (; at < bytes.len; at++)
        hash = (hash ^ (unsigned char)bytes.at[at]) * factor;
    return hash ^ hash >> 29;
}

static uint64_t secret[2];

__attribute__((constructor)) static void draw_secret(void)
{
    hash_random(secret, sizeof secret);
}

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
    v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

/* Aumasson, Bernstein: SipHash, 2012; one compression and three finalisation rounds. */
uint64_t hash_keyed(struct slice bytes)
{
    uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575u, secret[1] ^ 0x646f72616e646f6du, secret[0] ^ 0x6c7967656e657261u,
                     secret[1] ^ 0x7465646279746573u};
    uint64_t word = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        word |= (uint64_t)(unsigned char)bytes.at[i] << (8 * (i & 7));
        if ((i & 7) == 7) {
            v[3] ^= word;
            sip_round(v);
            v[0] ^= word;
            word = 0;
        }
    }
    word |= (uint64_t)(bytes.len & 0xff) << 56;
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void hash_sha256(struct slice bytes, unsigned char ret_digest[32])
{
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes.at ? bytes.at : "", bytes.len);
    SHA256_Final(ret_digest, &context);
}

void hash_hex(struct slice bytes, char *ret_hex, size_t n_hex)
{
    static const char digits[] = "0123456789abcdef";
    assert(n_hex % 2 == 0 && n_hex <= 64);
    unsigned char digest[32];
    hash_sha256(bytes, digest);
    for (size_t i = 0; i < n_hex / 2; i++) {
        ret_hex[2 * i] = digits[digest[i] >> 4];
        ret_hex[2 * i + 1] = digits[digest[i] & 15];
    }
    ret_hex[n_hex] = '\0';
}

void hash_random(void *ret_bytes, size_t n)
{
    if (getrandom(ret_bytes, n, 0) != (ssize_t)n)
        abort(); /* no randomness at start is our machine being broken */
}
