/* The bus: publish and learn when it is durable; read as a consumer group; commit.
 *
 * Two implementations behind this one header: bus_sqlite.c (embedded: one file, WAL, synchronous=FULL, one writer
 * thread, one commit for all that wait) and bus_kafka.c (librdkafka: acks=all, idempotent, transactions). Nothing
 * outside this room knows which one runs.
 *
 * Topics have partitions; a record's key chooses one, and within it order is kept. A position is the place of the
 * first record not yet consumed. A record that bus_publish has called durable survives kill -9 and power loss. */
#ifndef SEISMO_BUS_BUS_H
#define SEISMO_BUS_BUS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "event/position.h"
#include "event/sink.h"

struct bus;
struct bus_cursor;

struct bus_options {
    const char *kind;              /* "sqlite" or "kafka" */
    const char *path;              /* the file of the queue, or kafka: of the spool (NULL: none); its folder exists */
    int partitions;                /* sqlite: of each topic, >= 1; kafka: for setup */
    const char *brokers;           /* kafka: host:port,… */
    const char *prefix;            /* kafka: topics are PREFIX.events and so on */
    const char *instance;          /* kafka: a name that this process keeps over restarts, of no other; or NULL */
    const char *const *properties; /* kafka: NULL-ended "name=value" for librdkafka, secrets included; never logged */
    size_t max_pending_bytes;      /* accepted and not yet durable; past it ERR_AGAIN */
    size_t max_file_bytes;         /* sqlite: size at which publish answers ERR_FULL; 0 = no bound */
    int64_t retention_ms;          /* sqlite: consumed records are kept that long, for seeking back; less when full */
    int64_t retire_ms;             /* sqlite: a group without a cursor for that long holds no records; 0: never */
    int spool_after_ms;            /* kafka: no delivery report for that long: to the spool; 0: 1500 */
    int adopt_ms;                  /* kafka: looks for spools that no process has, so often; 0: 30000 */
    bool any_partitions;           /* kafka: a topic that exists may have another number of them */
    int replication, min_insync;   /* kafka, for setup: 0: what the cluster gives */
    int64_t topic_retention_ms;    /* the same */
    bool is_inner;                 /* sqlite: part of another bus, which shows the figures */
};

struct bus_message {
    enum topic topic;
    uint64_t key;       /* hash that chooses the partition: key % partitions */
    struct slice value; /* must stay valid until done */
};

/* Called exactly once for each message that bus_publish took, on a thread of the bus: ERR_OK = durable. Must not block.
 */
typedef void bus_done_fn(void *ctx, enum err result);

/* Opens it, or fills text: ERR_BUS_OPEN, ERR_NEWER_VERSION, ERR_CORRUPT. Topics must exist (bus_setup). */
enum err bus_open(struct bus **ret_bus, const struct bus_options *options, struct err_text *text);
/* Makes what is missing (topics; tables) and checks the rest; may be repeated. */
enum err bus_setup(const struct bus_options *options, struct err_text *text);
/* What exists and is otherwise than the options want, or than the promises need: a line each ("…\n"), appended to
 * lines; *ret_n: how many. Changes nothing. Only Kafka's topics can differ. Blocks. */
enum err bus_differences(const struct bus_options *options, struct buf *lines, int *ret_n, struct err_text *text);
/* Delivers or fails all that is pending within the deadline, then frees. Cursors must be closed before. Takes NULL.
 * False: threads of a client that does not end were left behind, so the program must end by _exit. */
bool bus_close(struct bus *bus, int deadline_ms);
/* The program ends: from within_ms on nothing waits for the cluster any more, and before that nothing for one that is
 * known to be away. Cursors that are closed from now on end beside each other, and bus_close waits for them. Any
 * thread; takes NULL. */
void bus_hurry(struct bus *bus, int within_ms);

/* Hands one message over. Any thread; never blocks. ERR_OK: done will be called. ERR_AGAIN: max_pending_bytes are
 * under way. ERR_FULL: the file is full. ERR_TOO_LARGE: over bus_max_message. On error done is not called. */
enum err bus_publish(struct bus *bus, const struct bus_message *message, bus_done_fn *done, void *ctx);
/* The same for a thread that may wait: publishes all and returns when all are durable, or the first error. */
enum err bus_publish_wait(struct bus *bus, const struct bus_message *messages, size_t n);
size_t bus_max_message(const struct bus *bus); /* bytes */
/* False when publish would answer ERR_FULL, or the other side has been away too long: readiness. Any thread. */
bool bus_is_ready(struct bus *bus);
/* Bytes of accepted records not yet passed on or consumed by every group (seismo_spool_bytes). */
uint64_t bus_spool_bytes(struct bus *bus);
/* What was accepted with this folder and is not yet on the bus: our own records, and files of processes that are no
 * more (adopt_ms), or that share the folder. Nothing on a bus that is its own file. Any thread. */
struct bus_left {
    int64_t records;
    int files;
};
void bus_left(struct bus *bus, struct bus_left *ret_left);
/* When the oldest record was published that is accepted and that no reader of the bus can see yet, in ms since the
 * epoch; 0: there is none. What reads a time from the bus holds it back to this. Any thread. */
int64_t bus_oldest_waiting_ms(struct bus *bus);
int bus_partitions(struct bus *bus, enum topic topic);
/* Whether bus_partitions is what the cluster says, or said when it was last there. Else it is as configured until the
 * cluster answers, which it is asked for again and again. Any thread. */
bool bus_is_known(struct bus *bus);
/* What is wrong with it, in a static sentence for a person; NULL: nothing is. It may be ready all the same, as what it
 * takes waits in the spool. Any thread. */
const char *bus_trouble(struct bus *bus);
/* Whether other processes may publish to it and read from it. */
bool bus_is_shared(const struct bus *bus);

/* Tells the readers of a shared bus, about once a second and in every partition of TOPIC_EVENTS, that all which was
 * accepted here until now lies before (event/mark.h): for processes with ingest. instance: a name kept over restarts,
 * or NULL. NULL on a bus that is not shared. */
struct bus_marks;
struct bus_marks *bus_marks_start(struct bus *bus, const char *instance);
void bus_marks_stop(struct bus_marks *marks); /* when nothing is accepted any more: says goodbye; takes NULL */

/* The last sink of the chain: seals a batch (event/record.h), publishes it to TOPIC_EVENTS by the hash of application
 * and session, and calls batch->done when it is durable. Lives as long as the bus. */
struct sink *bus_sink(struct bus *bus);

/* ---- reading: one cursor belongs to one thread ---- */

struct bus_record {
    enum topic topic;
    int32_t partition;
    int64_t position;     /* of this record */
    int64_t published_ms; /* broker's or queue's time of arrival, ms since the epoch */
    struct slice value;   /* lent until the next bus_fetch on this cursor */
};

/* A group's partitions come and go (one process: all of them come once). Called from within bus_fetch on the
 * cursor's thread, before the first record of the partition and after the last. Any member may be NULL. */
struct bus_owner {
    /* Sets *position to where to begin: in, the group's committed position on the bus (-1: none, begins at the
     * oldest kept); change it to start elsewhere (a store that keeps positions itself; a rollup that reads back). */
    void (*assigned)(void *ctx, enum topic topic, int32_t partition, int64_t *position);
    void (*revoked)(void *ctx, enum topic topic, int32_t partition, bool lost);
    void *ctx;
};

enum err bus_subscribe(struct bus *bus, enum topic topic, const char *group, const struct bus_owner *owner,
                       struct bus_cursor **ret_cursor, struct err_text *text);
void bus_unsubscribe(struct bus_cursor *cursor); /* takes NULL */
/* Up to max records of any owned partitions, in order within each; waits at most wait_ms for the first.
 * ERR_OK with *ret_n = 0: nothing came. ERR_BUS_READ: try again later.
 * max 0 only keeps the membership alive, for whoever is busy for long: what is lent stays lent; revoked may come. */
enum err bus_fetch(struct bus_cursor *cursor, struct bus_record *ret_records, size_t max, size_t *ret_n, int wait_ms);
/* Ends a bus_fetch that waits, from any thread, once. */
void bus_wake(struct bus_cursor *cursor);
/* Makes the positions durable for the group. ERR_FENCED: the partition belongs to another member by now. */
enum err bus_commit(struct bus_cursor *cursor, const struct position *positions, size_t n);
/* Publishes all messages and commits all positions as one: all of it or nothing, seen by readers only then.
 * ERR_FENCED as above; ERR_AGAIN: nothing happened, try again; ERR_CLOSED: nor will it, after bus_hurry. Blocks. Not
 * held to max_file_bytes: what makes room must not wait for room. */
enum err bus_transact(struct bus_cursor *cursor, const struct bus_message *messages, size_t n_messages,
                      const struct position *positions, size_t n_positions);
/* Reads one partition again from the first record published at or after `from_ms` up to where the group stands:
 * for memory that is rebuilt. Calls each(ctx, record) in order; each returns false to stop. Blocks. */
enum err bus_read_back(struct bus_cursor *cursor, enum topic topic, int32_t partition, int64_t from_ms,
                       bool (*each)(void *ctx, const struct bus_record *record), void *ctx);
/* Whether the other side answers, and all that it had at the last call was handed out: a lack of records is one then.
 * At most once a second; may block for a second. */
bool bus_is_current(struct bus_cursor *cursor);
/* Records between the group's place and the end, over owned partitions; -1: not known (a member that is joining, or has
 * not yet heard where the end is). */
int64_t bus_lag(struct bus_cursor *cursor);
/* The position behind the newest record of a partition, as known without asking; -1 unknown. */
int64_t bus_end(struct bus_cursor *cursor, enum topic topic, int32_t partition);

#endif
