// Brings beacons to the collector, one at a time, oldest first.
//
//   waiting --post--> 2xx            gone
//                     other 4xx      gone, its events counted as dropped
//                     429, 5xx, none stays; again after a back-off with jitter, or after Retry-After
//
// A beacon keeps its id over all attempts, so that a repeat is recognised; `sent` is stamped at each. The list is
// bounded: the oldest goes when a new one does not fit. On exit everything is handed to sendBeacon, which outlives
// the page, except what already flies as a keepalive request, which does so too.

import type { Beacon } from "../wire";
import { sizeOf } from "./queue";

const BEACONS = 20;
const FIRST_MS = 1000;
const LONGEST_MS = 60000;
const RETRY_AFTER_MS = 600000;
/* Browsers refuse more than 64 KiB of keepalive bodies at once, over all of the page. */
const KEEPALIVE_BYTES = 60000;

export interface Answer {
  /** 0 when none came. */
  status: number;
  /** The Retry-After header: seconds or a date. */
  retryAfter?: string | null;
}

/** The outside world of a sender, so that tests own it. */
export interface Outside {
  post(body: string, keepalive: boolean): Promise<Answer>;
  /** sendBeacon: false when the browser does not take it. */
  hand(body: string): boolean;
  now(): number;
  random(): number;
  /** Runs `work` after `ms`; returns its cancel. */
  later(work: () => void, ms: number): () => void;
  /** Is told how many events were lost. */
  lost(events: number): void;
}

export interface Sender {
  push(beacon: Beacon): void;
  /** Tries at once what waits for its back-off, as when the device is online again. */
  hurry(): void;
  /** Hands over what waits and these; the page may be gone after this. */
  exit(more: Beacon[]): void;
  stop(): void;
}

export function newSender(outside: Outside): Sender {
  let waiting: Beacon[] = [];
  let flying: Beacon | undefined;
  let outlives = false;
  let failures = 0;
  let cancel: (() => void) | undefined;

  function stamp(beacon: Beacon): string {
    beacon.sent = outside.now();
    return JSON.stringify(beacon);
  }

  function next(): void {
    const beacon = waiting[0];
    if (flying || cancel || !beacon) return;
    flying = beacon;
    const body = stamp(beacon);
    /* The page may have used up the keepalive quota itself: the second attempt goes without. */
    outlives = sizeOf(body) < KEEPALIVE_BYTES && failures === 0;
    outside.post(body, outlives).then(
      (answer) => settle(beacon, answer),
      () => settle(beacon, { status: 0 }),
    );
  }

  function settle(beacon: Beacon, { status, retryAfter }: Answer): void {
    flying = undefined;
    if (status === 0 || status === 429 || status >= 500) {
      const wait = waitFor(retryAfter);
      failures++;
      cancel = outside.later(() => { cancel = undefined; next(); }, wait);
      return;
    }
    failures = 0;
    /* It may have gone over the edge meanwhile, and is counted then. */
    if (status >= 400 && waiting.includes(beacon)) lose(beacon);
    waiting = waiting.filter((one) => one !== beacon);
    next();
  }

  function waitFor(retryAfter?: string | null): number {
    const longest = Math.min(FIRST_MS * 2 ** failures, LONGEST_MS);
    const backOff = longest * (0.5 + outside.random() / 2);
    const asked = retryAfter ? +retryAfter * 1000 || Date.parse(retryAfter) - outside.now() : 0;
    /* Jitter on top of what was asked, so that not all pages come back in the same second. */
    return asked > 0 ? Math.min(asked, RETRY_AFTER_MS) + backOff / 4 : backOff;
  }

  function append(beacon: Beacon): void {
    if (waiting.length >= BEACONS) lose(waiting.splice(waiting[0] === flying ? 1 : 0, 1)[0]!);
    waiting.push(beacon);
  }

  function lose(beacon: Beacon): void {
    outside.lost(beacon.events.length + (beacon.dropped ?? 0));
  }

  return {
    push(beacon) {
      append(beacon);
      next();
    },
    hurry() {
      cancel?.();
      cancel = undefined;
      next();
    },
    exit(more) {
      more.forEach(append);
      waiting = waiting.filter((beacon) => (beacon === flying && outlives) || !outside.hand(stamp(beacon)));
    },
    stop() {
      cancel?.();
      cancel = undefined;
      waiting = [];
    },
  };
}
