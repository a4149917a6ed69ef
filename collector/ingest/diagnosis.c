/* From signs to findings, origin by origin:
 *
 *   refused for its key, service or origin ............................. key, service, origin
 *   one beacon accepted again and again ................................ cors: nobody hears the answer
 *   a preflight and nothing after it ................................... cors
 *   the agent told ?why= ............................................... csp, sampling, blocked
 *   the script was asked for and nothing followed, not even a ?why= .... cors (crossorigin in the tag, a proxy between)
 * or csp: a guess accepted, but most by clocks that are minutes off .................. clock no sign of anybody
 * ................................................. nothing
 *
 * A place that holds nothing of the last hour gives way first, then the one with the fewest signs. */
#include "ingest/diagnosis.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"

#define PLACES 64
#define MAX_ORIGIN 300
#define RECENT 8
#define MAX_FINDINGS 20
#define OLD_MS 3600000
#define FIXED_MS 15000    /* a refusal older than an acceptance by this was put right */
#define STILL_MS 60000    /* one younger than this counts all the same */
#define QUIET_MS 600000   /* without a beacon: then what the agent told is why */
#define SILENT_MS 15000   /* from the script to its first beacon at the latest; the agent waits 10 s */
#define PREFLIGHT_MS 5000 /* from a preflight to its request at the latest */
#define SETTLED_MS 3000   /* from the failure that the agent tells to the policy behind it at the latest */
#define SKEW_MS 120000
#define SCRIPTS_OF_KNOWN 5 /* asked for in vain, where beacons came before: one alone is a visitor who left */

struct seen {
    int64_t first_ms, last_ms, n;
};

struct place {
    char origin[MAX_ORIGIN];
    size_t len;
    bool used;
    int64_t touched_ms, notes;
    int64_t skew_ms;                   /* of the last beacon by a wrong clock */
    int64_t scripts, scripts_since_ms; /* asked for since the last beacon */
    uint64_t recent[RECENT];           /* beacons accepted last */
    unsigned next;
    struct seen seen[SIGNS];
};

struct diagnosis {
    pthread_mutex_t mutex;
    struct place places[PLACES];
    int64_t scripts, beacons;
};

enum cause { KEY, SERVICE, ORIGIN, CORS, CSP, SAMPLING, BLOCKED, CORS_GUESS, CSP_GUESS, CLOCK, NOTHING };

struct finding {
    enum cause cause;
    const struct place *place; /* NULL: of nobody */
    const struct seen *seen;
};

struct diagnosis *diagnosis_new(void)
{
    struct diagnosis *diagnosis = calloc(1, sizeof *diagnosis);
    if (!diagnosis)
        abort();
    pthread_mutex_init(&diagnosis->mutex, NULL);
    return diagnosis;
}

void diagnosis_free(struct diagnosis *diagnosis)
{
    if (!diagnosis)
        return;
    pthread_mutex_destroy(&diagnosis->mutex);
    free(diagnosis);
}

/* ---- noting ------------------------------------------------------------------------------------------------------ */

/* The smaller, the sooner it gives way. */
static int64_t worth(const struct place *place, int64_t now_ms)
{
    return !place->used ? -2 : now_ms - place->touched_ms > OLD_MS ? -1 : place->notes;
}

/* As browsers send it, or "null". Somebody may paste it into a configuration, so that nothing else is kept. */
static bool is_plain(struct slice origin)
{
    if (origin.len > MAX_ORIGIN ||
        (origin.len && !memmem(origin.at, origin.len, "://", 3) && !slice_is(origin, "null")))
        return false;
    for (size_t i = 0; i < origin.len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/-_[]", origin.at[i]))
            return false;
    return true;
}

static struct place *place_of(struct diagnosis *diagnosis, struct slice origin, int64_t now_ms)
{
    struct place *least = &diagnosis->places[0];
    if (!is_plain(origin))
        origin.len = 0;
    for (struct place *place = diagnosis->places; place < diagnosis->places + PLACES; place++) {
        if (place->used && slice_equal((struct slice){place->origin, place->len}, origin))
            return place;
        if (worth(place, now_ms) < worth(least, now_ms))
            least = place;
    }
    *least = (struct place){.used = true, .len = origin.len};
    if (origin.len)
        memcpy(least->origin, origin.at, origin.len);
    return least;
}

static void see(struct place *place, enum sign sign, int64_t now_ms)
{
    struct seen *seen = &place->seen[sign];
    if (seen->n++ == 0)
        seen->first_ms = now_ms;
    seen->last_ms = place->touched_ms = now_ms;
    place->notes++;
    if (sign == SIGN_SCRIPT && place->scripts++ == 0)
        place->scripts_since_ms = now_ms;
    if (sign == SIGN_ACCEPTED || sign == SIGN_KEY || sign == SIGN_SERVICE || sign == SIGN_ORIGIN)
        place->scripts = 0;
}

void diagnosis_note(struct diagnosis *diagnosis, enum sign sign, struct slice origin, int64_t now_ms)
{
    if (!diagnosis)
        return;
    pthread_mutex_lock(&diagnosis->mutex);
    see(place_of(diagnosis, origin, now_ms), sign, now_ms);
    diagnosis->scripts += sign == SIGN_SCRIPT;
    diagnosis->beacons += sign == SIGN_KEY || sign == SIGN_SERVICE || sign == SIGN_ORIGIN;
    pthread_mutex_unlock(&diagnosis->mutex);
}

void diagnosis_refused(struct diagnosis *diagnosis, enum err err, struct slice origin, int64_t now_ms)
{
    if (err == ERR_NO_KEY || err == ERR_UNKNOWN_KEY)
        diagnosis_note(diagnosis, SIGN_KEY, origin, now_ms);
    else if (err == ERR_WRONG_SERVICE)
        diagnosis_note(diagnosis, SIGN_SERVICE, origin, now_ms);
    else if (err == ERR_FORBIDDEN_ORIGIN || err == ERR_NO_ORIGIN)
        diagnosis_note(diagnosis, SIGN_ORIGIN, origin, now_ms);
}

static bool is_repeat(struct place *place, uint64_t hash)
{
    for (size_t i = 0; i < RECENT; i++)
        if (place->recent[i] == hash)
            return true;
    place->recent[place->next++ % RECENT] = hash;
    return false;
}

void diagnosis_accepted(struct diagnosis *diagnosis, struct slice origin, struct slice beacon, int64_t offset_ms,
                        int64_t now_ms)
{
    if (!diagnosis || pthread_mutex_trylock(&diagnosis->mutex))
        return;
    struct place *place = place_of(diagnosis, origin, now_ms);
    see(place, SIGN_ACCEPTED, now_ms);
    diagnosis->beacons++;
    if (beacon.len && is_repeat(place, hash_quick(beacon)))
        see(place, SIGN_REPEATED, now_ms);
    if (offset_ms > SKEW_MS || offset_ms < -SKEW_MS) {
        see(place, SIGN_SKEWED, now_ms);
        place->skew_ms = offset_ms;
    }
    pthread_mutex_unlock(&diagnosis->mutex);
}

bool diagnosis_sign_of(struct slice why, enum sign *ret_sign)
{
    if (slice_is(why, "csp"))
        *ret_sign = SIGN_TOLD_CSP;
    else if (slice_is(why, "net"))
        *ret_sign = SIGN_TOLD_FAILED;
    else if (slice_is(why, "rate"))
        *ret_sign = SIGN_TOLD_SAMPLED;
    else
        return false;
    return true;
}

/* ---- finding ----------------------------------------------------------------------------------------------------- */

struct look {
    const struct diagnosis *diagnosis;
    int64_t now_ms;
    struct finding findings[MAX_FINDINGS];
    size_t n;
};

/* Kept in the order of causes, the newest first within; what has no room is the least sure. */
static void add(struct look *look, enum cause cause, const struct place *place, const struct seen *seen)
{
    size_t at = look->n;
    while (at && (look->findings[at - 1].cause > cause || (look->findings[at - 1].cause == cause && seen &&
                                                           look->findings[at - 1].seen->last_ms < seen->last_ms)))
        at--;
    if (at == MAX_FINDINGS)
        return;
    size_t kept = look->n < MAX_FINDINGS ? look->n : MAX_FINDINGS - 1;
    memmove(look->findings + at + 1, look->findings + at, (kept - at) * sizeof *look->findings);
    look->findings[at] = (struct finding){cause, place, seen};
    look->n = kept + 1;
}

static bool is_young(const struct look *look, const struct seen *seen, int64_t age_ms)
{
    return seen->n > 0 && look->now_ms - seen->last_ms < age_ms;
}

static bool is_refused(const struct look *look, const struct place *place, enum sign sign)
{
    const struct seen *seen = &place->seen[sign], *accepted = &place->seen[SIGN_ACCEPTED];
    return is_young(look, seen, STILL_MS) ||
           (is_young(look, seen, OLD_MS) && (accepted->n == 0 || seen->last_ms > accepted->last_ms + FIXED_MS));
}

static int64_t last_post_ms(const struct place *place)
{
    static const enum sign posts[] = {SIGN_ACCEPTED, SIGN_KEY, SIGN_SERVICE, SIGN_ORIGIN};
    int64_t last_ms = INT64_MIN;
    for (size_t i = 0; i < sizeof posts / sizeof *posts; i++)
        if (place->seen[posts[i]].n && place->seen[posts[i]].last_ms > last_ms)
            last_ms = place->seen[posts[i]].last_ms;
    return last_ms;
}

static bool is_silent(const struct look *look, const struct place *place)
{
    bool is_known = place->seen[SIGN_ACCEPTED].n > 0;
    return is_young(look, &place->seen[SIGN_SCRIPT], OLD_MS) && place->scripts >= (is_known ? SCRIPTS_OF_KNOWN : 1) &&
           look->now_ms - place->scripts_since_ms >= SILENT_MS;
}

static bool preflights_in_vain(const struct look *look, const struct place *place)
{
    const struct seen *seen = &place->seen[SIGN_PREFLIGHT];
    return is_young(look, seen, OLD_MS) && look->now_ms - seen->last_ms > PREFLIGHT_MS &&
           last_post_ms(place) < seen->last_ms;
}

/* A forbidden post fails too, and which of the two is heard first is chance. */
static void add_settled(struct look *look, enum cause cause, const struct place *place, const struct seen *seen)
{
    if (look->now_ms - seen->first_ms >= SETTLED_MS)
        add(look, cause, place, seen);
}

/* Why nothing comes, or comes again and again, where nothing was refused. */
static void look_for_silence(struct look *look, const struct place *place)
{
    const struct seen *seen = place->seen;
    /* Browsers that hide where they come from cannot be told apart: one beacon from anybody clears them. */
    bool is_somebody = place->len || look->diagnosis->beacons == 0;
    bool is_quiet = is_somebody && !is_young(look, &seen[SIGN_ACCEPTED], QUIET_MS);
    if (seen[SIGN_REPEATED].n > 1 && is_young(look, &seen[SIGN_REPEATED], QUIET_MS))
        add(look, CORS, place, &seen[SIGN_REPEATED]);
    else if (preflights_in_vain(look, place))
        add(look, CORS, place, &seen[SIGN_PREFLIGHT]);
    else if (is_quiet && is_young(look, &seen[SIGN_TOLD_CSP], OLD_MS))
        add(look, CSP, place, &seen[SIGN_TOLD_CSP]);
    else if (is_quiet && is_young(look, &seen[SIGN_TOLD_SAMPLED], OLD_MS))
        add(look, SAMPLING, place, &seen[SIGN_TOLD_SAMPLED]);
    else if (is_quiet && is_young(look, &seen[SIGN_TOLD_FAILED], OLD_MS))
        add_settled(look, BLOCKED, place, &seen[SIGN_TOLD_FAILED]);
    else if (is_quiet && is_silent(look, place))
        add(look, seen[SIGN_SCRIPT_CORS].n ? CORS_GUESS : CSP_GUESS, place, &seen[SIGN_SCRIPT]);
}

static void look_at(struct look *look, const struct place *place)
{
    static const struct {
        enum sign sign;
        enum cause cause;
    } refusals[] = {{SIGN_KEY, KEY}, {SIGN_SERVICE, SERVICE}, {SIGN_ORIGIN, ORIGIN}};
    bool is_explained = false;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (is_refused(look, place, refusals[i].sign)) {
            add(look, refusals[i].cause, place, &place->seen[refusals[i].sign]);
            is_explained = true;
        }
    if (!is_explained)
        look_for_silence(look, place);
    /* Among many visitors some clocks are always wrong. */
    const struct seen *skewed = &place->seen[SIGN_SKEWED];
    if (is_young(look, skewed, OLD_MS) && skewed->n * 2 >= place->seen[SIGN_ACCEPTED].n)
        add(look, CLOCK, place, skewed);
}

static void look_around(struct look *look)
{
    bool is_empty = true;
    for (const struct place *place = look->diagnosis->places; place < look->diagnosis->places + PLACES; place++)
        if (place->used) {
            look_at(look, place);
            is_empty = false;
        }
    if (is_empty)
        add(look, NOTHING, NULL, NULL);
}

/* ---- saying ------------------------------------------------------------------------------------------------------ */

/* %1$s is the origin, %2$s the public address, %3$s a key, %4$s how far the clock is off. */
static const struct words {
    const char *name, *sentence, *fix, *paste;
} words[] = {
    [KEY] = {"key", "Pages of %1$s send a key that no application here has, or none.",
             "Put a key of your application into the tag.", "data-key=\"%3$s\""},
    [SERVICE] = {"service", "Pages of %1$s name a service that their key's application does not have.",
                 "Put one of the application's services into data-service, or add the page's to its services.", ""},
    [ORIGIN] = {"origin", "Beacons come from %1$s, which is not among the origins of their application.",
                "Add it to the application in the configuration and send SIGHUP.", "origins: [\"%1$s\"]"},
    [CORS] =
        {"cors",
         "Beacons of %1$s arrive, but the browser does not let the page read the answer (CORS), so it sends again.",
         "Something between the page and Seismo removes Access-Control-Allow-Origin or answers OPTIONS itself: let "
         "both pass unchanged.",
         "Access-Control-Allow-Origin: %1$s"},
    [CSP] = {"csp", "The Content-Security-Policy of %1$s forbids the agent to send.",
             "Allow Seismo's address in the policy that the page is served with.",
             "script-src 'self' %2$s; connect-src 'self' %2$s; img-src 'self' %2$s"},
    [SAMPLING] = {"sampling", "The sessions of %1$s are not in the share that data-rate keeps.",
                  "Raise data-rate in the tag, or leave it out: 1 keeps all.", "data-rate=\"1\""},
    [BLOCKED] = {"blocked",
                 "The agent runs on %1$s, but what it sends gets no answer: something on the way, most often "
                 "an ad blocker, stops the path.",
                 "Choose a path of your own with listen.prefix, and name it in the tag.",
                 "data-endpoint=\"%2$s/a7/v1\""},
    [CORS_GUESS] = {"cors",
                    "The script was fetched by %1$s with crossorigin in its tag, and nothing followed: the proxy "
                    "before Seismo may have "
                    "removed the CORS header without which it does not run.",
                    "Let Access-Control-Allow-Origin pass, or take crossorigin out of the tag.",
                    "Access-Control-Allow-Origin: *"},
    [CSP_GUESS] =
        {"csp",
         "The script was fetched by %1$s and nothing followed, not even the agent's word of why: most likely a "
         "Content-Security-Policy that allows neither connect-src nor img-src, else a blocker.",
         "Allow Seismo's address in the policy that the page is served with.",
         "script-src 'self' %2$s; connect-src 'self' %2$s; img-src 'self' %2$s"},
    [CLOCK] = {"clock", "The clock of %1$s and the clock here differ by %4$s; times were corrected by that.",
               "Set the device's clock; if every page is off by the same, set the clock of this machine.",
               "timedatectl"},
    [NOTHING] = {"nothing", "No page has asked for the script yet.",
                 "Is the tag in the page, its address right, https on an https page? Then a Content-Security-Policy "
                 "(script-src) or a blocker keeps it away: the browser's console names it.",
                 "script-src 'self' %2$s; connect-src 'self' %2$s; img-src 'self' %2$s"},
};

static void write_words(struct buf *buf, const char *name, const char *format, const char *const values[4])
{
    char text[2048];
    size_t n = 0;
    for (const char *c = format; *c && n < sizeof text - 1; c++) {
        if (c[0] == '%' && c[1] >= '1' && c[1] <= '4' && c[2] == '$' && c[3] == 's') {
            int more = snprintf(text + n, sizeof text - n, "%s", values[c[1] - '1']);
            n += (size_t)more < sizeof text - n ? (size_t)more : sizeof text - n - 1;
            c += 3;
        } else {
            text[n++] = *c;
        }
    }
    buf_json_field(buf, name, (struct slice){text, n});
}

static void skew_text(int64_t ms, char *ret_text, size_t size)
{
    int64_t minutes = (ms < 0 ? -ms : ms) / 60000;
    if (minutes < 120)
        snprintf(ret_text, size, "%d min", (int)minutes);
    else
        snprintf(ret_text, size, "%lld h", (long long)(minutes / 60));
}

static void write_finding(const struct finding *finding, const char *url, const char *key, int64_t wall_offset_ms,
                          struct buf *buf)
{
    const struct words *say = &words[finding->cause];
    const struct place *place = finding->place;
    char origin[MAX_ORIGIN + 1] = "", skew[32] = "";
    if (place) {
        memcpy(origin, place->origin, place->len);
        skew_text(place->skew_ms, skew, sizeof skew);
    }
    const char *values[4] = {*origin ? origin : "a page that does not say from where", url, key, skew};
    buf_text(buf, buf->at[buf->len - 1] == '[' ? "{" : ",{");
    buf_json_field(buf, "cause", slice_of(say->name));
    buf_json_name(buf, "certain");
    buf_text(buf, finding->cause == CORS_GUESS || finding->cause == CSP_GUESS || finding->cause == NOTHING ? "false"
                                                                                                           : "true");
    buf_json_field(buf, "origin", slice_of(origin));
    buf_json_int(buf, "count", finding->seen ? finding->seen->n : 0);
    buf_json_int(buf, "since_ms", finding->seen ? finding->seen->first_ms + wall_offset_ms : 0);
    buf_json_int(buf, "last_ms", finding->seen ? finding->seen->last_ms + wall_offset_ms : 0);
    buf_json_int(buf, "skew_ms", place && finding->cause == CLOCK ? place->skew_ms : 0);
    write_words(buf, "sentence", say->sentence, values);
    write_words(buf, "fix", say->fix, values);
    write_words(buf, "paste", say->paste, values);
    buf_char(buf, '}');
}

void diagnosis_write(struct diagnosis *diagnosis, const char *url, const char *key, int64_t now_ms, int64_t wall_ms,
                     struct buf *buf)
{
    struct look look = {.diagnosis = diagnosis, .now_ms = now_ms};
    pthread_mutex_lock(&diagnosis->mutex);
    look_around(&look);
    buf_json_int(buf, "scripts", diagnosis->scripts);
    buf_json_int(buf, "beacons", diagnosis->beacons);
    buf_json_name(buf, "findings");
    buf_char(buf, '[');
    for (size_t i = 0; i < look.n; i++)
        write_finding(&look.findings[i], url, key, wall_ms - now_ms, buf);
    buf_char(buf, ']');
    pthread_mutex_unlock(&diagnosis->mutex);
}
