/* Templates of the data streams and the state's index: compared with what the node has, installed where missing.
 *
 * What a template says for a node is store_elastic_template.c. What is as it should be is not written again, so a
 * second setup changes nothing; what is not ours is never written. Nothing is stored before they are there, since
 * Elasticsearch would make indices of its own accord, with mappings guessed from the first document. */
#include "store/store_elastic.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/store_elastic_template.h"

extern const char store_template_state[];

struct setup {
    struct elastic *elastic;
    bool all;
    struct http_response response;
    unsigned installed, rolled, foreign_streams;
    bool no_lifecycle, by_ilm, cannot_check;
    char node[64]; /* "opensearch 3.8.0"; "": it does not tell */
    struct template_rules rules;
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
    const char *number = "", *distribution = "elasticsearch", *flavor = "";
    int major = 0, minor = 0;
    enum err err = send(setup, "GET", "/", NULL);
    if (err != ERR_OK)
        return err;
    if (setup->response.status == 403)
        return ERR_OK; /* not allowed to look, perhaps to write */
    if (setup->response.status != 200)
        return refused(setup, "asking for the version");
    json_t *root = parse(setup);
    json_unpack(root, "{s:{s:s, s?s, s?s}}", "version", "number", &number, "distribution", &distribution,
                "build_flavor", &flavor);
    int n = sscanf(number, "%d.%d", &major, &minor);
    bool is_open = strcmp(distribution, "opensearch") == 0;
    snprintf(setup->node, sizeof setup->node, "%.20s %.20s", distribution, number);
    atomic_store(&setup->elastic->is_open, is_open);
    atomic_store(&setup->elastic->has_shard_doc, is_open && (major > 3 || (major == 3 && minor >= 3)));
    /* Newer ones would choose logsdb for what is called logs-*-*, which puts documents together anew when read. */
    setup->rules.mode = n == 2 && !is_open && major >= 8 ? "standard" : NULL;
    setup->rules.is_open = is_open;
    setup->rules.is_serverless = strcmp(flavor, "serverless") == 0;
    atomic_store(&setup->elastic->requires_streams, n == 2 && !is_open && (major > 8 || (major == 8 && minor >= 13)));
    if (n != 2 || (!is_open && (major < 7 || (major == 7 && minor < 16))))
        err =
            err_set(setup->text, ERR_STORE_OPEN, "elastic: version \"%s\" is too old; 7.16 or newer is needed", number);
    json_decref(root);
    return err;
}

/* ---- one template ---- */

/* What the node has under the name of ours; *ret_theirs is NULL when it has none, and also when we may not look. */
static enum err look_at_template(struct setup *setup, enum stream stream, json_t **ret_theirs, bool *ret_forbidden)
{
    char path[128];
    snprintf(path, sizeof path, "/_index_template/%s", template_name(stream));
    enum err err = send(setup, "GET", path, NULL);
    if (err != ERR_OK || setup->response.status == 404)
        return err;
    if (setup->response.status == 403 && !setup->all) {
        *ret_forbidden = true; /* an operator with more rights has run `seismo setup`, or nothing will be taken */
        return ERR_OK;
    }
    if (setup->response.status != 200)
        return refused(setup, path);
    json_t *root = parse(setup);
    *ret_theirs =
        json_incref(json_object_get(json_array_get(json_object_get(root, "index_templates"), 0), "index_template"));
    json_decref(root);
    return ERR_OK;
}

/* Where there is no data stream lifecycle: a policy of index lifecycle management. False: the node has neither, or has
 * a policy under our name that is not ours. */
static bool put_policy(struct setup *setup, enum stream stream, json_t *template)
{
    char path[128];
    snprintf(path, sizeof path, "/_ilm/policy/%s", template_name(stream));
    bool is_free = send(setup, "GET", path, NULL) == ERR_OK && setup->response.status == 404;
    struct slice theirs = buf_slice(&setup->response.body);
    if (!is_free && (setup->response.status != 200 || !theirs.len || !strstr(theirs.at, "\"managed_by\":\"seismo\"")))
        return false;
    json_t *policy = template_policy(stream, &setup->rules);
    bool done = send(setup, "PUT", path, policy) == ERR_OK && setup->response.status == 200;
    json_decref(policy);
    if (done)
        template_use_policy(template, stream);
    return done;
}

static enum err install(struct setup *setup, enum stream stream, json_t *ours)
{
    char path[128];
    snprintf(path, sizeof path, "/_index_template/%s", template_name(stream));
    enum err err = send(setup, "PUT", path, ours);
    json_t *template = json_object_get(ours, "template");
    if (err == ERR_OK && setup->response.status == 400 && json_object_get(template, "lifecycle")) {
        json_object_del(template, "lifecycle");
        if (put_policy(setup, stream, ours))
            setup->by_ilm = true;
        else
            setup->no_lifecycle = true;
        err = send(setup, "PUT", path, ours);
    }
    if (err == ERR_OK && setup->response.status != 200)
        return refused(setup, path);
    setup->installed += err == ERR_OK;
    return err;
}

/* ---- a stream that exists ---- */

/* A stream that began under somebody else's template is not ours. Not every node tells which that was. */
static enum err look_whose(struct setup *setup, enum stream stream, bool *ret_is_ours)
{
    char path[256];
    *ret_is_ours = true;
    snprintf(path, sizeof path, "/_data_stream/%.200s", setup->elastic->streams[stream]);
    enum err err = send(setup, "GET", path, NULL);
    if (err != ERR_OK || setup->response.status != 200)
        return err;
    json_t *root = parse(setup);
    const json_t *one = json_array_get(json_object_get(root, "data_streams"), 0);
    const char *template = json_string_value(json_object_get(one, "template"));
    if (template && strcmp(template, template_name(stream)) != 0) {
        *ret_is_ours = false;
        setup->foreign_streams++;
        log_warn("store", ERR_OK, "elastic: %s is of the template %.100s, which is not Seismo's: it stays as it is",
                 setup->elastic->streams[stream], template);
    }
    json_decref(root);
    return err;
}

/* Of the mappings of all backing indices that of the newest: their names end with a number that grows. */
static const json_t *newest_of(const json_t *mappings)
{
    const char *name, *newest = "";
    json_t *one, *found = NULL;
    json_object_foreach((json_t *)(uintptr_t)mappings, name, one)
    {
        const char *number = strrchr(name, '-') ? strrchr(name, '-') : name;
        if (strcmp(number, newest) > 0) {
            newest = number;
            found = one;
        }
    }
    return json_object_get(found, "mappings");
}

static enum err roll_over(struct setup *setup, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "/%.200s/_rollover", name);
    enum err err = send(setup, "POST", path, NULL);
    if (err == ERR_OK && setup->response.status == 200)
        setup->rolled++;
    else if (err == ERR_OK)
        log_warn("store", ERR_OK, "elastic: %s keeps its old mapping until it rolls over: %.300s", name,
                 setup->response.body.len ? setup->response.body.at : "");
    return err;
}

/* New fields are made known to what is stored; those of another type come with the backing index that is begun. */
static enum err change_mapping(struct setup *setup, const char *name, const json_t *ours)
{
    char path[256];
    snprintf(path, sizeof path, "/%.200s/_mapping", name);
    json_t *fields = json_pack("{s:O}", "properties", template_fields(ours));
    enum err err = send(setup, "PUT", path, fields);
    json_decref(fields);
    if (err == ERR_OK && setup->response.status != 200)
        log_info("store", "elastic: %s: what is stored keeps its old mapping: %.300s", path,
                 setup->response.body.len ? setup->response.body.at : "");
    return err == ERR_OK ? roll_over(setup, name) : err;
}

/* A stream keeps the mapping and the retention that it began with. It is looked at whoever wrote the template: with
 * several installations on one node that may have been another. */
static enum err update_stream(struct setup *setup, enum stream stream, const json_t *ours, bool installed)
{
    char path[256];
    bool is_ours;
    const char *name = setup->elastic->streams[stream];
    const json_t *lifecycle = json_object_get(json_object_get(ours, "template"), "lifecycle");
    enum err err = look_whose(setup, stream, &is_ours);
    snprintf(path, sizeof path, "/%.200s/_mapping", name);
    if (err == ERR_OK && is_ours)
        err = send(setup, "GET", path, NULL);
    if (err != ERR_OK || !is_ours || setup->response.status != 200)
        return err; /* 404: nothing was written yet */
    json_t *root = parse(setup);
    const json_t *theirs = newest_of(root);
    if (theirs && !template_fits(theirs, ours))
        err = change_mapping(setup, name, ours);
    json_decref(root);
    snprintf(path, sizeof path, "/_data_stream/%.200s/_lifecycle", name);
    return err == ERR_OK && installed && lifecycle ? send(setup, "PUT", path, lifecycle) : err;
}

/* ---- one stream ---- */

/* What the template that is there has for the retention: as the node took it when it was installed. */
static void note_retention(struct setup *setup, const json_t *theirs)
{
    if (!theirs || setup->rules.retention_days == 0)
        return;
    enum template_retention retention = template_retention(theirs);
    setup->by_ilm = setup->by_ilm || retention == RETENTION_POLICY;
    setup->no_lifecycle = setup->no_lifecycle || retention == RETENTION_NONE;
}

static enum err apply(struct setup *setup, enum stream stream, const json_t *theirs, json_t *ours)
{
    enum err err = ERR_OK;
    bool installs = false;
    switch (template_compare(theirs, ours)) {
    case TEMPLATE_FOREIGN:
        return err_set(setup->text, ERR_STORE_OPEN,
                       "elastic: the template %s is not of Seismo's making and stays as it is: give it another name",
                       template_name(stream));
    case TEMPLATE_NEWER:
        log_info("store", "elastic: the template %s is of a newer release and stays", template_name(stream));
        return ERR_OK;
    case TEMPLATE_PRESENT: note_retention(setup, theirs); break;
    case TEMPLATE_OUTDATED:
        installs = true;
        if (!setup->node[0])
            template_keep_mode(theirs, ours);
        err = install(setup, stream, ours);
        break;
    }
    return err == ERR_OK && (installs || setup->all) ? update_stream(setup, stream, ours, installs) : err;
}

static enum err set_up_stream(struct setup *setup, enum stream stream)
{
    json_t *ours = template_make(stream, &setup->rules), *theirs = NULL;
    bool forbidden = false;
    enum err err = look_at_template(setup, stream, &theirs, &forbidden);
    setup->cannot_check = setup->cannot_check || forbidden;
    if (err == ERR_OK && !forbidden)
        err = apply(setup, stream, theirs, ours);
    json_decref(theirs);
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
    if (setup->rules.is_serverless) {
        json_object_del(json_object_get(body, "settings"), "index.number_of_shards");
        json_object_del(json_object_get(body, "settings"), "index.auto_expand_replicas");
    }
    err = send(setup, "PUT", path, body);
    json_decref(body);
    if (err != ERR_OK || setup->response.status == 200)
        return err;
    if (setup->response.status == 400 && strstr(setup->response.body.at, "resource_already_exists_exception"))
        return ERR_OK; /* another instance was faster */
    return refused(setup, path);
}

/* ---- all ---- */

static void say_left_out(const struct setup *setup, struct buf *line)
{
    if (setup->by_ilm)
        buf_text(line,
                 "; the retention is a policy of index lifecycle management, since the node has no data stream "
                 "lifecycle");
    if (setup->no_lifecycle)
        buf_text(line,
                 "; left out: the retention, since the node has no data stream lifecycle: old backing indices "
                 "must be deleted by other means");
    if (setup->rules.is_serverless)
        buf_text(line, "; left out: shards, replicas and refresh, which Serverless chooses itself");
    if (setup->foreign_streams)
        buf_printf(line, "; left as they are: %u data streams of somebody else's template", setup->foreign_streams);
    if (setup->cannot_check)
        buf_text(line, "; the credentials may not see the templates: run `seismo setup` with more rights");
}

static void say(const struct setup *setup)
{
    struct elastic *elastic = setup->elastic;
    struct buf line;
    buf_init(&line, 2048);
    buf_printf(&line, "%.200s%s%s%s: %u of %d templates installed%s", elastic->nodes[0].url, setup->node[0] ? " (" : "",
               setup->node, setup->node[0] ? ")" : "", setup->installed, STREAM_COUNT,
               setup->installed < STREAM_COUNT ? ", the others are as they should be" : "");
    if (setup->rolled)
        buf_printf(&line, "; %u data streams rolled over to the new mapping", setup->rolled);
    say_left_out(setup, &line);
    err_set(setup->text, ERR_OK, "%s", line.at);
    if (setup->text && line.len && (setup->installed || setup->no_lifecycle || setup->cannot_check))
        log_info("store", "elastic: %s", line.at);
    buf_done(&line);
}

enum err elastic_set_up(struct elastic *elastic, bool all, struct err_text *text)
{
    struct err_text own = {""};
    struct setup setup = {.elastic = elastic, .all = all, .text = text ? text : &own};
    setup.rules.retention_days = elastic->retention_days;
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
