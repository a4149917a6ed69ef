/* Inside the room: the filled table, and what its files share. */
#ifndef SEISMO_CONFIG_CONFIG_INT_H
#define SEISMO_CONFIG_CONFIG_INT_H

#include "base/arena.h"
#include "config/config.h"

enum setting_type { TYPE_STRING, TYPE_INT, TYPE_REAL, TYPE_BOOL, TYPE_MS, TYPE_BYTES, TYPE_LIST };

struct setting_row {
    const char *key;
    enum setting_type type;
    const char *initial; /* as it would stand in the file */
    double min, max;
    const char *unit;
    const char *words; /* "sqlite|kafka"; empty: any text */
    bool secret;
    const char *sentence;
};
extern const struct setting_row setting_rows[SETTING_COUNT];

struct value {
    const char *text;        /* STRING */
    double number;           /* all numbers; BOOL as 0 and 1 */
    const char *const *list; /* LIST */
    const char *source;      /* "default", "FILE:3:5", "SEISMO_X" */
};

struct config {
    struct arena *arena;
    struct value values[SETTING_COUNT];
    struct application *applications;
    size_t n_applications;
};

/* Where something stands, for errors and for `source`: "seismo.yaml:3:5" or "SEISMO_LISTEN_PUBLIC". */
struct place {
    const char *text;
};

char *config_copy(struct config *config, struct slice text); /* in the arena, ended by NUL */
/* Sets one setting from text, checked against its type and bounds. */
enum err config_set(struct config *config, enum setting setting, struct slice text, struct place place,
                    struct err_text *error);
enum err config_set_list(struct config *config, enum setting setting, const char *const *list, struct place place);
/* Reads a file whose path a KEY_file names; one trailing newline is cut off. */
enum err config_set_from_file(struct config *config, enum setting setting, const char *path, struct place place,
                              struct err_text *error);
/* The setting of that key, or SETTING_COUNT. */
enum setting config_find(struct slice key);
/* The nearest of the candidates by edit distance, NULL when none is near. */
const char *config_nearest(struct slice word, const char *const *candidates, size_t n);
const char *config_nearest_key(struct slice key);
/* YAML text into config; name stands in errors. One setting's value alone when only < SETTING_COUNT; the list of
 * applications alone when only = SETTING_COUNT; a whole file when only = -1. */
#define YAML_WHOLE_FILE (-1)
enum err config_read_yaml(struct config *config, struct slice text, const char *name, int only, struct err_text *error);

#endif
