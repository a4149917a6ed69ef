/* With what an error comes: releases, browsers, countries and pages, each with its share of the error's events and of
 * all views.
 *
 * The traffic that an error is held against is that of the times at which it happened: its events in the order of time
 * are cut into SLICES of equal number, and of each slice's time up to SLICE_EVENTS events of any kind are looked at. So
 * an error of yesterday's release is not held against today's, nor one of the night against the day. A view counts
 * once: a page that tells much of itself has no more visitors for that. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "live/live_int.h"

#define SLICES 10
#define SLICE_EVENTS 300
#define LEAST_SLICE_MS 300000
#define SHOWN 5

/* A value stands out when its share is so many times the usual one, so much above it, and further from it than chance
 * makes of so many sessions. Sessions, since the events of one visitor say the same again and again. */
#define OUT_TIMES 1.5
#define OUT_ABOVE 0.1
#define OUT_ERRORS 3.0 /* standard errors */
#define OUT_SESSIONS 5

static const char *const release[] = {"service.version", NULL},
                         *const country[] = {"client.geo.country_iso_code", NULL},
                         *const page[] = {"seismo.page.route", NULL},
                         *const browser[] = {"user_agent.name", "user_agent.os.name", NULL};
static const struct {
    const char *name;          /* in the answer */
    const char *const *fields; /* of the document; joined by a blank, NULL-ended */
} dimensions[LIVE_SHARED] = {{"releases", release}, {"browsers", browser}, {"countries", country}, {"pages", page}};

static bool join_fields(const json_t *document, const char *const *fields, char *ret_text, size_t size)
{
    size_t len = 0;
    ret_text[0] = '\0';
    for (; *fields; fields++) {
        struct slice part = live_member(document, *fields);
        if (part.len && len + 1 < size)
            len += (size_t)snprintf(ret_text + len, size - len, "%s%.*s", len ? " " : "", (int)part.len, part.at);
    }
    return len > 0;
}

static struct live_share *find(struct live_shares *shares, const char *value)
{
    for (size_t i = 0; i < shares->n; i++)
        if (strcmp(shares->found[i].value, value) == 0)
            return &shares->found[i];
    return NULL;
}

void live_shares_count(struct live_shares shares[LIVE_SHARED], const json_t *document)
{
    char value[LIVE_SHARE_BYTES];
    for (size_t i = 0; i < LIVE_SHARED; i++) {
        if (!join_fields(document, dimensions[i].fields, value, sizeof value))
            continue;
        struct live_share *share = find(&shares[i], value);
        if (!share && shares[i].n < LIVE_MAX_SHARES) {
            share = &shares[i].found[shares[i].n++];
            memcpy(share->value, value, sizeof value);
        }
        if (share)
            share->n++;
    }
}

/* ---- all traffic ---- */

struct traffic {
    const struct live_query *query;
    struct live_shares *shares;
    double met[LIVE_SHARED]; /* in this slice: views that tell of it */
    uint64_t views[SLICE_EVENTS];
    size_t n_views;
};

/* What tells no view counts by itself. */
static bool is_counted(struct traffic *traffic, const json_t *document)
{
    struct slice view = live_member(document, "seismo.view.id");
    uint64_t hash = hash_keyed(view) ^ hash_keyed(live_member(document, "session.id")) * 3;
    for (size_t i = 0; view.len && i < traffic->n_views; i++)
        if (traffic->views[i] == hash)
            return true;
    if (view.len && traffic->n_views < SLICE_EVENTS)
        traffic->views[traffic->n_views++] = hash;
    return false;
}

static bool look(void *ctx, struct slice id, struct slice json)
{
    struct traffic *traffic = ctx;
    char value[LIVE_SHARE_BYTES];
    (void)id;
    json_t *document = live_document(json);
    bool counts = document && live_is_of_environment(traffic->query, document) && !is_counted(traffic, document);
    for (size_t i = 0; counts && i < LIVE_SHARED; i++) {
        if (!join_fields(document, dimensions[i].fields, value, sizeof value))
            continue;
        struct live_share *share = find(&traffic->shares[i], value);
        if (share)
            share->slice++;
        traffic->met[i]++;
    }
    json_decref(document);
    return true;
}

static void settle_slice(struct traffic *traffic)
{
    for (size_t i = 0; i < LIVE_SHARED; i++) {
        struct live_shares *shares = &traffic->shares[i];
        shares->slices += traffic->met[i] > 0;
        for (size_t at = 0; at < shares->n; at++) {
            if (traffic->met[i] > 0)
                shares->found[at].all += shares->found[at].slice / traffic->met[i];
            shares->found[at].slice = 0;
        }
    }
}

enum err live_shares_hold(struct live *live, const struct live_query *query, const int64_t *times, size_t n,
                          struct live_shares shares[LIVE_SHARED])
{
    enum err err = ERR_OK;
    for (size_t slice = 0; err == ERR_OK && slice < SLICES; slice++) {
        size_t first = slice * n / SLICES, end = (slice + 1) * n / SLICES;
        struct traffic traffic = {.query = query, .shares = shares};
        if (first == end)
            continue;
        int64_t from_ms = times[end - 1], to_ms = times[first] + 1, lacking_ms = LEAST_SLICE_MS - (to_ms - from_ms);
        struct store_event_query filter = {.application = query->application,
                                           .service = query->service,
                                           .from_ms = from_ms - (lacking_ms > 0 ? lacking_ms / 2 : 0),
                                           .to_ms = to_ms + (lacking_ms > 0 ? lacking_ms / 2 : 0),
                                           .newest_first = true,
                                           .limit = SLICE_EVENTS};
        err = store_read_events(live->options.store, &filter, look, &traffic);
        settle_slice(&traffic);
    }
    return err;
}

/* ---- writing ---- */

static int most_first(const void *a, const void *b)
{
    const struct live_share *left = a, *right = b;
    return left->n != right->n ? (left->n < right->n) - (left->n > right->n) : strcmp(left->value, right->value);
}

static bool stands_out(double part, double all, size_t sessions)
{
    if (sessions < OUT_SESSIONS)
        return false;
    double chance = all > 0.01 ? all : 0.01; /* what was met nowhere else is rare, not impossible */
    double error = sqrt(chance * (1 - chance) / (double)sessions);
    return part > OUT_TIMES * all && part > all + OUT_ABOVE && part > all + OUT_ERRORS * error;
}

static void write_share(struct buf *buf, const struct live_shares *shares, const struct live_share *share, size_t of,
                        size_t sessions)
{
    double all = shares->slices ? share->all / (double)shares->slices : NAN;
    buf_char(buf, '{');
    buf_json_field(buf, "value", slice_of(share->value));
    buf_json_int(buf, "count", share->n);
    buf_json_number(buf, "all", all);
    buf_json_name(buf, "stands_out");
    bool is_out = of > 0 && isfinite(all) && stands_out((double)share->n / (double)of, all, sessions);
    buf_text(buf, is_out ? "true}" : "false}");
}

void live_shares_write(struct buf *buf, struct live_shares shares[LIVE_SHARED], size_t of, size_t sessions)
{
    for (size_t i = 0; i < LIVE_SHARED; i++) {
        qsort(shares[i].found, shares[i].n, sizeof shares[i].found[0], most_first);
        buf_json_name(buf, dimensions[i].name);
        buf_char(buf, '[');
        for (size_t at = 0; at < shares[i].n && at < SHOWN; at++) {
            if (at)
                buf_char(buf, ',');
            write_share(buf, &shares[i], &shares[i].found[at], of, sessions);
        }
        buf_char(buf, ']');
    }
}
