// One clock for all events: Date.now(), to which the times of performance entries are brought over.
// performance.timeOrigin is not used: it drifts away from Date.now() while a device sleeps.

/** Now, on the performance timeline. */
export const now = (): number => performance.now();

/** A time of the performance timeline, else now, in ms since the epoch. */
export function at(time = now()): number {
  return round(Date.now() - now() + time);
}

/** To that share of one: tenths of a millisecond are all that browsers can promise. */
export function round(value: number, parts = 10): number {
  return Math.round(value * parts) / parts;
}

/** A length of time as the wire wants it: never negative, at most a day. */
export function span(from: number, to: number): number {
  return Math.min(Math.max(round(to - from), 0), 86400000);
}

export type Navigation = PerformanceNavigationTiming & { activationStart?: number };

/** What the browser tells of the load. */
export const navigationEntry = (): Navigation | undefined => performance.getEntriesByType?.("navigation")[0] as Navigation | undefined;

/** The phases of a request, as far as the browser tells them. */
export function phasesOf(entry: PerformanceResourceTiming) {
  const { requestStart, responseStart, responseEnd } = entry;
  return requestStart ? {
    redirect: span(entry.redirectStart, entry.redirectEnd),
    dns: span(entry.domainLookupStart, entry.domainLookupEnd),
    connect: span(entry.connectStart, entry.connectEnd),
    request: span(requestStart, responseStart),
    response: responseEnd ? span(responseStart, responseEnd) : undefined,
    bytes: entry.transferSize || undefined,
  } : {};
}
