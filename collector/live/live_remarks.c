/* What people do about alerts: POST /api/alerts/acknowledge, /api/alerts/silence, /api/alerts/unsilence. And what they
 * have done, beside the alerts of /api/alerts.
 *
 * The body is JSON. Each change is read, made and put with compare-and-set, so that two people at two instances both
 * have their way; each is a line in the log. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"
#include "event/remarks.h"
#include "live/live_int.h"

#define MAX_SEARCHED 1000 /* alerts, newest first */
#define MAX_MINUTES (31 * 24 * 60)
#define MINUTE_MS 60000

/* ---- reading ---- */

enum err live_remarks_get(struct live *live, struct remarks *ret_remarks, uint64_t *ret_version)
{
    struct buf bytes;
    uint64_t version = 0;
    buf_init(&bytes, STORE_STATE_BYTES);
    remarks_init(ret_remarks);
    enum err err = store_state_get(live->options.store, REMARKS_KEY, &bytes, &version);
    if (err == ERR_OK)
        err = remarks_read(buf_slice(&bytes), ret_remarks);
    else if (err == ERR_MISSING)
        err = ERR_OK;
    buf_done(&bytes);
    *ret_version = version;
    return err;
}

static void write_moment(struct buf *buf, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_text(ms, text);
    buf_json_field(buf, name, slice_of(text));
}

static void write_silence(struct buf *buf, const struct remark_silence *silence)
{
    buf_char(buf, '{');
    buf_json_field(buf, "id", slice_of(silence->id));
    buf_json_field(buf, "by", slice_of(silence->by));
    buf_json_field(buf, "reason", slice_of(silence->reason));
    write_moment(buf, "from", silence->from_ms);
    write_moment(buf, "until", silence->until_ms);
    buf_json_field(buf, "application", slice_of(silence->application));
    buf_json_field(buf, "service", slice_of(silence->service));
    buf_json_field(buf, "environment", slice_of(silence->environment));
    buf_json_field(buf, "name", slice_of(silence->name));
    buf_json_field(buf, "detail", slice_of(silence->detail));
    buf_char(buf, '}');
}

void live_write_remarks(struct buf *buf, const struct remarks *remarks, const struct alert *alert, int64_t now_ms)
{
    const struct remark_ack *ack = remarks_ack_of(remarks, alert->id);
    const struct remark_silence *silence = remarks_silence_of(remarks, alert, now_ms);
    buf_json_name(buf, "acknowledged");
    if (ack) {
        buf_char(buf, '{');
        buf_json_field(buf, "by", slice_of(ack->by));
        write_moment(buf, "at", ack->at_ms);
        buf_char(buf, '}');
    } else {
        buf_text(buf, "null");
    }
    buf_json_name(buf, "silence");
    if (silence)
        write_silence(buf, silence);
    else
        buf_text(buf, "null");
}

void live_write_silences(struct buf *buf, const struct remarks *remarks, int64_t now_ms)
{
    buf_json_name(buf, "silences");
    buf_char(buf, '[');
    for (size_t i = 0; i < remarks->n_silences; i++) {
        if (remarks->silences[i].until_ms <= now_ms)
            continue;
        if (buf->at[buf->len - 1] != '[')
            buf_char(buf, ',');
        write_silence(buf, &remarks->silences[i]);
    }
    buf_char(buf, ']');
}

/* ---- changing ---- */

struct wish {
    json_t *body;
    char id[ALERT_ID_BYTES], by[REMARKS_BY_BYTES];
    struct remark_silence silence;
    int64_t now_ms;
};

static enum err wrong(struct err_text *text, const char *name, const char *what)
{
    return err_set(text, ERR_BAD_PARAMETER, "%s: %s", name, what);
}

enum err live_body_text(const json_t *body, const char *name, char *ret_text, size_t size, struct err_text *text)
{
    const char *given = json_string_value(json_object_get(body, name));
    if (!given || !*given)
        return wrong(text, name, "expected a text");
    if (strlen(given) >= size)
        return wrong(text, name, "is too long");
    for (const char *at = given; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return wrong(text, name, "has control characters");
    memcpy(ret_text, given, strlen(given) + 1);
    return ERR_OK;
}

enum err live_body_by(const struct live_query *query, const json_t *body, char ret_by[LIVE_WHO_BYTES + 1],
                      struct err_text *text)
{
    _Static_assert(LIVE_WHO_BYTES + 1 == REMARKS_BY_BYTES, "a name that a proxy gives has room");
    if (!query->who.len)
        return live_body_text(body, "by", ret_by, REMARKS_BY_BYTES, text);
    memcpy(ret_by, query->who.at, query->who.len);
    ret_by[query->who.len] = '\0';
    return ERR_OK;
}

/* To be ended with json_decref(wish->body), whatever comes back. */
static enum err take_wish(const struct live_query *query, struct wish *wish, struct err_text *text)
{
    *wish = (struct wish){.now_ms = clock_wall_ms()};
    wish->body = json_loadb(query->body.len ? query->body.at : "", query->body.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(wish->body))
        return wrong(text, "body", "expected one JSON object");
    enum err err = live_body_text(wish->body, "id", wish->id, sizeof wish->id, text);
    return err ? err : live_body_by(query, wish->body, wish->by, text);
}

struct remarking {
    enum err (*change)(struct remarks *remarks, const struct wish *wish);
    const struct wish *wish;
};

static enum err make_remark(void *ctx, struct slice value, struct buf *ret_value)
{
    const struct remarking *remarking = ctx;
    struct remarks remarks;
    enum err err = ERR_OK;
    remarks_init(&remarks);
    if (value.len)
        err = remarks_read(value, &remarks);
    if (err == ERR_OK)
        err = remarking->change(&remarks, remarking->wish);
    if (err == ERR_OK)
        remarks_write(&remarks, ret_value);
    remarks_done(&remarks);
    return err;
}

static enum err commit(struct live *live, enum err (*change)(struct remarks *remarks, const struct wish *wish),
                       const struct wish *wish)
{
    struct remarking remarking = {change, wish};
    return store_state_change(live->options.store, REMARKS_KEY, make_remark, &remarking);
}

/* After a change: open pages, and whoever tells people, in this process. Others look for themselves. */
void live_announce(struct live *live, struct buf *buf, const char *id)
{
    METRIC_ADD("seismo_live_changes_total", "acknowledgements, silences and marks made by people", 1);
    live_changed(live);
    if (live->options.remarked)
        live->options.remarked(live->options.remarked_ctx);
    buf_char(buf, '{');
    buf_json_field(buf, "id", slice_of(id));
    buf_text(buf, "}\n");
}

/* ---- acknowledge ---- */

struct search {
    const char *id;
    struct remark_silence *silence;
    bool found;
};

static bool keep_name(char to[REMARKS_TEXT_BYTES], struct slice from)
{
    if (from.len >= REMARKS_TEXT_BYTES || memchr(from.len ? from.at : "", '\0', from.len))
        return false;
    memcpy(to, from.len ? from.at : "", from.len);
    to[from.len] = '\0';
    return true;
}

static bool look_at(void *ctx, const struct alert *alert)
{
    struct search *search = ctx;
    struct remark_silence *silence = search->silence;
    if (strcmp(alert->id, search->id) != 0)
        return true;
    silence->kind = (uint8_t)alert->kind;
    silence->series = (uint8_t)alert->key.kind;
    search->found = keep_name(silence->application, alert->key.application) &&
                    keep_name(silence->service, alert->key.service) &&
                    keep_name(silence->environment, alert->key.environment) &&
                    keep_name(silence->name, alert->key.name) && keep_name(silence->detail, alert->key.detail);
    return false;
}

static enum err find_alert(struct live *live, struct wish *wish, struct err_text *text)
{
    struct search search = {wish->id, &wish->silence, false};
    enum err err = store_read_alerts(live->options.store, SLICE_NONE, false, MAX_SEARCHED, look_at, &search);
    if (err != ERR_OK)
        return err_set(text, err, "the alerts cannot be read: %s", err_sentence(err));
    return search.found ? ERR_OK : err_set(text, ERR_MISSING, "no alert of this id is stored here");
}

static enum err acknowledge(struct remarks *remarks, const struct wish *wish)
{
    struct remark_ack ack = {.at_ms = wish->now_ms};
    memcpy(ack.id, wish->id, sizeof ack.id);
    memcpy(ack.by, wish->by, sizeof ack.by);
    remarks_acknowledge(remarks, &ack);
    return ERR_OK;
}

enum err live_change_acknowledge(struct live *live, const struct live_query *query, struct buf *buf,
                                 struct err_text *text)
{
    struct wish wish;
    enum err err = take_wish(query, &wish, text);
    if (err == ERR_OK)
        err = find_alert(live, &wish, text);
    if (err == ERR_OK)
        err = commit(live, acknowledge, &wish);
    if (err == ERR_OK) {
        log_info("live", "alert %s was acknowledged by '%s' from %.*s", wish.id, wish.by, (int)query->peer.len,
                 query->peer.at);
        live_announce(live, buf, wish.id);
    }
    json_decref(wish.body);
    return err;
}

/* ---- silence ---- */

static enum err add_silence(struct remarks *remarks, const struct wish *wish)
{
    return remarks_silence(remarks, &wish->silence, wish->now_ms);
}

static void widen(struct remark_silence *silence)
{
    silence->kind = silence->series = 0;
    silence->name[0] = silence->detail[0] = '\0';
}

static enum err take_silence(struct wish *wish, struct err_text *text)
{
    struct remark_silence *silence = &wish->silence;
    const json_t *minutes = json_object_get(wish->body, "minutes");
    if (!json_is_integer(minutes) || json_integer_value(minutes) < 1 || json_integer_value(minutes) > MAX_MINUTES)
        return wrong(text, "minutes", "expected a whole number from 1 to 44640");
    enum err err = live_body_text(wish->body, "reason", silence->reason, sizeof silence->reason, text);
    uint64_t random;
    hash_random(&random, sizeof random);
    snprintf(silence->id, sizeof silence->id, "S-%012llx", (unsigned long long)(random & 0xffffffffffff));
    memcpy(silence->by, wish->by, sizeof silence->by);
    silence->from_ms = wish->now_ms;
    silence->until_ms = wish->now_ms + json_integer_value(minutes) * MINUTE_MS;
    if (json_is_true(json_object_get(wish->body, "whole_service")))
        widen(silence);
    return err;
}

enum err live_change_silence(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    struct wish wish;
    enum err err = take_wish(query, &wish, text);
    if (err == ERR_OK)
        err = find_alert(live, &wish, text);
    if (err == ERR_OK)
        err = take_silence(&wish, text);
    if (err == ERR_OK)
        err = commit(live, add_silence, &wish);
    if (err == ERR_OK) {
        char until[CLOCK_TEXT_BYTES];
        clock_text(wish.silence.until_ms, until);
        log_info("live", "silence %s of alert %s until %s, %s, was made by '%s' from %.*s: %s", wish.silence.id,
                 wish.id, until, wish.silence.kind ? "its series" : "its service", wish.by, (int)query->peer.len,
                 query->peer.at, wish.silence.reason);
        live_announce(live, buf, wish.silence.id);
    }
    json_decref(wish.body);
    return err;
}

static enum err end_silence(struct remarks *remarks, const struct wish *wish)
{
    return remarks_unsilence(remarks, wish->id, wish->now_ms) ? ERR_OK : ERR_MISSING;
}

enum err live_change_unsilence(struct live *live, const struct live_query *query, struct buf *buf,
                               struct err_text *text)
{
    struct wish wish;
    enum err err = take_wish(query, &wish, text);
    if (err == ERR_OK)
        err = commit(live, end_silence, &wish);
    if (err == ERR_OK) {
        log_info("live", "silence %s was ended by '%s' from %.*s", wish.id, wish.by, (int)query->peer.len,
                 query->peer.at);
        live_announce(live, buf, wish.id);
    } else if (err == ERR_MISSING) {
        err_set(text, err, "no silence of this id holds");
    }
    json_decref(wish.body);
    return err;
}
