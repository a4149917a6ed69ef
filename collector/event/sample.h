/* Sample data (`seismo demo`): an application and a service of their own, so that they can be told apart and removed.
 */
#ifndef SEISMO_EVENT_SAMPLE_H
#define SEISMO_EVENT_SAMPLE_H

#include "base/buf.h"

#define SAMPLE_NAME "sample"

/* Whether it is the sample's; nobody is alerted about it. */
static inline bool sample_is(struct slice application)
{
    return slice_equal(application, SLICE(SAMPLE_NAME));
}

#endif
