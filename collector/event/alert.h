/* An alert: what detect found, kept until it is over. */
#ifndef SEISMO_EVENT_ALERT_H
#define SEISMO_EVENT_ALERT_H

#include "event/rollup.h"

enum alert_kind { ALERT_LATENCY = 1, ALERT_ERRORS, ALERT_TRAFFIC, ALERT_SELF };
enum alert_state { ALERT_FIRING = 1, ALERT_RESOLVED };
const char *alert_kind_name(enum alert_kind kind);    /* "latency", "errors", "traffic", "self" */
const char *alert_state_name(enum alert_state state); /* "firing", "resolved" */

#define ALERT_ID_BYTES 24
struct alert {
    char id[ALERT_ID_BYTES]; /* `A-` and 12 hex digits over the key, kind and the time it opened */
    enum alert_kind kind;
    enum alert_state state;
    struct series_key key;
    int64_t since_ms;          /* when it began, by the data */
    int64_t opened_ms;         /* when the alert was sent */
    int64_t resolved_ms;       /* 0 while firing */
    double observed, expected; /* latency: p75 in ms of the worst moment so far and of the usual; errors: shares;
                                  traffic: events a minute; self: what the cause is measured in (watch/watch.h) */
    double sessions;           /* estimated number of sessions that went through it */
    double events;             /* weighted events in the windows since it began */
    bool young;                /* less history than the detector wants: limits were wider */
    int32_t history_s;         /* how much history the expectation rests on */
};

/* The ECS document (schemas/alert.schema.json). */
void alert_document(const struct alert *alert, struct buf *buf);
/* Id of the alert's document in its present state; ret_id holds RECORD_ID_BYTES. */
void alert_document_id(const struct alert *alert, char ret_id[RECORD_ID_BYTES]);
/* Binary form, version 1 (2: about Seismo itself), for state and the alerts topic. Text borrows from the reader's
 * bytes. */
void alert_write(const struct alert *alert, struct buf *buf);
enum err alert_read(struct reader *reader, struct alert *ret_alert);

#endif
