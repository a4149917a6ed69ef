/* The subcommands beside `run`, and what all of them share. Each returns the program's exit code. */
#ifndef SEISMO_COMMANDS_H
#define SEISMO_COMMANDS_H

#include "bus/bus.h"
#include "config/config.h"
#include "store/store.h"

enum exit_code { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 64, EXIT_CONFIG = 78 };

int command_setup(const struct config *config, int argc, char **argv); /* commands_setup.c */
int command_drain(const struct config *config, int argc, char **argv); /* commands_drain.c */
int command_export(const struct config *config, int argc, char **argv);
int command_mark(const struct config *config, int argc, char **argv);         /* commands_mark.c */
int command_demo(const struct config *config, int argc, char **argv);         /* commands_demo.c */
int command_forget(const struct config *config, int argc, char **argv);       /* commands_forget.c */
int command_access(const struct config *config, int argc, char **argv);       /* access.c */
int command_reset_access(const struct config *config, int argc, char **argv); /* access.c */
int command_sourcemap(const struct config *config, int argc, char **argv);    /* commands_sourcemap.c */
int command_health(const struct config *config, int argc, char **argv);       /* commands_health.c */
int command_code(const struct config *config, int argc, char **argv);
int command_check_config(const struct config *config, int argc, char **argv);

/* Options of the seams from the settings; paths are borrowed from static memory. Makes data_dir. */
enum err options_of_bus(const struct config *config, struct bus_options *ret_options, struct err_text *text);
enum err options_of_store(const struct config *config, struct store_options *ret_options, struct err_text *text);

/* Where source maps are kept: sourcemaps.path, or a folder in data_dir. */
void folder_of_sourcemaps(const struct config *config, char *ret_folder, size_t size);

/* A name that this data_dir keeps over restarts, so that what a killed process left open on the bus ends at once; NULL
 * when another process that runs has the same data_dir, or the folder cannot be written. Static memory. */
const char *instance_of(const struct config *config);

/* Says what failed on stderr, in one line with its code. Returns EXIT_CONFIG when the configuration or the data folder
 * is what is wrong, EXIT_FAILED otherwise. */
int complain(const char *what, enum err err, const struct err_text *text);

#endif
