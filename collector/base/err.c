#include "base/err.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>

#define ERR_ROW(name, number, sentence) {number, "SE-" #number, #name, sentence},
static const struct {
    int number;
    const char *code, *name, *sentence;
} errors[ERR_COUNT] = {ERR_TABLE(ERR_ROW)};
#undef ERR_ROW

static char lower_names[ERR_COUNT][32];

__attribute__((constructor)) static void lower_all(void)
{
    for (int i = 0; i < ERR_COUNT; i++)
        for (size_t j = 0; j < sizeof lower_names[i] - 1 && errors[i].name[j]; j++)
            lower_names[i][j] = (char)tolower((unsigned char)errors[i].name[j]);
}

int err_number(enum err err)
{
    assert(err < ERR_COUNT);
    return errors[err].number;
}

const char *err_code(enum err err)
{
    assert(err < ERR_COUNT);
    return errors[err].code;
}

const char *err_name(enum err err)
{
    assert(err < ERR_COUNT);
    return lower_names[err];
}

const char *err_sentence(enum err err)
{
    assert(err < ERR_COUNT);
    return errors[err].sentence;
}

enum err err_set(struct err_text *text, enum err err, const char *format, ...)
{
    if (!text)
        return err;
    va_list args;
    va_start(args, format);
    vsnprintf(text->at, sizeof text->at, format, args);
    va_end(args);
    return err;
}
