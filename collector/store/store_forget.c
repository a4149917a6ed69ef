/* Forgetting a user, what is the same in every store: which sessions are theirs, what of it is removed, in what order.
 *
 *   look up the user's sessions -> remember user and sessions (event/forgotten.h), for those who still read them on the
 *   bus -> wait until all of these know -> look again -> rejects, then what the sessions sent without a user, then what
 *   names the user
 *
 * What names the user goes last: whoever was interrupted finds the sessions by it again. */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "event/forgotten.h"
#include "store/store_int.h"

#define SESSIONS_AT_ONCE 8000 /* of what FORGOTTEN_MAX holds */
#define MAX_ROUNDS 100
#define SESSIONS_ARENA_BYTES 67108864

/* ---- which records ---- */

static bool has_session(const struct forget_task *task, struct slice session)
{
    for (size_t i = task->n_sessions; i-- > 0;)
        if (slice_equal(task->sessions[i], session))
            return true;
    return false;
}

bool forget_concerns(const struct forget_task *task, const struct record *record, enum forget_part part)
{
    if (task->application.len && !slice_equal(task->application, record->application))
        return false;
    if (part == FORGET_NAMED)
        return slice_equal(task->user, record->user);
    return record->user.len == 0 && has_session(task, record->session);
}

/* ---- rejects ---- */

static bool contains(struct slice bytes, struct slice wanted)
{
    for (size_t i = 0; i + wanted.len <= bytes.len; i++)
        if (memcmp(bytes.at + i, wanted.at, wanted.len) == 0)
            return true;
    return false;
}

/* What cannot be read as a record, as it was cut off or never was one, goes when the user stands anywhere in it. */
static bool original_concerns(const struct forget_task *task, struct slice original)
{
    struct record record;
    struct arena *arena = arena_new(65536, FACTS_ARENA_BYTES);
    bool found = record_decode(original, arena, &record) == ERR_OK
                     ? forget_concerns(task, &record, FORGET_NAMED) || forget_concerns(task, &record, FORGET_ANONYMOUS)
                     : contains(original, task->user);
    arena_free(arena);
    return found;
}

bool forget_concerns_reject(const struct forget_task *task, struct slice json)
{
    struct buf original;
    json_t *document = json_loadb(json.at, json.len, 0, NULL);
    const json_t *text = json_object_get(document, "event.original");
    buf_init(&original, REJECT_MOST_BYTES);
    bool found = json_is_string(text) &&
                 base64_read((struct slice){json_string_value(text), json_string_length(text)}, &original) &&
                 original_concerns(task, buf_slice(&original));
    buf_done(&original);
    json_decref(document);
    return found;
}

/* ---- which sessions ---- */

struct sessions {
    struct arena *arena;
    struct slice list[SESSIONS_AT_ONCE];
    size_t n;
    bool more, failed;
};

static bool note_session(void *ctx, struct slice id, struct slice json)
{
    struct sessions *sessions = ctx;
    (void)id;
    json_t *document = json_loadb(json.at, json.len, 0, NULL);
    const json_t *text = json_object_get(document, "session.id");
    struct slice session = {json_string_value(text), json_string_length(text)};
    const struct forget_task known = {.sessions = sessions->list, .n_sessions = sessions->n};
    if (session.len && !has_session(&known, session)) {
        sessions->more = sessions->n == SESSIONS_AT_ONCE;
        if (!sessions->more) {
            sessions->list[sessions->n] = arena_copy(sessions->arena, session);
            sessions->failed = !sessions->list[sessions->n++].at;
        }
    }
    json_decref(document);
    return !sessions->more && !sessions->failed;
}

static enum err find_sessions(struct store *store, const struct store_forgetting *forgetting, struct sessions *sessions)
{
    const struct store_event_query query = {.user = forgetting->user, .application = forgetting->application};
    arena_reset(sessions->arena);
    sessions->n = 0;
    sessions->more = sessions->failed = false;
    enum err err = store_read_events(store, &query, note_session, sessions);
    return sessions->failed ? ERR_NO_MEMORY : err;
}

/* ---- one round ---- */

static enum err remember(struct store *store, const struct store_forgetting *forgetting,
                         const struct sessions *sessions, struct store_forgotten *forgotten)
{
    struct forgotten_wish wish = {.application = forgetting->application,
                                  .user = forgetting->user,
                                  .sessions = sessions->list,
                                  .n_sessions = sessions->n,
                                  .now_ms = clock_wall_ms(),
                                  .keep_ms = forgetting->keep_ms};
    enum err err = store_state_change(store, FORGOTTEN_KEY, forgotten_change, &wish);
    static_assert(sizeof wish.name <= sizeof forgotten->name, "it fits");
    memcpy(forgotten->name, wish.name, sizeof wish.name);
    return err;
}

static void wait_until_known(int ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000L};
    while (ms > 0 && nanosleep(&left, &left) != 0)
        ;
}

static enum err forget_some(struct store *store, const struct store_forgetting *forgetting, struct sessions *sessions,
                            int settle_ms, struct store_forgotten *forgotten, struct err_text *text)
{
    enum err err = find_sessions(store, forgetting, sessions);
    if (err == ERR_OK && !forgetting->is_trial) {
        err = remember(store, forgetting, sessions, forgotten);
        wait_until_known(err == ERR_OK ? settle_ms : 0);
        if (err == ERR_OK) /* what was stored meanwhile */
            err = find_sessions(store, forgetting, sessions);
        if (err == ERR_OK)
            err = remember(store, forgetting, sessions, forgotten);
    }
    if (err != ERR_OK)
        return err_set(text, err, "what is to be forgotten cannot be looked up and noted: %s", err_sentence(err));
    const struct forget_task task = {.application = forgetting->application,
                                     .user = forgetting->user,
                                     .sessions = sessions->list,
                                     .n_sessions = sessions->n,
                                     .is_trial = forgetting->is_trial};
    forgotten->sessions += sessions->n;
    return store->ops->forget(store, &task, forgotten, text);
}

enum err store_forget(struct store *store, const struct store_forgetting *forgetting, struct store_forgotten *forgotten,
                      struct err_text *text)
{
    struct sessions *sessions = calloc(1, sizeof *sessions);
    enum err err = ERR_OK;
    assert(forgetting->user.len);
    if (!sessions)
        abort();
    *forgotten = (struct store_forgotten){0};
    sessions->arena = arena_new(65536, SESSIONS_ARENA_BYTES);
    sessions->more = true;
    for (int round = 0; err == ERR_OK && sessions->more && round < MAX_ROUNDS; round++) {
        err = forget_some(store, forgetting, sessions, round == 0 ? forgetting->settle_ms : 0, forgotten, text);
        if (forgetting->is_trial)
            break;
    }
    forgotten->is_more = sessions->more;
    arena_free(sessions->arena);
    free(sessions);
    if (!forgetting->is_trial) /* who it was stays unsaid */
        log_line(err == ERR_OK ? LOG_INFO : LOG_ERROR, "store", err,
                 "a user (%s) was to be forgotten: %llu events of %llu sessions and %llu rejects are removed%s",
                 forgotten->name, (unsigned long long)forgotten->events, (unsigned long long)forgotten->sessions,
                 (unsigned long long)forgotten->rejects, err == ERR_OK ? "" : "; do it again");
    return err;
}
