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

static size_t escape(char *to, size_t size, const char *from)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;
    for (; *from && n + 5 < size; from++) {
        unsigned char c = (unsigned char)*from;
        if (c >= 0x20 && c < 0x7f) {
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

void log_line(enum log_level level, const char *room, enum err err, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if ((int)level < atomic_load(&lowest))
        return;
    int left_out = admit(format);
    if (left_out < 0)
        return;
    char message[LINE_BYTES / 2], line[LINE_BYTES], when[CLOCK_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    clock_text(clock_wall_ms(), when);
    int head = snprintf(line, sizeof line, "%s %-5s %s %s%s", when, names[level], room, err ? err_code(err) : "",
                        err ? " " : "");
    size_t n = (size_t)head + escape(line + head, sizeof line - (size_t)head - 48, message);
    if (left_out > 0)
        n += (size_t)snprintf(line + n, sizeof line - n, " (and %d more like it)", left_out);
    line[n++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, n);
    (void)written; /* stderr may be gone; there is nobody left to tell */
}
