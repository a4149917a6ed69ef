/* A connection from accept to close: who is at the other end, and whether it may stay.
 *
 *   accept ──> under the maximum ──> PROXY header, if asked for ──> under the address' maximum ──> h2o
 *                   └────────────────────────┴─────────────────────────────┴── closed at once, counted */
#include "base/hash.h"
#include "base/log.h"
#include "serve/serve_int.h"

#define HEADER_MS 5000
#define OTHER_MS 15000 /* more than h2o gives to a handshake */
#define BUCKETS 1024

/* How many connections an address has open; only addresses that have one stand here, so that the total maximum bounds
 * the table too. */
struct tenant {
    struct tenant *next;
    struct address address; /* cut */
    int connections;
};

struct tenants {
    pthread_mutex_t mutex;
    struct tenant *buckets[BUCKETS];
};

struct tenants *tenants_new(void)
{
    struct tenants *tenants = calloc(1, sizeof *tenants);
    if (!tenants)
        abort();
    pthread_mutex_init(&tenants->mutex, NULL);
    return tenants;
}

void tenants_free(struct tenants *tenants)
{
    for (int i = 0; i < BUCKETS; i++)
        while (tenants->buckets[i]) { /* connections that did not close by the end */
            struct tenant *tenant = tenants->buckets[i];
            tenants->buckets[i] = tenant->next;
            free(tenant);
        }
    pthread_mutex_destroy(&tenants->mutex);
    free(tenants);
}

static struct tenant **find(struct tenants *tenants, const struct address *address)
{
    uint64_t hash = hash_keyed((struct slice){(const char *)address->bytes, sizeof address->bytes});
    struct tenant **at = &tenants->buckets[hash % BUCKETS];
    while (*at && memcmp((*at)->address.bytes, address->bytes, sizeof address->bytes) != 0)
        at = &(*at)->next;
    return at;
}

static struct address tenant_of(const struct connection *connection)
{
    struct address cut = connection->peer;
    address_cut(&cut, 32, 64);
    return cut;
}

static bool move_in(struct tenants *tenants, const struct address *address, int most)
{
    pthread_mutex_lock(&tenants->mutex);
    struct tenant **at = find(tenants, address), *tenant = *at;
    bool ok = !tenant || tenant->connections < most;
    if (!tenant) {
        *at = tenant = h2o_mem_alloc(sizeof *tenant);
        *tenant = (struct tenant){.address = *address};
    }
    tenant->connections += ok;
    pthread_mutex_unlock(&tenants->mutex);
    return ok;
}

static void move_out(struct tenants *tenants, const struct address *address)
{
    pthread_mutex_lock(&tenants->mutex);
    struct tenant **at = find(tenants, address), *tenant = *at;
    assert(tenant && tenant->connections > 0);
    if (--tenant->connections == 0) {
        *at = tenant->next;
        free(tenant);
    }
    pthread_mutex_unlock(&tenants->mutex);
}

static void on_close(void *at)
{
    struct connection *connection = at;
    struct loop *loop = connection->loop;
    if (connection->is_tenant) {
        struct address address = tenant_of(connection);
        move_out(loop->serve->tenants, &address);
    }
    if (h2o_linklist_is_linked(&connection->waiting))
        h2o_linklist_unlink(&connection->waiting);
    h2o_linklist_unlink(&connection->link);
    loop->connections--;
    atomic_fetch_sub(&loop->serve->connections, 1);
    metric_add(loop->serve->open, -1);
    free(connection);
}

static bool is_trusted(const struct connection *connection)
{
    const struct serve *serve = connection->loop->serve;
    int loop = (int)(connection->loop - serve->loops);
    return serve->options.trusts && connection->has_peer && serve->options.trusts(serve->ctx, loop, &connection->peer);
}

/* Behind a trusted proxy, and on this machine, many may share an address. */
static bool find_room(struct connection *connection)
{
    struct serve *serve = connection->loop->serve;
    int most = atomic_load(&serve->max_per_address);
    if (most == 0 || !connection->has_peer || address_is_loopback(&connection->peer) || is_trusted(connection))
        return true;
    struct address address = tenant_of(connection);
    return connection->is_tenant = move_in(serve->tenants, &address, most);
}

static void turn_away(h2o_socket_t *sock, const char *reason)
{
    metric_add(metric_get(METRIC_COUNTER, "seismo_connections_turned_away_total", "reason", reason,
                          "connections closed before their first request"),
               1);
    h2o_socket_close(sock);
}

static void say_full(const struct connection *connection)
{
    char text[ADDRESS_TEXT_BYTES];
    address_text(&connection->peer, text);
    log_warn("serve", ERR_RATE_ADDRESS,
             "%s has as many connections open as one address may: if it is a proxy of yours, name it as trusted", text);
}

static void admit(struct connection *connection, h2o_socket_t *sock)
{
    if (!find_room(connection)) {
        say_full(connection);
        turn_away(sock, "address_maximum");
        return;
    }
    tls_refresh(connection->loop);
    h2o_accept(&connection->loop->accept, sock);
}

static void on_header(h2o_socket_t *sock, const char *failed)
{
    struct connection *connection = sock->data;
    size_t used = 0;
    bool named = false;
    if (failed) {
        h2o_socket_close(sock);
        return;
    }
    switch (proxy_parse((struct slice){sock->input->bytes, sock->input->size}, &used, &named, &connection->peer)) {
    case PROXY_MORE: return;
    case PROXY_BAD: turn_away(sock, "proxy_header"); return;
    case PROXY_DONE: break;
    }
    h2o_socket_read_stop(sock);
    h2o_linklist_unlink(&connection->waiting);
    h2o_buffer_consume(&sock->input, used);
    admit(connection, sock);
}

static void wait_for_header(struct connection *connection, h2o_socket_t *sock)
{
    if (!is_trusted(connection)) {
        turn_away(sock, "proxy_untrusted");
        return;
    }
    connection->until_ms = serve_mono_ms() + HEADER_MS;
    sock->data = connection;
    h2o_linklist_insert(&connection->loop->waiting, &connection->waiting);
    h2o_socket_read_start(sock, on_header);
}

static void sweep_waiting(struct loop *loop, int64_t now_ms, bool stopping)
{
    for (h2o_linklist_t *at = loop->waiting.next, *next; at != &loop->waiting; at = next) {
        struct connection *connection = H2O_STRUCT_FROM_MEMBER(struct connection, waiting, at);
        next = at->next;
        if (stopping || now_ms >= connection->until_ms)
            turn_away(connection->sock, "proxy_timeout");
    }
}

/* h2o limits a handshake's time, but not that of a good-bye over TLS which nobody reads; at a stop neither may delay.
 */
void connections_sweep(struct loop *loop, int64_t now_ms, bool stopping)
{
    sweep_waiting(loop, now_ms, stopping);
    for (h2o_linklist_t *at = loop->all.next; at != &loop->all; at = at->next) {
        struct connection *connection = H2O_STRUCT_FROM_MEMBER(struct connection, link, at);
        bool speaks_http = connection->round == loop->round;
        if (speaks_http)
            connection->other_ms = 0;
        else if (connection->other_ms == 0)
            connection->other_ms = now_ms;
        if (!speaks_http && (stopping || now_ms - connection->other_ms > OTHER_MS))
            shutdown(h2o_socket_get_fd(connection->sock), SHUT_RDWR); /* h2o notices */
    }
}

static struct connection *connection_new(struct loop *loop, h2o_socket_t *sock)
{
    struct connection *connection = h2o_mem_alloc(sizeof *connection);
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    *connection = (struct connection){.loop = loop, .sock = sock};
    h2o_linklist_insert(&loop->all, &connection->link);
    connection->has_peer = getpeername(h2o_socket_get_fd(sock), (struct sockaddr *)&at, &len) == 0 &&
                           address_from_socket((struct sockaddr *)&at, &connection->peer);
    return connection;
}

void connection_take(struct loop *loop, h2o_socket_t *sock)
{
    struct serve *serve = loop->serve;
    if (atomic_fetch_add(&serve->connections, 1) >= serve->options.max_connections) {
        atomic_fetch_sub(&serve->connections, 1);
        metric_add(serve->surplus, 1);
        h2o_socket_close(sock);
        return;
    }
    struct connection *connection = connection_new(loop, sock);
    loop->connections++;
    metric_add(serve->open, 1);
    sock->on_close.cb = on_close;
    sock->on_close.data = connection;
    if (serve->options.proxy_protocol)
        wait_for_header(connection, sock);
    else
        admit(connection, sock);
}
