// Brings beacons to the collector, one at a time, oldest first.
//
//   waiting --post--> 2xx            gone; the answer may ask for a pause
//                     other 4xx      gone, its events counted as dropped
//                     429, 5xx, none stays; again after a back-off with jitter, or after Retry-After
//
// A beacon keeps its id over all attempts, so that a repeat is recognised; `sent` is stamped at each. The list is
// bounded: the oldest goes when a new one does not fit. On exit everything is handed to the browser, which outlives
// the page, except what already flies as a keepalive request, which does so too; what the browser does not take is
// left for the next page.

import type { Beacon } from "../wire";
import { later } from "../lib/guard";
import { jsonOf } from "../lib/json";

const BEACONS = 20;
const FIRST_MS = 1000;
const LONGEST_MS = 60000;
const RETRY_AFTER_MS = 600000;
/* Browsers refuse more than 64 KiB of keepalive bodies at once, over all of the page. A character takes up to three. */
const KEEPALIVE_CHARACTERS = 20000;

export interface Answer {
  /** Absent or 0 when none came. */
  status?: number;
  /** Least time to the next beacon, ms. */
  pause?: number;
}

/** The outside world of a sender. */
export interface Outside {
  /** `begin` is called as the request begins: false when it is not wanted any more. */
  post(body: string, keepalive: boolean, begin: () => boolean): Promise<Answer>;
  /** Hands it to the browser, which sends it when the page is gone too: false when it does not take it. */
  hand(body: string): boolean | undefined;
  /** Leaves these to the next page. */
  keep(beacons: Beacon[]): void;
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

export function newSender({ post, hand, keep, lost }: Outside): Sender {
  let waiting: Beacon[] = [];
  let flying: Beacon | undefined;
  let outlives = false;
  let failures = 0;
  let cancel: (() => void) | undefined;

  const isWaiting = (beacon: Beacon): boolean => waiting.includes(beacon);
  const lose = ({ events, dropped = 0 }: Beacon): void => lost(events.length + dropped);
  const stamp = (beacon: Beacon): string => {
    beacon.sent = Date.now();
    return jsonOf(beacon);
  };

  const next = (): void => void fly().catch(() => {});

  async function fly(): Promise<void> {
    const beacon = waiting[0];
    if (flying || cancel || !beacon) return;
    flying = beacon;
    const body = stamp(beacon);
    /* The page may have used up the keepalive quota itself: the second attempt goes without. */
    const keepalive = body.length < KEEPALIVE_CHARACTERS && !failures;
    const { status, pause }: Answer = await post(body, keepalive, () => isWaiting(beacon) && ((outlives = keepalive), true)).catch(() => ({}));
    flying = undefined;
    outlives = false;
    if (!status || status === 429 || status >= 500) {
      const backOff = Math.min(FIRST_MS * 2 ** failures++, LONGEST_MS) * (0.5 + Math.random() / 2);
      /* Jitter on top of what was asked, so that not all pages come back in the same second. */
      wait(pause! > 0 ? pause! + backOff / 4 : backOff);
    } else {
      failures = 0;
      /* It may have gone over the edge meanwhile, and is counted then. */
      if (status >= 400 && isWaiting(beacon)) lose(beacon);
      waiting = waiting.filter((one) => one !== beacon);
      wait(pause);
    }
  }

  function wait(ms?: number): void {
    if (ms! > 0) cancel = later(hurry, Math.min(ms!, RETRY_AFTER_MS));
    else next();
  }

  function hurry(): void {
    cancel?.();
    cancel = undefined;
    next();
  }

  function append(beacon: Beacon): void {
    if (waiting.length >= BEACONS) lose(waiting.splice(flying ? 1 : 0, 1)[0]!);
    waiting.push(beacon);
  }

  return {
    push(beacon) {
      append(beacon);
      next();
    },
    hurry,
    exit(more) {
      more.forEach(append);
      waiting = waiting.filter((beacon) => (beacon === flying && outlives) || !hand(stamp(beacon)));
      keep(waiting.filter((beacon) => beacon !== flying));
    },
    stop() {
      cancel?.();
      waiting = [];
    },
  };
}
