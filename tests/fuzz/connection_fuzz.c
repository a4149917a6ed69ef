/* Any bytes as the beginning of a connection: a PROXY header, a request's head, an address. Never a byte too far, the
 * same verdict for the same bytes, and a header that is whole is no other when more follows. */
#include <assert.h>
#include <stdlib.h>

#include "serve/serve_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = {(const char *)data, size};
    struct address source = {{0}}, again = {{0}};
    struct network network;
    size_t used = 0, used_again = 0;
    bool named = false, named_again = false;
    if (proxy_parse(input, &used, &named, &source) == PROXY_DONE) {
        assert(used > 0 && used <= size);
        assert(proxy_parse((struct slice){input.at, used}, &used_again, &named_again, &again) == PROXY_DONE);
        assert(used == used_again && named == named_again && memcmp(&source, &again, sizeof source) == 0);
    }
    framing_is_plain(input, 0x101);
    if (address_parse(input, &source)) {
        char text[ADDRESS_TEXT_BYTES];
        address_text(&source, text);
        assert(address_parse(slice_of(text), &again) && memcmp(&source, &again, sizeof source) == 0);
    }
    network_parse(input, &network);
    return 0;
}
