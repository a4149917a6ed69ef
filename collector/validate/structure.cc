/* The one file that knows simdjson.
 *
 * simdjson's first stage finds every structural character with SIMD and checks UTF-8 and the strings on the way; what
 * stands at those places is checked by cursor.c. Its second stage and On-Demand are not used: On-Demand leaves
 * what is not read unchecked, and the bytes of every event are handed on as they are, so all of them have to be read.
 */
#include <charconv>
#include <cmath>
#include <memory>

#include <simdjson.h>

extern "C" {
#include "validate/validate_int.h"
}

namespace
{

/* Grows with the largest body seen by this thread: 4 bytes a byte of body. */
struct scanner {
    std::unique_ptr<simdjson::internal::dom_parser_implementation> implementation;
    size_t capacity = 0;
};
thread_local scanner own;

simdjson::error_code reserve(size_t bytes)
{
    if (bytes < own.capacity)
        return simdjson::SUCCESS;
    size_t capacity = own.capacity ? own.capacity : 16384;
    while (capacity <= bytes)
        capacity *= 2;
    own.capacity = 0;
    simdjson::error_code error = simdjson::get_active_implementation()->create_dom_parser_implementation(
        capacity, VALIDATE_MAX_DEPTH, own.implementation);
    if (!error)
        own.capacity = capacity;
    return error;
}

} // namespace

enum err structure_find(struct slice bytes, const uint32_t **ret_places, struct err_text *text)
{
    simdjson::error_code error = reserve(bytes.len);
    if (!error)
        error = own.implementation->stage1(reinterpret_cast<const uint8_t *>(bytes.at), bytes.len,
                                           simdjson::stage1_mode::regular);
    if (error) {
        enum err err = error == simdjson::UTF8_ERROR ? ERR_BAD_UTF8
                       : error == simdjson::MEMALLOC ? ERR_NO_MEMORY
                                                     : ERR_BAD_JSON;
        return err_set(text, err, "%s", simdjson::error_message(error));
    }
    uint32_t *places = own.implementation->structural_indexes.get();
    size_t n = own.implementation->n_structural_indexes;
    places[n] = places[n + 1] = static_cast<uint32_t>(bytes.len); /* simdjson keeps room for them */
    *ret_places = places;
    return ERR_OK;
}

double structure_number(struct slice text)
{
    double number = HUGE_VAL;
    std::from_chars(text.at, text.at + text.len, number); /* untouched when no double holds it */
    return number;
}
