/* /api/alerts: what is wrong, in the program's words; and what an error is called. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "event/remarks.h"
#include "live/live_int.h"

#define MAX_FIRING 100
#define MAX_ALERTS 200
#define MAX_SEARCHED 1000 /* for one of them, or for a long list */

/* ---- alerts ---- */

struct alert_list {
    const struct live_query *query;
    struct buf *buf;
    size_t n, limit;
    enum alert_state state;
    const struct remarks *remarks;
};

static void write_time(struct buf *buf, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT_BYTES];
    buf_json_name(buf, name);
    if (ms <= 0) {
        buf_text(buf, "null");
        return;
    }
    clock_text(ms, text);
    buf_json_string(buf, slice_of(text));
}

static bool is_wanted(const struct live_query *query, const struct alert *alert)
{
    const struct series_key *key = &alert->key;
    if (alert->kind == ALERT_SELF) /* of no application: whoever looks at any is told */
        return !query->id.len || slice_is(query->id, alert->id);
    return (!query->application.len || slice_equal(query->application, key->application)) &&
           (!query->id.len || slice_is(query->id, alert->id)) &&
           (!query->service.len || slice_equal(query->service, key->service)) &&
           (!query->environment.len || slice_equal(query->environment, key->environment));
}

static void write_key(struct buf *buf, const struct series_key *key)
{
    buf_json_field(buf, "application", key->application);
    buf_json_field(buf, "service", key->service);
    buf_json_field(buf, "environment", key->environment);
    buf_json_field(buf, "series", slice_of(series_kind_name(key->kind)));
    buf_json_field(buf, "name", key->name);
    buf_json_field(buf, "detail", key->detail);
}

static bool write_alert(void *ctx, const struct alert *alert)
{
    struct alert_list *list = ctx;
    struct buf *buf = list->buf;
    if (alert->state != list->state || !is_wanted(list->query, alert))
        return true;
    buf_text(buf, buf->at[buf->len - 1] == '[' ? "{" : ",{");
    buf_json_field(buf, "id", slice_of(alert->id));
    buf_json_field(buf, "kind", slice_of(alert_kind_name(alert->kind)));
    buf_json_field(buf, "state", slice_of(alert_state_name(alert->state)));
    write_key(buf, &alert->key);
    write_time(buf, "since", alert->since_ms);
    write_time(buf, "opened", alert->opened_ms);
    write_time(buf, "resolved", alert->resolved_ms);
    buf_json_number(buf, "observed", alert->observed);
    buf_json_number(buf, "expected", alert->expected);
    buf_json_number(buf, "sessions", round(alert->sessions));
    buf_json_number(buf, "events", round(alert->events));
    buf_json_int(buf, "history_s", alert->history_s);
    buf_json_name(buf, "young");
    buf_text(buf, alert->young ? "true" : "false");
    live_write_remarks(buf, list->remarks, alert, list->query->now_ms);
    buf_char(buf, '}');
    return ++list->n < list->limit;
}

enum err live_answer_alerts(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    struct remarks remarks;
    uint64_t version;
    struct alert_list list = {
        .query = query, .buf = buf, .limit = MAX_FIRING, .state = ALERT_FIRING, .remarks = &remarks};
    bool is_long = query->id.len || query->limit > MAX_ALERTS / 2;
    buf_text(buf, "{\"rows\":[");
    enum err err = live_remarks_get(live, &remarks, &version);
    if (err == ERR_OK)
        err = store_read_alerts(live->options.store, SLICE_NONE, true, MAX_SEARCHED, write_alert, &list);
    size_t firing = list.n;
    list.state = ALERT_RESOLVED;
    list.limit = firing + query->limit;
    if (err == ERR_OK)
        err = store_read_alerts(live->options.store, query->application, false, is_long ? MAX_SEARCHED : MAX_ALERTS,
                                write_alert, &list);
    buf_char(buf, ']');
    live_write_silences(buf, &remarks, query->now_ms);
    buf_json_int(buf, "firing", (int64_t)firing);
    buf_text(buf, "}\n");
    remarks_done(&remarks);
    return err == ERR_OK ? err : err_set(text, err, "the alerts cannot be read: %s", err_sentence(err));
}

/* ---- errors ---- */

static bool first_name(void *ctx, struct slice id, struct slice json)
{
    struct buf *name = ctx;
    (void)id;
    json_t *document = live_document(json);
    struct slice text = live_member(document, "error.grouping_name");
    if (!text.len)
        text = live_member(document, "error.message");
    buf_add_slice(name, text);
    json_decref(document);
    return false;
}

static bool known_name(struct live *live, uint64_t hash, struct buf *ret_name)
{
    pthread_mutex_lock(&live->names_mutex);
    size_t at = hash % LIVE_KNOWN_ERRORS;
    bool known = live->names[at].name && live->names[at].hash == hash;
    if (known)
        buf_text(ret_name, live->names[at].name);
    pthread_mutex_unlock(&live->names_mutex);
    return known;
}

static void learn_name(struct live *live, uint64_t hash, const char *name)
{
    char *copy = strdup(name);
    if (!copy)
        abort();
    pthread_mutex_lock(&live->names_mutex);
    size_t at = hash % LIVE_KNOWN_ERRORS;
    free(live->names[at].name);
    live->names[at].name = copy;
    live->names[at].hash = hash;
    pthread_mutex_unlock(&live->names_mutex);
}

bool live_error_name(struct live *live, struct slice code, struct buf *ret_name)
{
    uint64_t hash = hash_keyed(code);
    if (known_name(live, hash, ret_name))
        return true;
    struct store_event_query filter = {.code = code, .newest_first = true, .limit = 1};
    enum err err = store_read_events(live->options.store, &filter, first_name, ret_name);
    if (err != ERR_OK || ret_name->len == 0)
        return false; /* the window may come before the document: asked again next time */
    learn_name(live, hash, ret_name->at);
    return true;
}
