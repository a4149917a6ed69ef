#include "assets.h"

/* Symbols of assets.S: the bytes, and how many. */
#define ASSET(name) \
    extern const char seismo_##name[]; \
    extern const size_t seismo_##name##_size; \
    struct slice asset_##name(void) \
    { \
        return (struct slice){seismo_##name, seismo_##name##_size}; \
    }

ASSET(agent)
ASSET(agent_gzip)
ASSET(page_html)
ASSET(page_js)
ASSET(page_css)
ASSET(live_api)
