/* What people said about alerts: seen by whom (acknowledgements), and what nobody shall be told of until when
 * (silences). One value in the store's state; the live page writes it, alert reads it before it tells people. */
#ifndef SEISMO_EVENT_REMARKS_H
#define SEISMO_EVENT_REMARKS_H

#include "event/alert.h"

#define REMARKS_KEY "alerts.remarks" /* of the store's state */
#define REMARKS_BY_BYTES 64
#define REMARKS_REASON_BYTES 256
#define REMARKS_ACKS 500       /* a new one takes the oldest one's place */
#define REMARKS_SILENCES 200   /* the same, but never that of one that still holds */
#define REMARKS_TEXT_BYTES 512 /* of each name of a silence's series; longer ones are never silenced */

struct remark_ack {
    char id[ALERT_ID_BYTES]; /* of the alert */
    char by[REMARKS_BY_BYTES];
    int64_t at_ms;
};

/* Holds in [from_ms, until_ms). An empty name, and kind 0, stand for any: a silence of a whole service has its
 * application, service and environment only. */
struct remark_silence {
    char id[ALERT_ID_BYTES]; /* S- and 12 hex digits */
    uint8_t kind, series;    /* enum alert_kind, enum series_kind; 0: any */
    char application[REMARKS_TEXT_BYTES], service[REMARKS_TEXT_BYTES], environment[REMARKS_TEXT_BYTES],
        name[REMARKS_TEXT_BYTES], detail[REMARKS_TEXT_BYTES];
    char by[REMARKS_BY_BYTES], reason[REMARKS_REASON_BYTES];
    int64_t from_ms, until_ms;
};

struct remarks {
    struct remark_ack *acks; /* oldest first */
    size_t n_acks;
    struct remark_silence *silences;
    size_t n_silences;
};
void remarks_init(struct remarks *remarks);
void remarks_done(struct remarks *remarks);
/* What an alert had before is replaced. */
void remarks_acknowledge(struct remarks *remarks, const struct remark_ack *ack);
/* ERR_FULL: REMARKS_SILENCES hold at this time. */
enum err remarks_silence(struct remarks *remarks, const struct remark_silence *silence, int64_t now_ms);
/* Ends it at now_ms. False: there is none, or it is over. */
bool remarks_unsilence(struct remarks *remarks, const char *id, int64_t now_ms);
const struct remark_ack *remarks_ack_of(const struct remarks *remarks, const char *alert_id); /* NULL: none */
/* The one that holds for the longest; NULL: none. */
const struct remark_silence *remarks_silence_of(const struct remarks *remarks, const struct alert *alert,
                                                int64_t now_ms);
/* When the next of those that hold ends; INT64_MAX: none. */
int64_t remarks_next_end(const struct remarks *remarks, int64_t now_ms);
/* Bytes, version 1. */
void remarks_write(const struct remarks *remarks, struct buf *buf);
/* ERR_CORRUPT, ERR_NEWER_VERSION; ret_remarks is initialised and empty then. */
enum err remarks_read(struct slice bytes, struct remarks *ret_remarks);

#endif
