/* One beacon over several records, for a bus that takes smaller ones than it would need. */
#include <stdio.h>

#include "event/record.h"

/* A view of some of the batch's events, as if they were all. */
static struct batch part_of(const struct batch *batch, size_t from, size_t n)
{
    struct batch part = *batch;
    part.events = batch->events + from;
    part.n_events = n;
    if (from)
        part.envelope.dropped = 0; /* counted once */
    return part;
}

static size_t head_bytes(const struct batch *batch)
{
    struct batch none = part_of(batch, 0, 0);
    return record_most_bytes(&none);
}

static size_t event_bytes(const struct batch *batch, size_t i, size_t head)
{
    struct batch one = part_of(batch, i, 1);
    return record_most_bytes(&one) - head;
}

static bool refuse(struct batch *batch, const struct event *event)
{
    if (!batch->refused && !(batch->refused = arena_alloc(batch->arena, BATCH_MAX_EVENTS * sizeof *batch->refused)))
        return false;
    batch->refused[batch->n_refused++] = (struct refusal){.index = event->index, .why = ERR_EVENT_TOO_LARGE};
    return true;
}

/* Takes out what fits no record. False: the arena is full. */
static bool drop_large(struct batch *batch, size_t head, size_t max_bytes)
{
    size_t kept = 0;
    for (size_t i = 0; i < batch->n_events; i++) {
        if (head + event_bytes(batch, i, head) <= max_bytes)
            batch->events[kept++] = batch->events[i];
        else if (!refuse(batch, &batch->events[i]))
            return false;
    }
    batch->n_events = kept;
    return true;
}

enum err record_split(struct batch *batch, size_t max_bytes, struct slice **ret_parts, size_t *ret_n)
{
    size_t head = head_bytes(batch), n = 0;
    if (!drop_large(batch, head, max_bytes))
        return ERR_TOO_LARGE;
    if (batch->n_events == 0)
        return err_set(&batch->text, ERR_EVENT_TOO_LARGE, "a record takes %zu bytes", max_bytes);
    struct slice *parts = arena_alloc(batch->arena, batch->n_events * sizeof *parts);
    if (!parts)
        return ERR_TOO_LARGE;
    for (size_t from = 0, many; from < batch->n_events; from += many) {
        size_t bytes = head, more;
        for (many = 0; from + many < batch->n_events; many++, bytes += more) {
            more = event_bytes(batch, from + many, head);
            if (bytes + more > max_bytes)
                break;
        }
        struct batch part = part_of(batch, from, many);
        enum err err = record_seal(&part);
        if (err)
            return err_set(&batch->text, err, "%s", part.text.at);
        parts[n++] = part.value;
    }
    *ret_parts = parts;
    *ret_n = n;
    return ERR_OK;
}
