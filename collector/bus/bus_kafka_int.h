/* Inside the Kafka bus: one producer, a lane a topic, the spool in front of them; a consumer a cursor.
 *
 * Life of a published message (bus_kafka_lane.c):
 *
 *                       DIRECT                                    HELD                      SPOOLED
 *   bus_publish ──> lane ──> librdkafka ──report──> done    lane, librdkafka lets go    spool ──fsync──> done
 *                                │ no report in time, an error, the brokers are down         ^    │
 *                                └──────────────> HELD ──────── in order ────────────────────┘    │ drained in order,
 *                       DIRECT <── RETURNING: new ones wait until the spool is empty <────────────┘ removed on report
 *
 * Threads: `reports` takes delivery reports, moves lanes from DIRECT to SPOOLED and replaces a broken producer;
 * `drain` asks for the cluster, empties the spool and moves lanes back; `adopt` empties spools of
 * processes that are no more. What stands under `mutex` is anybody's who
 * holds it; it is held for moments and may be followed by the spool's own mutex, never the other way round. */
#ifndef SEISMO_BUS_BUS_KAFKA_INT_H
#define SEISMO_BUS_BUS_KAFKA_INT_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "bus/bus_int.h"
#include "event/mark.h"
#include "event/record.h"

#define KAFKA_TOPIC_BYTES 256
#define KAFKA_ASK_MS 10000     /* one question to the cluster */
#define KAFKA_FRAME_BYTES 1024 /* room for a batch's own header within a topic's max.message.bytes */
#define KAFKA_MESSAGE_COST 256 /* bytes that one message under way is counted for besides its value */
#define KAFKA_DRAIN_RECORDS 1024
#define KAFKA_DEFAULT_MAX_MESSAGE 1000000
#define KAFKA_SPOOLS 16 /* processes that share a data folder */
#define KAFKA_SPOOL_PATH_BYTES 4096
#define KAFKA_SPOOL_GROUP "drain" /* reads every topic of a spool */

/* One message under way. */
struct kafka_sent {
    struct kafka_sent *next, *previous; /* in its lane, in the order in which they were taken; or among the free */
    struct kafka_bus *bus;
    struct bus_message message;
    bus_done_fn *done;
    void *ctx;
    int64_t wall_ms, steady_ms; /* taken then */
    char *wrapped;              /* on its way into the spool: what is written there */
    bool is_listed, is_out;     /* stands in its lane; librdkafka has it, or is about to */
};

enum kafka_mode { KAFKA_DIRECT, KAFKA_HELD, KAFKA_SPOOLED, KAFKA_RETURNING };

struct kafka_lane {
    enum kafka_mode mode; /* under mutex, as are the next eight */
    struct kafka_sent *first, *last;
    struct kafka_sent *gathered; /* DIRECT: the first that waits for the wave before it; from here on nothing is out */
    size_t n_out;                /* that librdkafka has */
    size_t n_spooling;           /* handed to the spool's writer */
    size_t n_draining;           /* drained, no report yet */
    int64_t purge_at_ms;         /* HELD: what librdkafka still has then is taken from it; steady clock */
    int64_t spooled_ms;          /* when the oldest in the spool was taken; 0: it is empty; wall clock */

    /* the drain's own */
    struct bus_cursor *cursor;
    struct bus_record *records; /* lent by the cursor */
    struct kafka_drained {
        struct kafka_lane *lane;
        struct kafka_bus *bus;
        enum err result;
        char mark[MARK_BYTES]; /* a mark is sent with the time of now */
    } * drained;
    size_t n_records;
    bool is_short; /* the last fetch took all that there was */
    bool must_ask; /* whether the topic is there, before the next try */
};

struct kafka_bus {
    struct bus bus; /* first */
    char *prefix, *brokers, *instance;
    char *spool_first, *spool_path; /* as configured; the one of PATH, PATH-1, … that is ours */
    char **properties;              /* NULL-ended */
    size_t max_pending_bytes, max_file_bytes;
    atomic_size_t max_message;
    atomic_int n_partitions[TOPIC_COUNT]; /* until is_known: as remembered or as configured */
    atomic_bool is_known;                 /* the cluster was asked */
    bool was_seen;                        /* n_partitions are as remembered */
    int ask_ms, spool_after_ms;
    int spool_lock_fd;
    struct bus *spool; /* NULL: none, and what Kafka does not take fails */
    struct metric *spool_bytes, *spool_records, *spool_age;

    pthread_mutex_t mutex;
    pthread_cond_t drain_work; /* for the drain */
    pthread_cond_t settled;    /* reports of drained ones are in; a lane is empty */
    struct kafka_lane lanes[TOPIC_COUNT];
    struct kafka_sent *free;
    void *slabs; /* of struct kafka_sent */

    pthread_rwlock_t lock; /* written only while the producer is replaced; a lane's own messages need no lock */
    rd_kafka_t *producer;
    rd_kafka_queue_t *reports;
    rd_kafka_topic_t *topics[TOPIC_COUNT];
    atomic_size_t pending_bytes; /* of lanes, not of the spool */
    atomic_llong down_since_ms;  /* steady clock; 0: the cluster answers */
    atomic_bool closing, fatal;  /* fatal: the producer is to be replaced */
    atomic_bool ended;
    atomic_llong hurry_ms;       /* bus_hurry: nothing waits longer, by the steady clock; 0: not asked */
    int n_leaving;               /* cursors that end in threads of their own; under mutex */
    int64_t purged_ms, shown_ms; /* the reports thread's own */
    pthread_t reports_thread, drain_thread, adopt_thread;
    bool reports_run, drain_runs, adopt_runs;

    pthread_cond_t adopt_work; /* the adopted ones are durable; the bus closes */
    size_t n_adopting;         /* under mutex */
    int adopt_ms;
    bool is_unreadable[KAFKA_SPOOLS]; /* the adopter's own: what could not be opened is left alone */
};

/* A partition as one cursor sees it. */
struct kafka_part {
    bool owned;
    bool fresh;        /* nothing came since it was assigned */
    bool at_end;       /* nothing came since the end was last seen */
    int64_t start;     /* asked for at assignment; -1: the oldest */
    int64_t delivered; /* behind the last record handed out; -1: none yet */
    int64_t committed; /* -1: none */
    int64_t asked_end; /* by kafka_is_current; -1: not yet */
    int64_t end;       /* where the end was seen; transactions leave marks that are positions but no records */
};

struct kafka_cursor {
    struct bus_cursor cursor; /* first */
    struct kafka_bus *bus;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue;
    int event_fd; /* becomes readable when the queue fills or bus_wake asks */
    atomic_bool woken;
    bool is_member;    /* which partitions are ours has been told and holds */
    int64_t nudged_ms; /* steady clock */
    bool paused, broken, collecting;
    struct kafka_part *parts;
    int n_parts;
    rd_kafka_message_t **lent; /* of the last fetch, or of the one under way */
    size_t n_lent, lent_size;
    rd_kafka_message_t *spare; /* came while paused; first of the next fetch */
    rd_kafka_t *writer;        /* transactional; NULL until first used */
};

/* ---- bus_kafka.c ---- */
/* A configuration with brokers, security, logs and then the settings (name, value, …, NULL). NULL: see text. */
rd_kafka_conf_t *kafka_conf(const struct kafka_bus *bus, const char *const *settings, struct err_text *text);
/* Whether every property is known and has an allowed value. */
enum err kafka_check_properties(const struct kafka_bus *bus, struct err_text *text);
/* A client of that configuration, which it takes; NULL: see text. */
rd_kafka_t *kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct err_text *text);
void kafka_topic_name(const struct kafka_bus *bus, enum topic topic, char ret_name[KAFKA_TOPIC_BYTES]);
/* What a bus_options becomes before anything is connected. */
struct kafka_bus *kafka_bus_new(const struct bus_options *options);
void kafka_bus_free(struct kafka_bus *bus); /* takes NULL and half-made ones; the threads have ended */
/* Whether nothing may wait for the cluster any more; any thread. */
bool kafka_is_out_of_time(const struct kafka_bus *bus);
/* How long one call may wait that would wait for `most`, ms: no longer than the program has. */
int kafka_patience_ms(const struct kafka_bus *bus, int most);

/* ---- bus_kafka_setup.c ---- */
enum err kafka_setup(const struct bus_options *options, struct err_text *text);
/* Fills n_partitions and max_message from the cluster; every topic must exist. */
enum err kafka_look_up(struct kafka_bus *bus, struct err_text *text);

/* ---- bus_kafka_producer.c: the client, its reports ---- */
enum err kafka_producer_connect(struct kafka_bus *bus, struct err_text *text);
enum err kafka_producer_start(struct kafka_bus *bus, struct err_text *text);
/* What is under way is delivered, goes to the spool or fails, within the deadline. */
void kafka_producer_stop(struct kafka_bus *bus, int deadline_ms);
/* Hands it to librdkafka, without a copy. The caller has counted it in n_out, or holds `lock`. */
rd_kafka_resp_err_t kafka_produce(struct kafka_bus *bus, struct kafka_sent *sent);
enum err kafka_err(rd_kafka_resp_err_t code);
bool kafka_is_ready(struct bus *bus);

/* ---- bus_kafka_lane.c: which way a message goes ---- */
enum err kafka_publish(struct bus *bus, const struct bus_message *message, bus_done_fn *done, void *ctx);
/* What became of messages that librdkafka had; reports thread. */
void kafka_lane_settle(struct kafka_bus *bus, const rd_kafka_message_t *const *messages, size_t n);
/* Gathered messages whose turn it is go to librdkafka; reports thread, after each report and kafka_lane_tend. */
void kafka_lane_send_gathered(struct kafka_bus *bus);
/* Moves lanes on; reports thread, often. Returns how long to wait for the next time, ms. */
int kafka_lane_tend(struct kafka_bus *bus);
/* No new ones to librdkafka in any lane; what it has is taken from it now. Under mutex. */
void kafka_lane_hold_all(struct kafka_bus *bus);
/* The spool is empty: what waited meanwhile goes to librdkafka, and so does what comes. Under mutex. */
void kafka_lane_go_direct(struct kafka_bus *bus, struct kafka_lane *lane);
bool kafka_lane_is_idle(const struct kafka_bus *bus);                 /* under mutex: no lane has anything */
struct kafka_sent *kafka_sent_new(struct kafka_bus *bus);             /* under mutex */
void kafka_sent_free(struct kafka_bus *bus, struct kafka_sent *sent); /* under mutex */
void kafka_lane_free(struct kafka_bus *bus);
int64_t kafka_oldest_waiting_ms(struct bus *bus);

/* ---- bus_kafka_spool.c: the spool's file ---- */
/* Opens the first spool of PATH, PATH-1, … that no other process has; one that is damaged is put aside. */
enum err kafka_spool_open(struct kafka_bus *bus, struct err_text *text);
void kafka_spool_close(struct kafka_bus *bus, int deadline_ms);
/* Takes the message; done comes when it is written. ERR_AGAIN, ERR_FULL: it stays the caller's. */
enum err kafka_spool_add(struct kafka_bus *bus, struct kafka_sent *sent);
/* What was wrapped for the spool; false: it was not. */
bool kafka_spool_unwrap(struct slice wrapped, uint64_t *ret_key, int64_t *ret_wall_ms, struct slice *ret_value);
/* The path of a place; 0: the configured one. */
void kafka_spool_name(const struct kafka_bus *bus, int place, char ret_path[KAFKA_SPOOL_PATH_BYTES]);
int kafka_spool_try_lock(const char *path); /* -1: another process has it (EWOULDBLOCK), or see errno */
/* The caller has its lock. A damaged one is put aside and a new one begun. */
enum err kafka_spool_open_file(const struct kafka_bus *bus, const char *path, struct bus **ret_spool,
                               struct err_text *text);
/* A mark that leaves the spool says so; room lends it its bytes. Anything else stays as it is. */
void kafka_spool_renew_mark(struct slice *value, char room[MARK_BYTES]);
void kafka_spool_refuse(const struct bus_record *record, enum err why); /* counts and logs what nothing will take */
void kafka_spool_show(struct kafka_bus *bus);                           /* its figures */
uint64_t kafka_spool_bytes(struct bus *bus);
void kafka_left(struct bus *bus, struct bus_left *ret_left);

/* ---- bus_kafka_known.c: what was known of the cluster when it was last there; kept in the spool's file ---- */
bool kafka_known_read(struct kafka_bus *bus); /* false: nothing */
void kafka_known_write(struct kafka_bus *bus);

/* ---- bus_kafka_drain.c: from the spool to Kafka ---- */
enum err kafka_drain_start(struct kafka_bus *bus, struct err_text *text);
void kafka_drain_stop(struct kafka_bus *bus); /* `closing` is set */

/* ---- bus_kafka_adopt.c: spools that no process has any more ---- */
enum err kafka_adopt_start(struct kafka_bus *bus, struct err_text *text);
void kafka_adopt_stop(struct kafka_bus *bus); /* after kafka_producer_stop: nothing of it is under way */

/* ---- bus_kafka_consumer.c: what consumers are set to, and what they may hold ---- */
enum kafka_consumer { KAFKA_MEMBER, KAFKA_READER };
/* A member tells kafka_rebalance(opaque) what it owns; a reader is assigned by its caller. NULL: see text. */
rd_kafka_t *kafka_consumer(const struct kafka_bus *bus, enum kafka_consumer kind, const char *group, void *opaque,
                           struct err_text *text);

/* ---- bus_kafka_cursor.c ---- */
enum err kafka_subscribe(struct bus *bus, enum topic topic, const char *group, const struct bus_owner *owner,
                         struct bus_cursor **ret_cursor, struct err_text *text);
void kafka_cursor_free(struct kafka_cursor *cursor); /* leaves the group */
enum err kafka_fetch(struct bus_cursor *cursor, struct bus_record *ret_records, size_t max, size_t *ret_n, int wait_ms);
void kafka_wake(struct bus_cursor *cursor);
enum err kafka_commit(struct bus_cursor *cursor, const struct position *positions, size_t n);
bool kafka_is_current(struct bus_cursor *cursor);
int64_t kafka_lag(struct bus_cursor *cursor);
int64_t kafka_end(struct bus_cursor *cursor, enum topic topic, int32_t partition);
/* A list for the positions; NULL when one of the partitions is not owned any more. */
rd_kafka_topic_partition_list_t *kafka_positions(struct kafka_cursor *cursor, const struct position *positions,
                                                 size_t n);
void kafka_note_committed(struct kafka_cursor *cursor, const struct position *positions, size_t n);
struct bus_record kafka_record(enum topic topic, const rd_kafka_message_t *message);

/* ---- bus_kafka_group.c: which partitions are ours ---- */
void kafka_let_go_all(struct kafka_cursor *cursor); /* tells the owner, for the last time */
void kafka_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *ctx);

/* ---- bus_kafka_leave.c ---- */
void kafka_unsubscribe(struct bus_cursor *cursor);
/* Those that kafka_unsubscribe left to threads have ended. False: not in time, and the bus is still in use. */
bool kafka_await_leavers(struct kafka_bus *bus, int64_t until_ms);

/* ---- bus_kafka_transact.c ---- */
enum err kafka_transact(struct bus_cursor *cursor, const struct bus_message *messages, size_t n_messages,
                        const struct position *positions, size_t n_positions);
void kafka_transact_done(struct kafka_cursor *cursor);

/* ---- bus_kafka_read_back.c ---- */
enum err kafka_read_back(struct bus_cursor *cursor, enum topic topic, int32_t partition, int64_t from_ms,
                         bool (*each)(void *ctx, const struct bus_record *record), void *ctx);
#endif
