/* Templates of the data streams and the state's index: compared with what the node has, installed where missing.
 *
 * Their text is schemas/elasticsearch/; the retention and what this node has besides (index modes) are put in here.
 * What is as it should be is not written again, so a second setup changes nothing. Nothing is written before they are
 * there, since Elasticsearch would make indices of its own accord, with mappings guessed from the first document. */
#include "store/store_elastic.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

extern const char store_template_events[], store_template_rollups[], store_template_alerts[], store_template_rejects[],
    store_template_state[];

static const struct {
    const char *name, *text;
    int retentions; /* how many raw retentions its documents are kept */
} templates[STREAM_COUNT] = {
    [STREAM_EVENTS] = {"seismo-events", store_template_events, 1},
    [STREAM_ROLLUPS] = {"seismo-rollups", store_template_rollups, KEPT_LONGER},
    [STREAM_ALERTS] = {"seismo-alerts", store_template_alerts, KEPT_LONGER},
    [STREAM_REJECTS] = {"seismo-rejects", store_template_rejects, 1},
};

struct setup {
    struct elastic *elastic;
    bool all;
    struct http_response response;
    unsigned installed;
    bool no_lifecycle, cannot_check;
    char node[64];    /* "opensearch 3.8.0"; "": it does not tell */
    const char *mode; /* of indices; NULL: the node has none, or does not tell */
    struct err_text *text;
};

/* The answer as a tree; NULL when it is none. */
static json_t *parse(const struct setup *setup)
{
    return json_loadb(setup->response.body.at, setup->response.body.len, 0, NULL);
}

static enum err send(struct setup *setup, const char *method, const char *path, const json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    enum err err = elastic_send(setup->elastic, method, path, slice_of(text), false, &setup->response);
    free(text);
    if (err != ERR_OK)
        err_set(setup->text, err, "elastic: %s: %s", setup->elastic->nodes[0].url, err_sentence(err));
    return err;
}

static enum err refused(struct setup *setup, const char *what)
{
    enum err err = elastic_status(&setup->response, what, ERR_STORE_OPEN);
    return err_set(setup->text, err, "elastic: %s: status %d: %.300s", what, setup->response.status,
                   setup->response.body.len ? setup->response.body.at : "");
}

/* ---- what the node is ---- */

static enum err look_at_node(struct setup *setup)
{
    const char *number = "", *distribution = "elasticsearch";
    int major = 0, minor = 0;
    enum err err = send(setup, "GET", "/", NULL);
    if (err != ERR_OK)
        return err;
    if (setup->response.status == 403)
        return ERR_OK; /* not allowed to look, perhaps to write */
    if (setup->response.status != 200)
        return refused(setup, "asking for the version");
    json_t *root = parse(setup);
    json_unpack(root, "{s:{s:s, s?s}}", "version", "number", &number, "distribution", &distribution);
    int n = sscanf(number, "%d.%d", &major, &minor);
    bool is_open = strcmp(distribution, "opensearch") == 0;
    snprintf(setup->node, sizeof setup->node, "%.20s %.20s", distribution, number);
    atomic_store(&setup->elastic->is_open, is_open);
    atomic_store(&setup->elastic->has_shard_doc, is_open && (major > 3 || (major == 3 && minor >= 3)));
    /* Newer ones would choose logsdb for what is called logs-*-*, which puts documents together anew when read. */
    setup->mode = n == 2 && !is_open && major >= 8 ? "standard" : NULL;
    atomic_store(&setup->elastic->requires_streams, n == 2 && !is_open && (major > 8 || (major == 8 && minor >= 13)));
    if (n != 2 || (!is_open && (major < 7 || (major == 7 && minor < 16))))
        err =
            err_set(setup->text, ERR_STORE_OPEN, "elastic: version \"%s\" is too old; 7.16 or newer is needed", number);
    json_decref(root);
    return err;
}

/* ---- one template ---- */

static json_t *make_template(const struct setup *setup, enum stream stream)
{
    int retention_days = setup->elastic->retention_days;
    json_t *root = json_loads(templates[stream].text, 0, NULL);
    assert(root); /* our own file, compiled in */
    if (setup->mode) {
        json_t *settings = json_object_get(json_object_get(root, "template"), "settings");
        json_object_set_new(settings, "index.mode", json_string(setup->mode));
        json_object_set_new(json_object_get(root, "_meta"), "index_mode", json_string(setup->mode));
    }
    if (retention_days > 0) {
        int days = retention_days * templates[stream].retentions;
        char text[32];
        snprintf(text, sizeof text, "%dd", days);
        json_object_set_new(json_object_get(root, "template"), "lifecycle", json_pack("{s:s}", "data_retention", text));
        json_object_set_new(json_object_get(root, "_meta"), "retention_days", json_integer(days));
    }
    return root;
}

static json_int_t meta(const json_t *template, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(template, "_meta"), name));
}

static bool is_as_ours(const struct setup *setup, const json_t *theirs, const json_t *ours)
{
    const json_t *a = json_object_get(theirs, "template"), *b = json_object_get(ours, "template");
    const json_t *fields = json_object_get(json_object_get(a, "mappings"), "properties");
    const char *mode = json_string_value(json_object_get(json_object_get(theirs, "_meta"), "index_mode"));
    return meta(theirs, "seismo_version") == meta(ours, "seismo_version") &&
           meta(theirs, "retention_days") == meta(ours, "retention_days") &&
           json_equal(fields, json_object_get(json_object_get(b, "mappings"), "properties")) &&
           (!setup->mode || (mode && strcmp(mode, setup->mode) == 0));
}

enum verdict { PRESENT, OUTDATED, NEWER };

static enum err compare(struct setup *setup, enum stream stream, const json_t *ours, enum verdict *ret_verdict)
{
    char path[128];
    snprintf(path, sizeof path, "/_index_template/%s", templates[stream].name);
    enum err err = send(setup, "GET", path, NULL);
    if (err != ERR_OK)
        return err;
    *ret_verdict = OUTDATED;
    if (setup->response.status == 404)
        return ERR_OK;
    if (setup->response.status == 403 && !setup->all) {
        setup->cannot_check = true; /* an operator with more rights has run `seismo setup`, or nothing will be taken */
        *ret_verdict = PRESENT;
        return ERR_OK;
    }
    if (setup->response.status != 200)
        return refused(setup, path);
    json_t *root = parse(setup);
    const json_t *theirs =
        json_object_get(json_array_get(json_object_get(root, "index_templates"), 0), "index_template");
    json_int_t have = meta(theirs, "seismo_version"), want = meta(ours, "seismo_version");
    if (have > want)
        *ret_verdict = NEWER;
    else if (is_as_ours(setup, theirs, ours))
        *ret_verdict = PRESENT;
    if (*ret_verdict == PRESENT && json_object_get(json_object_get(ours, "template"), "lifecycle") &&
        !json_object_get(json_object_get(theirs, "template"), "lifecycle"))
        setup->no_lifecycle = true; /* it was refused when the template was installed */
    json_decref(root);
    return ERR_OK;
}

static enum err install(struct setup *setup, enum stream stream, json_t *ours)
{
    char path[128];
    snprintf(path, sizeof path, "/_index_template/%s", templates[stream].name);
    enum err err = send(setup, "PUT", path, ours);
    json_t *template = json_object_get(ours, "template");
    if (err == ERR_OK && setup->response.status == 400 && json_object_get(template, "lifecycle")) {
        json_object_del(template, "lifecycle");
        setup->no_lifecycle = true;
        err = send(setup, "PUT", path, ours);
    }
    if (err == ERR_OK && setup->response.status != 200)
        return refused(setup, path);
    setup->installed += err == ERR_OK;
    return err;
}

/* A stream that exists keeps the mapping and the retention it began with: bring both up to date. Nodes without these
 * calls, and fields whose type has changed, get the new ones with the next rollover. */
static enum err update_stream(struct setup *setup, enum stream stream, const json_t *ours)
{
    char path[256];
    const json_t *template = json_object_get(ours, "template");
    const json_t *lifecycle = json_object_get(template, "lifecycle");
    snprintf(path, sizeof path, "/%s/_mapping", setup->elastic->streams[stream]);
    json_t *fields =
        json_pack("{s:O}", "properties", json_object_get(json_object_get(template, "mappings"), "properties"));
    enum err err = send(setup, "PUT", path, fields);
    json_decref(fields);
    if (err != ERR_OK || setup->response.status == 404)
        return err;
    if (setup->response.status != 200)
        log_warn("store", ERR_OK, "elastic: %s keeps its old mapping until it rolls over: %.300s", path,
                 setup->response.body.len ? setup->response.body.at : "");
    snprintf(path, sizeof path, "/_data_stream/%s/_lifecycle", setup->elastic->streams[stream]);
    return lifecycle ? send(setup, "PUT", path, lifecycle) : ERR_OK;
}

static enum err set_up_stream(struct setup *setup, enum stream stream)
{
    enum verdict verdict;
    json_t *ours = make_template(setup, stream);
    enum err err = compare(setup, stream, ours, &verdict);
    if (err == ERR_OK && verdict == NEWER)
        log_info("store", "elastic: the template %s is of a newer release and stays", templates[stream].name);
    if (err == ERR_OK && verdict == OUTDATED) {
        err = install(setup, stream, ours);
        if (err == ERR_OK)
            err = update_stream(setup, stream, ours);
    }
    json_decref(ours);
    return err;
}

/* ---- the state's index ---- */

static enum err set_up_state(struct setup *setup)
{
    char path[NAME_BYTES + 8];
    snprintf(path, sizeof path, "/%s", setup->elastic->state_index);
    enum err err = send(setup, "HEAD", path, NULL);
    if (err != ERR_OK || setup->response.status == 200 || (setup->response.status == 403 && !setup->all))
        return err;
    if (setup->response.status != 404)
        return refused(setup, path);
    json_t *body = json_loads(store_template_state, 0, NULL);
    assert(body);
    err = send(setup, "PUT", path, body);
    json_decref(body);
    if (err != ERR_OK || setup->response.status == 200)
        return err;
    if (setup->response.status == 400 && strstr(setup->response.body.at, "resource_already_exists_exception"))
        return ERR_OK; /* another instance was faster */
    return refused(setup, path);
}

/* ---- all ---- */

static void say(const struct setup *setup)
{
    struct elastic *elastic = setup->elastic;
    err_set(setup->text, ERR_OK, "%s%s%s%s: %u of %d templates installed%s%s%s", elastic->nodes[0].url,
            setup->node[0] ? " (" : "", setup->node, setup->node[0] ? ")" : "", setup->installed, STREAM_COUNT,
            setup->installed < STREAM_COUNT ? ", the others are as they should be" : "",
            setup->no_lifecycle ? "; left out: the retention, since the node has no data stream lifecycle: old backing"
                                  " indices must be deleted by other means"
                                : "",
            setup->cannot_check ? "; the credentials may not see the templates: run `seismo setup` with more rights"
                                : "");
    if (setup->text && (setup->installed || setup->no_lifecycle || setup->cannot_check))
        log_info("store", "elastic: %s", setup->text->at);
}

enum err elastic_set_up(struct elastic *elastic, bool all, struct err_text *text)
{
    struct err_text own = {""};
    struct setup setup = {.elastic = elastic, .all = all, .text = text ? text : &own};
    http_response_init(&setup.response, ANSWER_BYTES);
    enum err err = look_at_node(&setup);
    for (int i = 0; err == ERR_OK && i < STREAM_COUNT; i++)
        err = set_up_stream(&setup, (enum stream)i);
    if (err == ERR_OK)
        err = set_up_state(&setup);
    if (err == ERR_OK) {
        say(&setup);
        atomic_store(&elastic->is_set_up, true);
    }
    http_response_done(&setup.response);
    return err;
}

enum err elastic_ensure_set_up(struct elastic *elastic)
{
    enum err err = ERR_OK;
    struct err_text text = {""};
    if (atomic_load(&elastic->is_set_up))
        return ERR_OK;
    pthread_mutex_lock(&elastic->setup_mutex);
    if (!atomic_load(&elastic->is_set_up)) {
        err = elastic_set_up(elastic, false, &text);
        if (err != ERR_OK)
            log_warn("store", err, "%s", text.at);
    }
    pthread_mutex_unlock(&elastic->setup_mutex);
    return err;
}
