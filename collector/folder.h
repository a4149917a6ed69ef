/* The folder for data: made when it is missing, and known to be ours before anything is opened in it.
 *
 * Start only. Where it is not ours the text says who owns it, who we are, and what to type. */
#ifndef SEISMO_FOLDER_H
#define SEISMO_FOLDER_H

#include "base/err.h"

#define FOLDER_BYTES 1024 /* of a path, with its NUL */

/* mkdir -p with mode 0700; ERR_CONFIG: the path is too long; ERR_FOLDER: it cannot be made, or we may not read and
 * write it or what lies in it. */
enum err folder_make(const char *path, struct err_text *text);

#endif
