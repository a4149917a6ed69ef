/* The client's address, without what would tell one person from another. */
#include <arpa/inet.h>

#include "ingest/ingest_int.h"

void client_truncate(struct slice address, char ret_text[CLIENT_BYTES])
{
    char text[CLIENT_BYTES];
    unsigned char bytes[16];
    ret_text[0] = '\0';
    if (address.len >= sizeof text)
        return;
    if (address.len)
        memcpy(text, address.at, address.len);
    text[address.len] = '\0';
    char *zone = strchr(text, '%');
    if (zone)
        *zone = '\0';
    const char *mapped = strncmp(text, "::ffff:", 7) == 0 && strchr(text, '.') ? text + 7 : text;
    if (inet_pton(AF_INET, mapped, bytes) == 1) {
        bytes[3] = 0;
        inet_ntop(AF_INET, bytes, ret_text, CLIENT_BYTES);
    } else if (inet_pton(AF_INET6, text, bytes) == 1) {
        memset(bytes + 6, 0, 10);
        inet_ntop(AF_INET6, bytes, ret_text, CLIENT_BYTES);
    }
}
