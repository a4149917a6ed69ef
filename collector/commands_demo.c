/* `seismo demo`: 24 hours of sample data in the stopped, embedded store, by the same steps as what browsers send. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "commands.h"
#include "enrich/enrich.h"
#include "event/record.h"
#include "event/sample.h"
#include "rollup/rollup.h"
#include "sample.h"
#include "validate/validate.h"

#define ITEMS 2000 /* that are written at once */
#define ARENA_BYTES 268435456
#define BODY_BYTES 65536
#define TRIES 10
#define MOST_SESSIONS 2000000

struct filling {
    struct store *store;
    const struct enrich_options *enrich;
    struct rollup_replay *replay;
    struct arena *arena, *facts;
    struct store_item items[ITEMS];
    size_t n;
    unsigned long events;
    bool refused;
};

static const struct application *sample_application(void)
{
    static const char *const none[] = {NULL};
    static const struct application application = {
        .name = SAMPLE_NAME, .keys = none, .origins = none, .services = none, .routes = none};
    return &application;
}

static void refused(void *ctx, const struct store_item *item, int event, const char *reason)
{
    (void)item, (void)event, (void)reason;
    ((struct filling *)ctx)->refused = true;
}

static enum err flush(struct filling *filling)
{
    enum err err = ERR_AGAIN;
    for (int i = 0; i < TRIES && err == ERR_AGAIN; i++)
        err = store_write(filling->store, filling->items, filling->n, SAMPLE_NAME, NULL, 0, refused, filling);
    filling->n = 0;
    arena_reset(filling->arena);
    return err == ERR_OK && filling->refused ? ERR_STORE_WRITE : err;
}

static enum err put(struct filling *filling, enum store_item_kind kind, struct slice value)
{
    struct slice copy = arena_copy(filling->arena, value);
    if (!copy.at)
        return ERR_NO_MEMORY;
    filling->items[filling->n++] = (struct store_item){.kind = kind, .value = copy};
    return filling->n == ITEMS ? flush(filling) : ERR_OK;
}

static enum err put_window(void *ctx, const struct rollup *rollup)
{
    struct buf value;
    buf_init(&value, RECORD_MAX_BYTES);
    rollup_write(rollup, &value);
    enum err err = put(ctx, STORE_ROLLUP, buf_slice(&value));
    buf_done(&value);
    return err;
}

/* What ingest knows of a request, and what comes behind it. */
static enum err put_batch(struct filling *filling, struct batch *batch)
{
    struct record record;
    enum err err = validate_beacon(batch);
    if (!err && batch->n_refused)
        err = batch->refused[0].why;
    if (!err)
        err = enrich_batch(filling->enrich, batch);
    if (!err)
        err = record_seal(batch);
    arena_reset(filling->facts);
    if (!err)
        err = record_decode(batch->value, filling->facts, &record);
    if (err)
        return err;
    filling->events += record.n_facts;
    rollup_replay_add(filling->replay, &record);
    return put(filling, STORE_BEACON, batch->value);
}

static enum err put_visit(struct filling *filling, const struct sample_visit *visit)
{
    struct buf body;
    buf_init(&body, BODY_BYTES);
    sample_beacon(visit, &body);
    struct batch *batch = batch_new(buf_slice(&body).len);
    memcpy((char *)batch->body.at, buf_slice(&body).at, buf_slice(&body).len);
    batch->received_at_ms = visit->left_ms;
    batch->application = sample_application();
    batch->user_agent = slice_of(sample_user_agent(visit));
    batch->country = slice_of(sample_country(visit));
    enum err err = put_batch(filling, batch);
    batch_free(batch);
    buf_done(&body);
    return err;
}

static enum err put_visits(struct filling *filling, const struct sample_visit *visits, size_t n)
{
    enum err err = ERR_OK;
    int64_t closed_ms = 0;
    for (size_t i = 0; err == ERR_OK && i < n; i++) {
        if (visits[i].left_ms - closed_ms > 2 * SAMPLE_HOLD_MS) {
            closed_ms = visits[i].left_ms - SAMPLE_HOLD_MS;
            err = rollup_replay_close(filling->replay, closed_ms);
        }
        if (err == ERR_OK)
            err = put_visit(filling, &visits[i]);
    }
    if (err == ERR_OK)
        err = rollup_replay_close(filling->replay, INT64_MAX - SAMPLE_MS);
    return err == ERR_OK ? flush(filling) : err;
}

static enum err fill(struct store *store, const struct enrich_options *enrich, uint32_t sessions,
                     unsigned long *ret_events)
{
    size_t n;
    struct sample_visit *visits = sample_plan(clock_wall_ms(), sessions, &n);
    struct filling *filling = calloc(1, sizeof *filling);
    if (!filling)
        abort();
    filling->store = store;
    filling->enrich = enrich;
    filling->arena = arena_new(1 << 20, ARENA_BYTES);
    filling->facts = arena_new(65536, BATCH_ARENA_BYTES);
    filling->replay = rollup_replay_new(put_window, filling);
    enum err err = put_visits(filling, visits, n);
    *ret_events = filling->events;
    rollup_replay_free(filling->replay);
    arena_free(filling->arena);
    arena_free(filling->facts);
    free(filling);
    free(visits);
    return err;
}

/* What is removed belongs to nobody else. */
static enum err check_free(const struct config *config, struct err_text *text)
{
    size_t n;
    const struct application *applications = config_applications(config, &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(applications[i].name, SAMPLE_NAME) == 0)
            return err_set(text, ERR_CONFIG, "an application of yours is called '" SAMPLE_NAME "', as the sample data");
    return ERR_OK;
}

static bool parse_demo(int argc, char **argv, bool *ret_remove, uint32_t *ret_sessions)
{
    *ret_remove = argc == 1 && strcmp(argv[0], "--remove") == 0;
    *ret_sessions = SAMPLE_SESSIONS;
    if (argc == 2 && strcmp(argv[0], "--sessions") == 0) {
        char *end;
        unsigned long n = strtoul(argv[1], &end, 10);
        *ret_sessions = (uint32_t)n;
        return *end == '\0' && n >= 1 && n <= MOST_SESSIONS;
    }
    return argc == 0 || *ret_remove;
}

int command_demo(const struct config *config, int argc, char **argv)
{
    const struct store_removal removal = {SLICE(SAMPLE_NAME), SLICE(SAMPLE_NAME)};
    const struct enrich_options enrich = {config_int(config, SETTING_INGEST_LATE_MS),
                                          config_int(config, SETTING_INGEST_FUTURE_MS)};
    struct store_options options;
    struct store *store = NULL;
    struct err_text text = {""};
    unsigned long events = 0;
    bool only_remove;
    uint32_t sessions;
    if (!parse_demo(argc, argv, &only_remove, &sessions)) {
        fputs("usage: seismo demo [--config FILE] [--sessions N | --remove]\n", stderr);
        return EXIT_USAGE;
    }
    enum err err = check_free(config, &text);
    if (!err)
        err = options_of_store(config, &options, &text);
    if (!err)
        err = store_open(&store, &options, &text);
    if (!err)
        err = store_remove(store, &removal, &text);
    if (!err && !only_remove)
        err = fill(store, &enrich, sessions, &events);
    store_close(store);
    if (err)
        return complain("demo", err, &text);
    if (only_remove)
        printf("the sample data are removed\n");
    else
        printf("%lu sample events of the last 24 hours; take them out again by `seismo demo --remove`\n", events);
    return EXIT_OK;
}
