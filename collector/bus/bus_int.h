/* Inside the bus: what an implementation provides. bus.c finds it by name and dispatches. */
#ifndef SEISMO_BUS_BUS_INT_H
#define SEISMO_BUS_BUS_INT_H

#include "bus/bus.h"

struct metric;

#define BUS_GROUP_BYTES 64 /* longest name of a group, NUL included */

/* Every member but hurry, differences, left and is_known is required. Contracts are those of bus.h; what the front adds
 * is said here.
 */
struct bus_ops {
    const char *name;
    bool is_shared; /* bus_is_shared */
    enum err (*open)(struct bus **ret_bus, const struct bus_options *options, struct err_text *text);
    enum err (*setup)(const struct bus_options *options, struct err_text *text);
    enum err (*differences)(const struct bus_options *options, struct buf *lines, int *ret_n,
                            struct err_text *text);  /* NULL: never any */
    void (*hurry)(struct bus *bus, int within_ms);   /* NULL: nothing ever waits for long */
    bool (*close)(struct bus *bus, int deadline_ms); /* never NULL */
    enum err (*publish)(struct bus *bus, const struct bus_message *message, bus_done_fn *done, void *ctx);
    size_t (*max_message)(const struct bus *bus);
    bool (*is_ready)(struct bus *bus);
    uint64_t (*spool_bytes)(struct bus *bus);
    void (*left)(struct bus *bus, struct bus_left *ret_left); /* NULL: never any; *ret_left is zero before */
    int64_t (*oldest_waiting_ms)(struct bus *bus);
    int (*partitions)(struct bus *bus, enum topic topic);
    bool (*is_known)(struct bus *bus); /* NULL: always */
    const char *(*trouble)(struct bus *bus);
    enum err (*subscribe)(struct bus *bus, enum topic topic, const char *group, const struct bus_owner *owner,
                          struct bus_cursor **ret_cursor, struct err_text *text);
    void (*unsubscribe)(struct bus_cursor *cursor); /* never NULL */
    enum err (*fetch)(struct bus_cursor *cursor, struct bus_record *ret_records, size_t max, size_t *ret_n,
                      int wait_ms);
    void (*wake)(struct bus_cursor *cursor);
    enum err (*commit)(struct bus_cursor *cursor, const struct position *positions, size_t n);
    enum err (*transact)(struct bus_cursor *cursor, const struct bus_message *messages, size_t n_messages,
                         const struct position *positions, size_t n_positions);
    enum err (*read_back)(struct bus_cursor *cursor, enum topic topic, int32_t partition, int64_t from_ms,
                          bool (*each)(void *ctx, const struct bus_record *record), void *ctx);
    bool (*is_current)(struct bus_cursor *cursor);
    int64_t (*lag)(struct bus_cursor *cursor);
    int64_t (*end)(struct bus_cursor *cursor, enum topic topic, int32_t partition);
};

/* The sink that bus_sink hands out; pushes to the bus that it sits in. */
struct bus_sink {
    struct sink sink;
    struct bus *bus;
};
void bus_sink_init(struct bus_sink *sink, struct bus *bus);

/* The first member of every implementation's own struct. */
struct bus {
    const struct bus_ops *ops;
    struct bus_sink sink;
};
struct bus_cursor {
    const struct bus_ops *ops;
    enum topic topic;
    char group[BUS_GROUP_BYTES];
    struct bus_owner owner;
    struct metric *lag;   /* NULL: never known yet */
    int64_t lag_shown_ms; /* by the steady clock */
};

/* For the implementations: fills the common part. group fits BUS_GROUP_BYTES. */
void bus_cursor_init(struct bus_cursor *cursor, const struct bus_ops *ops, enum topic topic, const char *group,
                     const struct bus_owner *owner);

extern const struct bus_ops bus_sqlite_ops;
extern const struct bus_ops bus_kafka_ops;

#endif
