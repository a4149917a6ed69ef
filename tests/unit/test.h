/* What every unit test includes: cmocka and its prerequisites. */
#ifndef SEISMO_TESTS_TEST_H
#define SEISMO_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/slice.h"

#define assert_slice(expression, text) \
    do { \
        struct slice slice_ = (expression); \
        assert_int_equal(slice_.len, strlen(text)); \
        assert_memory_equal(slice_.at, text, slice_.len); \
    } while (0)

#endif
