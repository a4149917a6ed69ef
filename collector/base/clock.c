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
    atomic_store(&fake_wall, wall_ms);
    atomic_store(&fake_mono, mono_ms); /* last: who reads it first has the wall time that belongs to it */
}

struct date {
    unsigned year, month, day;
};

/* Howard Hinnant's civil_from_days: of years that begin in March. */
static struct date date_of(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned in_era = (unsigned)(days - era * 146097);
    unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    unsigned in_year = in_era - (365 * year + year / 4 - year / 100), month = (5 * in_year + 2) / 153;
    unsigned day = in_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    return (struct date){(unsigned)(year + era * 400 + (month <= 2)), month, day};
}

/* So many digits and what follows them. */
static char *put(char *at, unsigned value, int digits, char then)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    at[digits] = then;
    return at + digits + 1;
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
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    struct date date = date_of(days);
    text = put(put(put(put(text, date.year, 4, '-'), date.month, 2, '-'), date.day, 2, 'T'), (unsigned)rest / 3600, 2,
               ':');
    text = put(put(put(text, (unsigned)rest / 60 % 60, 2, ':'), (unsigned)rest % 60, 2, '.'), (unsigned)ms, 3, 'Z');
    *text = '\0';
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
