/* The program's own header: everything that runs, and how each part of it is started. Only main.c and the files named
 * here know all rooms; no room knows this. */
#ifndef SEISMO_SEISMO_H
#define SEISMO_SEISMO_H

#include <pthread.h>
#include <stdatomic.h>

#include "alert/alerts.h"
#include "bus/bus.h"
#include "config/config.h"
#include "detect/detect.h"
#include "index/index.h"
#include "ingest/diagnosis.h"
#include "ingest/ingest.h"
#include "live/live.h"
#include "roles.h"
#include "rollup/rollup.h"
#include "sourcemap/sourcemap.h"
#include "store/store.h"
#include "watch/heartbeat.h"
#include "watch/report.h"
#include "watch/watch.h"

/* What a role opens. The bus without the store, and the store without the bus, is all that some machines can reach. */
#define NEED_BUS (ROLE_INGEST | ROLE_INDEX | ROLE_ROLLUP | ROLE_DETECT)
#define NEED_PARTITIONS (ROLE_ROLLUP | ROLE_DETECT) /* whose tables are as large as the topics have partitions */
#define NEED_STORE (ROLE_INDEX | ROLE_DETECT | ROLE_LIVE)

/* Everything that runs, in the order in which data meets it. */
struct seismo {
    const struct config *config;
    unsigned roles;
    const char *role_names; /* as given */
    const char *instance;   /* NULL: it has no name */
    struct bus *bus;
    struct store *store;
    struct sink *to_enrich, *to_validate;
    struct diagnosis *diagnosis; /* of the ingest, read by live */
    struct ingest *ingest;
    struct bus_marks *marks;
    struct index *index;
    atomic_bool index_is_paused;
    atomic_bool index_is_halted, windows_are_halted; /* by what a newer release wrote */
    struct rollup_stage *rollup;
    struct window_sink *detect;
    struct alerts *alerts;
    struct watch *watch;
    struct heartbeat *heartbeat; /* NULL: nobody waits for it */
    struct report *report;       /* NULL: none are stored */
    pthread_t waiter;            /* starts rollup and detect once Kafka says how many partitions there are */
    bool waiter_runs;
    atomic_bool waiter_stops, windows_run; /* windows_run: rollup, detect and alerts are there */
    _Atomic enum err late_err;             /* of the waiter; late_text is written before */
    struct err_text late_text;
    pthread_mutex_t live_lock; /* live starts last and stops before those that tell it what has changed */
    struct live *live;
    struct sourcemaps *sourcemaps; /* NULL without role live */
    const struct application *applications;
    size_t n_applications;
};

/* ---- seismo_parts.c: the parts, in the order in which data meets them ---- */

enum err open_bus(struct seismo *seismo, struct err_text *text);
enum err open_store(struct seismo *seismo, struct err_text *text);
enum err start_alerts(struct seismo *seismo, struct err_text *text);
void start_detect(struct seismo *seismo); /* behind it are the alerts */
enum err start_rollup(struct seismo *seismo, struct err_text *text);
enum err start_index(struct seismo *seismo, struct err_text *text);
enum err start_ingest(struct seismo *seismo, struct err_text *text);

/* ---- seismo_watch.c: its eye on itself ---- */

enum err start_own_alerts(struct seismo *seismo, struct err_text *text);
void start_watch(struct seismo *seismo);
void start_heartbeat(struct seismo *seismo); /* when somebody waits for it */
void start_report(struct seismo *seismo);    /* when Kibana can show it */

/* ---- seismo_live.c: the inner listener ---- */

enum err start_live(struct seismo *seismo, struct err_text *text);
const char *scheme(const struct seismo *seismo);        /* of the public listener */
const char *public_url(const struct seismo *seismo);    /* where browsers reach it; static memory */
const char *first_service(const struct seismo *seismo); /* for the tag that is shown */

/* ---- seismo_doors.c: between rooms that do not know each other; ctx is the struct seismo; any thread ---- */

bool beacons_are_welcome(void *ctx);
bool all_is_ready(void *ctx);
const char *why_not_ready(void *ctx);
void add_parts(void *ctx, struct buf *buf);
void set_live(struct seismo *seismo, struct live *live); /* NULL: it is told no more */
void documents_were_stored(void *ctx, unsigned long documents);
void indexing_pauses(void *ctx, bool paused);
void indexing_halts(void *ctx);
void windows_halt(void *ctx);
void alerts_have_changed(void *ctx);
void alerts_were_remarked(void *ctx);
void open_windows(void *ctx, int32_t width_s, void (*each)(void *, const struct rollup *), void *each_ctx);
bool store_takes_nothing(void *ctx);

#endif
