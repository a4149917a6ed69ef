/* The two clocks, replaceable by tests. Any thread. */
#ifndef SEISMO_BASE_CLOCK_H
#define SEISMO_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_wall_ms(void); /* ms since the epoch; may jump */
int64_t clock_mono_ms(void); /* ms since some start; never goes back */
/* Tests only: both clocks stand at these values until the next call; a negative wall time gives the real ones back. */
void clock_fake(int64_t wall_ms, int64_t mono_ms);
/* "2026-11-22T13:37:00.123Z" (RFC 3339); text holds 25 bytes and more. Years 0 to 9999, others are clamped. */
#define CLOCK_TEXT_BYTES 32
void clock_text(int64_t wall_ms, char text[CLOCK_TEXT_BYTES]);
/* The reverse, for our own texts and RFC 3339 in UTC; -1 if it is not one. */
int64_t clock_parse(const char *text, size_t len);

#endif
