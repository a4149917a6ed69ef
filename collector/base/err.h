/* Every way in which something can fail, once: a name for the code, a stable number for people, a sentence.
 *
 * A function that can fail returns `enum err`; ERR_OK is zero. Where a person will read the cause it also
 * fills a `struct err_text`. A function either logs or returns its error, never both. The number (SE-NNNN)
 * is what answers, logs and docs/codes/ show; a number is never given a second meaning. */
#ifndef SEISMO_BASE_ERR_H
#define SEISMO_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

/* name, number, sentence: "what happened"; docs/codes/ says what to do. */
#define ERR_TABLE(X) \
    X(OK, 0, "all is well") \
    /* 1xxx: what a beacon or a request can have wrong */ \
    X(BAD_JSON, 1001, "the body is not valid JSON") \
    X(BAD_UTF8, 1002, "the body is not valid UTF-8") \
    X(TOO_DEEP, 1003, "the JSON is nested too deeply") \
    X(NOT_A_BEACON, 1004, "the body is JSON but not a beacon") \
    X(FIELD_MISSING, 1005, "a required field is missing") \
    X(FIELD_TYPE, 1006, "a field has the wrong type") \
    X(FIELD_RANGE, 1007, "a number is out of its range") \
    X(FIELD_LENGTH, 1008, "a string is shorter or longer than allowed") \
    X(FIELD_FORM, 1009, "a string has characters that its field does not allow") \
    X(TOO_MANY_EVENTS, 1010, "the beacon has more events than allowed") \
    X(NO_EVENTS, 1011, "the beacon has no events") \
    X(DUPLICATE_FIELD, 1012, "a field stands twice in one object") \
    X(NOT_AN_EVENT, 1013, "an element of events is not an object") \
    X(WRONG_SERVICE, 1014, "the key's application does not include this service") \
    X(TOO_MANY_FIELDS, 1015, "an object has more fields than allowed") \
    X(FIELD_VALUE, 1016, "a field has a value that is not one of those allowed") \
    X(EVENT_TOO_LARGE, 1017, "an event alone is larger than a record may be") \
    X(BODY_TOO_LARGE, 1101, "the body is larger than allowed") \
    X(INFLATED_TOO_LARGE, 1102, "the body inflates to more than allowed") \
    X(BAD_GZIP, 1103, "the body's gzip is damaged or cut short") \
    X(BAD_ENCODING, 1104, "this Content-Encoding is not supported") \
    X(BAD_CONTENT_TYPE, 1105, "this Content-Type is not supported") \
    X(EMPTY_BODY, 1106, "the body is empty") \
    X(NO_KEY, 1201, "the request carries no key") \
    X(UNKNOWN_KEY, 1202, "the key is not known here") \
    X(FORBIDDEN_ORIGIN, 1203, "the key may not be used from this origin") \
    X(NO_ORIGIN, 1204, "the application does not accept requests without an Origin") \
    X(RATE_ADDRESS, 1205, "this address sends faster than allowed") \
    X(RATE_KEY, 1206, "this key is used faster than allowed") \
    X(NOT_FOUND, 1301, "there is nothing at this address") \
    X(BAD_METHOD, 1302, "this address does not answer to this method") \
    X(BAD_PARAMETER, 1303, "a parameter of the request is wrong") \
    X(FORBIDDEN, 1304, "the request is not allowed") \
    X(FORBIDDEN_HOST, 1305, "the Host header is not one of this listener's names") \
    X(LINK, 1306, "the one-time link was used before, or is over") \
    /* 2xxx: our own limits and moments */ \
    X(AGAIN, 2001, "busy; try again shortly") \
    X(DRAINING, 2002, "shutting down; try another instance") \
    X(FULL, 2003, "no room left for what would have to be kept") \
    X(TIMED_OUT, 2004, "it took longer than allowed") \
    X(CLOSED, 2005, "it is closed") \
    X(CONFLICT, 2006, "somebody else changed it first") \
    X(FENCED, 2007, "this instance no longer owns the partition") \
    X(TOO_LARGE, 2008, "it is larger than its bound") \
    /* 3xxx: bus and store */ \
    X(BUS_OPEN, 3001, "the bus cannot be opened") \
    X(BUS_WRITE, 3002, "the bus did not take a record") \
    X(BUS_READ, 3003, "the bus cannot be read") \
    X(BUS_AUTH, 3004, "the bus refuses the credentials") \
    X(BUS_DIFFERS, 3005, "a topic is set up otherwise than wanted") \
    X(BUS_RETIRED, 3006, "a reader of the bus has not come back for long and is given up") \
    X(STORE_OPEN, 3101, "the store cannot be opened") \
    X(STORE_WRITE, 3102, "the store did not take a document") \
    X(STORE_READ, 3103, "the store cannot be read") \
    X(STORE_AUTH, 3104, "the store refuses the credentials") \
    X(STORE_BURST, 3105, "most of the last documents were refused; indexing pauses") \
    X(NEWER_VERSION, 3201, "it was written by a newer release") \
    X(CORRUPT, 3202, "it is damaged") \
    X(MISSING, 3203, "it does not exist") \
    /* 4xxx: configuration and the machine */ \
    X(CONFIG, 4001, "the configuration is wrong") \
    X(USAGE, 4002, "the command line is wrong") \
    X(LISTEN, 4003, "the address cannot be listened on") \
    X(IO, 4004, "reading or writing failed") \
    X(NO_MEMORY, 4005, "out of memory") \
    X(TLS, 4006, "the certificate or its key cannot be used") \
    X(GEO, 4007, "the file of countries cannot be read") \
    X(RELOAD, 4008, "the new configuration was not taken over") \
    X(RESTART, 4009, "a changed setting takes effect only after a restart") \
    X(FOLDER, 4010, "the folder for data cannot be used") \
    /* 5xxx: other people's services */ \
    X(HTTP, 5001, "the other side could not be reached") \
    X(HTTP_STATUS, 5002, "the other side answered with an error") \
    X(NOTIFY, 5101, "a notification was refused") \
    X(NOTIFY_RETRY, 5102, "a notification could not be delivered yet") \
    X(KIBANA, 5201, "Kibana did not take the dashboards") \
    X(KIBANA_AUTH, 5202, "Kibana refuses the credentials") \
    /* what Seismo says about itself */ \
    X(SELF_LAG, 5301, "Seismo is behind: records wait on the bus for too long") \
    X(SELF_SPOOL, 5302, "Seismo's spool is old or large") \
    X(SELF_STORE, 5303, "the store has taken nothing for too long") \
    X(SELF_TELLING, 5304, "messages to people have not arrived for too long") \
    X(SELF_REJECTS, 5305, "too much of what comes in is refused") \
    X(SELF_CLOCK, 5306, "too many events carry a time that cannot be right")

#define ERR_ENUM(name, number, sentence) ERR_##name,
enum err { ERR_TABLE(ERR_ENUM) ERR_COUNT };
#undef ERR_ENUM

/* A bounded sentence for a person: where, what, with which values. Always ended by NUL. */
struct err_text {
    char at[512];
};

int err_number(enum err err);           /* 1005 */
const char *err_code(enum err err);     /* "SE-1005"; static */
const char *err_name(enum err err);     /* "field_missing"; static, the label of metrics */
const char *err_sentence(enum err err); /* static */
/* Writes into text (NULL is allowed) and returns err, so that `return err_set(...)` reads well. */
enum err err_set(struct err_text *text, enum err err, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
