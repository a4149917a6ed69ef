/* How the program ends when it cannot end well: too late, or for want of memory. */
#ifndef SEISMO_ENDING_H
#define SEISMO_ENDING_H

/* Whatever still hangs, the program ends after that long with the code. What was acknowledged is durable by then, as
 * with kill -9. Call once. */
void ending_begin(int within_ms, int code);
/* From here on abort() says why, as far as that can be known, before the core is dumped. */
void ending_explain_abort(void);

#endif
