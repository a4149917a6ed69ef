/* Answers: JSON, CORS, counters. Every answer on the beacon's address may be read by the page that asked, so that its
 * developer sees why a beacon was refused. Nothing in an answer is secret, and no credentials are allowed. */
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/metric.h"
#include "ingest/ingest_int.h"

#define MAX_ANSWER_BYTES 32768

void count_status(int status)
{
    static struct metric *_Atomic by_status[600];
    assert(status >= 100 && status < 600);
    struct metric *found = by_status[status];
    if (!found) {
        char text[16];
        snprintf(text, sizeof text, "%d", status);
        by_status[status] = found =
            metric_get(METRIC_COUNTER, "seismo_requests_total", "status", text, "answers of the public listener");
    }
    metric_add(found, 1);
}

static void count_reject(enum err err)
{
    static struct metric *_Atomic by_reason[ERR_COUNT];
    struct metric *found = by_reason[err];
    if (!found)
        by_reason[err] = found = metric_get(METRIC_COUNTER, "seismo_rejects_total", "reason", err_name(err),
                                            "beacons and events that were refused");
    metric_add(found, 1);
}

void count_rejects(enum err err, const struct batch *batch)
{
    if (err && (!batch || batch->n_refused == 0))
        count_reject(err);
    for (size_t i = 0; batch && i < batch->n_refused; i++)
        count_reject(batch->refused[i].why);
}

/* What every JSON answer begins with, and what follows when a page may read it: h2o writes each field by itself, so
 * that they go out as one. */
#define JSON_JOINED "application/json\r\nx-content-type-options: nosniff\r\ncache-control: no-store"
#define ALLOW_JOINED "\r\naccess-control-allow-origin: "
#define VARY_JOINED "\r\naccess-control-expose-headers: Retry-After\r\nvary: Origin"

static struct slice put(char *to, size_t at, const char *text, size_t len)
{
    memcpy(to + at, text, len);
    return (struct slice){to, at + len};
}

/* first's value with the fields for the page behind it. to has room for both. The origin has been looked at. */
static struct serve_field join(struct serve_field first, struct slice origin, char *to)
{
    assert(first.value.len < sizeof JSON_JOINED);
    struct slice all = put(to, 0, first.value.at, first.value.len);
    all = put(to, all.len, ALLOW_JOINED, sizeof ALLOW_JOINED - 1);
    all = put(to, all.len, origin.at, origin.len);
    all = put(to, all.len, VARY_JOINED, sizeof VARY_JOINED - 1);
    return (struct serve_field){first.name, all};
}

void answer_send(const struct outlet *outlet, int status, const struct serve_field *fields, size_t n, struct slice body)
{
    struct serve_field all[SERVE_MAX_FIELDS];
    char joined[sizeof JSON_JOINED + sizeof ALLOW_JOINED + MAX_ORIGIN_BYTES + sizeof VARY_JOINED];
    assert(n + 2 <= SERVE_MAX_FIELDS && outlet->origin.len <= MAX_ORIGIN_BYTES);
    memcpy(all, fields, n * sizeof all[0]);
    if (outlet->origin.len && n && fields[n - 1].name[0] == '+') {
        all[n - 1] = join(fields[n - 1], outlet->origin, joined);
    } else if (outlet->origin.len) {
        all[n++] = (struct serve_field){"access-control-allow-origin", outlet->origin};
        all[n++] = (struct serve_field){"+access-control-expose-headers", SLICE("Retry-After\r\nvary: Origin")};
    } else {
        all[n++] = (struct serve_field){"vary", SLICE("Origin")};
    }
    count_status(status);
    serve_reply(outlet->request, status, all, n, body);
}

static const struct serve_field json_field = {"+content-type", {JSON_JOINED, sizeof JSON_JOINED - 1}};

static void write_rejected(struct buf *buf, const struct batch *batch)
{
    buf_json_name(buf, "rejected");
    buf_char(buf, '[');
    for (size_t i = 0; i < batch->n_refused && i < MAX_REJECTED_SHOWN; i++) {
        const struct refusal *refusal = &batch->refused[i];
        buf_text(buf, i ? ",{" : "{");
        buf_json_int(buf, "index", refusal->index);
        buf_json_field(buf, "code", slice_of(err_code(refusal->why)));
        if (refusal->field[0])
            buf_json_field(buf, "field",
                           (struct slice){refusal->field, strnlen(refusal->field, sizeof refusal->field)});
        buf_char(buf, '}');
    }
    buf_char(buf, ']');
    if (batch->n_refused > MAX_REJECTED_SHOWN)
        buf_json_int(buf, "rejected_count", (int64_t)batch->n_refused);
}

#define ACCEPTED_BYTES (64 + APPLICATION_ADVICE_BYTES)

/* The usual answer: every event was good. text holds ACCEPTED_BYTES. */
static struct slice write_accepted(char *text, size_t n_events, struct slice advice)
{
    char digits[20], *at = digits + sizeof digits;
    do
        *--at = (char)('0' + n_events % 10);
    while (n_events /= 10);
    struct slice number = {at, (size_t)(digits + sizeof digits - at)};
    const struct slice begin = SLICE("{\"accepted\":"), end = SLICE(",\"rejected\":[]");
    assert(advice.len < APPLICATION_ADVICE_BYTES);
    struct slice all = put(text, 0, begin.at, begin.len);
    all = put(text, all.len, number.at, number.len);
    all = put(text, all.len, end.at, end.len);
    all = put(text, all.len, advice.at, advice.len);
    return put(text, all.len, "}", 1);
}

void answer_accepted(const struct outlet *outlet, const struct batch *batch)
{
    char text[ACCEPTED_BYTES];
    struct buf body;
    struct slice advice = slice_of(batch->application->advice ? batch->application->advice : "");
    if (batch->n_refused == 0) {
        answer_send(outlet, 202, &json_field, 1, write_accepted(text, batch->n_events, advice));
        return;
    }
    buf_init(&body, MAX_ANSWER_BYTES);
    buf_char(&body, '{');
    buf_json_int(&body, "accepted", (int64_t)batch->n_events);
    write_rejected(&body, batch);
    buf_add_slice(&body, advice);
    buf_char(&body, '}');
    assert(!buf_failed(&body));
    answer_send(outlet, 202, &json_field, 1, buf_slice(&body));
    buf_done(&body);
}

static int status_of(enum err err)
{
    switch (err) {
    case ERR_NO_KEY: return 401;
    case ERR_UNKNOWN_KEY:
    case ERR_FORBIDDEN_ORIGIN:
    case ERR_NO_ORIGIN:
    case ERR_FORBIDDEN: return 403;
    case ERR_NOT_FOUND: return 404;
    case ERR_BAD_METHOD: return 405;
    case ERR_BODY_TOO_LARGE:
    case ERR_INFLATED_TOO_LARGE:
    case ERR_EVENT_TOO_LARGE:
    case ERR_TOO_LARGE: return 413;
    case ERR_BAD_ENCODING:
    case ERR_BAD_CONTENT_TYPE: return 415;
    default: return err_number(err) >= 2000 ? 503 : 400;
    }
}

/* 1 to 3 s, so that those who were turned away together do not come back together. */
static struct slice retry_after(void)
{
    static atomic_uint turn;
    unsigned n = atomic_fetch_add(&turn, 1);
    uint64_t mixed = hash_keyed((struct slice){(const char *)&n, sizeof n});
    return mixed % 3 == 0 ? SLICE("1") : mixed % 3 == 1 ? SLICE("2") : SLICE("3");
}

static void write_refusal(struct buf *buf, enum err err, const char *detail, const struct batch *batch)
{
    char text[640];
    bool more = detail && detail[0];
    snprintf(text, sizeof text, "%s%s%s", err_sentence(err), more ? ": " : "", more ? detail : "");
    buf_char(buf, '{');
    buf_json_field(buf, "code", slice_of(err_code(err)));
    buf_json_field(buf, "error", slice_of(text));
    buf_json_name(buf, "help");
    buf_printf(buf, "\"docs/codes/%s.md\"", err_code(err));
    if (batch && batch->n_refused)
        write_rejected(buf, batch);
    buf_char(buf, '}');
}

static void refuse(const struct outlet *outlet, int status, enum err err, const char *detail, const struct batch *batch,
                   struct serve_field more)
{
    struct serve_field fields[2] = {json_field, more};
    struct buf body;
    buf_init(&body, MAX_ANSWER_BYTES);
    write_refusal(&body, err, detail, batch);
    assert(!buf_failed(&body));
    answer_send(outlet, status, fields, more.name ? 2 : 1, buf_slice(&body));
    buf_done(&body);
}

#define MAX_WAIT_S 60

void answer_too_fast(const struct outlet *outlet, enum err err, int64_t wait_ns)
{
    char seconds[8];
    int64_t wait_s = wait_ns / 1000000000 + 1;
    snprintf(seconds, sizeof seconds, "%d", (int)(wait_s < MAX_WAIT_S ? wait_s : MAX_WAIT_S));
    count_rejects(err, NULL);
    refuse(outlet, 429, err, NULL, NULL, (struct serve_field){"retry-after", slice_of(seconds)});
}

void answer_refused(const struct outlet *outlet, int status, enum err err, const char *detail,
                    const struct batch *batch, const char *allow)
{
    struct serve_field more = {NULL, SLICE_NONE};
    status = status ? status : status_of(err);
    if (status == 503)
        more = (struct serve_field){"retry-after", retry_after()};
    else if (allow)
        more = (struct serve_field){"allow", slice_of(allow)};
    refuse(outlet, status, err, detail, batch, more);
}
