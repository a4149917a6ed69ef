/* What may be learnt as usual: not what is slow, nor what came while the series, or the service as a whole, was in
 * trouble; unless that has gone on for so long that it is the usual by now. */
#include "detect/detect_int.h"

#define ACCEPT_SPANS 4 /* after that many history_ms of firing the new level is learnt */

/* What has been so for very long is the usual by now, whatever anybody thinks of it. */
bool learn_is_accepted(const struct detect *detect, const struct series *series)
{
    for (int kind = 0; series && kind < MACHINES; kind++)
        if (series->machines[kind].firing && series->history.last_end_ms != NEVER &&
            series->history.last_end_ms - series->machines[kind].opened_ms >= detect->options.history_ms * ACCEPT_SPANS)
            return true;
    return false;
}

bool series_is_firing(const struct series *series)
{
    return series && (series->machines[LATENCY].firing || series->machines[ERRORS].firing);
}

static bool is_excused(const struct detect *detect, const struct series *series)
{
    int64_t now_ms = series->history.last_end_ms;
    if (series_is_firing(series) || series_is_firing(detect_parent(detect, series)))
        return true;
    for (int kind = 0; kind < MACHINES; kind++) {
        int64_t since_ms = series->machines[kind].suspect_since_ms;
        if (since_ms != NEVER && now_ms - since_ms < detect->options.history_ms / 2)
            return true;
    }
    return false;
}

void learn_not_from(struct series *series, int64_t from_ms)
{
    for (size_t i = 0; i < series->history.n_recents; i++)
        if (series->history.recents[i].sample.first_ms >= from_ms)
            series->history.recents[i].tainted = true;
}

/* Looks at a new window by itself: was it bad; may it be learnt? */
static void look_at_window(const struct detect *detect, struct series *series, struct recent *recent,
                           const struct sample *usual)
{
    struct verdict verdict;
    for (int kind = 0; kind < MACHINES; kind++) {
        if (!series_has_machine(series, kind) || !assess_compare(detect, kind, &recent->sample, usual, &verdict) ||
            verdict.z < WEAK_Z * series->machines[kind].spread || verdict.ratio < detect->options.ratio)
            continue;
        series->machines[kind].last_bad_ms = recent->sample.end_ms;
        recent->tainted = true;
    }
}

void learn_windows(const struct detect *detect, struct series *series, const struct sample *usual)
{
    bool accepted = learn_is_accepted(detect, series) || learn_is_accepted(detect, detect_parent(detect, series));
    bool excused = is_excused(detect, series);
    for (size_t i = 0; i < series->history.n_recents; i++) {
        struct recent *recent = &series->history.recents[i];
        if (recent->sample.end_ms <= series->judged_ms)
            continue;
        recent->tainted = excused;
        look_at_window(detect, series, recent, usual);
        if (accepted)
            recent->tainted = false;
    }
}
