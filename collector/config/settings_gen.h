/* Made by schemas/generate.mjs from schemas/config.schema.json; do not edit. */
/* clang-format off */
#ifndef SEISMO_CONFIG_SETTINGS_GEN_H
#define SEISMO_CONFIG_SETTINGS_GEN_H

/* name, key, type, default as it would stand in the file, least, most (equal: no bounds), unit, words allowed (empty: any), secret, sentence */
#define SETTINGS_TABLE(X) \
    X(ROLES, "roles", STRING, "all", 0, 0, "", "", false, "What this instance does: all, or some of ingest, index, rollup, detect, sources and live, joined by commas.") \
    X(DATA_DIR, "data_dir", STRING, "./var/seismo", 0, 0, "", "", false, "Folder for the embedded bus, spool and store; made when it is missing.") \
    X(LOG_LEVEL, "log.level", STRING, "info", 0, 0, "", "debug|info|warn|error", false, "The least level that is printed: debug, info, warn or error.") \
    X(LOG_FORMAT, "log.format", STRING, "text", 0, 0, "", "text|json", false, "How a line is written to standard error: text for people, or json, one object a line with the names of the Elastic Common Schema. With json the addresses, which are printed to standard output otherwise, are lines like all others.") \
    X(LISTEN_PUBLIC, "listen.public", STRING, "127.0.0.1:8080", 0, 0, "", "", false, "Address and port for browsers; port 0 takes a free one and prints it.") \
    X(LISTEN_INNER, "listen.inner", STRING, "127.0.0.1:8081", 0, 0, "", "", false, "Address and port for the live page, its API and the metrics. Off loopback people come in by a one-time link, which is printed, or as inner.* says.") \
    X(LISTEN_PREFIX, "listen.prefix", STRING, "/in", 0, 0, "", "", false, "Path prefix under which beacons are taken in.") \
    X(LISTEN_LOOPS, "listen.loops", INT, "1", 1, 64, "threads", "", false, "Event loops of the public listener, each with its own thread and socket.") \
    X(LISTEN_MAX_CONNECTIONS, "listen.max_connections", INT, "10000", 1, 1000000, "connections", "", false, "Connections that the public listener keeps open at once; more are closed at once and counted.") \
    X(LISTEN_MAX_CONNECTIONS_PER_ADDRESS, "listen.max_connections_per_address", INT, "2000", 0, 1000000, "connections", "", false, "Connections that one address (IPv6: one /64) may keep open at the public listener; 0 is no limit. Trusted proxies and this machine have none.") \
    X(LISTEN_PROXY_PROTOCOL, "listen.proxy_protocol", STRING, "off", 0, 0, "", "off|required", false, "required: each connection begins with a line or block of the PROXY protocol, version 1 or 2, and comes from ingest.trusted_proxies; anything else is closed.") \
    X(LISTEN_TLS_CERTIFICATE, "listen.tls_certificate", STRING, "", 0, 0, "", "", false, "Certificate of the public listener with its chain, PEM; empty: clear text.") \
    X(LISTEN_TLS_KEY, "listen.tls_key", STRING, "", 0, 0, "", "", false, "File of the certificate's private key, PEM.") \
    X(LISTEN_PUBLIC_URL, "listen.public_url", STRING, "", 0, 0, "", "", false, "Address under which browsers reach the public listener, when it is not the listener's own.") \
    X(LISTEN_INNER_URL, "listen.inner_url", STRING, "", 0, 0, "", "", false, "Address under which people reach the live page; links in messages begin with it.") \
    X(INNER_TOKEN, "inner.token", STRING, "", 0, 0, "", "", true, "Token that opens the inner listener, for programs too, as Authorization: Bearer; 16 characters or more off loopback. Empty: only one-time links and trusted proxies do, and on loopback nobody is asked.") \
    X(INNER_TRUSTED_USER_HEADER, "inner.trusted_user_header", STRING, "", 0, 0, "", "", false, "Field in which a proxy of inner.trusted_proxies names who asks, as x-forwarded-user; the proxy must take it away from what clients send.") \
    X(INNER_TRUSTED_PROXIES, "inner.trusted_proxies", LIST, "", 0, 0, "", "", false, "Networks of the proxies that say who reads, as 10.0.0.0/8 or 2001:db8::/32. Others' inner.trusted_user_header is ignored.") \
    X(INNER_LINK_MS, "inner.link_ms", MS, "86400000", 60000, 2592000000, "ms", "", false, "How long a one-time link may wait to be opened.") \
    X(INNER_SESSION_MS, "inner.session_ms", MS, "2592000000", 60000, 31536000000, "ms", "", false, "How long a browser stays let in after a one-time link or the token.") \
    X(INGEST_MAX_BODY, "ingest.max_body", BYTES, "262144", 1024, 2097152, "bytes", "", false, "Largest body of one request as sent.") \
    X(INGEST_MAX_INFLATED, "ingest.max_inflated", BYTES, "2097152", 1024, 2097152, "bytes", "", false, "Largest body of one request after gzip is undone.") \
    X(INGEST_LATE_MS, "ingest.late_ms", MS, "3600000", 1000, 2592000000, "ms", "", false, "Events older than this at receipt are stored and kept out of detection.") \
    X(INGEST_FUTURE_MS, "ingest.future_ms", MS, "60000", 0, 86400000, "ms", "", false, "Events further ahead of the receipt than this are stored and kept out of detection.") \
    X(INGEST_REQUEST_TIMEOUT_MS, "ingest.request_timeout_ms", MS, "30000", 1000, 600000, "ms", "", false, "How long a connection may take for idling, header and body together.") \
    X(INGEST_TRUSTED_PROXIES, "ingest.trusted_proxies", LIST, "", 0, 0, "", "", false, "Networks of your own proxies, as 10.0.0.0/8 or 2001:db8::/32: only they are believed about whom they speak for (X-Forwarded-For, the PROXY protocol, country_header).") \
    X(INGEST_COUNTRY_HEADER, "ingest.country_header", STRING, "", 0, 0, "", "", false, "Field in which a trusted proxy names the client's country by two letters, as cf-ipcountry.") \
    X(INGEST_GEO_FILE, "ingest.geo_file", STRING, "", 0, 0, "", "", false, "File of countries in MaxMind's format; looked up before the address is cut. None is shipped.") \
    X(INGEST_ADDRESS_REQUESTS, "ingest.address_requests", INT, "500", 0, 1000000, "requests/s", "", false, "How many requests one address (IPv6: one /64) may send in the long run, those of an office behind one address together; 0 is no limit. Trusted proxies and this machine have none.") \
    X(INGEST_ADDRESS_REQUESTS_BURST, "ingest.address_requests_burst", INT, "5000", 1, 10000000, "requests", "", false, "How many requests of one address may come at once.") \
    X(INGEST_ADDRESS_BYTES, "ingest.address_bytes", BYTES, "4194304", 0, 1073741824, "bytes/s", "", false, "How many bytes of bodies, as sent, one address may send in the long run; 0 is no limit.") \
    X(INGEST_ADDRESS_BYTES_BURST, "ingest.address_bytes_burst", BYTES, "33554432", 1024, 10737418240, "bytes", "", false, "How many bytes of one address may come at once.") \
    X(INGEST_KEY_REQUESTS, "ingest.key_requests", INT, "0", 0, 1000000, "requests/s", "", false, "How many requests may come under one key in the long run; 0 is no limit.") \
    X(INGEST_KEY_REQUESTS_BURST, "ingest.key_requests_burst", INT, "50000", 1, 10000000, "requests", "", false, "How many requests under one key may come at once.") \
    X(INGEST_KEY_BYTES, "ingest.key_bytes", BYTES, "0", 0, 10737418240, "bytes/s", "", false, "How many bytes of bodies may come under one key in the long run; 0 is no limit.") \
    X(INGEST_KEY_BYTES_BURST, "ingest.key_bytes_burst", BYTES, "268435456", 1024, 10737418240, "bytes", "", false, "How many bytes under one key may come at once.") \
    X(BUS_KIND, "bus.kind", STRING, "sqlite", 0, 0, "", "sqlite|kafka", false, "sqlite for one instance with nothing to install, or kafka.") \
    X(BUS_PARTITIONS, "bus.partitions", INT, "0", 0, 1000, "partitions", "", false, "Partitions of each topic when it is made; 0: one on sqlite, four on kafka. The number never shrinks later.") \
    X(BUS_MAX_PENDING_BYTES, "bus.max_pending_bytes", BYTES, "67108864", 1048576, 68719476736, "bytes", "", false, "Records in memory that wait to become durable; past it beacons are answered with 503.") \
    X(BUS_MAX_FILE_BYTES, "bus.max_file_bytes", BYTES, "4294967296", 16777216, 1099511627776, "bytes", "", false, "Largest file of the embedded bus or the spool; past it beacons are answered with 503.") \
    X(BUS_RETENTION_MS, "bus.retention_ms", MS, "3600000", 0, 2592000000, "ms", "", false, "How long the embedded bus keeps records that every reader has done with.") \
    X(BUS_RETIRE_MS, "bus.retire_ms", MS, "604800000", 0, 31536000000, "ms", "", false, "A reader of the embedded bus that has not come back for this long no longer holds records; 0: never.") \
    X(BUS_PREFIX, "bus.prefix", STRING, "seismo", 0, 0, "", "", false, "First part of the topics' names, as in seismo.events.") \
    X(KAFKA_BROKERS, "kafka.brokers", STRING, "", 0, 0, "", "", false, "Brokers to begin with, host:port joined by commas.") \
    X(KAFKA_SPOOL_AFTER_MS, "kafka.spool_after_ms", MS, "1500", 100, 60000, "ms", "", false, "What Kafka has not confirmed after that goes to the spool, a file in data_dir, and to Kafka when it answers again.") \
    X(KAFKA_REPLICATION, "kafka.replication", INT, "0", 0, 100, "copies", "", false, "Copies of each record in topics that seismo setup makes; 0: the cluster's default.") \
    X(KAFKA_MIN_INSYNC_REPLICAS, "kafka.min_insync_replicas", INT, "0", 0, 100, "copies", "", false, "Copies that must be written before a beacon is answered, in topics that seismo setup makes; 0: the cluster's default.") \
    X(KAFKA_RETENTION_MS, "kafka.retention_ms", MS, "0", 0, 31536000000, "ms", "", false, "How long topics that seismo setup makes keep records; 0: the cluster's default.") \
    X(KAFKA_PROPERTIES, "kafka.properties", LIST, "", 0, 0, "", "", true, "Further properties of librdkafka, name=value each; they may hold passwords.") \
    X(STORE_KIND, "store.kind", STRING, "sqlite", 0, 0, "", "sqlite|elastic", false, "sqlite for one instance with nothing to install, or elastic.") \
    X(STORE_RETENTION_DAYS, "store.retention_days", INT, "30", 1, 3650, "days", "", false, "How long documents are kept.") \
    X(STORE_NAMESPACE, "store.namespace", STRING, "default", 0, 0, "", "", false, "Last part of the data streams' names.") \
    X(SOURCEMAPS_PATH, "sourcemaps.path", STRING, "", 0, 0, "", "", false, "Folder in which they are kept; empty is sourcemaps in data_dir. Where several instances have role live, a folder that all of them and the uploading machine share.") \
    X(SOURCEMAPS_RETENTION_DAYS, "sourcemaps.retention_days", INT, "90", 1, 3650, "days", "", false, "How long a release's maps are kept after their upload; looked at with each upload.") \
    X(SOURCEMAPS_MAX_BYTES, "sourcemaps.max_bytes", INT, "2147483648", 1048576, 1099511627776, "bytes", "", false, "How much all maps may take; the oldest make room.") \
    X(SOURCEMAPS_UPLOAD_BYTES, "sourcemaps.upload_bytes", BYTES, "0", 0, 67108864, "bytes", "", false, "Largest map, as sent, that the inner listener takes from `seismo sourcemap upload --url`; 16 MiB is plenty with gzip. 0: none. Each connection may hold so much memory before its access is looked at.") \
    X(ELASTIC_URL, "elastic.url", STRING, "", 0, 0, "", "", false, "Addresses of Elasticsearch, as http://127.0.0.1:9200, separated by commas, at most eight. They take turns.") \
    X(ELASTIC_CLOUD_ID, "elastic.cloud_id", STRING, "", 0, 0, "", "", false, "Cloud id of an Elastic Cloud deployment, instead of url.") \
    X(ELASTIC_API_KEY, "elastic.api_key", STRING, "", 0, 0, "", "", true, "API key, encoded as Elasticsearch gives it out.") \
    X(ELASTIC_USER, "elastic.user", STRING, "", 0, 0, "", "", false, "User name, when there is no API key.") \
    X(ELASTIC_PASSWORD, "elastic.password", STRING, "", 0, 0, "", "", true, "The user's password.") \
    X(ELASTIC_CA_FILE, "elastic.ca_file", STRING, "", 0, 0, "", "", false, "Certificates, PEM, that are trusted besides the system's.") \
    X(ELASTIC_BULK_BYTES, "elastic.bulk_bytes", BYTES, "2097152", 65536, 16777216, "bytes", "", false, "Largest request that writes documents, before gzip. It starts smaller and grows while answers are quick.") \
    X(ELASTIC_BULK_REQUESTS, "elastic.bulk_requests", INT, "4", 1, 16, "requests", "", false, "Most of these requests in flight at once. It starts at two and grows while answers are quick.") \
    X(ELASTIC_COMPRESS, "elastic.compress", BOOL, "false", 0, 0, "", "", false, "gzip what is written: less traffic, about twice the CPU.") \
    X(KIBANA_SPACE, "kibana.space", STRING, "", 0, 0, "", "", false, "Id of the space that the dashboards are imported into; empty is the default one.") \
    X(KIBANA_API_KEY, "kibana.api_key", STRING, "", 0, 0, "", "", true, "API key, encoded as Kibana gives it out.") \
    X(KIBANA_USER, "kibana.user", STRING, "", 0, 0, "", "", false, "User name, when there is no API key.") \
    X(KIBANA_PASSWORD, "kibana.password", STRING, "", 0, 0, "", "", true, "The user's password.") \
    X(KIBANA_CA_FILE, "kibana.ca_file", STRING, "", 0, 0, "", "", false, "Certificates, PEM, that are trusted besides the system's.") \
    X(INDEX_BATCH_RECORDS, "index.batch_records", INT, "500", 1, 10000, "records", "", false, "Records that are stored and committed together.") \
    X(ROLLUP_FLUSH_MS, "rollup.flush_ms", MS, "1000", 10, 60000, "ms", "", false, "How often partial windows are published.") \
    X(ROLLUP_CLOSE_WAIT_MS, "rollup.close_wait_ms", MS, "30000", 100, 600000, "ms", "", false, "How long a window waits for a silent partition before it is closed as incomplete.") \
    X(ROLLUP_IDLE_MS, "rollup.idle_ms", MS, "2000", 10, 600000, "ms", "", false, "A partition without records for this long no longer holds the watermark back.") \
    X(ROLLUP_DEDUPE_MS, "rollup.dedupe_ms", MS, "600000", 1000, 86400000, "ms", "", false, "How long beacon ids are remembered, so that a repeat is not counted again.") \
    X(ROLLUP_MAX_SERIES, "rollup.max_series", INT, "10000", 10, 1000000, "series", "", false, "Series kept for one application; past it the rarest gives way.") \
    X(DETECT_OPEN_MS, "detect.open_ms", MS, "120000", 10000, 86400000, "ms", "", false, "How long something must be abnormal before it is said.") \
    X(DETECT_QUIET_MS, "detect.quiet_ms", MS, "300000", 10000, 86400000, "ms", "", false, "How long it must be normal before it is over.") \
    X(DETECT_HISTORY_MS, "detect.history_ms", MS, "1800000", 60000, 2592000000, "ms", "", false, "History that an expectation rests on.") \
    X(DETECT_YOUNG_MS, "detect.young_ms", MS, "600000", 0, 2592000000, "ms", "", false, "A series with less history than this is judged with wider limits.") \
    X(DETECT_RATIO, "detect.ratio", REAL, "1.5", 1, 100, "times the usual", "", false, "What is less than this many times the usual is never said.") \
    X(DETECT_MIN_EVENTS, "detect.min_events", INT, "20", 1, 1000000, "events", "", false, "Fewest events in the judged windows.") \
    X(DETECT_MIN_SESSIONS, "detect.min_sessions", INT, "2", 1, 1000000, "sessions", "", false, "Fewest sessions behind a finding: one visitor alone never makes an alert.") \
    X(ALERT_MAX_FIRING, "alert.max_firing", INT, "200", 1, 10000, "alerts", "", false, "Alerts that fire at once; further ones are counted.") \
    X(WATCH_FOR_MS, "watch.for_ms", MS, "300000", 1000, 86400000, "ms", "", false, "How long a figure must be past its limit before it is said.") \
    X(WATCH_QUIET_MS, "watch.quiet_ms", MS, "300000", 1000, 86400000, "ms", "", false, "How long it must be below half of its limit before it is over.") \
    X(WATCH_LAG, "watch.lag", INT, "50000", 0, 1000000000000, "records", "", false, "Records that may wait on the bus, of the partitions that an instance reads; 0: not watched.") \
    X(WATCH_SPOOL_AGE_MS, "watch.spool_age_ms", MS, "300000", 0, 31536000000, "ms", "", false, "Age that the oldest record of the spool may have; 0: not watched.") \
    X(WATCH_SPOOL_SHARE, "watch.spool_share", REAL, "0.7", 0, 1, "share", "", false, "Share of bus.max_file_bytes that the spool, or the embedded bus, may take; 0: not watched.") \
    X(WATCH_REJECTS_SHARE, "watch.rejects_share", REAL, "0.25", 0, 1, "share", "", false, "Share of what comes in that may be refused, without what is only too fast; 0: not watched.") \
    X(WATCH_CLOCK_SHARE, "watch.clock_share", REAL, "0.5", 0, 1, "share", "", false, "Share of events whose time may be more than two seconds off, or in the future; more means that the clock here is wrong. 0: not watched.") \
    X(WATCH_MIN_EVENTS, "watch.min_events", INT, "1000", 1, 1000000000, "events", "", false, "Of fewer events in for_ms no share is judged.") \
    X(WATCH_HEARTBEAT_URL, "watch.heartbeat_url", STRING, "", 0, 0, "", "", true, "Address of a monitor that is asked for while Seismo works, and not when the store, the bus or detection has stood still for for_ms; empty: none.") \
    X(WATCH_HEARTBEAT_METHOD, "watch.heartbeat_method", STRING, "GET", 0, 0, "", "GET|POST", false, "How it is asked for.") \
    X(WATCH_HEARTBEAT_MS, "watch.heartbeat_ms", MS, "60000", 1000, 86400000, "ms", "", false, "How often, give or take a tenth.") \
    X(WATCH_REPORT_MS, "watch.report_ms", MS, "60000", 0, 3600000, "ms", "", false, "How often an instance with Elasticsearch as its store writes there how far behind it is, for Kibana; 0: never.") \
    X(SLACK_WEBHOOK, "slack.webhook", STRING, "", 0, 0, "", "", true, "Address of an incoming webhook; empty sends nothing.") \
    X(DRAIN_GRACE_MS, "drain.grace_ms", MS, "0", 0, 600000, "ms", "", false, "How long readiness says no before the listener closes, for load balancers.") \
    X(DRAIN_DEADLINE_MS, "drain.deadline_ms", MS, "10000", 0, 600000, "ms", "", false, "How long requests that were taken may still be answered.")

#endif
