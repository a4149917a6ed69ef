/* What Seismo says while it works: one line on stderr each, `time level room code message`, or a JSON object with the
 * names of the Elastic Common Schema.
 *
 * Any thread. Control characters and bytes that are not UTF-8 are escaped, so that nothing from a page can
 * reach a terminal. A line is at most 2 kB. Callers never pass secrets. An identical message (same room and
 * format) is printed at most ten times a minute; the count of what was left out follows. */
#ifndef SEISMO_BASE_LOG_H
#define SEISMO_BASE_LOG_H

#include <stdbool.h>

#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_set_level(enum log_level level); /* default LOG_INFO */
void log_set_json(bool is_json);          /* default false; before the first thread */
bool log_is_json(void);
/* What a person at a terminal is to read or to copy: a line on stdout, as it is; with JSON a line of the log. */
void log_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* err is ERR_OK where no code applies. */
void log_line(enum log_level level, const char *room, enum err err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define log_debug(room, ...) log_line(LOG_DEBUG, room, ERR_OK, __VA_ARGS__)
#define log_info(room, ...) log_line(LOG_INFO, room, ERR_OK, __VA_ARGS__)
#define log_warn(room, err, ...) log_line(LOG_WARN, room, err, __VA_ARGS__)
#define log_error(room, err, ...) log_line(LOG_ERROR, room, err, __VA_ARGS__)

#endif
