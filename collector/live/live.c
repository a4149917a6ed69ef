#include "live/live.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/metric.h"
#include "live/live_int.h"

#define MAX_CONNECTIONS 512
#define MAX_CONNECTIONS_OF_ADDRESS 256 /* so that no silent crowd of one machine locks the others out */
#define MAX_BODY 8192
#define REQUEST_TIMEOUT_MS 15000
#define UPLOAD_TIMEOUT_MS 120000 /* where maps are taken */
#define SESSION_MS 2592000000

static const struct {
    const char *path;
    live_answer_fn *answer;
} answers[] = {
    {"/api/overview", live_answer_overview}, {"/api/series", live_answer_series},
    {"/api/alerts", live_answer_alerts},     {"/api/sessions", live_answer_sessions},
    {"/api/session", live_answer_session},   {"/api/errors", live_answer_errors},
    {"/api/find", live_answer_find},         {"/api/status", live_answer_status},
    {"/api/deploys", live_answer_deploys},   {"/api/rejects", live_answer_rejects},
    {"/api/detail", live_answer_detail},     {"/api/clicks", live_answer_clicks},
    {"/api/business", live_answer_business}, {"/api/causes", live_answer_causes},
};

/* What is asked for with POST. */
static const struct {
    const char *path;
    live_answer_fn *change;
} changes[] = {
    {"/api/alerts/acknowledge", live_change_acknowledge},
    {"/api/alerts/silence", live_change_silence},
    {"/api/alerts/unsilence", live_change_unsilence},
    {"/api/deploys", live_change_deploys},
};

static live_answer_fn *change_of(struct slice path)
{
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (slice_is(path, changes[i].path))
            return changes[i].change;
    return NULL;
}

static live_answer_fn *answer_of(struct slice path)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (slice_is(path, answers[i].path))
            return answers[i].answer;
    return NULL;
}

static void make_change(struct live *live, struct serve_request *request, live_answer_fn *fn)
{
    struct arena *arena = arena_new(1024, 65536);
    struct live_query query = {.is_change = true,
                               .body = arena_copy(arena, serve_body(request)),
                               .peer = arena_copy(arena, serve_peer(request)),
                               .who = arena_copy(arena, live_who(&live->access, request))};
    live_jobs_push(live->jobs, request, fn, &query, arena);
}

static void answer(struct live *live, struct serve_request *request, live_answer_fn *fn)
{
    struct live_query query;
    struct err_text text = {{0}};
    struct arena *arena = arena_new(1024, 65536);
    enum err err = live_query_read(request, arena, clock_wall_ms(), &query, &text);
    if (err != ERR_OK) {
        live_reply_error(request, 400, err, text.at);
        arena_free(arena);
    } else {
        if (fn == live_answer_session)
            live_audit(live, request, &query);
        live_jobs_push(live->jobs, request, fn, &query, arena);
    }
}

/* What only changes when somebody looks. */
static void measure_process(void)
{
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    metric_set(metric_get(METRIC_GAUGE, "process_resident_memory_bytes", NULL, NULL, "memory that this process holds"),
               live_memory_bytes());
    metric_set(metric_get(METRIC_COUNTER_MS, "process_cpu_seconds_total", NULL, NULL, "processor time of this process"),
               (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                   (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000);
    metric_set(metric_get(METRIC_GAUGE, "seismo_build_info", "version", SEISMO_VERSION, "1, for its label"), 1);
}

static void reply_metrics(struct serve_request *request)
{
    struct buf buf;
    measure_process();
    buf_init(&buf, LIVE_MAX_ANSWER);
    metrics_write(&buf);
    live_reply(request, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&buf));
    buf_done(&buf);
}

static void reply_ready(const struct live *live, struct serve_request *request)
{
    const struct live_options *options = &live->options;
    bool is_ready = !options->ready || options->ready(options->ready_ctx);
    struct buf buf;
    buf_init(&buf, 16384);
    if (is_ready)
        buf_text(&buf, "{");
    else
        live_error_json(&buf, ERR_AGAIN, options->unready ? options->unready(options->ready_ctx) : "not ready yet");
    if (!is_ready) { /* the object goes on */
        buf.len -= 1;
        buf.at[buf.len - 1] = ',';
    }
    buf_text(&buf, is_ready ? "\"ready\":true" : "\"ready\":false");
    if (options->parts) {
        buf_text(&buf, ",\"parts\":");
        options->parts(options->ready_ctx, &buf);
    }
    buf_text(&buf, "}");
    live_reply(request, is_ready ? 200 : 503, "application/json", buf_slice(&buf));
    buf_done(&buf);
}

/* Every instance answers it: what is asked and not answered here is known where role ingest runs. */
static void reply_diagnosis(const struct live *live, struct serve_request *request)
{
    const struct live_options *options = &live->options;
    struct buf buf;
    buf_init(&buf, 262144);
    buf_char(&buf, '{');
    buf_json_int(&buf, "now", clock_wall_ms());
    buf_json_name(&buf, "here");
    buf_text(&buf, options->diagnosis ? "true" : "false");
    if (options->diagnosis)
        options->diagnosis(options->diagnosis_ctx, options->public_url, options->demo_key, &buf);
    else
        buf_text(&buf, ",\"scripts\":0,\"beacons\":0,\"findings\":[]");
    buf_text(&buf, "}\n");
    live_reply(request, 200, "application/json", buf_slice(&buf));
    buf_done(&buf);
}

/* The page's own files hold nothing secret; what they would show does. */
static bool reply_open(struct live *live, struct serve_request *request, struct slice path)
{
    struct slice token;
    if (live->access.token && live->doors && slice_is(path, "/") && serve_parameter(request, "token", &token))
        live_token_redirect(live, request, token);
    else if (live_enter(live, request, path))
        return true;
    else if (slice_is(path, "/healthz"))
        live_reply(request, 200, "text/plain", SLICE("ok\n"));
    else if (slice_is(path, "/readyz"))
        reply_ready(live, request);
    else
        return live_asset_reply(live, request, path);
    return true;
}

static void reply_guarded(struct live *live, struct serve_request *request, struct slice path)
{
    if (slice_is(path, "/metrics")) {
        reply_metrics(request);
        return;
    }
    if (slice_is(path, "/api/diagnosis")) {
        reply_diagnosis(live, request);
        return;
    }
    if (!live->options.store) {
        live_refuse(request, LIVE_PAGELESS);
        return;
    }
    if (slice_is(path, "/api/live")) {
        live_streams_open(live->streams, request);
        return;
    }
    if (live_is_upload(live, request)) {
        live_upload(live, request);
        return;
    }
    live_answer_fn *change = slice_is(serve_method(request), "POST") ? change_of(path) : NULL;
    if (change) {
        make_change(live, request, change);
        return;
    }
    live_answer_fn *fn = answer_of(path);
    if (fn)
        answer(live, request, fn);
    else
        live_refuse(request, LIVE_NOWHERE);
}

static bool is_json(struct slice type)
{
    static const char wanted[] = "application/json";
    size_t n = sizeof wanted - 1;
    return type.len >= n && strncasecmp(type.at, wanted, n) == 0 && (type.len == n || type.at[n] == ';');
}

/* Why the request is refused before anything is looked at; ERR_OK if it is not. */
static enum err check(const struct live *live, struct serve_request *request, int *ret_status, const char **ret_what)
{
    struct slice host = serve_header(request, "host"), origin = serve_header(request, "origin");
    *ret_what = NULL;
    *ret_status = 403;
    if (!live_host_is_ours(&live->access, host))
        return ERR_FORBIDDEN_HOST;
    if (origin.len && !live_origin_is_ours(origin, host)) {
        *ret_what = "requests from pages of other origins are not answered";
        return ERR_FORBIDDEN;
    }
    if (live_is_upload(live, request))
        return ERR_OK;
    *ret_status = 413;
    if (serve_body(request).len > MAX_BODY)
        return ERR_TOO_LARGE;
    *ret_status = 403;
    bool is_post = slice_is(serve_method(request), "POST");
    if (is_post && slice_is(serve_path(request), "/enter"))
        return ERR_OK;
    bool is_change = change_of(serve_path(request)) != NULL;
    /* A page of another origin cannot send this type without asking first, and nobody says yes. */
    if (is_post && is_change && !is_json(serve_header(request, "content-type"))) {
        *ret_what = "what changes something is sent as application/json";
        *ret_status = 415;
        return ERR_FORBIDDEN;
    }
    *ret_status = 405;
    if (is_post && is_change)
        return ERR_OK;
    if (is_change && !answer_of(serve_path(request)))
        return ERR_BAD_METHOD;
    if (!slice_is(serve_method(request), "GET") && !slice_is(serve_method(request), "HEAD"))
        return ERR_BAD_METHOD;
    return ERR_OK;
}

/* On this machine nobody is asked; but a proxy speaks for others, so it has to say for whom. */
static bool is_let_in(struct live *live, struct serve_request *request)
{
    const struct live_access *access = &live->access;
    if (access->loopback && !access->token && !live_from_proxy(access, request))
        return true;
    return live_who(access, request).len || live_bearer_is_good(access, serve_header(request, "authorization")) ||
           (live->doors && live_doors_know(live->doors, serve_header(request, "cookie")));
}

static void refuse(struct serve_request *request)
{
    METRIC_ADD("seismo_live_refused_total", "requests refused by Host, Origin, method or token", 1);
    live_refuse(request, LIVE_UNKNOWN);
}

static void reply_known(struct live *live, struct serve_request *request)
{
    if (atomic_load(&live->stopping))
        live_reply_error(request, 503, ERR_DRAINING, NULL);
    else
        reply_guarded(live, request, serve_path(request));
}

/* After a look into the store. */
static void decide(struct live *live, struct serve_request *request, enum err err, struct slice session)
{
    (void)session;
    if (is_let_in(live, request))
        reply_known(live, request);
    else if (err != ERR_OK)
        live_reply_error(request, 503, err, "the store does not say who has a session");
    else
        refuse(request);
}

static void handle(void *ctx, struct serve_request *request)
{
    struct live *live = ctx;
    int status;
    const char *what;
    assert(live->magic == LIVE_MAGIC);
    enum err err = check(live, request, &status, &what);
    if (err != ERR_OK) {
        METRIC_ADD("seismo_live_refused_total", "requests refused by Host, Origin, method or token", 1);
        live_reply_error(request, status, err, what);
        return;
    }
    struct slice path = serve_path(request);
    if (slice_is(path, "/") && !atomic_load(&live->stopping) && is_let_in(live, request) &&
        live_first_reply(live, request))
        return;
    if (reply_open(live, request, path))
        return;
    if (is_let_in(live, request))
        reply_known(live, request);
    else if (live->doors && live_doors_may_know(serve_header(request, "cookie")))
        live_doors_ask(live->doors, request, SLICE_NONE, SLICE_NONE, decide);
    else
        refuse(request);
}

static const char *copied(struct live *live, const char *text)
{
    struct slice copy = arena_copy(live->arena, slice_of(text ? text : ""));
    assert(copy.at);
    return copy.at;
}

static void take_assets(struct live *live)
{
    size_t n = live->options.n_assets;
    live->assets = arena_zero(live->arena, n * sizeof *live->assets);
    assert(live->assets);
    for (size_t i = 0; i < n; i++) {
        const struct live_asset *from = &live->options.assets[i];
        char digest[33];
        hash_hex(from->bytes, digest, 32);
        live->assets[i].path = slice_of(copied(live, from->path));
        live->assets[i].content_type = slice_of(copied(live, from->content_type));
        live->assets[i].bytes = from->bytes;
        snprintf(live->assets[i].etag, sizeof live->assets[i].etag, "\"%s\"", digest);
    }
    live->n_assets = n;
}

static void take_options(struct live *live, const struct live_options *options)
{
    live->options = *options;
    live->options.address = copied(live, options->address);
    live->options.access_token = copied(live, options->access_token);
    if (!options->session_ms)
        live->options.session_ms = SESSION_MS;
    live->options.public_url = copied(live, options->public_url);
    live->options.demo_key = copied(live, options->demo_key);
    live->options.demo_service = copied(live, options->demo_service);
    size_t n = 0;
    while (options->host_names && options->host_names[n])
        n++;
    const char **names = arena_zero(live->arena, (n + 1) * sizeof *names);
    assert(names);
    for (size_t i = 0; i < n; i++)
        names[i] = copied(live, options->host_names[i]);
    live->options.host_names = names;
    take_assets(live);
}

static void live_free(struct live *live)
{
    for (size_t i = 0; i < LIVE_KNOWN_ERRORS; i++)
        free(live->names[i].name);
    live_tally_forget(live, true);
    pthread_mutex_destroy(&live->kept_mutex);
    pthread_mutex_destroy(&live->names_mutex);
    pthread_mutex_destroy(&live->views_mutex);
    arena_free(live->arena);
    live->magic = 0;
    free(live);
}

/* Of serve: many may come by one address through a proxy. */
static bool trusts(void *ctx, int loop, const struct address *peer)
{
    const struct live *live = ctx;
    (void)loop;
    for (size_t i = 0; i < live->access.n_proxies; i++)
        if (network_has(&live->access.proxies[i], peer))
            return true;
    return false;
}

enum err live_start(struct live **ret_live, const struct live_options *options, struct err_text *text)
{
    struct live *live = calloc(1, sizeof *live);
    if (!live)
        abort();
    live->magic = LIVE_MAGIC;
    live->arena = arena_new(4096, 1048576);
    pthread_mutex_init(&live->kept_mutex, NULL);
    pthread_mutex_init(&live->names_mutex, NULL);
    pthread_mutex_init(&live->views_mutex, NULL);
    take_options(live, options);
    enum err err = live_access_init(&live->access, &live->options, live->arena, text);
    if (err != ERR_OK) {
        live_free(live);
        return err;
    }
    live->jobs = live->options.store ? live_jobs_new(live) : NULL;
    live->streams = live->options.store ? live_streams_new(live) : NULL;
    bool asks = !live->access.loopback || live->access.token || live->access.user_header;
    live->doors = live->options.store && asks ? live_doors_new(live) : NULL;
    struct serve_options serve = {
        .address = live->options.address,
        .loops = 1,
        .max_body = live->options.upload_bytes > MAX_BODY ? live->options.upload_bytes : MAX_BODY,
        .max_connections = MAX_CONNECTIONS,
        .max_connections_per_address = MAX_CONNECTIONS_OF_ADDRESS,
        .trusts = trusts,
        .request_timeout_ms = live->options.keep_map ? UPLOAD_TIMEOUT_MS : REQUEST_TIMEOUT_MS,
    };
    err = serve_start(&live->serve, &serve, handle, live, text);
    if (err != ERR_OK) {
        live_doors_free(live->doors);
        live_streams_free(live->streams);
        live_jobs_free(live->jobs);
        live_free(live);
        return err;
    }
    atomic_store(&live->access.port, serve_port(live->serve));
    *ret_live = live;
    return ERR_OK;
}

int live_port(const struct live *live)
{
    return serve_port(live->serve);
}

int64_t live_quiet_ms(const struct live *live)
{
    return serve_quiet_ms(live->serve);
}

bool live_needs_link(const struct live *live)
{
    const struct live_access *access = &live->access;
    return live->doors && !access->loopback && !access->token && !access->user_header;
}

bool live_is_loopback(const struct live *live)
{
    return live->access.loopback;
}

void live_changed(struct live *live)
{
    if (live->streams)
        live_streams_changed(live->streams);
}

/* The listener goes first and takes its last requests with it; their answers come from the workers, so those must
 * still be there. Streams are told to end by serve and closed by their owner after. */
void live_stop(struct live *live, int deadline_ms)
{
    if (!live)
        return;
    atomic_store(&live->stopping, true);
    serve_stop(live->serve, deadline_ms);
    live_doors_free(live->doors);
    live_streams_free(live->streams);
    live_jobs_free(live->jobs);
    live_free(live);
}
