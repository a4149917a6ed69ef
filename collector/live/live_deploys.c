/* /api/deploys: releases first seen and marks made by people, newest first; POST makes one. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "event/deploys.h"
#include "live/live_int.h"

static bool fits(struct slice wanted, const char *has)
{
    return !wanted.len || !*has || slice_is(wanted, has);
}

static bool is_wanted(const struct live_query *query, const struct deploy *deploy)
{
    return fits(query->application, deploy->application) && fits(query->service, deploy->service) &&
           fits(query->environment, deploy->environment);
}

static void write_deploy(struct buf *buf, const struct deploy *deploy)
{
    char at[CLOCK_TEXT_BYTES];
    clock_text(deploy->at_ms, at);
    buf_text(buf, buf->at[buf->len - 1] == '[' ? "{" : ",{");
    buf_json_field(buf, "at", slice_of(at));
    buf_json_field(buf, "name", slice_of(deploy->name));
    buf_json_field(buf, "application", slice_of(deploy->application));
    buf_json_field(buf, "service", slice_of(deploy->service));
    buf_json_field(buf, "environment", slice_of(deploy->environment));
    buf_json_field(buf, "by", slice_of(deploy->by));
    buf_json_name(buf, "seen");
    buf_text(buf, deploy->is_seen ? "true}" : "false}");
}

static enum err read_all(struct live *live, struct deploys *ret_deploys)
{
    struct buf bytes;
    uint64_t version;
    buf_init(&bytes, STORE_STATE_BYTES);
    deploys_init(ret_deploys);
    enum err err = store_state_get(live->options.store, DEPLOYS_KEY, &bytes, &version);
    if (err == ERR_OK)
        err = deploys_read(buf_slice(&bytes), ret_deploys);
    buf_done(&bytes);
    return err == ERR_MISSING ? ERR_OK : err;
}

enum err live_answer_deploys(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    struct deploys deploys;
    size_t n = 0;
    enum err err = read_all(live, &deploys);
    buf_text(buf, "{\"rows\":[");
    for (size_t i = deploys.n; i-- > 0 && n < query->limit;) {
        if (!is_wanted(query, &deploys.list[i]))
            continue;
        write_deploy(buf, &deploys.list[i]);
        n++;
    }
    buf_text(buf, "]}\n");
    deploys_done(&deploys);
    return err == ERR_OK ? err : err_set(text, err, "the deploys cannot be read: %s", err_sentence(err));
}

/* The scope is what is given of it: all without. */
static enum err take_scope(const json_t *body, struct deploy *deploy, struct err_text *text)
{
    const struct {
        const char *name;
        char *to;
    } parts[] = {
        {"application", deploy->application}, {"service", deploy->service}, {"environment", deploy->environment}};
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < sizeof parts / sizeof *parts; i++)
        if (json_object_get(body, parts[i].name))
            err = live_body_text(body, parts[i].name, parts[i].to, DEPLOYS_NAME_BYTES, text);
    return err;
}

enum err live_change_deploys(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    struct deploy deploy = {.at_ms = clock_wall_ms()};
    json_t *body = json_loadb(query->body.len ? query->body.at : "", query->body.len, JSON_REJECT_DUPLICATES, NULL);
    enum err err = json_is_object(body) ? ERR_OK : err_set(text, ERR_BAD_PARAMETER, "body: expected one JSON object");
    if (err == ERR_OK)
        err = live_body_text(body, "name", deploy.name, sizeof deploy.name, text);
    if (err == ERR_OK && (query->who.len || json_object_get(body, "by")))
        err = live_body_by(query, body, deploy.by, text);
    if (err == ERR_OK)
        err = take_scope(body, &deploy, text);
    if (err == ERR_OK)
        err = store_state_change(live->options.store, DEPLOYS_KEY, deploys_change, &deploy);
    if (err == ERR_OK) {
        log_info("live", "deploy '%s' was marked by '%s' from %.*s", deploy.name, deploy.by, (int)query->peer.len,
                 query->peer.at);
        live_announce(live, buf, deploy.name);
    }
    json_decref(body);
    return err;
}
