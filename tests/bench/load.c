/* The load generator: N keep-alive connections on one thread (epoll), each with one request under way. Closed loop:
 * the next request leaves when the last was answered. Open loop (--rate): requests leave at fixed times, and latency
 * counts from the time at which a request should have left, also when no connection was free: no coordinated omission.
 *
 *     FREE --next request--> SENDING --all written--> WAITING --answer--> FREE
 *      ^                        |                        |
 *      +--- connected ------- AWAY <----- cut, refused --+
 *
 * A connection that is cut counts as an error and is made again after 20 ms, so a run goes on through a restart. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"
#include "load_bodies.h"

#define AGAIN_US 20000
#define ANSWER_MAX 4096
#define HEAD_MAX 1024
#define LAST_ANSWERS_US 10000000

static const char usage[] =
    "usage: load [OPTION]... URL          as tests/bench/load -c 32 -t 5 http://127.0.0.1:8080\n"
    "Sends different beacons of ten events to URL/in/v1?k=KEY and prints one JSON object.\n"
    "  -c, --connections N   connections, each with one request under way (32)\n"
    "  -t, --seconds S       how long (5); or until --requests have been answered or SIGINT comes\n"
    "  -n, --requests N      how many at most\n"
    "  -r, --rate R          open loop: R requests a second, latency from the intended time\n"
    "      --retry           a beacon that was not acknowledged is sent again with the same id, until it is\n"
    "      --ledger FILE     a line `STATUS ID EVENTS` for each answer; STATUS 0: cut off without one\n"
    "      --progress        a JSON line a second on stderr\n"
    "      --gzip            compressed bodies\n"
    "      --events N        in a beacon (10)          --bodies N    different ones (1000)\n"
    "      --pages N         made-up page names, a new one for each beacon, instead of a shop's pages\n"
    "      --sessions N      visitors (10000)          --seed N      of the bodies (1); ids are new in each run\n"
    "      --key K           (demo)                    --keys N      K0000 to K and N-1 in turn\n"
    "      --service NAME    (shop)                    --origin URL  (http://shop.test)\n"
    "      --prefix PATH     (/in)                     --addresses N source addresses in 127.1.0.0/16 (one: as the "
    "kernel chooses)\n";

struct options {
    struct beacons_options beacons;
    int connections, keys, addresses;
    double seconds, rate;
    uint64_t requests;
    bool retry, progress;
    const char *ledger, *key, *origin, *prefix;
    struct sockaddr_in to;
};

enum state { AWAY, CONNECTING, FREE, SENDING, WAITING };

struct connection {
    int fd;
    enum state state;
    bool again;   /* its beacon is to be sent once more */
    bool is_full; /* the kernel takes no more bytes now */
    uint64_t since_us, retry_us;
    char *out; /* head and body */
    size_t out_len, out_at, body_at;
    char id[BEACON_ID_BYTES];
    char in[ANSWER_MAX];
    size_t in_len;
};

struct totals {
    uint64_t requests, acknowledged, events, bytes, errors, statuses[600];
    struct histogram latency;
};

struct load {
    struct options options;
    struct beacons *beacons;
    struct connection *connections;
    int epoll, under_way;
    FILE *ledger;
    uint64_t started_us, end_us, sent, due; /* due: open loop, the number of the next request */
    struct totals total, second;
    uint64_t next_progress_us;
    uint32_t free_hint;
};

static volatile sig_atomic_t interrupted;

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- connections ---- */

static void watch(struct load *load, struct connection *connection, int how, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(load->epoll, how, connection->fd, &event))
        die("epoll_ctl");
}

static void bind_address(const struct load *load, const struct connection *connection)
{
    uint32_t i = (uint32_t)(connection - load->connections) % (uint32_t)load->options.addresses;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010001u + i)};
    int yes = 1;
    setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (bind(connection->fd, (struct sockaddr *)&from, sizeof from))
        die("bind");
}

static void leave(struct load *load, struct connection *connection)
{
    (void)load;
    close(connection->fd);
    connection->fd = -1;
    connection->state = AWAY;
    connection->retry_us = now_us() + AGAIN_US;
}

static void connect_one(struct load *load, struct connection *connection)
{
    int yes = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        die("socket");
    if (load->options.addresses > 1)
        bind_address(load, connection);
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(connection->fd, (struct sockaddr *)&load->options.to, sizeof load->options.to) &&
        errno != EINPROGRESS) {
        leave(load, connection);
        return;
    }
    connection->state = CONNECTING;
    connection->is_full = false;
    connection->in_len = 0;
    watch(load, connection, EPOLL_CTL_ADD, EPOLLOUT);
}

static void note(struct load *load, const struct connection *connection, int status, uint64_t events)
{
    if (load->ledger)
        fprintf(load->ledger, "%d %s %llu\n", status, connection->id, (unsigned long long)events);
}

/* The connection is gone; a request that was under way has no answer. */
static void lose(struct load *load, struct connection *connection)
{
    if (connection->state == SENDING || connection->state == WAITING) {
        load->total.errors++;
        load->second.errors++;
        load->under_way--;
        note(load, connection, 0, 0);
        connection->again = load->options.retry;
    }
    leave(load, connection);
}

/* ---- one request ---- */

static size_t write_head(const struct load *load, char *to, int body, uint64_t number, size_t body_bytes)
{
    const struct options *options = &load->options;
    char key[128];
    snprintf(key, sizeof key, options->keys > 1 ? "%s%04d" : "%s", options->key,
             (int)(number % (uint64_t)options->keys));
    int n = snprintf(
        to, HEAD_MAX,
        "POST %s/v1?k=%s HTTP/1.1\r\nHost: collector.shop.test\r\nConnection: keep-alive\r\nContent-Length: %zu\r\n"
        "User-Agent: %s\r\nContent-Type: text/plain;charset=UTF-8\r\nAccept: */*\r\nOrigin: %s\r\n"
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: %s/\r\n"
        "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: de-DE,de;q=0.9,en;q=0.8\r\n\r\n",
        options->prefix, key, body_bytes, beacon_user_agent(body), options->origin, options->origin);
    assert(n > 0 && n < HEAD_MAX);
    return (size_t)n;
}

static void fill(struct load *load, struct connection *connection)
{
    if (connection->again) {
        beacons_stamp(load->beacons, wall_ms(), connection->out + connection->body_at);
    } else {
        char *body = connection->out + HEAD_MAX;
        struct beacon_place place = beacons_write(load->beacons, wall_ms(), body, connection->id);
        size_t head = write_head(load, connection->out, place.body, load->sent, place.len);
        memmove(connection->out + head, body, place.len);
        connection->body_at = head;
        connection->out_len = head + place.len;
    }
    connection->again = false;
    connection->out_at = 0;
}

static void continue_sending(struct load *load, struct connection *connection)
{
    ssize_t n = send(connection->fd, connection->out + connection->out_at, connection->out_len - connection->out_at,
                     MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        lose(load, connection);
        return;
    }
    connection->out_at += n > 0 ? (size_t)n : 0;
    bool is_full = connection->out_at < connection->out_len;
    if (is_full != connection->is_full)
        watch(load, connection, EPOLL_CTL_MOD, is_full ? EPOLLIN | EPOLLOUT : EPOLLIN);
    connection->is_full = is_full;
    connection->state = is_full ? SENDING : WAITING;
}

static void send_one(struct load *load, struct connection *connection, uint64_t intended_us)
{
    fill(load, connection);
    connection->since_us = intended_us;
    connection->state = SENDING;
    connection->in_len = 0;
    load->sent++;
    load->under_way++;
    continue_sending(load, connection);
}

static bool may_send(const struct load *load)
{
    return !interrupted && (!load->options.requests || load->sent < load->options.requests);
}

/* Open loop: when the next request should leave. */
static uint64_t due_us(const struct load *load)
{
    return load->started_us + (uint64_t)((double)load->due * 1e6 / load->options.rate);
}

/* Closed loop: at once. Open loop: when one is due. */
static void send_next(struct load *load, struct connection *connection, uint64_t now)
{
    if (now >= load->end_us || !may_send(load) || connection->retry_us > now)
        return;
    if (load->options.rate <= 0) {
        send_one(load, connection, now);
        return;
    }
    uint64_t intended = due_us(load);
    if (intended > now)
        return;
    load->due++;
    send_one(load, connection, intended);
}

/* ---- its answer ---- */

/* The bytes of a whole answer and its status; 0 while it is not whole, -1 when it is none. */
static ssize_t parse_answer(struct connection *connection, int *ret_status, uint64_t *ret_events)
{
    connection->in[connection->in_len] = 0;
    char *end = strstr(connection->in, "\r\n\r\n"), *length;
    if (!end)
        return connection->in_len + 1 < sizeof connection->in ? 0 : -1;
    length = strcasestr(connection->in, "\r\ncontent-length:");
    if (strncmp(connection->in, "HTTP/1.1 ", 9) != 0 || !length || length > end)
        return -1;
    size_t whole = (size_t)(end + 4 - connection->in) + strtoul(length + 17, NULL, 10);
    if (whole + 1 > sizeof connection->in)
        return -1;
    if (connection->in_len < whole)
        return 0;
    *ret_status = atoi(connection->in + 9);
    char *accepted = strstr(end, "\"accepted\":");
    *ret_events = accepted ? strtoull(accepted + 11, NULL, 10) : 0;
    return (ssize_t)whole;
}

static void count_answer(struct totals *totals, int status, uint64_t events, uint64_t us, size_t bytes)
{
    totals->requests++;
    totals->statuses[status >= 0 && status < 600 ? status : 0]++;
    totals->bytes += bytes;
    histogram_add(&totals->latency, us);
    if (status == 202) {
        totals->acknowledged++;
        totals->events += events;
    }
}

static void take_answer(struct load *load, struct connection *connection, int status, uint64_t events)
{
    uint64_t now = now_us();
    bool closes = strcasestr(connection->in, "\r\nconnection: close") != NULL;
    count_answer(&load->total, status, events, now - connection->since_us, connection->out_len);
    if (load->options.progress)
        count_answer(&load->second, status, events, now - connection->since_us, connection->out_len);
    note(load, connection, status, events);
    load->under_way--;
    connection->state = FREE;
    connection->again = status != 202 && load->options.retry;
    connection->retry_us = connection->again ? now + AGAIN_US : 0;
    if (closes)
        leave(load, connection);
    else
        send_next(load, connection, now);
}

static void read_answer(struct load *load, struct connection *connection)
{
    int status = 0;
    uint64_t events = 0;
    ssize_t n =
        recv(connection->fd, connection->in + connection->in_len, sizeof connection->in - connection->in_len - 1, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0)
        connection->in_len += (size_t)n;
    ssize_t whole = n > 0 && connection->state >= SENDING ? parse_answer(connection, &status, &events) : -1;
    if (whole > 0)
        take_answer(load, connection, status, events);
    else if (whole < 0)
        lose(load, connection);
}

static void handle(struct load *load, struct connection *connection, uint32_t events)
{
    if (connection->state == CONNECTING) {
        int error = 0;
        socklen_t len = sizeof error;
        getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &len);
        if (error) {
            leave(load, connection);
            return;
        }
        connection->state = FREE;
        connection->retry_us = 0;
        watch(load, connection, EPOLL_CTL_MOD, EPOLLIN);
        send_next(load, connection, now_us());
        return;
    }
    if (events & EPOLLIN)
        read_answer(load, connection);
    else if (events & (EPOLLERR | EPOLLHUP))
        lose(load, connection);
    if (events & EPOLLOUT && connection->state == SENDING)
        continue_sending(load, connection);
}

/* ---- the run ---- */

static void print_totals(FILE *to, const struct load *load, const struct totals *totals, double seconds, bool whole)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    fprintf(to,
            "{\"seconds\":%.3f,\"connections\":%d,\"requests\":%llu,\"acknowledged\":%llu,\"events\":%llu,\"errors\":%"
            "llu,\"refused\":{",
            seconds, load->options.connections, (unsigned long long)totals->requests,
            (unsigned long long)totals->acknowledged, (unsigned long long)totals->events,
            (unsigned long long)totals->errors);
    for (int i = 0, n = 0; i < 600; i++)
        if (i != 202 && totals->statuses[i])
            fprintf(to, "%s\"%d\":%llu", n++ ? "," : "", i, (unsigned long long)totals->statuses[i]);
    fprintf(to, "},\"bytes\":%llu,\"latency_us\":{\"p50\":%llu,\"p90\":%llu,\"p99\":%llu,\"p999\":%llu,\"max\":%llu}",
            (unsigned long long)totals->bytes, (unsigned long long)histogram_quantile(&totals->latency, 0.5),
            (unsigned long long)histogram_quantile(&totals->latency, 0.9),
            (unsigned long long)histogram_quantile(&totals->latency, 0.99),
            (unsigned long long)histogram_quantile(&totals->latency, 0.999), (unsigned long long)totals->latency.max);
    if (whole)
        fprintf(to, ",\"body_bytes\":%zu,\"cpu_seconds\":%.3f", beacons_mean_bytes(load->beacons),
                (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                    (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    fputs("}\n", to);
    fflush(to);
}

static void show_progress(struct load *load, uint64_t now)
{
    if (!load->options.progress || now < load->next_progress_us)
        return;
    load->next_progress_us += 1000000;
    print_totals(stderr, load, &load->second, (double)(now - load->started_us) / 1e6, false);
    memset(&load->second, 0, sizeof load->second);
}

/* What no event announces: connections to be made again, requests that are due. */
static void look_around(struct load *load, uint64_t now)
{
    uint32_t n = (uint32_t)load->options.connections;
    for (uint32_t i = 0; i < n; i++) {
        struct connection *connection = &load->connections[(i + load->free_hint) % n];
        if (connection->state == AWAY && connection->retry_us <= now && now < load->end_us)
            connect_one(load, connection);
        else if (connection->state == FREE)
            send_next(load, connection, now);
    }
    load->free_hint++;
}

/* In the open loop the next request may be due before anything is heard. */
static struct timespec patience(const struct load *load, uint64_t now)
{
    uint64_t us = 5000;
    if (load->options.rate > 0) {
        uint64_t next = due_us(load);
        us = next <= now ? 100 : next - now < us ? next - now : us;
    }
    return (struct timespec){0, (long)us * 1000};
}

static bool is_over(const struct load *load, uint64_t now)
{
    bool no_more = now >= load->end_us || !may_send(load);
    return no_more && (load->under_way == 0 || now >= load->end_us + LAST_ANSWERS_US);
}

static void run(struct load *load)
{
    struct epoll_event events[512];
    uint64_t now = load->started_us = now_us(), looked = 0;
    load->end_us = now + (uint64_t)(load->options.seconds * 1e6);
    load->next_progress_us = now + 1000000;
    while (!is_over(load, now)) {
        struct timespec timeout = patience(load, now);
        int n = epoll_pwait2(load->epoll, events, 512, &timeout, NULL);
        if (n < 0 && errno != EINTR)
            die("epoll_pwait2");
        for (int i = 0; i < n; i++)
            handle(load, events[i].data.ptr, events[i].events);
        now = now_us();
        if (interrupted && load->end_us > now)
            load->end_us = now;
        if (now - looked > 5000 || (load->options.rate > 0 && due_us(load) <= now)) {
            look_around(load, now);
            looked = now;
        }
        show_progress(load, now);
    }
    uint64_t done = now < load->end_us ? now : load->end_us;
    print_totals(stdout, load, &load->total, (double)(done - load->started_us) / 1e6, true);
}

/* ---- options ---- */

static const char *without_scheme(const char *url)
{
    return strncmp(url, "http://", 7) == 0 ? url + 7 : url;
}

static bool read_target(const char *url, struct sockaddr_in *ret_to)
{
    char host[64];
    int port = 0;
    if (sscanf(without_scheme(url), "%63[0-9.]:%d", host, &port) != 2)
        return false;
    *ret_to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &ret_to->sin_addr) == 1;
}

enum {
    RETRY = 256,
    LEDGER,
    PROGRESS,
    GZIP,
    EVENTS,
    BODIES,
    PAGES,
    SESSIONS,
    SEED,
    KEY,
    KEYS,
    SERVICE,
    ORIGIN,
    PREFIX,
    ADDRESSES
};

static const struct option long_options[] = {{"connections", 1, NULL, 'c'},
                                             {"seconds", 1, NULL, 't'},
                                             {"requests", 1, NULL, 'n'},
                                             {"rate", 1, NULL, 'r'},
                                             {"retry", 0, NULL, RETRY},
                                             {"ledger", 1, NULL, LEDGER},
                                             {"progress", 0, NULL, PROGRESS},
                                             {"gzip", 0, NULL, GZIP},
                                             {"events", 1, NULL, EVENTS},
                                             {"bodies", 1, NULL, BODIES},
                                             {"pages", 1, NULL, PAGES},
                                             {"sessions", 1, NULL, SESSIONS},
                                             {"seed", 1, NULL, SEED},
                                             {"key", 1, NULL, KEY},
                                             {"keys", 1, NULL, KEYS},
                                             {"service", 1, NULL, SERVICE},
                                             {"origin", 1, NULL, ORIGIN},
                                             {"prefix", 1, NULL, PREFIX},
                                             {"addresses", 1, NULL, ADDRESSES},
                                             {"help", 0, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

static void take_option(struct options *options, int which)
{
    switch (which) {
    case 'c': options->connections = atoi(optarg); break;
    case 't': options->seconds = atof(optarg); break;
    case 'n': options->requests = strtoull(optarg, NULL, 10); break;
    case 'r': options->rate = atof(optarg); break;
    case RETRY: options->retry = true; break;
    case LEDGER: options->ledger = optarg; break;
    case PROGRESS: options->progress = true; break;
    case GZIP: options->beacons.gzip = true; break;
    case EVENTS: options->beacons.events = atoi(optarg); break;
    case BODIES: options->beacons.bodies = atoi(optarg); break;
    case PAGES: options->beacons.pages = atoi(optarg); break;
    case SESSIONS: options->beacons.sessions = atoi(optarg); break;
    case SEED: options->beacons.seed = strtoull(optarg, NULL, 10); break;
    case KEY: options->key = optarg; break;
    case KEYS: options->keys = atoi(optarg); break;
    case SERVICE: options->beacons.service = optarg; break;
    case ORIGIN: options->origin = optarg; break;
    case PREFIX: options->prefix = optarg; break;
    case ADDRESSES: options->addresses = atoi(optarg); break;
    case 'h': fputs(usage, stdout); exit(0);
    default: fputs(usage, stderr); exit(64);
    }
}

static void read_options(struct options *options, int argc, char **argv)
{
    int which;
    bool timed = false;
    while ((which = getopt_long(argc, argv, "c:t:n:r:h", long_options, NULL)) != -1) {
        timed |= which == 't';
        take_option(options, which);
    }
    if (options->requests && !timed)
        options->seconds = 3600;
    const struct beacons_options *b = &options->beacons;
    if (optind + 1 != argc || !read_target(argv[optind], &options->to) || options->connections < 1 ||
        options->keys < 1 || options->addresses < 1 || b->events < 1 || b->events > 1000 || b->bodies < 1 ||
        b->sessions < 1 || b->pages < 0) {
        fputs(usage, stderr);
        exit(64);
    }
}

static void prepare(struct load *load)
{
    load->beacons = beacons_new(&load->options.beacons);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->connections = calloc((size_t)load->options.connections, sizeof *load->connections);
    if (load->options.ledger && !(load->ledger = fopen(load->options.ledger, "w")))
        die(load->options.ledger);
    if (load->epoll < 0 || !load->connections)
        die("start");
    for (int i = 0; i < load->options.connections; i++) {
        load->connections[i].out = malloc(HEAD_MAX + beacons_max_bytes(load->beacons));
        assert(load->connections[i].out);
        load->connections[i].fd = -1;
    }
}

static void finish(struct load *load)
{
    if (load->ledger && fclose(load->ledger))
        die(load->options.ledger);
    for (int i = 0; i < load->options.connections; i++)
        free(load->connections[i].out);
    free(load->connections);
    beacons_free(load->beacons);
}

static void interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

int main(int argc, char **argv)
{
    static struct load load = {
        .options = {.beacons = {.seed = 1, .bodies = 1000, .events = 10, .sessions = 10000, .service = "shop"},
                    .connections = 32,
                    .seconds = 5,
                    .keys = 1,
                    .addresses = 1,
                    .key = "demo",
                    .origin = "http://shop.test",
                    .prefix = "/in"}};
    read_options(&load.options, argc, argv);
    load.options.beacons.run = (wall_ms() << 16 ^ (uint64_t)getpid()) * UINT64_C(0x9e3779b97f4a7c15) >> 10;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    prepare(&load);
    run(&load);
    finish(&load);
    return 0;
}
