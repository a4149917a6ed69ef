/* Tells the service manager how far this process is: sd_notify's protocol, which is one datagram to the socket that
 * NOTIFY_SOCKET names. Without one, or when nobody listens there, nothing happens: a manager that is deaf stops no
 * work. Any thread. */
#ifndef SEISMO_BASE_NOTIFY_H
#define SEISMO_BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* state: lines as "READY=1" (systemd.notify(3)), at most NOTIFY_MAX_BYTES. True: it was handed over. Never blocks. */
#define NOTIFY_MAX_BYTES 512
bool notify(const char *state);
/* The process ends within so many ms: STOPPING, and that much time before the manager kills, or its watchdog does. */
bool notify_stopping(int within_ms);
/* Within how many ms the manager's watchdog wants to hear of this process, time and again; 0: it does not. */
int64_t notify_watchdog_ms(void);
/* Lets the watchdog hear that all is well. False: it was not told, since what has to answer has been quiet for half of
 * its time; it acts when that goes on. True where there is no watchdog. */
bool notify_alive(int64_t quiet_ms);

#endif
