/* One import: what is Kibana, what has it of ours, and, when anything is missing or another, all of it at once.
 *
 * Three calls, each with the header kbn-xsrf, without which Kibana takes none that writes: the status for the version,
 * _bulk_get for what is there, _import. Where _bulk_get is not to be had (Serverless), everything is imported. */
#include "kibana/kibana.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "http/http.h"
#include "kibana/kibana_int.h"

#define ANSWER_BYTES (16u << 20)
#define URL_BYTES 2600
#define TIMEOUT_MS 60000
#define IMPORT_TIMEOUT_MS 240000
#define BOUNDARY "seismo-objects-7MA4YWxkTrZu0gW" /* stands in none of the objects */
#define OLDEST 809                                /* 8.9: of the form of our objects, as major * 100 + minor */

struct import {
    const struct kibana_options *options;
    struct http_client *client;
    struct http_response response;
    char base[URL_BYTES]; /* with the space */
    struct buf lines;
    struct comparison comparison;
    bool is_known; /* comparison says what is there */
    char version[32];
    struct err_text *text;
};

static bool is_set(const char *option)
{
    return option && *option;
}

/* ---- calls ---- */

static enum err send(struct import *import, const char *method, const char *path, const char *type, struct slice body,
                     int timeout_ms)
{
    static const char *const headers[] = {"kbn-xsrf: seismo", NULL};
    char url[URL_BYTES + 64];
    snprintf(url, sizeof url, "%s%s", import->base, path);
    struct http_request request = {
        .method = method, .url = url, .content_type = type, .body = body, .headers = headers, .timeout_ms = timeout_ms};
    buf_clear(&import->response.body);
    return http_send(import->client, &request, &import->response, import->text);
}

/* What a status other than 200 says. */
static enum err refused(struct import *import, const char *what)
{
    int status = import->response.status;
    const char *body = import->response.body.len ? import->response.body.at : "";
    if (status == 401)
        return err_set(import->text, ERR_KIBANA_AUTH, "kibana: %s: status 401: %.200s", what, body);
    if (status == 403)
        return err_set(import->text, ERR_KIBANA_AUTH,
                       "kibana: %s: status 403: the user or key needs the privilege to manage saved objects: %.200s",
                       what, body);
    if (status == 503)
        return err_set(import->text, ERR_KIBANA, "kibana: %s: status 503: it is not ready yet: %.200s", what, body);
    return err_set(import->text, ERR_KIBANA, "kibana: %s: status %d: %.200s", what, status, body);
}

/* ---- what Kibana is, and what it has ---- */

static enum err look_at_version(struct import *import)
{
    const char *number = NULL;
    int major = 0, minor = 0;
    enum err err = send(import, "GET", "/api/status", NULL, SLICE_NONE, 0);
    if (err != ERR_OK)
        return err;
    if (import->response.status != 200)
        return refused(import, "asking for its status");
    json_t *root = json_loadb(import->response.body.at, import->response.body.len, 0, NULL);
    json_unpack(root, "{s:{s:s}}", "version", "number", &number);
    if (!json_is_object(root))
        err = err_set(import->text, ERR_KIBANA, "kibana: what answers at the address is no Kibana");
    else if (number && sscanf(number, "%d.%d", &major, &minor) == 2 && major * 100 + minor < OLDEST)
        err = err_set(import->text, ERR_KIBANA, "kibana: version %.20s is too old; 8.9 or newer is needed", number);
    snprintf(import->version, sizeof import->version, "%.20s", number ? number : "");
    json_decref(root);
    return err;
}

/* [{"type":"dashboard","id":"seismo-overview"},…] */
static void list_ids(struct slice lines, struct buf *ids)
{
    const char *comma = "[";
    json_t *object;
    while ((object = objects_next(&lines))) {
        buf_printf(ids, "%s{\"type\":\"%s\",\"id\":\"%s\"}", comma, json_string_value(json_object_get(object, "type")),
                   json_string_value(json_object_get(object, "id")));
        comma = ",";
        json_decref(object);
    }
    buf_char(ids, ']');
}

static enum err look_at_objects(struct import *import)
{
    struct buf ids;
    buf_init(&ids, OBJECTS_BYTES);
    list_ids(buf_slice(&import->lines), &ids);
    enum err err =
        send(import, "POST", "/api/saved_objects/_bulk_get", "application/json", buf_slice(&ids), TIMEOUT_MS);
    buf_done(&ids);
    if (err != ERR_OK)
        return err;
    if (import->response.status == 401)
        return refused(import, "looking for what is there");
    struct slice answer = import->response.status == 200 ? buf_slice(&import->response.body) : SLICE_NONE;
    import->is_known = objects_compare(buf_slice(&import->lines), answer, &import->comparison);
    if (import->is_known && import->comparison.foreign[0])
        return err_set(import->text, ERR_KIBANA,
                       "kibana: the dashboard %s is not of Seismo's making and stays as it is; give it another id, or "
                       "choose another space",
                       import->comparison.foreign);
    return ERR_OK;
}

/* ---- the import ---- */

static enum err import_all(struct import *import)
{
    struct buf body;
    buf_init(&body, OBJECTS_BYTES + 1024);
    buf_text(&body, "--" BOUNDARY
                    "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"seismo.ndjson\"\r\n"
                    "Content-Type: application/ndjson\r\n\r\n");
    buf_add_slice(&body, buf_slice(&import->lines));
    buf_text(&body, "\r\n--" BOUNDARY "--\r\n");
    enum err err = send(import, "POST", "/api/saved_objects/_import?overwrite=true",
                        "multipart/form-data; boundary=" BOUNDARY, buf_slice(&body), IMPORT_TIMEOUT_MS);
    buf_done(&body);
    if (err != ERR_OK)
        return err;
    if (import->response.status != 200)
        return refused(import, "importing the dashboards");
    return objects_imported(buf_slice(&import->response.body), import->text) ? ERR_OK : ERR_KIBANA;
}

static bool is_up_to_date(const struct import *import)
{
    return import->is_known && import->comparison.missing == 0 && import->comparison.changed == 0;
}

static void say(const struct import *import, bool imported)
{
    const struct comparison *c = &import->comparison;
    char counts[160] = "";
    if (imported && import->is_known)
        snprintf(counts, sizeof counts, "; %u objects were missing, %u dashboards were of another release", c->missing,
                 c->changed);
    err_set(import->text, ERR_OK, "%.200s%s%s: %u dashboards (%u objects) %s%s", import->base,
            import->version[0] ? ", version " : "", import->version, c->dashboards, c->objects,
            imported ? "imported" : "are as they should be, nothing was changed", counts);
}

/* ---- all ---- */

static enum err check(const struct kibana_options *options, struct err_text *text)
{
    const char *url = options->url, *host = strstr(url, "://");
    size_t space = options->space ? strlen(options->space) : 0;
    if (!host || (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) || strlen(url) > 2000)
        return err_set(text, ERR_CONFIG, "kibana: an address as http://127.0.0.1:5601 is expected");
    if (memchr(host + 3, '@', strcspn(host + 3, "/")))
        return err_set(text, ERR_CONFIG,
                       "kibana: no user or password in the address: kibana.user and kibana.password take them");
    if (space > 64 || strspn(space ? options->space : "", "abcdefghijklmnopqrstuvwxyz0123456789_-") != space)
        return err_set(text, ERR_CONFIG, "kibana: a space's id has small letters, digits, - and _, at most 64");
    return ERR_OK;
}

static void prepare(struct import *import, char *authorization, size_t size)
{
    const struct kibana_options *options = import->options;
    const char *space = is_set(options->space) && strcmp(options->space, "default") != 0 ? options->space : "";
    size_t len = strlen(options->url);
    while (len && options->url[len - 1] == '/')
        len--;
    snprintf(import->base, sizeof import->base, "%.*s%s%s", (int)len, options->url, *space ? "/s/" : "", space);
    buf_init(&import->lines, OBJECTS_BYTES);
    objects_write(space, &import->lines);
    http_response_init(&import->response, ANSWER_BYTES);
    bool has_key = is_set(options->api_key), has_user = !has_key && is_set(options->user);
    snprintf(authorization, size, "ApiKey %s", has_key ? options->api_key : "");
    import->client =
        http_client_new(&(struct http_options){.ca_file = is_set(options->ca_file) ? options->ca_file : NULL,
                                               .user = has_user ? options->user : NULL,
                                               .password = has_user ? options->password : NULL,
                                               .authorization = has_key ? authorization : NULL,
                                               .connect_timeout_ms = 10000,
                                               .timeout_ms = TIMEOUT_MS,
                                               .max_response = ANSWER_BYTES});
}

enum err kibana_import(const struct kibana_options *options, struct err_text *text)
{
    struct import import = {.options = options, .text = text};
    char authorization[1200];
    enum err err = check(options, text);
    if (err != ERR_OK)
        return err;
    prepare(&import, authorization, sizeof authorization);
    err = look_at_version(&import);
    if (err == ERR_OK)
        err = look_at_objects(&import);
    bool imports = err == ERR_OK && !is_up_to_date(&import);
    if (imports)
        err = import_all(&import);
    if (err == ERR_OK)
        say(&import, imports);
    http_response_done(&import.response);
    http_client_free(import.client);
    buf_done(&import.lines);
    return err;
}
