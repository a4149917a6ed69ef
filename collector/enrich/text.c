#include "enrich/enrich_int.h"

/* How much of a slice fits without cutting a UTF-8 character in two. */
static size_t whole_characters(struct slice slice, size_t room)
{
    if (slice.len <= room)
        return slice.len;
    while (room && ((unsigned char)slice.at[room] & 0xc0) == 0x80)
        room--;
    return room;
}

void text_add_part(struct text *text, struct slice slice)
{
    if (text->full || slice.len == 0)
        return;
    size_t n = whole_characters(slice, text->max - text->len);
    memcpy(text->at + text->len, slice.at, n);
    text->len += n;
    text->full = n < slice.len;
}

bool slice_is_word(struct slice slice, const char *word)
{
    size_t i = 0;
    while (i < slice.len && word[i] && lower(slice.at[i]) == word[i])
        i++;
    return i == slice.len && !word[i];
}

bool slice_is_among(struct slice slice, const char *words)
{
    if (slice.len == 0)
        return false;
    char first = lower(slice.at[0]);
    for (const char *word = words + 1; *word; word++) {
        if (*word == first) {
            size_t i = 1;
            while (i < slice.len && lower(slice.at[i]) == word[i])
                i++;
            if (i == slice.len && word[i] == ' ')
                return true;
        }
        while (*word != ' ')
            word++;
    }
    return false;
}
