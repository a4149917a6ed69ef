/* `seismo setup`: what the bus and the store need, and with --kibana the dashboards. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "kibana/kibana.h"

/* Says on stdout, a line each with its code, what was left as it is. */
static enum err say_differences(const struct bus_options *bus, int *ret_n, struct err_text *text)
{
    struct buf lines;
    buf_init(&lines, 65536);
    enum err err = bus_differences(bus, &lines, ret_n, text);
    for (struct slice left = buf_slice(&lines); !err && left.len;) {
        const char *end = memchr(left.at, '\n', left.len);
        printf("bus %s: %s %.*s\n", bus->kind, err_code(ERR_BUS_DIFFERS), (int)(end - left.at), left.at);
        left = (struct slice){end + 1, left.len - (size_t)(end + 1 - left.at)};
    }
    buf_done(&lines);
    return err;
}

static enum err setup_bus(const struct config *config, int *ret_differences, struct err_text *text)
{
    struct bus_options bus;
    enum err err = options_of_bus(config, &bus, text);
    if (!err)
        err = bus_setup(&bus, text);
    if (!err) {
        printf("bus %s: ready%s%s\n", bus.kind, text->at[0] ? "; " : "", text->at);
        text->at[0] = '\0';
        err = say_differences(&bus, ret_differences, text);
    }
    return err;
}

struct wanted {
    bool is_strict;
    const char *kibana, *space; /* NULL: not named */
};

static bool parse(int argc, char **argv, struct wanted *ret_wanted)
{
    *ret_wanted = (struct wanted){0};
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--strict") == 0)
            ret_wanted->is_strict = true;
        else if (strcmp(argv[i], "--kibana") == 0 && i + 1 < argc)
            ret_wanted->kibana = argv[++i];
        else if (strcmp(argv[i], "--space") == 0 && i + 1 < argc)
            ret_wanted->space = argv[++i];
        else
            return false;
    }
    return ret_wanted->kibana || !ret_wanted->space;
}

static enum err setup_store(const struct config *config, struct err_text *text)
{
    struct store_options store;
    enum err err = options_of_store(config, &store, text);
    if (!err)
        err = store_setup(&store, text);
    if (!err)
        printf("store %s: ready%s%s\n", store.kind, text->at[0] ? "; " : "", text->at);
    return err;
}

static enum err setup_kibana(const struct config *config, const struct wanted *wanted, struct err_text *text)
{
    struct kibana_options options = {
        .url = wanted->kibana,
        .space = wanted->space ? wanted->space : config_text(config, SETTING_KIBANA_SPACE),
        .api_key = config_text(config, SETTING_KIBANA_API_KEY),
        .user = config_text(config, SETTING_KIBANA_USER),
        .password = config_text(config, SETTING_KIBANA_PASSWORD),
        .ca_file = config_text(config, SETTING_KIBANA_CA_FILE),
    };
    text->at[0] = '\0';
    enum err err = kibana_import(&options, text);
    if (!err)
        printf("kibana %s\n", text->at);
    return err;
}

int command_setup(const struct config *config, int argc, char **argv)
{
    struct err_text text = {""};
    struct wanted wanted;
    int differences = 0;
    if (!parse(argc, argv, &wanted)) {
        fputs("usage: seismo setup [--config FILE] [--strict] [--kibana URL [--space ID]]\n", stderr);
        return EXIT_USAGE;
    }
    enum err err = setup_bus(config, &differences, &text);
    if (!err)
        err = setup_store(config, &text);
    if (!err && wanted.kibana)
        err = setup_kibana(config, &wanted, &text);
    if (err)
        return complain("setup", err, &text);
    return wanted.is_strict && differences ? EXIT_FAILED : EXIT_OK;
}
