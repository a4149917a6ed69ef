// One clock for all events: Date.now(), to which the times of performance entries are brought over.
// performance.timeOrigin is not used: it drifts away from Date.now() while a device sleeps.

/** Now, in ms since the epoch. */
export const now = Date.now;

/** A time of the performance timeline, in ms since the epoch. */
export function at(time: number): number {
  return round(Date.now() - performance.now() + time);
}

/** Tenths of a millisecond are all that browsers can promise. */
export function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/** A length of time as the wire wants it: never negative, at most a day. */
export function span(from: number, to: number): number {
  return Math.min(Math.max(round(to - from), 0), 86400000);
}
