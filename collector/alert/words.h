/* Numbers, times and links as people read them. Everything here is ASCII but the cut sign. */
#ifndef SEISMO_ALERT_WORDS_H
#define SEISMO_ALERT_WORDS_H

#include "event/alert.h"

void words_value_ms(struct buf *buf, double ms);                                /* "71 ms", "1.52 s", "2 min 5 s" */
void words_duration(struct buf *buf, int64_t ms);                               /* "45 s", "4 min 10 s", "3 h 5 min" */
void words_time(struct buf *buf, int64_t wall_ms);                              /* "13:37:00 UTC" */
void words_date(struct buf *buf, int64_t wall_ms);                              /* "22 Nov 2026" */
void words_share(struct buf *buf, double share);                                /* "20 %", "0.4 %" */
void words_factor(struct buf *buf, double factor);                              /* "1.6", "21" */
void words_count(struct buf *buf, double n, const char *one, const char *many); /* "1 session", "32 sessions" */
/* The live page for that series and time; "" when base is empty. */
void words_link(struct buf *buf, const struct alert *alert, const char *base);

#endif
