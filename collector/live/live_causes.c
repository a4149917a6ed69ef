/* /api/causes: what lies behind the web vitals of a page, from its newest vital events: of which parts each is made,
 * and which elements, resources, scripts and interactions come with it, how often and how badly.
 *
 * At most MAX_LOOKED_AT events are read; "looked_at" tells of how many, "more" that there were others. Of each list
 * MAX_CAUSES values are told apart; when there are more, one that came once makes room, so that what comes often stays.
 */
#include <math.h>
#include <stdlib.h>

#include "live/live_int.h"

#define MAX_LOOKED_AT 5000
#define MAX_CAUSES 64
#define SHOWN_CAUSES 5
#define CAUSE_BYTES 384

struct cause {
    char value[CAUSE_BYTES], session[128]; /* session: whose was the worst */
    unsigned n;
    double worst;
    struct sketch values;
};

static const struct {
    const char *name, *field;
} lists[] = {
    {"elements", "seismo.vital.target"},          {"resources", "seismo.vital.resource"},
    {"scripts", "seismo.vital.script"},           {"invokers", "seismo.vital.invoker"},
    {"interactions", "seismo.vital.interaction"},
};
#define LISTS (sizeof lists / sizeof *lists)

static const struct {
    const char *name, *field;
} parts[] = {
    {"ttfb", "seismo.vital.ttfb_ms"},
    {"load_delay", "seismo.vital.load_delay_ms"},
    {"load_time", "seismo.vital.load_time_ms"},
    {"render_delay", "seismo.vital.render_delay_ms"},
    {"input_delay", "seismo.vital.input_delay_ms"},
    {"processing", "seismo.vital.processing_ms"},
    {"presentation", "seismo.vital.presentation_ms"},
};
#define PARTS (sizeof parts / sizeof *parts)

static const char *const vitals[] = {"LCP", "INP", "CLS", "FCP", "TTFB"};
#define VITALS (sizeof vitals / sizeof *vitals)

struct behind {
    struct sketch values, parts[PARTS];
    struct cause causes[LISTS][MAX_CAUSES];
    size_t n_causes[LISTS];
};

struct causes {
    const struct live_query *query;
    struct behind vitals[VITALS];
    size_t looked_at;
};

static bool is_figure(double value)
{
    return isfinite(value) && value >= 0;
}

static void copy_text(char *to, size_t size, struct slice from)
{
    size_t n = from.len < size ? from.len : size - 1;
    if (n)
        memcpy(to, from.at, n);
    to[n] = '\0';
}

/* The place of a value in a list: where it stands, a new one, or one that it takes from a value that came once. */
static struct cause *place_of(struct behind *behind, size_t list, const char *value)
{
    struct cause *causes = behind->causes[list], *once = NULL;
    for (size_t i = 0; i < behind->n_causes[list]; i++) {
        if (strcmp(causes[i].value, value) == 0)
            return &causes[i];
        if (causes[i].n == 1)
            once = &causes[i];
    }
    if (behind->n_causes[list] < MAX_CAUSES)
        once = &causes[behind->n_causes[list]++];
    if (once) {
        sketch_done(&once->values);
        *once = (struct cause){.n = 0};
        sketch_init(&once->values);
        copy_text(once->value, sizeof once->value, slice_of(value));
    }
    return once;
}

static void count_cause(struct behind *behind, size_t list, const json_t *document, double value)
{
    struct slice text = live_member(document, lists[list].field);
    char name[CAUSE_BYTES];
    copy_text(name, sizeof name, text);
    struct cause *cause = *name ? place_of(behind, list, name) : NULL;
    if (!cause)
        return;
    if (cause->n++ == 0 || value > cause->worst) {
        cause->worst = value;
        copy_text(cause->session, sizeof cause->session, live_member(document, "session.id"));
    }
    sketch_add(&cause->values, value, 1);
}

static void count(struct behind *behind, const json_t *document, double value)
{
    sketch_add(&behind->values, value, 1);
    for (size_t i = 0; i < PARTS; i++) {
        double part = live_member_number(document, parts[i].field);
        if (is_figure(part))
            sketch_add(&behind->parts[i], part, 1);
    }
    for (size_t i = 0; i < LISTS; i++)
        count_cause(behind, i, document, value);
}

static bool look(void *ctx, struct slice id, struct slice json)
{
    struct causes *causes = ctx;
    (void)id;
    json_t *document = live_document(json);
    struct slice name = live_member(document, "seismo.vital.name"), wanted = causes->query->detail;
    double value = document ? live_member_number(document, "seismo.vital.value") : NAN;
    if (is_figure(value) && (!wanted.len || slice_equal(wanted, name)) && live_passes(causes->query, document))
        for (size_t i = 0; i < VITALS; i++)
            if (slice_is(name, vitals[i]))
                count(&causes->vitals[i], document, value);
    json_decref(document);
    return ++causes->looked_at < MAX_LOOKED_AT;
}

/* ---- writing ---- */

static void write_comma(struct buf *buf)
{
    if (buf->at[buf->len - 1] != '[')
        buf_char(buf, ',');
}

static int more_first(const void *left, const void *right)
{
    const struct cause *a = left, *b = right;
    return a->n != b->n ? (a->n < b->n) - (a->n > b->n) : strcmp(a->value, b->value);
}

static void write_list(struct buf *buf, struct behind *behind, size_t list)
{
    struct cause *causes = behind->causes[list];
    qsort(causes, behind->n_causes[list], sizeof *causes, more_first);
    buf_json_name(buf, lists[list].name);
    buf_char(buf, '[');
    for (size_t i = 0; i < behind->n_causes[list] && i < SHOWN_CAUSES; i++) {
        buf_text(buf, i ? ",{" : "{");
        buf_json_field(buf, "value", slice_of(causes[i].value));
        buf_json_int(buf, "count", causes[i].n);
        live_write_quantiles(buf, &causes[i].values);
        buf_json_field(buf, "session", slice_of(causes[i].session));
        buf_char(buf, '}');
    }
    buf_char(buf, ']');
}

static void write_parts(struct buf *buf, const struct behind *behind)
{
    buf_json_name(buf, "parts");
    buf_char(buf, '[');
    for (size_t i = 0; i < PARTS; i++) {
        if (behind->parts[i].count <= 0)
            continue;
        write_comma(buf);
        buf_char(buf, '{');
        buf_json_field(buf, "name", slice_of(parts[i].name));
        buf_json_number(buf, "count", behind->parts[i].count);
        live_write_quantiles(buf, &behind->parts[i]);
        buf_char(buf, '}');
    }
    buf_char(buf, ']');
}

static void write_vital(struct buf *buf, const char *name, struct behind *behind)
{
    write_comma(buf);
    buf_char(buf, '{');
    buf_json_field(buf, "name", slice_of(name));
    buf_json_number(buf, "count", behind->values.count);
    live_write_quantiles(buf, &behind->values);
    write_parts(buf, behind);
    for (size_t i = 0; i < LISTS; i++)
        write_list(buf, behind, i);
    buf_char(buf, '}');
}

static void write_causes(struct buf *buf, struct causes *causes)
{
    buf_char(buf, '{');
    live_write_span(buf, causes->query);
    buf_json_int(buf, "looked_at", (int64_t)causes->looked_at);
    buf_json_name(buf, "more");
    buf_text(buf, causes->looked_at >= MAX_LOOKED_AT ? "true" : "false");
    buf_json_name(buf, "vitals");
    buf_char(buf, '[');
    for (size_t i = 0; i < VITALS; i++)
        if (causes->vitals[i].values.count > 0)
            write_vital(buf, vitals[i], &causes->vitals[i]);
    buf_text(buf, "]}\n");
}

static struct causes *causes_new(const struct live_query *query)
{
    struct causes *causes = calloc(1, sizeof *causes);
    if (!causes)
        abort();
    causes->query = query;
    for (size_t i = 0; i < VITALS; i++) {
        sketch_init(&causes->vitals[i].values);
        for (size_t part = 0; part < PARTS; part++)
            sketch_init(&causes->vitals[i].parts[part]);
    }
    return causes;
}

static void causes_free(struct causes *causes)
{
    for (size_t i = 0; i < VITALS; i++) {
        sketch_done(&causes->vitals[i].values);
        for (size_t part = 0; part < PARTS; part++)
            sketch_done(&causes->vitals[i].parts[part]);
        for (size_t list = 0; list < LISTS; list++)
            for (size_t at = 0; at < causes->vitals[i].n_causes[list]; at++)
                sketch_done(&causes->vitals[i].causes[list][at].values);
    }
    free(causes);
}

enum err live_answer_causes(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    struct store_event_query filter = {
        .application = query->application,
        .service = query->service,
        .kind = SLICE("vital"),
        .page = slice_is(query->name, "*") ? SLICE_NONE : query->name,
        .from_ms = query->from_ms,
        .to_ms = query->to_ms,
        .newest_first = true,
        .limit = MAX_LOOKED_AT,
    };
    struct causes *causes = causes_new(query);
    enum err err = store_read_events(live->options.store, &filter, look, causes);
    if (err == ERR_OK)
        write_causes(buf, causes);
    else
        err_set(text, err, "the events cannot be read: %s", err_sentence(err));
    causes_free(causes);
    return err;
}
