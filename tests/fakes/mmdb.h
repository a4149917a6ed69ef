/* Writes a small file of countries in MaxMind's format (maxmind.github.io/MaxMind-DB): a tree over the bits of IPv6,
 * IPv4 under ::/96, records of 24 bits, then a map for each country, then the metadata. */
#ifndef SEISMO_FAKES_MMDB_H
#define SEISMO_FAKES_MMDB_H

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"

#define MMDB_NODES 4096

struct mmdb_country {
    const char *network, *code;
    const char *member; /* "country" or "registered_country" */
};

struct mmdb_writer {
    int records[MMDB_NODES][2]; /* 0: nothing; n > 0: node n; -1 - i: country i */
    int n_nodes;
    unsigned char data[4096];
    int offsets[64], n_data;
};

static inline void mmdb_byte(struct mmdb_writer *w, int byte)
{
    w->data[w->n_data++] = (unsigned char)byte;
}

static inline void mmdb_text(struct mmdb_writer *w, const char *text)
{
    mmdb_byte(w, 2 << 5 | (int)strlen(text));
    memcpy(w->data + w->n_data, text, strlen(text));
    w->n_data += (int)strlen(text);
}

static inline void mmdb_number(struct mmdb_writer *w, const char *name, int type, unsigned value)
{
    mmdb_text(w, name);
    if (type > 7) {
        mmdb_byte(w, 4);
        mmdb_byte(w, type - 7);
    } else {
        mmdb_byte(w, type << 5 | (type == 5 ? 2 : 4));
    }
    for (int shift = type == 5 ? 8 : 24; shift >= 0; shift -= 8)
        mmdb_byte(w, (int)(value >> shift & 255));
}

static inline void mmdb_insert(struct mmdb_writer *w, const char *text, int country)
{
    struct network network;
    assert(network_parse(slice_of(text), &network));
    if (address_is_v4(&network.base))
        memset(network.base.bytes, 0, 12);
    int node = 0;
    for (int bit = 0; bit < network.bits; bit++) {
        int *record = &w->records[node][network.base.bytes[bit / 8] >> (7 - bit % 8) & 1];
        if (bit == network.bits - 1) {
            *record = -1 - country;
            return;
        }
        if (*record <= 0) { /* what was said of the whole holds for both halves */
            w->records[w->n_nodes][0] = w->records[w->n_nodes][1] = *record;
            *record = w->n_nodes++;
            assert(w->n_nodes < MMDB_NODES);
        }
        node = *record;
    }
}

static inline void mmdb_metadata(struct mmdb_writer *w)
{
    w->n_data = 0;
    mmdb_byte(w, 7 << 5 | 9);
    mmdb_number(w, "node_count", 6, (unsigned)w->n_nodes);
    mmdb_number(w, "record_size", 5, 24);
    mmdb_number(w, "ip_version", 5, 6);
    mmdb_number(w, "binary_format_major_version", 5, 2);
    mmdb_number(w, "binary_format_minor_version", 5, 0);
    mmdb_number(w, "build_epoch", 9, 1795000000);
    mmdb_text(w, "database_type");
    mmdb_text(w, "Test-Country");
    mmdb_text(w, "languages");
    mmdb_byte(w, 0);
    mmdb_byte(w, 4);
    mmdb_text(w, "description");
    mmdb_byte(w, 7 << 5);
}

static inline void mmdb_write(const char *path, const struct mmdb_country *countries, int n)
{
    static struct mmdb_writer w;
    memset(&w, 0, sizeof w);
    w.n_nodes = 1;
    for (int i = 0; i < n; i++) {
        w.offsets[i] = w.n_data;
        mmdb_byte(&w, 7 << 5 | 1);
        mmdb_text(&w, countries[i].member);
        mmdb_byte(&w, 7 << 5 | 1);
        mmdb_text(&w, "iso_code");
        mmdb_text(&w, countries[i].code);
        mmdb_insert(&w, countries[i].network, i);
    }
    FILE *file = fopen(path, "we");
    assert(file);
    for (int i = 0; i < w.n_nodes; i++)
        for (int side = 0; side < 2; side++) {
            int record = w.records[i][side];
            int value = record == 0 ? w.n_nodes : record > 0 ? record : w.n_nodes + 16 + w.offsets[-1 - record];
            unsigned char bytes[3] = {(unsigned char)(value >> 16), (unsigned char)(value >> 8), (unsigned char)value};
            fwrite(bytes, 1, 3, file);
        }
    fwrite("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 1, 16, file);
    fwrite(w.data, 1, (size_t)w.n_data, file);
    fwrite("\xab\xcd\xefMaxMind.com", 1, 14, file);
    mmdb_metadata(&w);
    fwrite(w.data, 1, (size_t)w.n_data, file);
    fclose(file);
}

#endif
