// One clock for all events: Date.now(), to which the times of performance entries are brought over.
// performance.timeOrigin is not used: it drifts away from Date.now() while a device sleeps.

/** Now, on the performance timeline. */
export const now = (): number => performance.now();

/** A time of the performance timeline, in ms since the epoch. */
export function at(time: number): number {
  return Math.round(Date.now() - now() + time);
}

/** A length of time as the wire wants it: never negative, at most a day; undefined as long as it has no end. */
export function span(from: number, to: number): number;
export function span(from: number, to: number): number | undefined {
  return to ? Math.min(Math.max(to - from, 0), 86400000) : undefined;
}

export type Navigation = PerformanceNavigationTiming & { activationStart?: number };

/** What the browser tells of the load. */
export const navigationEntry = (): Navigation | undefined => performance.getEntriesByType?.("navigation")[0] as Navigation | undefined;

/** The phases of a request, as far as the browser tells them. */
export function phasesOf(entry: PerformanceResourceTiming) {
  const { requestStart, responseStart, responseEnd } = entry;
  return requestStart ? {
    redirect: span(entry.redirectStart, entry.redirectEnd) || 0,
    dns: span(entry.domainLookupStart, entry.domainLookupEnd),
    connect: span(entry.connectStart, entry.connectEnd),
    request: span(requestStart, responseStart),
    response: span(responseStart, responseEnd),
    bytes: entry.transferSize || undefined,
  } : {};
}
