/* Any bytes as a path or address: a name of at most 200 bytes without control characters. */
#include <assert.h>

#include "enrich/enrich.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const routes[] = {"/product/:slug", "/docs/*", "/:a/b", NULL};
static const struct application shop = {.name = "shop", .routes = routes};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf name;
    buf_init(&name, 4096);
    enrich_route(&shop, (struct slice){(const char *)data, size}, &name);
    assert(name.len <= 200);
    for (size_t i = 0; i < name.len; i++)
        assert((unsigned char)name.at[i] >= 0x20 && name.at[i] != 0x7f);
    buf_done(&name);
    return 0;
}
