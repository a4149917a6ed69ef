/* `seismo forget`: removes a user from the store, whether Seismo runs or not. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "event/forgotten.h"

#define USER_BYTES 1024 /* at most; the wire's bound is below it */
#define SETTLE_MS (2 * FORGOTTEN_LOOK_MS + 500)
#define KEEP_MS (INT64_C(90) * 86400000)

static bool parse_forget(int argc, char **argv, struct store_forgetting *forgetting)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--dry-run") == 0)
            forgetting->is_trial = true;
        else if (i + 1 < argc && strcmp(argv[i], "--user") == 0)
            forgetting->user = slice_of(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--application") == 0)
            forgetting->application = slice_of(argv[++i]);
        else
            return false;
    }
    return forgetting->user.len > 0 && forgetting->user.len <= USER_BYTES;
}

/* Longer than any bus that we know of keeps a record. */
static int64_t keep_ms(const struct config *config)
{
    int64_t kafka_ms = 2 * config_int(config, SETTING_KAFKA_RETENTION_MS);
    return kafka_ms > KEEP_MS ? kafka_ms : KEEP_MS;
}

static void say(const struct store_forgetting *forgetting, const struct store_forgotten *forgotten, const char *kind)
{
    const char *word = forgetting->is_trial ? "would be removed" : "removed";
    if (forgotten->events || forgotten->rejects)
        printf("store %s: %llu events of %llu sessions and %llu rejects %s%s\n", kind,
               (unsigned long long)forgotten->events, (unsigned long long)forgotten->sessions,
               (unsigned long long)forgotten->rejects, word, forgotten->is_more ? ", and more than these" : "");
    else
        printf("store %s: nothing of this user is stored\n", kind);
    if (forgotten->aside)
        printf(
            "store %s: %llu damaged files set aside (*.corrupt-*) cannot be looked through; they go with the "
            "retention, or delete them\n",
            kind, (unsigned long long)forgotten->aside);
    if (!forgetting->is_trial)
        puts("bus: what it still holds of this user will not be stored (docs/privacy.md)");
}

int command_forget(const struct config *config, int argc, char **argv)
{
    struct store_forgetting forgetting = {.settle_ms = SETTLE_MS, .keep_ms = keep_ms(config)};
    struct store_forgotten forgotten;
    struct store_options options;
    struct store *store = NULL;
    struct err_text text = {""};
    if (!parse_forget(argc, argv, &forgetting)) {
        fputs("usage: seismo forget [--config FILE] --user ID [--application NAME] [--dry-run]\n", stderr);
        return EXIT_USAGE;
    }
    enum err err = options_of_store(config, &options, &text);
    if (!err)
        err = store_open(&store, &options, &text);
    if (!err)
        err = store_forget(store, &forgetting, &forgotten, &text);
    store_close(store);
    if (err)
        return complain("forget", err, &text);
    say(&forgetting, &forgotten, options.kind);
    return EXIT_OK;
}
