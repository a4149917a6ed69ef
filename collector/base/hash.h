/* Hashes, each for its own job. */
#ifndef SEISMO_BASE_HASH_H
#define SEISMO_BASE_HASH_H

#include <stdint.h>

#include "base/slice.h"

/* Same bytes, same value, on every machine and for ever: partitions. Not for tables that strangers fill. */
uint64_t hash_stable(struct slice bytes);
/* Quick, for small memories of last answers, where strangers who make two keys meet cost one look-up more. */
uint64_t hash_quick(struct slice bytes);
/* SipHash-1-3 under a key drawn at start: tables whose keys come from strangers. Any thread. */
uint64_t hash_keyed(struct slice bytes);
/* The first n_hex / 2 bytes of SHA-256 as lower-case hex, ended by NUL; n_hex even, at most 64. */
void hash_hex(struct slice bytes, char *ret_hex, size_t n_hex);
/* SHA-256, 32 bytes. */
void hash_sha256(struct slice bytes, unsigned char ret_digest[32]);
/* Unpredictable bytes from the kernel. */
void hash_random(void *ret_bytes, size_t n);

#endif
