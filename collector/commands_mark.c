/* `seismo mark deploy NAME`: a mark on every chart, from where one deploys. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "commands.h"
#include "event/deploys.h"
#include "reload.h"
static bool put_name(char to[DEPLOYS_NAME_BYTES], const char *from)
{
    if (!*from || strlen(from) >= DEPLOYS_NAME_BYTES)
        return false;
    for (const char *at = from; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return false;
    strcpy(to, from);
    return true;
}

static bool parse_mark(int argc, char **argv, struct deploy *deploy)
{
    if (argc < 2 || strcmp(argv[0], "deploy") != 0 || argc % 2 || !put_name(deploy->name, argv[1]))
        return false;
    for (int i = 2; i < argc; i += 2) {
        bool good = strcmp(argv[i], "--application") == 0   ? put_name(deploy->application, argv[i + 1])
                    : strcmp(argv[i], "--service") == 0     ? put_name(deploy->service, argv[i + 1])
                    : strcmp(argv[i], "--environment") == 0 ? put_name(deploy->environment, argv[i + 1])
                                                            : false;
        if (!good)
            return false;
    }
    return true;
}

int command_mark(const struct config *config, int argc, char **argv)
{
    struct deploy deploy = {.at_ms = clock_wall_ms(), .by = "seismo mark"};
    struct store_options options;
    struct store *store = NULL;
    struct err_text text = {""};
    if (!parse_mark(argc, argv, &deploy)) {
        fputs("usage: seismo mark [--config FILE] deploy NAME [--application A] [--service S] [--environment E]\n",
              stderr);
        return EXIT_USAGE;
    }
    enum err err = options_of_store(config, &options, &text);
    if (!err)
        err = store_open(&store, &options, &text);
    if (!err)
        err = store_state_change(store, DEPLOYS_KEY, deploys_change, &deploy);
    store_close(store);
    if (err)
        return complain("mark", err, &text);
    printf("marked %s\n", deploy.name);
    return EXIT_OK;
}
