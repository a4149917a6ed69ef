/* Card numbers: 13 to 19 digits that begin as networks' numbers do and pass Luhn's check, whole or in groups.
 *
 * What may stand between groups is read through escapes of addresses, once or more: `%20`, `%2520`, `%C2%A0`. */
#include "enrich/enrich_int.h"

static const struct span nothing = {0, 0};

static bool begins_as_card(const char *digits, size_t n)
{
    char first = digits[0], second = digits[1];
    return n == 13   ? first == '4'
           : n == 14 ? first == '3' && (second == '0' || second == '6' || second == '8')
           : n == 15 ? first == '3' && (second == '4' || second == '7')
           : n == 16 ? first >= '2' && first <= '6'
                     : first == '4' || first == '6';
}

/* Beginnings that networks use, and Luhn's check: a time in ms or an id seldom passes both. */
bool redact_is_card(const char *digits, size_t n)
{
    if (!begins_as_card(digits, n))
        return false;
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned d = (unsigned)(digits[n - 1 - i] - '0') << (i % 2);
        sum += d > 9 ? d - 9 : d;
    }
    return sum % 10 == 0;
}

/* ---- bytes through escapes --------------------------------------------------------------------------------------- */

static unsigned hex_value(char c)
{
    return is_digit(c) ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a') + 10;
}

size_t redact_byte(struct slice t, size_t at, unsigned *ret_byte)
{
    if (at >= t.len)
        return 0;
    *ret_byte = (unsigned char)t.at[at];
    size_t end = at + 1;
    if (*ret_byte != '%')
        return 1;
    while (t.len - end >= 4 && t.at[end] == '2' && t.at[end + 1] == '5')
        end += 2;
    if (t.len - end < 2 || !is_hex(t.at[end]) || !is_hex(t.at[end + 1]))
        return 1;
    *ret_byte = hex_value(t.at[end]) * 16 + hex_value(t.at[end + 1]);
    return end + 2 - at;
}

bool redact_is_behind_percent(struct slice t, size_t at)
{
    if (at < 3 || !is_hex(t.at[at - 2]) || !is_hex(t.at[at - 1]))
        return false;
    size_t start = at - 2;
    while (start >= 2 && t.at[start - 2] == '2' && t.at[start - 1] == '5')
        start -= 2;
    return start >= 1 && t.at[start - 1] == '%';
}

/* ---- between the groups ------------------------------------------------------------------------------------------ */

/* U+2007 2009 2010 2011 2012 2013 202F, by the third of their bytes. */
static bool is_narrow(unsigned third)
{
    return third == 0x87 || third == 0x89 || (third >= 0x90 && third <= 0x93) || third == 0xaf;
}

size_t redact_separator(struct slice t, size_t at)
{
    unsigned first, second, third;
    size_t n = redact_byte(t, at, &first), n_second, n_third;
    if (n == 0 || first == ' ' || first == '-' || first == '+' || first == '.')
        return n;
    if ((first != 0xc2 && first != 0xe2) || !(n_second = redact_byte(t, at + n, &second)))
        return 0;
    n += n_second;
    if (first == 0xc2)
        return second == 0xa0 ? n : 0;
    n_third = second == 0x80 ? redact_byte(t, at + n, &third) : 0;
    return n_third && is_narrow(third) ? n + n_third : 0;
}

static bool is_line_or_tab(char c)
{
    return c == '\t' || c == '\n' || c == '\r';
}

/* One or two of them or the end of a cell, and a digit behind. */
static size_t separator(struct slice t, size_t at)
{
    bool cell = at < t.len && is_line_or_tab(t.at[at]);
    size_t n = cell ? 1 : redact_separator(t, at);
    if (n && !cell)
        n += redact_separator(t, at + n);
    return n && at + n < t.len && is_digit(t.at[at + n]) ? n : 0;
}

/* Amounts have points, tables have a number a cell: such groups are a card's only where they look like one. */
static bool holds_sign_of_lists(struct slice between)
{
    for (size_t i = 0; i < between.len; i++)
        if (between.at[i] == '.' || is_line_or_tab(between.at[i]))
            return true;
    return false;
}

/* ---- the number -------------------------------------------------------------------------------------------------- */

/* How cards print their groups: 4 4 4 4, 4 6 5; a date or a code may follow them. */
static bool is_printed(const size_t *groups, size_t n)
{
    if (n == 3)
        return groups[0] == 4 && groups[1] == 6 && groups[2] >= 4 && groups[2] <= 5;
    return (n == 1 && groups[0] <= 19) ||
           (n >= 4 && n <= 5 && groups[0] == 4 && groups[1] == 4 && groups[2] == 4 && groups[3] == 4);
}

/* `card4111…` is a word and a number; among the letters of a hexadecimal id there is none beyond f. */
static bool is_part_of_id(struct slice t, size_t at, int step)
{
    bool letters = false;
    for (size_t n = 0; n < 8 && at < t.len && is_letter(t.at[at]); n++, at += (size_t)step) {
        if ((t.at[at] | 32) > 'f')
            return false;
        letters = true;
    }
    return letters;
}

/* Not the decimals of a number, nor digits of an id. */
static bool stands_alone(struct slice t, size_t at, size_t end)
{
    bool begins = at == 0 || redact_is_behind_percent(t, at) || (t.at[at - 1] != '.' && !is_part_of_id(t, at - 1, -1));
    return begins && !is_part_of_id(t, end, 1);
}

/* The groups of digits from the place on. Gives where to look on: behind the card number, or behind the first group.
 * first: no group stands before; then any grouping counts, if the run ends with it and is no list. */
static size_t digits_end(struct slice t, size_t at, bool first, struct span *ret_span)
{
    char digits[MOST_CARD_DIGITS];
    size_t n = 0, n_groups = 0, groups[MOST_CARD_DIGITS + 1], end = at, first_end = 0;
    bool list = false;
    *ret_span = nothing;
    for (size_t next = at, skipped = 1; skipped; next = end + skipped) {
        size_t start = next;
        for (; next < t.len && is_digit(t.at[next]); next++, n++)
            if (n < sizeof digits)
                digits[n] = t.at[next];
        groups[n_groups++] = next - start;
        end = next;
        first_end = first_end ? first_end : end;
        if (n > sizeof digits || (!first && n != 4 && n_groups == 1 && n < FEWEST_CARD_DIGITS))
            break;
        skipped = separator(t, end);
        if (n >= FEWEST_CARD_DIGITS && (is_printed(groups, n_groups) || (first && !skipped && !list)) &&
            stands_alone(t, at, end) && redact_is_card(digits, n))
            *ret_span = (struct span){at, end};
        list = list || holds_sign_of_lists((struct slice){t.at + end, skipped});
    }
    return ret_span->end ? ret_span->end : first_end;
}

size_t card_find(struct slice t, size_t at, size_t before, struct span *ret_span)
{
    bool first = before > at || separator(t, before) != at - before;
    return digits_end(t, at, first, ret_span);
}
