/* What is known of one series: its newest windows one by one, and what is usual in BLOCKS blocks.
 *
 *   blocks (history_ms in tenths)                 recents (fine windows)
 *   |------|------|--- … ---|------|  <-- leave --|--|--|--|--|--|--|
 *                                                          [ judged ]
 * A window that leaves the recents is learnt, unless it is tainted. */
#include "detect/detect_int.h"

#include <stdlib.h>

void history_init(struct history *history, int64_t keep_ms, int64_t span_ms)
{
    *history = (struct history){.keep_ms = keep_ms, .span_ms = span_ms, .last_end_ms = NEVER};
    history->block_ms = keep_ms / BLOCKS > FINE_MS ? keep_ms / BLOCKS : FINE_MS;
}

void history_done(struct history *history)
{
    for (size_t i = 0; i < history->n_recents; i++)
        sample_done(&history->recents[i].sample);
    for (size_t i = 0; i < history->n_blocks; i++)
        sample_done(&history->blocks[i].sample);
    free(history->recents);
}

static void drop_block(struct history *history, size_t at)
{
    sample_done(&history->blocks[at].sample);
    memmove(&history->blocks[at], &history->blocks[at + 1], (--history->n_blocks - at) * sizeof history->blocks[0]);
}

/* Blocks stand in order of time. */
static struct block *get_block(struct history *history, int64_t number)
{
    size_t at = history->n_blocks;
    while (at && history->blocks[at - 1].number > number)
        at--;
    if (at && history->blocks[at - 1].number == number)
        return &history->blocks[at - 1];
    if (history->n_blocks == BLOCKS + 1) {
        if (at == 0)
            return NULL; /* older than all that is kept */
        drop_block(history, 0);
        at--;
    }
    memmove(&history->blocks[at + 1], &history->blocks[at], (history->n_blocks - at) * sizeof history->blocks[0]);
    history->n_blocks++;
    history->blocks[at].number = number;
    sample_init(&history->blocks[at].sample);
    return &history->blocks[at];
}

static bool is_excluded(const struct history *history, int64_t from_ms, int64_t to_ms)
{
    for (size_t i = 0; i < history->n_excluded; i++)
        if (from_ms < history->excluded[i].to_ms && to_ms > history->excluded[i].from_ms)
            return true;
    return false;
}

static void learn(struct history *history, const struct sample *sample)
{
    if (is_excluded(history, sample->first_ms, sample->end_ms))
        return;
    struct block *block = get_block(history, sample->first_ms / history->block_ms);
    if (block)
        sample_add(&block->sample, sample);
}

static void forget_old(struct history *history)
{
    while (history->n_blocks && history->blocks[0].sample.end_ms <= history->last_end_ms - history->keep_ms)
        drop_block(history, 0);
}

static void retire(struct history *history)
{
    size_t n = 0;
    while (n < history->n_recents && history->recents[n].sample.first_ms < history->last_end_ms - history->span_ms) {
        if (!history->recents[n].tainted)
            learn(history, &history->recents[n].sample);
        sample_done(&history->recents[n].sample);
        n++;
    }
    history->n_recents -= n;
    if (n)
        memmove(history->recents, history->recents + n, history->n_recents * sizeof *history->recents);
}

bool history_add(struct history *history, const struct rollup *rollup, bool frozen)
{
    if (rollup->start_ms < history->last_end_ms)
        return false;
    history->last_end_ms = rollup->start_ms + (int64_t)rollup->width_s * 1000;
    retire(history);
    if (!frozen)
        forget_old(history);
    if (history->n_recents == history->max_recents) {
        history->max_recents = history->max_recents ? history->max_recents * 2 : 8;
        history->recents = realloc(history->recents, history->max_recents * sizeof *history->recents);
        if (!history->recents)
            abort();
    }
    struct recent *recent = &history->recents[history->n_recents++];
    recent->tainted = false;
    sample_init(&recent->sample);
    sample_add_window(&recent->sample, rollup);
    return true;
}

void history_learn(struct history *history, const struct rollup *rollup)
{
    int64_t end_ms = rollup->start_ms + (int64_t)rollup->width_s * 1000;
    if (rollup->start_ms < history->last_end_ms)
        return;
    history->last_end_ms = end_ms;
    struct sample sample;
    sample_init(&sample);
    sample_add_window(&sample, rollup);
    learn(history, &sample);
    sample_done(&sample);
    forget_old(history);
}

void history_exclude(struct history *history, int64_t from_ms, int64_t to_ms)
{
    if (history->n_excluded == MAX_EXCLUDED)
        memmove(history->excluded, history->excluded + 1, --history->n_excluded * sizeof history->excluded[0]);
    history->excluded[history->n_excluded++] = (struct interval){from_ms, to_ms};
}

struct recent *history_newest(struct history *history)
{
    return history->n_recents ? &history->recents[history->n_recents - 1] : NULL;
}

void history_pool(const struct history *history, int64_t from_ms, int64_t to_ms, struct sample *ret_sample)
{
    for (size_t i = 0; i < history->n_recents; i++) {
        const struct sample *sample = &history->recents[i].sample;
        if (sample->first_ms >= from_ms && sample->first_ms < to_ms)
            sample_add(ret_sample, sample);
    }
}

void history_usual(const struct history *history, int64_t before_ms, struct sample *ret_sample)
{
    for (size_t i = 0; i < history->n_blocks; i++)
        sample_add(ret_sample, &history->blocks[i].sample);
    for (size_t i = 0; i < history->n_recents; i++)
        if (!history->recents[i].tainted && history->recents[i].sample.first_ms < before_ms)
            sample_add(ret_sample, &history->recents[i].sample);
}
