/* What SIGHUP changes while everything runs: applications, paces, trusted proxies, the file of countries, the
 * certificate, the log's level. The rest needs a restart, and is named. */
#ifndef SEISMO_RELOAD_H
#define SEISMO_RELOAD_H

#include "config/config.h"
#include "ingest/ingest.h"

/* With no application configured anyone on this machine may try: key "demo", loopback only if the public listener is
 * this instance's (is_public). */
enum err applications_of(const struct config *config, bool is_public, const struct application **ret_applications,
                         size_t *ret_n, struct err_text *text);
/* The rules in a configuration; they borrow from it. text names the place. */
enum err rules_of(const struct config *config, struct ingest_rules *ret_rules, struct err_text *text);
/* Puts in front of text where the setting stands that err is about. */
void reload_say_where(const struct config *config, enum err err, struct err_text *text);
void reload_log_level(const struct config *config);
/* Reads file (NULL: none) and the environment again. running is what the program started with. What is wrong is logged
 * and counted, and then nothing changes. ingest may be NULL. One thread. */
void reload(const struct config *running, const char *file, struct ingest *ingest);

#endif
