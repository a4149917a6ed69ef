/* Forgetting a user in Elasticsearch: what a query finds is deleted, in every backing index of the streams. */
#include "store/store_elastic.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

#define TRIES 10              /* while others change what we delete */
#define BODY_BYTES (8u << 20) /* thousands of ids of sessions */
#define MAX_REJECTS 10000     /* looked through, newest first */

/* ---- queries ---- */

static void add_term(struct buf *body, const char *field, struct slice value)
{
    buf_printf(body, "{\"term\":{\"%s\":", field);
    buf_json_string(body, value);
    buf_text(body, "}}");
}

static void write_events(const struct forget_task *task, enum forget_part part, struct buf *body)
{
    buf_text(body, "{\"query\":{\"bool\":{\"filter\":[");
    if (part == FORGET_NAMED) {
        add_term(body, "user.id", task->user);
    } else {
        buf_text(body, "{\"terms\":{\"session.id\":[");
        for (size_t i = 0; i < task->n_sessions; i++) {
            if (i)
                buf_char(body, ',');
            buf_json_string(body, task->sessions[i]);
        }
        buf_text(body, "]}}");
    }
    if (task->application.len) {
        buf_char(body, ',');
        add_term(body, "seismo.application", task->application);
    }
    buf_text(body, part == FORGET_NAMED ? "]}}}" : "],\"must_not\":[{\"exists\":{\"field\":\"user.id\"}}]}}}");
}

/* ---- deleting ---- */

static enum err read_counts(const struct http_response *response, bool is_trial, uint64_t *ret_n, bool *ret_again)
{
    json_int_t n = 0, conflicts = 0;
    json_t *root = json_loadb(response->body.at, response->body.len, 0, NULL);
    bool ok = is_trial ? json_unpack(root, "{s:I}", "count", &n) == 0
                       : json_unpack(root, "{s:I, s:I}", "deleted", &n, "version_conflicts", &conflicts) == 0 &&
                             json_array_size(json_object_get(root, "failures")) == 0 &&
                             !json_is_true(json_object_get(root, "timed_out"));
    json_decref(root);
    *ret_n = (uint64_t)n;
    *ret_again = conflicts > 0;
    if (!ok)
        log_error("store", ERR_STORE_WRITE, "elastic: delete by query: %.500s",
                  response->body.len ? response->body.at : "");
    return ok ? ERR_OK : ERR_STORE_WRITE;
}

static enum err ask(struct elastic *elastic, enum stream stream, bool is_trial, struct slice body, uint64_t *ret_n,
                    bool *ret_again)
{
    char path[NAME_BYTES + 128];
    struct http_response response;
    snprintf(path, sizeof path, "/%s/%s", elastic->streams[stream],
             is_trial ? "_count?ignore_unavailable=true"
                      : "_delete_by_query?ignore_unavailable=true&conflicts=proceed&refresh=true");
    http_response_init(&response, ANSWER_BYTES);
    enum err err = elastic_send(elastic, "POST", path, body, false, &response);
    *ret_n = 0;
    *ret_again = false;
    if (err == ERR_OK && response.status == 200)
        err = read_counts(&response, is_trial, ret_n, ret_again);
    else if (err == ERR_OK && response.status != 404) /* 404: nothing was stored yet */
        err = elastic_status(&response, "delete by query", ERR_STORE_WRITE);
    http_response_done(&response);
    return err;
}

/* Until nobody has changed a document under our hands. */
static enum err remove_found(struct elastic *elastic, enum stream stream, bool is_trial, const struct buf *body,
                             uint64_t *removed)
{
    bool again = true;
    enum err err = buf_failed(body) ? ERR_TOO_LARGE : ERR_OK;
    for (int i = 0; err == ERR_OK && again && i < TRIES; i++) {
        uint64_t n;
        err = ask(elastic, stream, is_trial, buf_slice(body), &n, &again);
        *removed += n;
    }
    return err == ERR_OK && again ? ERR_AGAIN : err;
}

/* What was written last is found by a search only then. */
static enum err refresh(struct elastic *elastic, enum stream stream)
{
    char path[NAME_BYTES + 64];
    struct http_response response;
    snprintf(path, sizeof path, "/%s/_refresh?ignore_unavailable=true", elastic->streams[stream]);
    http_response_init(&response, ANSWER_BYTES);
    enum err err = elastic_send(elastic, "POST", path, SLICE_NONE, false, &response);
    if (err == ERR_OK && response.status != 200 && response.status != 404)
        err = elastic_status(&response, "refresh", ERR_STORE_WRITE);
    http_response_done(&response);
    return err;
}

/* ---- rejects ---- */

struct found {
    const struct forget_task *task;
    struct buf body;
    size_t n;
};

static bool note_reject(void *ctx, struct slice id, struct slice json)
{
    struct found *found = ctx;
    if (!forget_concerns_reject(found->task, json))
        return true;
    if (found->n++)
        buf_char(&found->body, ',');
    buf_json_string(&found->body, id);
    return true;
}

static enum err forget_rejects(struct elastic *elastic, const struct forget_task *task,
                               struct store_forgotten *forgotten)
{
    struct found found = {.task = task};
    buf_init(&found.body, BODY_BYTES);
    buf_text(&found.body, "{\"query\":{\"ids\":{\"values\":[");
    enum err err = refresh(elastic, STREAM_REJECTS);
    if (err == ERR_OK)
        err = elastic_read_rejects(&elastic->store, MAX_REJECTS, note_reject, &found);
    buf_text(&found.body, "]}}}");
    if (err == ERR_OK && found.n)
        err = remove_found(elastic, STREAM_REJECTS, task->is_trial, &found.body, &forgotten->rejects);
    buf_done(&found.body);
    return err;
}

/* ---- the whole ---- */

static enum err forget_events(struct elastic *elastic, const struct forget_task *task, enum forget_part part,
                              struct store_forgotten *forgotten)
{
    struct buf body;
    if (part == FORGET_ANONYMOUS && task->n_sessions == 0)
        return ERR_OK;
    buf_init(&body, BODY_BYTES);
    write_events(task, part, &body);
    enum err err = remove_found(elastic, STREAM_EVENTS, task->is_trial, &body, &forgotten->events);
    buf_done(&body);
    return err;
}

enum err elastic_forget(struct store *store, const struct forget_task *task, struct store_forgotten *forgotten,
                        struct err_text *text)
{
    struct elastic *elastic = (struct elastic *)store;
    enum err err = forget_rejects(elastic, task, forgotten);
    if (err == ERR_OK)
        err = refresh(elastic, STREAM_EVENTS);
    for (enum forget_part part = FORGET_ANONYMOUS; err == ERR_OK && part <= FORGET_NAMED; part++)
        err = forget_events(elastic, task, part, forgotten);
    return err == ERR_OK ? err : err_set(text, err, "Elasticsearch: %s", err_sentence(err));
}
