/* Who was forgotten while the bus still held something of them: it is read, counted and not stored. */
#include "base/clock.h"
#include "base/log.h"
#include "index/index_int.h"

/* What cannot be read now is asked for again; until then what was known holds. Returns what the store said. */
static enum err look(struct forgetting *forgetting, struct store *store)
{
    struct buf value;
    struct forgotten fresh = {.n = 0};
    uint64_t version = 0;
    buf_init(&value, STORE_STATE_BYTES);
    enum err said = store_state_get(store, FORGOTTEN_KEY, &value, &version), err = said;
    if (err == ERR_OK && version != forgetting->version)
        err = forgotten_read(buf_slice(&value), &fresh);
    else if (err == ERR_OK || err == ERR_MISSING)
        err = ERR_MISSING; /* nothing new */
    buf_done(&value);
    if (err == ERR_OK) {
        forgotten_done(&forgetting->known);
        forgetting->known = fresh;
        forgetting->version = version;
        log_info("index", "users were forgotten (%zu marks): what the bus still holds of them is not stored", fresh.n);
    } else if (err != ERR_MISSING) {
        log_warn("index", err, "who was forgotten cannot be read; it is tried again");
    }
    return said == ERR_MISSING ? ERR_OK : said;
}

enum err forgetting_look(struct forgetting *forgetting, struct store *store)
{
    int64_t now_ms = clock_mono_ms();
    if (forgetting->looked_ms && now_ms - forgetting->looked_ms < FORGOTTEN_LOOK_MS)
        return ERR_OK;
    return forgetting_look_now(forgetting, store);
}

enum err forgetting_look_now(struct forgetting *forgetting, struct store *store)
{
    int64_t now_ms = clock_mono_ms();
    enum err err = look(forgetting, store);
    if (!err)
        forgetting->looked_ms = now_ms;
    return err;
}

bool forgetting_has(const struct forgetting *forgetting, const struct record *record)
{
    if (!forgotten_has(&forgetting->known, record))
        return false;
    METRIC_ADD("seismo_forgotten_total",
               "events that were read from the bus and not stored, as their user was forgotten",
               (int64_t)record->n_facts);
    return true;
}
