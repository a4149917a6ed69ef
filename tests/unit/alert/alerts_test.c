/* Findings to messages, over the real embedded store and bus, to a Slack of our own that refuses, delays and checks. */
#include "unit/test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alert/alerts.h"
#include "base/clock.h"
#include "base/metric.h"
#include "bus/bus.h"
#include "event/remarks.h"
#include "store/store.h"
#include "unit/alert/slack_rules.h"

static char folder[64];

static void pause_ms(int ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/seismo-alert-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    char name[512];
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir));) {
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        unlink(name);
    }
    closedir(dir);
    rmdir(folder);
    return 0;
}

/* ---- Slack ---- */

struct slack {
    int fd, port;
    pthread_t thread;
    pthread_mutex_t mutex;
    atomic_bool stopping;
    const char *answers[16]; /* status lines and headers, in turn; then 200 */
    size_t n_answers, at;
    int delay_ms;
    char *messages[256];
    int statuses[256];
    size_t n;
};

static bool read_request(int fd, char *buffer, size_t size, char **ret_body)
{
    size_t n = 0;
    while (n + 1 < size) {
        ssize_t got = read(fd, buffer + n, size - 1 - n);
        if (got <= 0)
            return false;
        n += (size_t)got;
        buffer[n] = '\0';
        char *body = strstr(buffer, "\r\n\r\n"), *length = strcasestr(buffer, "content-length:");
        if (body && length && n >= (size_t)(body + 4 - buffer) + (size_t)atol(length + 15)) {
            *ret_body = body + 4;
            return true;
        }
    }
    return false;
}

static void answer(struct slack *slack, int fd, const char *body)
{
    pthread_mutex_lock(&slack->mutex);
    const char *status = slack->at < slack->n_answers ? slack->answers[slack->at++] : "200 OK";
    slack_check_message(slice_of(body));
    assert_true(slack->n < 256);
    slack->statuses[slack->n] = atoi(status);
    slack->messages[slack->n++] = strdup(body);
    int delay_ms = slack->delay_ms;
    pthread_mutex_unlock(&slack->mutex);
    char text[256];
    pause_ms(delay_ms);
    const char *said = atoi(status) == 200 ? "ok" : "invalid_token";
    int n = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status,
                     strlen(said), said);
    if (atoi(status) > 0 && write(fd, text, (size_t)n) != n)
        print_message("slack: the client went\n");
}

static void *serve(void *ctx)
{
    struct slack *slack = ctx;
    static char buffer[200000];
    while (!atomic_load(&slack->stopping)) {
        char *body;
        int fd = accept(slack->fd, NULL, NULL);
        if (fd < 0)
            continue;
        if (read_request(fd, buffer, sizeof buffer, &body))
            answer(slack, fd, body);
        close(fd);
    }
    return NULL;
}

static void slack_start(struct slack *slack)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    struct timeval wait = {0, 50000};
    slack->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(slack->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    assert_int_equal(bind(slack->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(slack->fd, 16), 0);
    getsockname(slack->fd, (struct sockaddr *)&address, &size);
    slack->port = ntohs(address.sin_port);
    pthread_mutex_init(&slack->mutex, NULL);
    assert_int_equal(pthread_create(&slack->thread, NULL, serve, slack), 0);
}

static void slack_stop(struct slack *slack)
{
    atomic_store(&slack->stopping, true);
    pthread_join(slack->thread, NULL);
    close(slack->fd);
    for (size_t i = 0; i < slack->n; i++)
        free(slack->messages[i]);
    pthread_mutex_destroy(&slack->mutex);
}

static size_t count_of(struct slack *slack, const char *word, int status)
{
    size_t n = 0;
    pthread_mutex_lock(&slack->mutex);
    for (size_t i = 0; i < slack->n; i++)
        n += slack->statuses[i] == status && strstr(slack->messages[i], word);
    pthread_mutex_unlock(&slack->mutex);
    return n;
}

static size_t posts(struct slack *slack)
{
    pthread_mutex_lock(&slack->mutex);
    size_t n = slack->n;
    pthread_mutex_unlock(&slack->mutex);
    return n;
}

static void wait_for(struct slack *slack, const char *word, int status, size_t n)
{
    for (int i = 0; i < 1000 && count_of(slack, word, status) < n; i++)
        pause_ms(10);
    assert_int_equal(count_of(slack, word, status), n);
}

/* ---- the house ---- */

struct house {
    struct bus *bus;
    struct store *store;
    struct alerts *alerts;
    atomic_int changes;
    char webhook[64];
};

static void count_change(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static void open_house(struct house *house, int port, int max_firing)
{
    struct err_text text = {""};
    char path[128];
    *house = (struct house){0};
    snprintf(path, sizeof path, "%s/bus.db", folder);
    snprintf(house->webhook, sizeof house->webhook, "http://127.0.0.1:%d/services/T/B/secret", port);
    struct bus_options bus = {.kind = "sqlite", .path = path, .partitions = 1, .max_pending_bytes = 1 << 20};
    struct store_options store = {.kind = "sqlite", .path = folder, .retention_days = 30};
    if (bus_setup(&bus, &text) != ERR_OK || bus_open(&house->bus, &bus, &text) != ERR_OK ||
        store_setup(&store, &text) != ERR_OK || store_open(&house->store, &store, &text) != ERR_OK)
        fail_msg("%s", text.at);
    struct alerts_options options = {.store = house->store,
                                     .bus = house->bus,
                                     .slack_webhook = port ? house->webhook : "",
                                     .live_url = "http://127.0.0.1:8081/",
                                     .max_firing = max_firing,
                                     .changed = count_change,
                                     .ctx = &house->changes};
    if (alerts_open(&house->alerts, &options, &text) != ERR_OK)
        fail_msg("%s", text.at);
}

static void close_house(struct house *house, int deadline_ms)
{
    alerts_close(house->alerts, deadline_ms);
    store_close(house->store);
    bus_close(house->bus, 1000);
}

static void find(struct house *house, const char *name, enum alert_state state, double observed)
{
    struct finding finding = {.kind = ALERT_LATENCY,
                              .state = state,
                              .key = {.kind = SERIES_API,
                                      .application = SLICE("shop"),
                                      .service = SLICE("web"),
                                      .environment = SLICE("test"),
                                      .name = slice_of(name),
                                      .detail = SLICE("")},
                              .since_ms = clock_wall_ms() - 30000,
                              .at_ms = clock_wall_ms(),
                              .observed = observed,
                              .expected = 71,
                              .sessions = 12,
                              .events = 100};
    struct finding_sink *sink = alerts_sink(house->alerts);
    sink->finding(sink, &finding);
}

static bool count_alert(void *ctx, const struct alert *alert)
{
    (void)alert;
    ++*(int *)ctx;
    return true;
}

static int stored(struct house *house, bool only_firing)
{
    int n = 0;
    assert_int_equal(store_read_alerts(house->store, SLICE(""), only_firing, 100, count_alert, &n), ERR_OK);
    return n;
}

static int64_t opened_total(void)
{
    return metric_value(metric_get(METRIC_COUNTER, "seismo_alerts_total", "state", "firing", ""));
}

/* ---- tests ---- */

static void an_alert_is_told_once_each_way(void **state)
{
    (void)state;
    struct slack slack = {0};
    struct house house;
    int64_t before = opened_total();
    slack_start(&slack);
    open_house(&house, slack.port, 100);
    for (int i = 0; i < 5; i++)
        find(&house, "GET /x", ALERT_FIRING, 1000 + i);
    wait_for(&slack, "Firing", 200, 1);
    assert_int_equal(stored(&house, true), 1);
    find(&house, "GET /x", ALERT_FIRING, 5000); /* worse */
    find(&house, "GET /x", ALERT_RESOLVED, 5000);
    find(&house, "GET /x", ALERT_RESOLVED, 5000);
    find(&house, "GET /other", ALERT_RESOLVED, 5000);
    wait_for(&slack, "Resolved", 200, 1);
    assert_int_equal(count_of(&slack, "5.00 s", 200), 1);
    assert_true(stored(&house, true) == 0 && stored(&house, false) == 1);
    assert_int_equal(posts(&slack), 2);
    assert_int_equal(opened_total() - before, 1);
    assert_true(atomic_load(&house.changes) >= 2);
    find(&house, "GET /x", ALERT_FIRING, 900); /* another time is another alert */
    wait_for(&slack, "Firing", 200, 2);
    close_house(&house, 1000);
    slack_stop(&slack);
}

static void refusals_are_retried_or_given_up(void **state)
{
    (void)state;
    static const struct {
        const char *answers[3];
        size_t posts;
        bool told;
    } rows[] = {{{"500 Oops", "429 Slow\r\nRetry-After: 1"}, 3, true},
                {{"404 Gone"}, 1, false},
                {{"403 No"}, 1, false},
                {{"0", "503 Later"}, 3, true}}; /* 0: it hangs up */
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct slack slack = {0};
        struct house house;
        make_folder(state);
        for (; rows[r].answers[slack.n_answers]; slack.n_answers++)
            slack.answers[slack.n_answers] = rows[r].answers[slack.n_answers];
        slack_start(&slack);
        open_house(&house, slack.port, 100);
        int64_t start_ms = clock_mono_ms();
        find(&house, "GET /x", ALERT_FIRING, 1000);
        if (rows[r].told)
            wait_for(&slack, "Firing", 200, 1);
        else
            pause_ms(1500);
        assert_int_equal(posts(&slack), rows[r].posts);
        if (r == 0)
            assert_true(clock_mono_ms() - start_ms >= 1000); /* Retry-After */
        find(&house, "GET /x", ALERT_RESOLVED, 1000);
        if (rows[r].told)
            wait_for(&slack, "Resolved", 200, 1);
        else
            pause_ms(300); /* nobody heard of it, so nobody hears that it is over */
        assert_int_equal(posts(&slack), rows[r].posts + rows[r].told);
        close_house(&house, 1000);
        slack_stop(&slack);
        drop_folder(state);
    }
}

static void many_become_one_message(void **state)
{
    (void)state;
    struct slack slack = {.answers = {"429 Slow\r\nRetry-After: 1"}, .n_answers = 1};
    struct house house;
    char name[32];
    slack_start(&slack);
    open_house(&house, slack.port, 100);
    find(&house, "GET /first", ALERT_FIRING, 1000);
    wait_for(&slack, "Firing", 429, 1);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "GET /%d", i);
        find(&house, name, ALERT_FIRING, 1000);
    }
    wait_for(&slack, "21 firing", 200, 1);
    assert_int_equal(posts(&slack), 2);
    close_house(&house, 1000);
    slack_stop(&slack);
}

static void what_was_over_before_it_was_told_is_not_told(void **state)
{
    (void)state;
    struct slack slack = {.answers = {"503 Later"}, .n_answers = 1};
    struct house house;
    slack_start(&slack);
    open_house(&house, slack.port, 100);
    find(&house, "GET /x", ALERT_FIRING, 1000);
    for (int i = 0; i < 500 && !count_of(&slack, "Firing", 503); i++)
        pause_ms(1);
    pause_ms(100); /* the answer has been read */
    find(&house, "GET /x", ALERT_RESOLVED, 1000);
    pause_ms(1500);
    /* the pause is random: the second attempt may have come before the end, and then both are told */
    size_t firing = count_of(&slack, "Firing", 200), resolved = count_of(&slack, "Resolved", 200);
    assert_int_equal(firing, resolved);
    assert_true(stored(&house, true) == 0 && stored(&house, false) == 1);
    close_house(&house, 1000);
    slack_stop(&slack);
}

static void alerts_are_bounded(void **state)
{
    (void)state;
    struct slack slack = {0};
    struct house house;
    char name[32];
    slack_start(&slack);
    open_house(&house, slack.port, 5);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "GET /%d", i);
        find(&house, name, ALERT_FIRING, 1000);
    }
    for (int i = 0; i < 500 && stored(&house, true) < 5; i++)
        pause_ms(10);
    pause_ms(200);
    assert_int_equal(stored(&house, true), 5);
    close_house(&house, 1000);
    slack_stop(&slack);
}

/* Decided while Slack was away, told after the restart; told before the restart, not again. */
static void a_restart_tells_what_was_not_told(void **state)
{
    (void)state;
    struct slack slack = {0};
    struct house house;
    slack_start(&slack);
    open_house(&house, slack.port, 100);
    find(&house, "GET /told", ALERT_FIRING, 1000);
    wait_for(&slack, "/told", 200, 1);
    pthread_mutex_lock(&slack.mutex);
    slack.answers[0] = "503 Later\r\nRetry-After: 60";
    slack.n_answers = 1;
    pthread_mutex_unlock(&slack.mutex);
    find(&house, "GET /untold", ALERT_FIRING, 1000);
    wait_for(&slack, "/untold", 503, 1);
    close_house(&house, 200);
    open_house(&house, slack.port, 100);
    wait_for(&slack, "/untold", 200, 1);
    find(&house, "GET /told", ALERT_FIRING, 1500); /* detect goes on */
    find(&house, "GET /untold", ALERT_FIRING, 1500);
    pause_ms(300);
    assert_int_equal(count_of(&slack, "Firing", 200), 2);
    find(&house, "GET /told", ALERT_RESOLVED, 1500);
    wait_for(&slack, "Resolved", 200, 1);
    close_house(&house, 1000);
    slack_stop(&slack);
}

/* kill -9 at any moment: nothing that was kept is lost, nothing is told more often than the one POST under way. */
static void kills_lose_nothing(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it cannot follow a fork of a process with threads */
#endif
    struct slack slack = {.delay_ms = 20};
    size_t told = 0;
    slack_start(&slack);
    for (int i = 0; i < 6; i++) {
        char name[32];
        snprintf(name, sizeof name, "GET /kill/%d", i);
        pid_t pid = fork();
        if (pid == 0) {
            struct house house;
            open_house(&house, slack.port, 100);
            find(&house, name, ALERT_FIRING, 1000);
            pause_ms(60000);
            _exit(0);
        }
        pause_ms(150 + i * 23);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    struct house house;
    open_house(&house, slack.port, 100);
    for (int i = 0; i < 3000 && stored(&house, true) > (int)count_of(&slack, "Firing", 200); i++)
        pause_ms(10);
    for (int i = 0; i < 6; i++) {
        char name[32];
        snprintf(name, sizeof name, "/kill/%d`", i);
        size_t n = count_of(&slack, name, 200);
        assert_true(n <= 2);
        told += n > 0;
    }
    assert_true((int)told >= stored(&house, true) && told >= 1);
    close_house(&house, 1000);
    slack_stop(&slack);
}

/* As the live page of another process does it. */
static void remark(struct house *house, const struct remark_silence *silence, const char *end)
{
    struct remarks remarks;
    struct buf bytes;
    uint64_t version;
    buf_init(&bytes, STORE_STATE_BYTES);
    enum err err = store_state_get(house->store, REMARKS_KEY, &bytes, &version);
    if (err == ERR_OK)
        err = remarks_read(buf_slice(&bytes), &remarks);
    else
        remarks_init(&remarks);
    assert_true(err == ERR_OK || err == ERR_MISSING);
    if (silence)
        assert_int_equal(remarks_silence(&remarks, silence, clock_wall_ms()), ERR_OK);
    if (end)
        assert_true(remarks_unsilence(&remarks, end, clock_wall_ms()));
    buf_clear(&bytes);
    remarks_write(&remarks, &bytes);
    assert_int_equal(store_state_put(house->store, REMARKS_KEY, buf_slice(&bytes), version, &version), ERR_OK);
    remarks_done(&remarks);
    buf_done(&bytes);
}

static int64_t silenced_total(void)
{
    return metric_value(metric_get(METRIC_COUNTER, "seismo_alerts_silenced_total", NULL, NULL, ""));
}

static void wait_until_silenced(int64_t n)
{
    for (int i = 0; i < 3000 && silenced_total() < n; i++)
        pause_ms(10);
    assert_int_equal(silenced_total(), n);
}

/* One is under a silence from the beginning, one from the middle; both are told when it ends, in the next life of the
 * program, and the one that was over by then is not. */
static void a_silence_holds_its_tongue_and_its_end_speaks(void **state)
{
    (void)state;
    struct slack slack = {0};
    struct house house;
    slack_start(&slack);
    open_house(&house, slack.port, 10);
    find(&house, "GET /before", ALERT_FIRING, 500);
    wait_for(&slack, "GET /before", 200, 1);
    struct remark_silence silence = {.id = "S-1",
                                     .application = "shop",
                                     .service = "web",
                                     .by = "Ada",
                                     .reason = "a test of load",
                                     .from_ms = clock_wall_ms() - 1000,
                                     .until_ms = clock_wall_ms() + 3600000};
    int64_t before = silenced_total();
    remark(&house, &silence, NULL);
    find(&house, "GET /during", ALERT_FIRING, 500);
    wait_until_silenced(before + 1);
    find(&house, "GET /over", ALERT_FIRING, 500);
    wait_until_silenced(before + 2);
    find(&house, "GET /over", ALERT_RESOLVED, 0);
    for (int i = 0; i < 3000 && stored(&house, true) != 2; i++)
        pause_ms(10);
    close_house(&house, 5000);
    assert_int_equal(posts(&slack), 1);
    open_house(&house, slack.port, 10);
    find(&house, "GET /during", ALERT_FIRING, 600);
    remark(&house, NULL, "S-1");
    alerts_look(house.alerts);
    wait_for(&slack, "GET /during", 200, 1);
    wait_for(&slack, "GET /before", 200, 2);
    find(&house, "GET /during", ALERT_RESOLVED, 0);
    wait_for(&slack, "GET /during", 200, 2);
    close_house(&house, 5000);
    assert_int_equal(count_of(&slack, "GET /over", 200), 0);
    slack_stop(&slack);
}

static void nobody_to_tell_is_no_trouble(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, 0, 100);
    find(&house, "GET /x", ALERT_FIRING, 1000);
    for (int i = 0; i < 500 && stored(&house, true) < 1; i++)
        pause_ms(10);
    find(&house, "GET /x", ALERT_RESOLVED, 1000);
    for (int i = 0; i < 500 && stored(&house, true) > 0; i++)
        pause_ms(10);
    assert_true(stored(&house, true) == 0 && stored(&house, false) == 1);
    close_house(&house, 1000);
}

static void a_newer_state_stops_the_start(void **state)
{
    (void)state;
    struct err_text text = {""};
    struct store *store;
    struct alerts *alerts;
    struct store_options options = {.kind = "sqlite", .path = folder, .retention_days = 30};
    uint64_t version;
    assert_int_equal(store_setup(&options, &text), ERR_OK);
    assert_int_equal(store_open(&store, &options, &text), ERR_OK);
    assert_int_equal(store_state_put(store, "alerts", SLICE("\x09"), 0, &version), ERR_OK);
    struct alerts_options wanted = {.store = store, .max_firing = 10};
    assert_int_equal(alerts_open(&alerts, &wanted, &text), ERR_NEWER_VERSION);
    assert_non_null(strstr(text.at, "newer"));
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_alert_is_told_once_each_way, make_folder, drop_folder),
        cmocka_unit_test(refusals_are_retried_or_given_up),
        cmocka_unit_test_setup_teardown(many_become_one_message, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(what_was_over_before_it_was_told_is_not_told, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(alerts_are_bounded, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_restart_tells_what_was_not_told, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(kills_lose_nothing, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_silence_holds_its_tongue_and_its_end_speaks, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(nobody_to_tell_is_no_trouble, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_newer_state_stops_the_start, make_folder, drop_folder),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
