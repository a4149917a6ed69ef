/* The subcommands beside `run`. stdout is the answer, stderr the log. */
#include "commands.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "contradictions.h"
#include "enrich/enrich.h"
#include "folder.h"
#include "reload.h"

int complain(const char *what, enum err err, const struct err_text *text)
{
    if (log_is_json())
        log_error("main", err, "seismo %s: %s%s%s", what, err_sentence(err), text && text->at[0] ? ": " : "",
                  text ? text->at : "");
    else
        fprintf(stderr, "seismo %s: %s %s%s%s\n", what, err_code(err), err_sentence(err),
                text && text->at[0] ? ": " : "", text ? text->at : "");
    return err == ERR_CONFIG || err == ERR_FOLDER ? EXIT_CONFIG : EXIT_FAILED;
}

enum err options_of_bus(const struct config *c, struct bus_options *ret_options, struct err_text *text)
{
    static char path[FOLDER_BYTES + 16];
    *ret_options = (struct bus_options){
        .kind = config_text(c, SETTING_BUS_KIND),
        .path = path,
        .partitions = (int)config_int(c, SETTING_BUS_PARTITIONS),
        .brokers = config_text(c, SETTING_KAFKA_BROKERS),
        .prefix = config_text(c, SETTING_BUS_PREFIX),
        .properties = config_list(c, SETTING_KAFKA_PROPERTIES),
        .max_pending_bytes = (size_t)config_int(c, SETTING_BUS_MAX_PENDING_BYTES),
        .max_file_bytes = (size_t)config_int(c, SETTING_BUS_MAX_FILE_BYTES),
        .retention_ms = config_int(c, SETTING_BUS_RETENTION_MS),
        .retire_ms = config_int(c, SETTING_BUS_RETIRE_MS),
        .spool_after_ms = (int)config_int(c, SETTING_KAFKA_SPOOL_AFTER_MS),
        .any_partitions = config_int(c, SETTING_BUS_PARTITIONS) == 0,
        .replication = (int)config_int(c, SETTING_KAFKA_REPLICATION),
        .min_insync = (int)config_int(c, SETTING_KAFKA_MIN_INSYNC_REPLICAS),
        .topic_retention_ms = config_int(c, SETTING_KAFKA_RETENTION_MS),
    };
    bool is_kafka = strcmp(ret_options->kind, "kafka") == 0;
    /* One process reads all partitions of the embedded bus: more of them only make its commits touch more pages. */
    if (ret_options->partitions == 0)
        ret_options->partitions = is_kafka ? 4 : 1;
    if (is_kafka && !*ret_options->brokers) /* no broker could ever answer: it would spool until the disk is full */
        return err_set(text, ERR_CONFIG, "bus: bus.kind is kafka and kafka.brokers is empty");
    enum err err = folder_make(config_text(c, SETTING_DATA_DIR), text);
    if (!err)
        snprintf(path, sizeof path, "%s/%s.db", config_text(c, SETTING_DATA_DIR), is_kafka ? "spool" : "bus");
    return err;
}

enum err options_of_store(const struct config *c, struct store_options *ret_options, struct err_text *text)
{
    static char path[FOLDER_BYTES + 16];
    *ret_options = (struct store_options){
        .kind = config_text(c, SETTING_STORE_KIND),
        .path = path,
        .url = config_text(c, SETTING_ELASTIC_URL),
        .cloud_id = config_text(c, SETTING_ELASTIC_CLOUD_ID),
        .api_key = config_text(c, SETTING_ELASTIC_API_KEY),
        .user = config_text(c, SETTING_ELASTIC_USER),
        .password = config_text(c, SETTING_ELASTIC_PASSWORD),
        .ca_file = config_text(c, SETTING_ELASTIC_CA_FILE),
        .namespace_ = config_text(c, SETTING_STORE_NAMESPACE),
        .retention_days = (int)config_int(c, SETTING_STORE_RETENTION_DAYS),
        .bulk_bytes = (size_t)config_int(c, SETTING_ELASTIC_BULK_BYTES),
        .requests = (int)config_int(c, SETTING_ELASTIC_BULK_REQUESTS),
        .compress = config_int(c, SETTING_ELASTIC_COMPRESS),
    };
    snprintf(path, sizeof path, "%s/store", config_text(c, SETTING_DATA_DIR));
    return folder_make(path, text);
}

const char *instance_of(const struct config *config)
{
    static char name[17];
    char path[FOLDER_BYTES + 16], random[8];
    snprintf(path, sizeof path, "%s/instance", config_text(config, SETTING_DATA_DIR));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* stays open: the lock lives as long as the process */
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0)
        return NULL;
    if (pread(fd, name, sizeof name - 1, 0) == sizeof name - 1)
        return name;
    hash_random(random, sizeof random);
    hash_hex((struct slice){random, sizeof random}, name, sizeof name - 1);
    return pwrite(fd, name, sizeof name - 1, 0) == sizeof name - 1 ? name : NULL;
}

/* ---- check-config ---- */

int command_check_config(const struct config *config, int argc, char **argv)
{
    size_t n;
    if (argc > 1 || (argc == 1 && strcmp(argv[0], "--print") != 0)) {
        fputs("usage: seismo check-config [--config FILE] [--print]\n", stderr);
        return EXIT_USAGE;
    }
    if (argc == 1) {
        struct buf buf;
        buf_init(&buf, CONFIG_MAX_FILE_BYTES);
        config_print(config, &buf);
        fwrite(buf.at, 1, buf.len, stdout);
        buf_done(&buf);
    }
    if (contradictions_say(config))
        return EXIT_CONFIG;
    struct ingest_rules rules;
    struct err_text text = {""};
    enum err err = rules_of(config, &rules, &text);
    if (!err)
        err = ingest_check(&rules, &text);
    if (err) {
        reload_say_where(config, err, &text);
        fprintf(stderr, "seismo: %s: %s\n", err_code(err), text.at);
        return EXIT_CONFIG;
    }
    config_applications(config, &n);
    printf("the configuration is right: %d settings, %zu applications\n", (int)SETTING_COUNT, n);
    return EXIT_OK;
}

/* ---- export ---- */

/* The output may be a terminal, and some obey what JSON lets pass as it is: DEL and the C1 control characters. They
 * stand in strings only, so an escape says the same. */
static bool print_json(struct slice json)
{
    const unsigned char *run = (const unsigned char *)json.at, *p = run, *end = p + json.len;
    for (; p < end; p++) {
        bool c1 = *p == 0xc2 && end - p > 1 && p[1] >= 0x80 && p[1] < 0xa0;
        if (!c1 && *p != 0x7f)
            continue;
        fwrite(run, 1, (size_t)(p - run), stdout);
        p += c1;
        printf("\\u%04x", *p);
        run = p + 1;
    }
    fwrite(run, 1, (size_t)(end - run), stdout);
    return putchar('\n') != EOF && !ferror(stdout);
}

static bool print_document(void *ctx, struct slice id, struct slice json)
{
    bool *failed = ctx;
    (void)id;
    *failed = !print_json(json);
    return !*failed;
}

static bool print_window(void *ctx, const struct rollup *rollup)
{
    struct buf json;
    buf_init(&json, STORE_STATE_BYTES);
    rollup_document(rollup, &json);
    bool more = print_document(ctx, SLICE_NONE, buf_slice(&json));
    buf_done(&json);
    return more;
}

/* "2026-11-22T10:00:00Z", ms since the epoch, or "15m", "2h", "3d" ago; -1 when it is none of them. */
static int64_t parse_since(const char *text)
{
    int64_t at = clock_parse(text, strlen(text));
    char *end;
    if (at >= 0)
        return at;
    long long number = strtoll(text, &end, 10);
    if (end == text || number < 0)
        return -1;
    switch (*end) {
    case '\0': return number;
    case 's': return clock_wall_ms() - number * 1000;
    case 'm': return clock_wall_ms() - number * 60000;
    case 'h': return clock_wall_ms() - number * 3600000;
    case 'd': return clock_wall_ms() - number * 86400000;
    default: return -1;
    }
}

/* *ret_width_s: of the windows that are wanted instead of events; 0: events. */
static bool parse_export(int argc, char **argv, struct store_event_query *query, int *ret_width_s)
{
    for (int i = 0; i + 1 < argc; i += 2) {
        struct slice value = slice_of(argv[i + 1]);
        if (strcmp(argv[i], "--service") == 0)
            query->service = value;
        else if (strcmp(argv[i], "--session") == 0)
            query->session = value;
        else if (strcmp(argv[i], "--since") == 0)
            query->from_ms = parse_since(value.at);
        else if (strcmp(argv[i], "--windows") == 0)
            *ret_width_s = atoi(value.at);
        else
            return false;
    }
    return argc % 2 == 0 && query->from_ms >= 0 && (*ret_width_s == 0 || *ret_width_s == 10 || *ret_width_s == 60) &&
           (*ret_width_s == 0 || query->session.len == 0);
}

int command_export(const struct config *config, int argc, char **argv)
{
    struct store_event_query query = {0};
    struct store_options options;
    struct store *store = NULL;
    struct err_text text = {""};
    bool failed = false;
    int width_s = 0;
    if (!parse_export(argc, argv, &query, &width_s)) {
        fputs(
            "usage: seismo export [--config FILE] [--service S] [--session ID] [--since 2026-11-22T10:00:00Z | 15m | "
            "2h] [--windows 10 | 60]\n",
            stderr);
        return EXIT_USAGE;
    }
    enum err err = options_of_store(config, &options, &text);
    if (!err)
        err = store_open(&store, &options, &text);
    struct store_rollup_query windows = {.service = query.service, .width_s = width_s, .from_ms = query.from_ms};
    if (!err && width_s)
        err = store_read_rollups(store, &windows, print_window, &failed);
    else if (!err)
        err = store_read_events(store, &query, print_document, &failed);
    if (fflush(stdout) != 0)
        failed = true;
    store_close(store);
    return err ? complain("export", err, &text) : failed ? EXIT_FAILED : EXIT_OK;
}

/* ---- code ---- */

#define LINE_MAX_BYTES 1048576

/* The line without its end, cut at the bound; false at the end of the input. */
static bool read_line(struct buf *line)
{
    int c;
    buf_clear(line);
    while ((c = getc_unlocked(stdin)) != EOF && c != '\n')
        buf_char(line, (char)c);
    return c != EOF || line->len > 0;
}

int command_code(const struct config *config, int argc, char **argv)
{
    (void)config;
    (void)argv;
    if (argc) {
        fputs("usage: seismo code < messages\n", stderr);
        return EXIT_USAGE;
    }
    struct buf line, masked;
    char code[ENRICH_CODE_BYTES];
    buf_init(&line, LINE_MAX_BYTES);
    buf_init(&masked, LINE_MAX_BYTES);
    while (read_line(&line)) {
        buf_clear(&masked);
        enrich_line_code(SLICE(""), buf_slice(&line), code, &masked);
        puts(code);
    }
    buf_done(&line);
    buf_done(&masked);
    return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}
