#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define LINE_BYTES 2048
#define PER_MINUTE 10
#define SLOTS 256

static _Atomic int lowest = LOG_INFO;
static bool json;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct slot {
    const char *format; /* formats are literals: their address names the message */
    int64_t minute;
    unsigned said;
} slots[SLOTS];

void log_set_level(enum log_level level)
{
    atomic_store(&lowest, (int)level);
}

void log_set_json(bool is_json)
{
    json = is_json;
}

bool log_is_json(void)
{
    return json;
}

/* How many lines like this were left out before it, or -1 when this one is to be left out. */
static int admit(const char *format)
{
    int64_t minute = clock_wall_ms() / 60000;
    pthread_mutex_lock(&mutex);
    struct slot *slot = &slots[((uintptr_t)format >> 3) % SLOTS];
    int left_out = 0;
    if (slot->format != format || slot->minute != minute) {
        left_out = slot->format == format && slot->said > PER_MINUTE ? (int)slot->said - PER_MINUTE : 0;
        *slot = (struct slot){format, minute, 0};
    }
    slot->said++;
    if (slot->said > PER_MINUTE)
        left_out = -1;
    pthread_mutex_unlock(&mutex);
    return left_out;
}

/* Control characters and bytes above ASCII become \xNN; in a JSON string the backslash is doubled and the quote
 * escaped. */
static size_t escape(char *to, size_t size, const char *from, bool is_json)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;
    for (; *from && n + 6 < size; from++) {
        unsigned char c = (unsigned char)*from;
        bool is_plain = c >= 0x20 && c < 0x7f;
        if (is_json && (!is_plain || c == '\\' || c == '"'))
            to[n++] = '\\';
        if (is_plain) {
            to[n++] = (char)c;
        } else {
            to[n++] = '\\';
            to[n++] = 'x';
            to[n++] = hex[c >> 4];
            to[n++] = hex[c & 15];
        }
    }
    return n;
}

/* Up to where the message begins; the order is that of Elastic's logging libraries. */
static size_t head(char line[LINE_BYTES], enum log_level level, const char *room, enum err err)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char when[CLOCK_TEXT_BYTES];
    int n;
    clock_text(clock_wall_ms(), when);
    if (!log_is_json())
        n = snprintf(line, LINE_BYTES, "%s %-5s %s %s%s", when, names[level], room, err ? err_code(err) : "",
                     err ? " " : "");
    else
        n = snprintf(
            line, LINE_BYTES,
            "{\"@timestamp\":\"%s\",\"log.level\":\"%s\",\"ecs.version\":\"8.11.0\",\"service.name\":\"seismo\","
            "\"log.logger\":\"%s\",%s%s%s\"message\":\"",
            when, names[level], room, err ? "\"error.code\":\"" : "", err ? err_code(err) : "", err ? "\"," : "");
    return (size_t)n;
}

static void put(enum log_level level, const char *room, enum err err, const char *message, int left_out)
{
    char line[LINE_BYTES];
    bool is_json = log_is_json();
    size_t n = head(line, level, room, err);
    n += escape(line + n, sizeof line - n - 48, message, is_json);
    if (left_out > 0)
        n += (size_t)snprintf(line + n, sizeof line - n, " (and %d more like it)", left_out);
    n += (size_t)snprintf(line + n, sizeof line - n, "%s\n", is_json ? "\"}" : "");
    ssize_t written = write(STDERR_FILENO, line, n);
    (void)written; /* stderr may be gone; there is nobody left to tell */
}

void log_line(enum log_level level, const char *room, enum err err, const char *format, ...)
{
    if ((int)level < atomic_load(&lowest))
        return;
    int left_out = admit(format);
    if (left_out < 0)
        return;
    char message[LINE_BYTES / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    put(level, room, err, message, left_out);
}

void log_say(const char *format, ...)
{
    char message[LINE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (log_is_json()) {
        put(LOG_INFO, "main", ERR_OK, message, 0);
        return;
    }
    puts(message);
    fflush(stdout);
}
