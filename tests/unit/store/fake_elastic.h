/* A node of Elasticsearch that answers as told: one thread, ids that it has "stored", and one fault at a time.
 *
 * It serves what the store asks of it: GET /, templates, the state's index, _stats, _search for ids, _bulk. */
#ifndef TESTS_UNIT_STORE_FAKE_ELASTIC_H
#define TESTS_UNIT_STORE_FAKE_ELASTIC_H

#include <arpa/inet.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "make.h"

#define FAKE_IDS 20000
#define FAKE_BYTES (16u << 20)

/* What goes wrong with the next _bulk requests; zeroed: nothing. */
struct fault {
    int whole_status; /* of the request */
    const char *whole_body;
    int retry_after_s;    /* said with it */
    size_t max_bytes;     /* larger bodies get 413 */
    bool cut;             /* the connection ends without an answer */
    bool cut_after;       /* the same, but all was stored */
    bool short_answer;    /* verdicts are missing */
    int documents;        /* from the n-th (1, 2, …) document on: */
    int at[8], status[8]; /* ... these get a status of their own */
    const char *type;
    int times; /* how many requests it concerns; 0: all */
};

/* What is installed, against what this release has. */
enum fake_templates { FAKE_NONE, FAKE_OLDER, FAKE_SAME, FAKE_NEWER };

struct fake {
    int listener, port;
    pthread_t thread;
    atomic_bool stop;
    pthread_mutex_t mutex;
    struct fault fault;
    char (*ids)[40];
    int *in; /* the backing index of each */
    size_t n_ids;
    int bulks, searches, puts, refreshes, removed;
    int backing; /* indices of the events' stream; the newest one's birth: */
    int64_t created_ms;
    int rollover_after;                             /* that many bulks from now there is one more; 0: never */
    size_t largest;                                 /* bulk body */
    bool wants_key, refuses_lifecycle, says_little; /* says_little: as a real node does when all are stored */
    int retry_after_s;                              /* of the answer being made */
    enum fake_templates templates;
    const char *version;
    char last_body[4096], last_bulk[160]; /* last_bulk: the request's first line */
};

static inline bool fake_has(struct fake *fake, const char *id, size_t len)
{
    for (size_t i = 0; i < fake->n_ids; i++)
        if (fake->in[i] == fake->backing && strlen(fake->ids[i]) == len && memcmp(fake->ids[i], id, len) == 0)
            return true;
    return false;
}

static inline int fake_judge(struct fake *fake, const struct fault *fault, int number, const char *id, size_t len)
{
    for (int i = 0; i < fault->documents; i++)
        if (fault->at[i] == number)
            return fault->status[i];
    if (fake_has(fake, id, len))
        return 409;
    assert_true(fake->n_ids < FAKE_IDS && len < 40);
    fake->in[fake->n_ids] = fake->backing;
    snprintf(fake->ids[fake->n_ids++], 40, "%.*s", (int)len, id);
    return 201;
}

/* One verdict for every line with an action. */
static inline void fake_bulk(struct fake *fake, struct slice body, const struct fault *fault, struct buf *answer)
{
    int number = 0;
    const char *at = body.at, *end = body.at + body.len;
    buf_printf(answer, "{\"errors\":%s,\"items\":[", fake->says_little ? "false" : "true");
    while (at < end) {
        const char *id = strstr(at, "\"_id\":\"") + 7, *line = memchr(at, '\n', (size_t)(end - at));
        const char *document_end = memchr(line + 1, '\n', (size_t)(end - line - 1));
        size_t len = strcspn(id, "\"");
        assert_true(document_end && line[1] == '{' && document_end[-1] == '}');
        int status = fake_judge(fake, fault, ++number, id, len);
        if (!(fault->short_answer && number == 1)) {
            buf_printf(answer, "%s{\"create\":{\"status\":%d", answer->at[answer->len - 1] == '[' ? "" : ",", status);
            if (status >= 400)
                buf_printf(answer,
                           ",\"error\":{\"type\":\"%s\",\"reason\":\"outer\",\"caused_by\":{\"reason\":\"why\"}}",
                           fault->type ? fault->type : "some_exception");
            buf_text(answer, "}}");
        }
        at = document_end + 1;
    }
    buf_text(answer, "]}");
}

static inline int fake_take_bulk(struct fake *fake, struct slice body, struct buf *answer)
{
    struct fault fault = fake->fault;
    fake->bulks++;
    memcpy(fake->last_body, body.at, body.len < 16 ? body.len : 16);
    if (memcmp(body.at, "\x1f\x8b", 2) == 0)
        return 415;
    if (body.len > fake->largest)
        fake->largest = body.len;
    snprintf(fake->last_body, sizeof fake->last_body, "%.*s", (int)(body.len < 4000 ? body.len : 4000), body.at);
    if (fake->fault.times && --fake->fault.times == 0)
        fake->fault = (struct fault){0};
    if (fault.max_bytes && body.len > fault.max_bytes)
        return 413;
    if (fault.cut)
        return -1;
    fake->retry_after_s = fault.retry_after_s;
    if (fault.whole_status) {
        buf_text(answer, fault.whole_body ? fault.whole_body : "{}");
        return fault.whole_status;
    }
    if (fake->rollover_after && --fake->rollover_after == 0) {
        fake->backing++;
        fake->created_ms = clock_wall_ms();
    }
    fake_bulk(fake, body, &fault, answer);
    return fault.cut_after ? -1 : 200;
}

static inline int fake_search(struct fake *fake, struct slice body, struct buf *answer)
{
    fake->searches++;
    buf_text(answer, "{\"timed_out\":false,\"_shards\":{\"failed\":0},\"hits\":{\"hits\":[");
    for (size_t i = 0, n = 0; i < fake->n_ids; i++)
        if (memmem(body.at, body.len, fake->ids[i], strlen(fake->ids[i])))
            buf_printf(answer, "%s{\"_index\":\".ds-x-%06d\",\"_id\":\"%s\"}", n++ ? "," : "", fake->in[i],
                       fake->ids[i]);
    buf_text(answer, "]}}");
    return 200;
}

/* The backing indices of any stream: the events'. */
static inline int fake_settings(struct fake *fake, struct buf *answer)
{
    buf_char(answer, '{');
    for (int i = 1; i <= fake->backing; i++)
        buf_printf(answer, "%s\".ds-x-%06d\":{\"settings\":{\"index.creation_date\":\"%lld\"}}", i > 1 ? "," : "", i,
                   (long long)(fake->created_ms - 86400000LL * (fake->backing - i)));
    buf_char(answer, '}');
    return 200;
}

/* Lines that delete an id from a backing index. */
static inline int fake_remove(struct fake *fake, struct slice body, struct buf *answer)
{
    for (size_t i = fake->n_ids; i-- > 0;) {
        char line[128];
        int n = snprintf(line, sizeof line, "\".ds-x-%06d\",\"_id\":\"%s\"", fake->in[i], fake->ids[i]);
        if (memmem(body.at, body.len, line, (size_t)n)) {
            fake->n_ids--;
            memmove(fake->ids[i], fake->ids[i + 1], (fake->n_ids - i) * sizeof *fake->ids);
            memmove(&fake->in[i], &fake->in[i + 1], (fake->n_ids - i) * sizeof *fake->in);
            fake->removed++;
        }
    }
    buf_text(answer, "{\"errors\":false}");
    return 200;
}

/* Ours, as a node of the fake's version gives it back; kept for seven days, or eight times that. */
static inline void fake_write_template(const struct fake *fake, const char *line, struct buf *answer)
{
    char name[32] = "", path[512];
    sscanf(strstr(line, "/_index_template/seismo-"), "/_index_template/seismo-%31[a-z]", name);
    snprintf(path, sizeof path, SEISMO_SOURCE "/schemas/elasticsearch/%s.json", name);
    json_t *template = json_load_file(path, 0, NULL), *meta = json_object_get(template, "_meta");
    assert_non_null(template);
    bool is_raw = strcmp(name, "events") == 0 || strcmp(name, "rejects") == 0 || strcmp(name, "health") == 0;
    json_int_t change = fake->templates == FAKE_OLDER ? -1 : fake->templates == FAKE_NEWER ? 1 : 0;
    json_object_set_new(meta, "seismo_version",
                        json_integer(json_integer_value(json_object_get(meta, "seismo_version")) + change));
    json_object_set_new(meta, "retention_days", json_integer(is_raw ? 7 : 56));
    json_object_set_new(meta, "index_mode", json_string("standard"));
    json_object_set_new(json_object_get(template, "template"), "lifecycle", json_object());
    json_t *root = json_pack("{s:[{s:o}]}", "index_templates", "index_template", template);
    char *text = json_dumps(root, 0);
    buf_text(answer, text);
    free(text);
    json_decref(root);
}

static inline int fake_template(struct fake *fake, const char *line, bool is_get, struct slice body, struct buf *answer)
{
    if (is_get && fake->templates == FAKE_NONE)
        return 404;
    if (is_get) {
        fake_write_template(fake, line, answer);
        return 200;
    }
    buf_text(answer, "{}");
    if (fake->refuses_lifecycle && memmem(body.at, body.len, "data_retention", 14))
        return 400;
    fake->puts++;
    return 200;
}

/* -1: cut the connection. */
static inline int fake_answer(struct fake *fake, const char *head, struct slice body, struct buf *answer)
{
    bool is_get = strncmp(head, "GET ", 4) == 0;
    char line[512];
    snprintf(line, sizeof line, "%.*s", (int)strcspn(head, "\r"), head);
    if (fake->wants_key && !strstr(head, "Authorization: ApiKey secret"))
        return 401;
    if (strstr(line, "/_bulk") && strncmp(body.at, "{\"delete\"", 9) == 0)
        return fake_remove(fake, body, answer);
    if (strstr(line, "/_bulk"))
        snprintf(fake->last_bulk, sizeof fake->last_bulk, "%.159s", line);
    if (strstr(line, "/_bulk"))
        return fake_take_bulk(fake, body, answer);
    if (strstr(line, "/_search"))
        return fake_search(fake, body, answer);
    if (strstr(line, "/_settings"))
        return fake_settings(fake, answer);
    fake->refreshes += strstr(line, "/_refresh") != NULL;
    if (strstr(line, "/_index_template/"))
        return fake_template(fake, line, is_get, body, answer);
    if (strncmp(line, "GET / ", 6) == 0)
        buf_printf(answer, "{\"version\":{\"number\":\"%s\"}}", fake->version);
    else
        buf_text(answer, "{}");
    return strstr(line, "/_mapping") || strstr(line, "/_lifecycle") ? 404 : 200;
}

/* One request off the connection; false: it is over. */
static inline bool fake_serve(struct fake *fake, int fd, char *bytes)
{
    size_t len = 0, need = SIZE_MAX, head_len = 0;
    while (len < need) {
        ssize_t n = recv(fd, bytes + len, FAKE_BYTES - len - 1, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        bytes[len] = '\0';
        char *end = head_len ? NULL : strstr(bytes, "\r\n\r\n");
        if (end) {
            head_len = (size_t)(end - bytes) + 4;
            char *length = strcasestr(bytes, "content-length:");
            need = head_len + (length && length < end ? (size_t)strtoul(length + 15, NULL, 10) : 0);
        }
    }
    struct buf answer;
    buf_init(&answer, 16u << 20);
    pthread_mutex_lock(&fake->mutex);
    int status = fake_answer(fake, bytes, (struct slice){bytes + head_len, len - head_len}, &answer);
    pthread_mutex_unlock(&fake->mutex);
    bool is_head = strncmp(bytes, "HEAD ", 5) == 0;
    if (status > 0) {
        struct buf whole; /* in one piece: two would wait for each other's acknowledgement */
        buf_init(&whole, 17u << 20);
        buf_printf(&whole, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n", status, answer.len);
        if (fake->retry_after_s)
            buf_printf(&whole, "Retry-After: %d\r\n", fake->retry_after_s);
        buf_text(&whole, "\r\n");
        fake->retry_after_s = 0;
        if (!is_head)
            buf_add_slice(&whole, buf_slice(&answer));
        for (size_t at = 0; at < whole.len;) {
            ssize_t sent = send(fd, whole.at + at, whole.len - at, MSG_NOSIGNAL);
            if (sent <= 0)
                break;
            at += (size_t)sent;
        }
        buf_done(&whole);
    }
    buf_done(&answer);
    return status > 0;
}

static inline void *fake_run(void *arg)
{
    struct fake *fake = arg;
    struct pollfd fds[32] = {{fake->listener, POLLIN, 0}};
    nfds_t n = 1;
    char *bytes = malloc(FAKE_BYTES);
    while (!atomic_load(&fake->stop)) {
        poll(fds, n, 20);
        for (nfds_t i = n - 1; i >= 1; i--)
            if (fds[i].revents && !fake_serve(fake, fds[i].fd, bytes)) {
                close(fds[i].fd);
                fds[i] = fds[--n];
            }
        if (fds[0].revents && n < 32)
            fds[n++] = (struct pollfd){accept(fake->listener, NULL, NULL), POLLIN, 0};
    }
    for (nfds_t i = 0; i < n; i++)
        close(fds[i].fd);
    free(bytes);
    return NULL;
}

/* port 0: any. */
static inline void fake_start(struct fake *fake, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof address;
    int yes = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *fake = (struct fake){.version = "9.4.3"};
    fake->listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fake->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    assert_int_equal(bind(fake->listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fake->listener, 16), 0);
    getsockname(fake->listener, (struct sockaddr *)&address, &len);
    fake->port = ntohs(address.sin_port);
    fake->ids = calloc(FAKE_IDS, sizeof *fake->ids);
    fake->in = calloc(FAKE_IDS, sizeof *fake->in);
    fake->backing = 1;
    pthread_mutex_init(&fake->mutex, NULL);
    pthread_create(&fake->thread, NULL, fake_run, fake);
}

static inline void fake_stop(struct fake *fake)
{
    atomic_store(&fake->stop, true);
    pthread_join(fake->thread, NULL);
    pthread_mutex_destroy(&fake->mutex);
    free(fake->ids);
    free(fake->in);
}

static inline void fake_break(struct fake *fake, struct fault fault)
{
    pthread_mutex_lock(&fake->mutex);
    fake->fault = fault;
    pthread_mutex_unlock(&fake->mutex);
}

#endif
