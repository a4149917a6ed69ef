/* `seismo health`: is the instance of this configuration ready? For health checks of containers, which have no curl. */
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "commands.h"
#include "http/http.h"

#define TIMEOUT_MS 3000
#define ANSWER_BYTES 65536
#define URL_BYTES 512

/* The inner listener's address; one on every interface answers on loopback as well. */
static void find_url(const struct config *config, char ret_url[URL_BYTES])
{
    const char *address = config_text(config, SETTING_LISTEN_INNER), *bracket = strrchr(address, ']');
    const char *colon = strrchr(bracket ? bracket : address, ':');
    char host[ADDRESS_HOST_BYTES];
    address_to_reach(address, host);
    snprintf(ret_url, URL_BYTES, "http://%s%s/readyz", host, colon ? colon : ":8081");
}

static int ask(const char *url)
{
    struct http_client *client = http_client_new(&(struct http_options){
        .connect_timeout_ms = TIMEOUT_MS, .timeout_ms = TIMEOUT_MS, .max_response = ANSWER_BYTES});
    struct http_response response;
    struct err_text text = {""};
    http_response_init(&response, ANSWER_BYTES);
    int code = EXIT_OK;
    enum err err = http_send(client, &(struct http_request){.method = "GET", .url = url}, &response, &text);
    if (err) {
        code = complain("health", err, &text);
    } else {
        code = response.status == 200 ? EXIT_OK : EXIT_FAILED;
        fprintf(code ? stderr : stdout, "%.*s\n", (int)response.body.len, response.body.len ? response.body.at : "");
    }
    http_response_done(&response);
    http_client_free(client);
    return code;
}

int command_health(const struct config *config, int argc, char **argv)
{
    char url[URL_BYTES];
    (void)argv;
    if (argc) {
        fputs("usage: seismo health [--config FILE]\n", stderr);
        return EXIT_USAGE;
    }
    find_url(config, url);
    return ask(url);
}
