#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static _Atomic int64_t fake_wall = -1, fake_mono;

static int64_t real_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
    int64_t fake = atomic_load(&fake_wall);
    return fake >= 0 ? fake : real_ms(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
    return atomic_load(&fake_wall) >= 0 ? atomic_load(&fake_mono) : real_ms(CLOCK_MONOTONIC);
}

void clock_fake(int64_t wall_ms, int64_t mono_ms)
{
    atomic_store(&fake_mono, mono_ms);
    atomic_store(&fake_wall, wall_ms);
}

void clock_text(int64_t wall_ms, char text[CLOCK_TEXT_BYTES])
{
    const int64_t first = -62167219200000, last = 253402300799999; /* years 0 and 9999 */
    if (wall_ms < first)
        wall_ms = first;
    if (wall_ms > last)
        wall_ms = last;
    int64_t seconds = wall_ms / 1000, ms = wall_ms % 1000;
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    time_t t = (time_t)seconds;
    struct tm tm;
    gmtime_r(&t, &tm);
    snprintf(text, CLOCK_TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)(tm.tm_year + 1900) % 10000u,
             (unsigned)(tm.tm_mon + 1) % 100u, (unsigned)tm.tm_mday % 100u, (unsigned)tm.tm_hour % 100u,
             (unsigned)tm.tm_min % 100u, (unsigned)tm.tm_sec % 100u, (unsigned)ms % 1000u);
}

int64_t clock_parse(const char *text, size_t len)
{
    char copy[40];
    if (len >= sizeof copy || len < 20)
        return -1;
    memcpy(copy, text, len);
    copy[len] = '\0';
    struct tm tm = {0};
    const char *rest = strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest)
        return -1;
    int64_t ms = 0, scale = 100;
    if (*rest == '.')
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, scale /= 10)
            ms += (*rest - '0') * scale;
    if (strcmp(rest, "Z") != 0 && strcmp(rest, "+00:00") != 0)
        return -1;
    return (int64_t)timegm(&tm) * 1000 + ms;
}
