/* Doors between rooms that do not know each other: each is a function pointer of a room, given by the parts. */
#include "seismo.h"

bool beacons_are_welcome(void *ctx)
{
    return bus_is_ready(((struct seismo *)ctx)->bus);
}

static bool windows_wait(struct seismo *seismo)
{
    return seismo->roles & NEED_PARTITIONS && !atomic_load(&seismo->windows_run);
}

static bool is_halted(const struct seismo *seismo)
{
    return atomic_load(&seismo->index_is_halted) || atomic_load(&seismo->windows_are_halted);
}

bool all_is_ready(void *ctx)
{
    struct seismo *seismo = ctx;
    return (!seismo->bus || bus_is_ready(seismo->bus)) && (!seismo->store || store_is_ready(seismo->store)) &&
           !atomic_load(&seismo->index_is_paused) && !windows_wait(seismo) && !is_halted(seismo);
}

static const char store_is_away[] = "the store has not answered for ten seconds, or refuses the credentials (SE-3104)";
static const char windows_are_away[] = "it waits for kafka to say how many partitions there are (SE-3001)";
static const char index_pauses[] = "indexing pauses, since most of the last documents were refused (SE-3105)";
static const char newer_has_come[] =
    "what a newer release wrote has come; it waits, unharmed, for this instance to be upgraded (SE-3201)";

const char *why_not_ready(void *ctx)
{
    struct seismo *seismo = ctx;
    if (seismo->bus && !bus_is_ready(seismo->bus))
        return "the bus takes no records";
    if (windows_wait(seismo))
        return windows_are_away;
    if (seismo->store && !store_is_ready(seismo->store))
        return store_is_away;
    if (is_halted(seismo))
        return newer_has_come;
    return atomic_load(&seismo->index_is_paused) ? index_pauses : "not ready yet";
}

static void add_part(struct buf *buf, const char *name, bool is_ready, const char *reason)
{
    if (buf->at[buf->len - 1] != '{')
        buf_char(buf, ',');
    buf_char(buf, '"');
    buf_text(buf, name);
    buf_text(buf, is_ready ? "\":{\"ready\":true" : "\":{\"ready\":false");
    if (reason)
        buf_json_field(buf, "reason", slice_of(reason));
    buf_char(buf, '}');
}

/* For /readyz: what people ask first when something is missing. */
void add_parts(void *ctx, struct buf *buf)
{
    struct seismo *seismo = ctx;
    buf_char(buf, '{');
    if (seismo->bus)
        add_part(buf, "bus", bus_is_ready(seismo->bus), bus_trouble(seismo->bus));
    if (seismo->store) {
        bool is_ready = store_is_ready(seismo->store);
        add_part(buf, "store", is_ready, is_ready ? NULL : store_is_away);
    }
    if (seismo->roles & ROLE_INDEX) {
        const char *trouble = atomic_load(&seismo->index_is_halted)   ? newer_has_come
                              : atomic_load(&seismo->index_is_paused) ? index_pauses
                                                                      : NULL;
        add_part(buf, "index", !trouble, trouble);
    }
    const char *trouble = atomic_load(&seismo->windows_are_halted) ? newer_has_come
                          : windows_wait(seismo)                   ? windows_are_away
                                                                   : NULL;
    if (seismo->roles & ROLE_ROLLUP)
        add_part(buf, "rollup", !trouble, trouble);
    if (seismo->roles & ROLE_DETECT)
        add_part(buf, "detect", !trouble, trouble);
    buf_char(buf, '}');
}

static void tell_live(struct seismo *seismo)
{
    pthread_mutex_lock(&seismo->live_lock);
    if (seismo->live)
        live_changed(seismo->live);
    pthread_mutex_unlock(&seismo->live_lock);
}

void set_live(struct seismo *seismo, struct live *live)
{
    pthread_mutex_lock(&seismo->live_lock);
    seismo->live = live;
    pthread_mutex_unlock(&seismo->live_lock);
}

void documents_were_stored(void *ctx, unsigned long documents)
{
    if (documents)
        tell_live(ctx);
}

void indexing_pauses(void *ctx, bool paused)
{
    atomic_store(&((struct seismo *)ctx)->index_is_paused, paused);
}

void indexing_halts(void *ctx)
{
    atomic_store(&((struct seismo *)ctx)->index_is_halted, true);
}

void windows_halt(void *ctx)
{
    atomic_store(&((struct seismo *)ctx)->windows_are_halted, true);
}

void alerts_have_changed(void *ctx)
{
    tell_live(ctx);
}

void open_windows(void *ctx, int32_t width_s, void (*each)(void *, const struct rollup *), void *each_ctx)
{
    struct seismo *seismo = ctx;
    if (atomic_load(&seismo->windows_run))
        rollup_open_windows(seismo->rollup, width_s, each, each_ctx);
}

void alerts_were_remarked(void *ctx)
{
    struct seismo *seismo = ctx;
    if (atomic_load(&seismo->windows_run) && seismo->alerts)
        alerts_look(seismo->alerts);
}

bool store_takes_nothing(void *ctx)
{
    const struct seismo *seismo = ctx;
    return (seismo->store && !store_is_ready(seismo->store)) || atomic_load(&seismo->index_is_paused) ||
           is_halted(seismo);
}
