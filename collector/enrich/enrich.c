/* One batch: times first, names from what was sent, then redaction, then codes from what is left. */
#include "enrich/enrich.h"

#include <math.h>
#include <stdlib.h>

#include "base/metric.h"
#include "enrich/enrich_int.h"

#define CLOCK_TOLERANCE_MS 2000

/* ---- times ------------------------------------------------------------------------------------------------------- */

/* Both are within ±2^53, as validate has checked. */
static int64_t clock_offset(const struct batch *batch)
{
    const struct envelope *envelope = &batch->envelope;
    double offset = isnan(envelope->offset) ? (double)batch->received_at_ms - envelope->sent : envelope->offset;
    return fabs(offset) > CLOCK_TOLERANCE_MS ? llround(offset) : 0;
}

/* As llround, which is a call and much longer: half away from zero; within ±2^53. */
static inline int64_t whole_ms(double ms)
{
    int64_t whole = (int64_t)ms;
    double rest = ms - (double)whole;
    return whole + (rest >= 0.5) - (rest <= -0.5);
}

static void set_time(const struct enrich_options *options, const struct batch *batch, struct event *event)
{
    event->at_ms = whole_ms(event->at) + batch->clock_offset_ms;
    if (event->at_ms < batch->received_at_ms - options->late_ms)
        event->flags |= EVENT_LATE;
    if (event->at_ms > batch->received_at_ms + options->future_ms)
        event->flags |= EVENT_FUTURE;
}

/* A call that the page gave up itself, or whose status the browser hides, has status 0 and has not failed. */
static bool has_failed(const struct event *event)
{
    if (event->kind == EVENT_ERROR)
        return true;
    return event->kind == EVENT_API &&
           (event->status >= 500 ||
            (event->status == 0 && !slice_is(event->outcome, "aborted") && !slice_is(event->outcome, "success")));
}

/* ---- routes ------------------------------------------------------------------------------------------------------ */

static bool keep(struct batch *batch, const struct text *text, struct slice *ret_slice)
{
    *ret_slice = arena_copy(batch->arena, text_slice(text));
    return ret_slice->at != NULL;
}

/* before: the event before it, whose page is most often the same. */
static bool set_routes(struct batch *batch, const struct event *before, struct event *event)
{
    char bytes[ROUTE_MAX_BYTES];
    struct text name = {bytes, 0, sizeof bytes, false};
    bool arrival = event->kind == EVENT_PAGE || event->kind == EVENT_ROUTE;
    struct slice page = event->page.len || !arrival ? event->page : event->url;
    if (before && event->page.len && slice_equal(before->page, event->page)) {
        event->page_route = before->page_route;
    } else {
        route_write(batch->application, page, &name);
        if (!keep(batch, &name, &event->page_route))
            return false;
    }
    event->route = event->page_route;
    if (event->kind != EVENT_API)
        return true;
    name = (struct text){bytes, 0, sizeof bytes, false};
    route_write_call(batch->application, event->method, event->url, &name);
    return keep(batch, &name, &event->route);
}

/* ---- redaction --------------------------------------------------------------------------------------------------- */

/* One scan for all events: most beacons hold nothing secret. */
static bool events_are_quiet(const struct batch *batch)
{
    if (batch->n_events == 0)
        return true;
    struct slice first = batch->events[0].json, last = batch->events[batch->n_events - 1].json;
    bool in_order =
        first.at >= batch->body.at && last.at >= first.at && last.at + last.len <= batch->body.at + batch->body.len;
    return in_order && redact_is_quiet((struct slice){first.at, (size_t)(last.at - first.at) + last.len});
}

/* Most names, versions and ids: too short for a card number or a token, without a sign of a secret. */
static inline bool is_harmless(struct slice text)
{
    static const bool signs[256] = {['@'] = true, ['='] = true, [':'] = true, ['%'] = true};
    if (text.len >= FEWEST_CARD_DIGITS)
        return redact_is_quiet(text);
    for (size_t i = 0; i < text.len; i++)
        if (signs[(unsigned char)text.at[i]])
            return false;
    return true;
}

/* What stands around the events. */
static void redact_envelope(struct envelope *envelope)
{
    struct slice *const texts[] = {&envelope->service, &envelope->version, &envelope->environment,
                                   &envelope->agent_name, &envelope->agent_version};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!is_harmless(*texts[i]))
            redact_text(*texts[i]);
    if (envelope->labels.len)
        redact_labels(envelope->labels);
    if (!is_harmless(envelope->user))
        redact_user_id(envelope->user);
}

/* Decoded texts lie in the body, where they are redacted already, or were copied when they had escapes. */
static void redact_event(struct event *event, bool quiet)
{
    bool names_are_known = !(event->flags & EVENT_UNKNOWN_FIELD) && event->kind != EVENT_BUSINESS; /* props */
    if ((quiet && names_are_known) || !redact_json(event->json, names_are_known))
        return;
    event->flags |= EVENT_REDACTED;
    struct slice *const texts[] = {&event->page,    &event->url,   &event->name,  &event->type,
                                   &event->message, &event->stack, &event->route, &event->page_route};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        redact_text(*texts[i]);
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static bool set_code(struct batch *batch, struct event *event)
{
    char code[ENRICH_CODE_BYTES], bytes[MASKED_MAX_BYTES];
    struct text masked = {bytes, 0, sizeof bytes, false};
    code_write(&(struct code_key){batch->envelope.service, event->type, event->message, event->stack}, code, &masked);
    event->code = arena_copy(batch->arena, slice_of(code));
    return event->code.at && keep(batch, &masked, &event->group);
}

/* ---- the batch --------------------------------------------------------------------------------------------------- */

static bool enrich_event(const struct enrich_options *options, struct batch *batch, size_t i, bool quiet)
{
    struct event *event = &batch->events[i];
    set_time(options, batch, event);
    if (has_failed(event))
        event->flags |= EVENT_FAILED;
    if (!set_routes(batch, i ? event - 1 : NULL, event))
        return false;
    redact_event(event, quiet);
    return event->kind != EVENT_ERROR || set_code(batch, event);
}

enum err enrich_batch(const struct enrich_options *options, struct batch *batch)
{
    struct client client = client_of(batch->user_agent);
    batch->browser = client.browser;
    batch->browser_version = client.version;
    batch->os = client.os;
    batch->device = client.device;
    batch->clock_offset_ms = clock_offset(batch);
    bool quiet = events_are_quiet(batch);
    redact_envelope(&batch->envelope);
    for (size_t i = 0; i < batch->n_events; i++)
        if (!enrich_event(options, batch, i, quiet))
            return err_set(&batch->text, ERR_TOO_LARGE, "the beacon needs more memory than one may have");
    return ERR_OK;
}

/* ---- the sink ---------------------------------------------------------------------------------------------------- */

struct enrich_sink {
    struct sink sink;
    struct enrich_options options;
    struct metric *skewed, *late, *future;
};

/* Which of them say that a clock is wrong: that of a device, or, when it is most of them, ours. */
static void count_times(const struct enrich_sink *enrich, const struct batch *batch)
{
    int64_t late = 0, future = 0;
    for (size_t i = 0; i < batch->n_events; i++) {
        late += (batch->events[i].flags & EVENT_LATE) != 0;
        future += (batch->events[i].flags & EVENT_FUTURE) != 0;
    }
    if (batch->clock_offset_ms)
        metric_add(enrich->skewed, (int64_t)batch->n_events);
    if (late)
        metric_add(enrich->late, late);
    if (future)
        metric_add(enrich->future, future);
}

static enum err push(struct sink *sink, struct batch *batch)
{
    const struct enrich_sink *enrich = (struct enrich_sink *)sink;
    enum err err = enrich_batch(&enrich->options, batch);
    if (err)
        return err;
    count_times(enrich, batch);
    return sink_push(sink->next, batch);
}

static struct metric *time_metric(const char *trouble)
{
    return metric_get(METRIC_COUNTER, "seismo_clock_errors_total", "trouble", trouble,
                      "events by what is wrong with their time: a skewed device clock (corrected), late, future");
}

struct sink *enrich_sink_new(const struct enrich_options *options, struct sink *next)
{
    struct enrich_sink *enrich = calloc(1, sizeof *enrich);
    if (!enrich)
        abort();
    enrich->sink = (struct sink){push, next};
    enrich->options = *options;
    enrich->skewed = time_metric("skewed");
    enrich->late = time_metric("late");
    enrich->future = time_metric("future");
    return &enrich->sink;
}

void enrich_sink_free(struct sink *sink)
{
    free(sink);
}
