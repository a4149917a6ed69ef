/* Made by schemas/generate.mjs from schemas/commands.json; do not edit. */
#ifndef SEISMO_COMMANDS_GEN_H
#define SEISMO_COMMANDS_GEN_H

/* X(name, function, usage) of each command. */
/* clang-format off */
#define COMMANDS(X) \
    X("run", command_run, "[--roles LIST]: take beacons in, store them, show them, tell people") \
    X("setup", command_setup, "[--strict] [--kibana URL] [--space ID]: make what the bus and the store need: topics, templates, tables; import the dashboards; may be repeated") \
    X("check-config", command_check_config, "[--print]: check the configuration and stop") \
    X("health", command_health, "ask the instance of this configuration whether it is ready; 0 when it is") \
    X("drain", command_drain, "bring to Kafka what an instance that is no more has left in its folder, and stop") \
    X("export", command_export, "[--service S] [--session ID] [--since TIME] [--windows 10|60]: stored documents, one a line") \
    X("mark", command_mark, "deploy NAME [--application A] [--service S] [--environment E]: a mark on every chart") \
    X("demo", command_demo, "[--remove] [--sessions N]: fill the stopped store with 24 hours of marked sample data, or take it out again") \
    X("forget", command_forget, "--user ID [--application A] [--dry-run]: remove a user from the store") \
    X("access", command_access, "print a one-time link to the live page") \
    X("reset-access", command_reset_access, "end all sessions and links of the live page, print a new link") \
    X("sourcemap", command_sourcemap, "upload FILE|FOLDER... --release R [--url-prefix P] [--url U] [--token T]: keep source maps, by which stacks are shown") \
    X("code", command_code, "read messages from stdin, print each one's error code")
/* clang-format on */

#endif
