/* What check-config tells of settings that contradict each other. */
#ifndef SEISMO_CONTRADICTIONS_H
#define SEISMO_CONTRADICTIONS_H

#include "config/config.h"

/* Prints a line on stderr for each, with its place. True: with one of them Seismo would not start, or not work. */
bool contradictions_say(const struct config *config);

#endif
