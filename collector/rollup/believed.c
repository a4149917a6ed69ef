#include "rollup/rollup_int.h"

#include "base/clock.h"
#include "base/log.h"

static bool is_near(int64_t a_ms, int64_t b_ms)
{
    return a_ms - b_ms <= CLOCK_STEP_MS && b_ms - a_ms <= CLOCK_STEP_MS;
}

static void begin_trial(struct believed *believed, int64_t apart_ms, int64_t steady_ms, int wait_ms)
{
    if (!believed->is_trial) {
        log_warn("rollup", ERR_OK, "the clock leapt by %lld s; the old time goes on until the new one has lasted %d s",
                 (long long)(apart_ms - believed->apart_ms) / 1000, wait_ms / 1000);
        believed->doubted_ms = steady_ms;
    }
    believed->is_trial = true;
    believed->trial_ms = apart_ms;
    believed->tried_ms = steady_ms;
}

bool believed_look(struct believed *believed, int wait_ms)
{
    int64_t steady_ms = clock_mono_ms(), apart_ms = clock_wall_ms() - steady_ms;
    if (!believed->is_set || is_near(apart_ms, believed->apart_ms)) {
        *believed = (struct believed){.is_set = true, .apart_ms = apart_ms};
        return true;
    }
    if (!believed->is_trial || !is_near(apart_ms, believed->trial_ms))
        begin_trial(believed, apart_ms, steady_ms, wait_ms);
    if (steady_ms - believed->tried_ms < wait_ms && steady_ms - believed->doubted_ms < 3 * (int64_t)wait_ms)
        return false;
    *believed = (struct believed){.is_set = true, .apart_ms = apart_ms};
    return true;
}

int64_t believed_now_ms(const struct believed *believed)
{
    return clock_mono_ms() + believed->apart_ms;
}

bool stage_await_time(const struct rollup_stage *stage, struct believed *believed)
{
    while (!believed_look(believed, stage_trial_ms(stage)) && !bus_is_shared(stage->options.bus)) {
        if (atomic_load(&stage->stopping))
            return false;
        stage_pause(stage, TRIAL_LOOK_MS);
    }
    return true;
}
