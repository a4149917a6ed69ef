/* Settings: one table (settings_gen.h, made from schemas/config.schema.json), filled from defaults, then a YAML file,
 * then the environment.
 *
 * `SEISMO_` + the key's path in capitals with `_` for dots sets any key; KEY_file (or ..._FILE in the environment)
 * reads the value from a file, for secrets. Lists are YAML or JSON flow text in the environment, or words with commas.
 * Durations take ms, s, m, h, d; sizes take B, KiB, MiB, GiB; plain numbers are ms and bytes.
 * Errors name file:line:column, what was expected, and the nearest right name. Immutable once loaded; any thread. */
#ifndef SEISMO_CONFIG_CONFIG_H
#define SEISMO_CONFIG_CONFIG_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/settings_gen.h"
#include "event/application.h"

#define CONFIG_MAX_FILE_BYTES 1048576
#define CONFIG_MAX_APPLICATIONS 1000
#define CONFIG_MAX_LIST 200

#define SETTING_ENUM(name, ...) SETTING_##name,
enum setting { SETTINGS_TABLE(SETTING_ENUM) SETTING_COUNT };
#undef SETTING_ENUM

struct config;

/* file may be NULL: defaults and environment. environment is NULL-ended "NAME=value" (environ). ERR_CONFIG fills text.
 */
enum err config_load(struct config **ret_config, const char *file, const char *const *environment,
                     struct err_text *text);
void config_free(struct config *config); /* takes NULL */

const char *config_text(const struct config *config, enum setting setting); /* never NULL */
int64_t config_int(const struct config *config, enum setting setting);      /* numbers, ms, bytes, bool as 0 and 1 */
double config_real(const struct config *config, enum setting setting);
const char *const *config_list(const struct config *config, enum setting setting); /* NULL-ended, never NULL */
/* Where its value stands: "default", "FILE:3:5", "SEISMO_X". */
const char *config_source(const struct config *config, enum setting setting);
bool config_same(const struct config *a, const struct config *b, enum setting setting);
/* NULL and 0 when none is configured. */
const struct application *config_applications(const struct config *config, size_t *ret_n);
const char *config_key(enum setting setting); /* "listen.public"; static */
/* One setting a line, `key: value  # where it came from`; secrets as `***`. */
void config_print(const struct config *config, struct buf *buf);

#endif
