/* Starts and stops the two stages: partial.c and merge.c. */
#include "rollup/rollup_int.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

#define HISTORY_MS 1800000

int stage_trial_ms(const struct rollup_stage *stage)
{
    return stage->options.close_wait_ms / 3;
}

void stage_pause(const struct rollup_stage *stage, int ms)
{
    for (int left = ms; left > 0 && !atomic_load(&stage->stopping); left -= 20) {
        struct timespec pause = {0, 20 * 1000000L};
        nanosleep(&pause, NULL);
    }
}

void stage_halted(const struct rollup_stage *stage)
{
    if (stage->options.halted)
        stage->options.halted(stage->options.ctx);
}

enum err rollup_start(struct rollup_stage **ret_stage, const struct rollup_options *options, struct err_text *text)
{
    struct rollup_stage *stage = calloc(1, sizeof *stage);
    if (!stage)
        abort();
    stage->options = *options;
    if (stage->options.history_ms <= 0)
        stage->options.history_ms = HISTORY_MS;
    enum err err = ERR_OK;
    if (stage->options.stages != ROLLUP_PARTIAL)
        err = merge_start(&stage->merge, stage, text);
    if (err == ERR_OK && stage->options.stages != ROLLUP_MERGE)
        err = partial_start(&stage->partial, stage, text);
    if (err != ERR_OK) {
        rollup_stop(stage);
        return err;
    }
    *ret_stage = stage;
    return ERR_OK;
}

void rollup_halt(struct rollup_stage *stage)
{
    if (stage)
        atomic_store(&stage->stopping, true);
}

void rollup_stop(struct rollup_stage *stage)
{
    if (!stage)
        return;
    rollup_halt(stage);
    partial_stop(stage->partial);
    merge_stop(stage->merge);
    free(stage);
}

void rollup_open_windows(struct rollup_stage *stage, int32_t width_s,
                         void (*each)(void *ctx, const struct rollup *rollup), void *ctx)
{
    if (stage->merge)
        merge_open_windows(stage->merge, width_s, each, ctx);
}
