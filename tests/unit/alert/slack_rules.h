/* What Slack refuses, and what no message of ours may contain. The live page is at http://127.0.0.1:8081. */
#ifndef TESTS_UNIT_ALERT_SLACK_RULES_H
#define TESTS_UNIT_ALERT_SLACK_RULES_H

#include "unit/test.h"

#include <jansson.h>

static inline size_t characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* Every < is the beginning of our one kind of link, every & of an escape; no controls but the line end. */
static inline void check_text(const char *text, bool may_link)
{
    for (const char *at = text; *at; at++) {
        if (*at == '&' && strncmp(at, "&amp;", 5) != 0 && strncmp(at, "&lt;", 4) != 0 && strncmp(at, "&gt;", 4) != 0)
            fail_msg("a bare & in: %s", text);
        if (*at == '<' && (!may_link || strncmp(at, "<http://127.0.0.1:8081/", 23) != 0))
            fail_msg("markup in: %s", text);
        if ((unsigned char)*at < 0x20 && *at != '\n')
            fail_msg("a control character in: %s", text);
    }
    assert_null(strstr(text, "\xe2\x80\xae")); /* right to left */
    assert_null(strstr(text, "\xe2\x80\x8b")); /* nothing wide */
    size_t ticks = 0;
    for (const char *at = text; *at; at++)
        ticks += *at == '`';
    assert_int_equal(ticks % 2, 0);
}

static inline void check_object(json_t *object, const char *type, size_t most)
{
    assert_string_equal(json_string_value(json_object_get(object, "type")), type);
    const char *text = json_string_value(json_object_get(object, "text"));
    assert_non_null(text);
    assert_in_range(characters(text), 1, most);
    check_text(text, strcmp(type, "mrkdwn") == 0);
}

static inline void check_block(json_t *block)
{
    const char *type = json_string_value(json_object_get(block, "type"));
    if (strcmp(type, "header") == 0) {
        check_object(json_object_get(block, "text"), "plain_text", 150);
    } else if (strcmp(type, "section") == 0) {
        check_object(json_object_get(block, "text"), "mrkdwn", 3000);
    } else {
        assert_string_equal(type, "context");
        json_t *elements = json_object_get(block, "elements");
        assert_in_range(json_array_size(elements), 1, 10);
        for (size_t i = 0; i < json_array_size(elements); i++)
            check_object(json_array_get(elements, i), "mrkdwn", 2000);
    }
}

static inline void slack_check_message(struct slice message)
{
    json_error_t error;
    json_t *root = json_loadb(message.at, message.len, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        fail_msg("not JSON: %s", error.text);
    json_t *blocks = json_object_get(root, "blocks");
    assert_in_range(json_array_size(blocks), 1, 50);
    for (size_t i = 0; i < json_array_size(blocks); i++)
        check_block(json_array_get(blocks, i));
    const char *text = json_string_value(json_object_get(root, "text"));
    assert_non_null(text);
    assert_in_range(characters(text), 1, 4000);
    check_text(text, false);
    json_decref(root);
}

#endif
