#include "assets.h"

/* Symbols of assets.S: first byte and the byte behind the last. */
#define ASSET(name) \
    extern const char seismo_##name##_begin[], seismo_##name##_end[]; \
    struct slice asset_##name(void) \
    { \
        return (struct slice){seismo_##name##_begin, (size_t)(seismo_##name##_end - seismo_##name##_begin)}; \
    }

ASSET(agent)
ASSET(agent_gzip)
ASSET(page_html)
ASSET(page_js)
ASSET(page_css)
