// Events on their way into a beacon. Bounded: what does not fit is counted in `dropped`, which the next beacon
// carries. A beacon holds the events of one session only.

import type { Beacon, BeaconEvent } from "../wire";
import { newId } from "../lib/id";

export const BEACON_EVENTS = 50;
export const BEACON_BYTES = 48000;
const QUEUE_EVENTS = 1000;
const QUEUE_BYTES = 1000000;

interface Waiting {
  event: BeaconEvent;
  session: string;
  view: string;
  bytes: number;
  key?: string;
}

export interface Queue {
  /** Takes an event, or counts it as dropped. Equal keys that wait together become one event with a count. */
  add(event: BeaconEvent, session: string, view: string, key?: string): void;
  /** True when a beacon is full. */
  isFull(): boolean;
  /** Counts losses that happened elsewhere. */
  lose(events: number): void;
  /** The next beacon, or undefined when nothing waits. `sent` is stamped by the sender. */
  take(envelope: Omit<Beacon, "id" | "session" | "sent" | "events">): Beacon | undefined;
  clear(): void;
}

export function newQueue(): Queue {
  let waiting: Waiting[] = [];
  let bytes = 0;
  let dropped = 0;

  /** Where in the list the next beacon ends. */
  function endOfNext(): number {
    let size = 0;
    const first = waiting[0]!.session;
    const end = waiting.findIndex(({ bytes: more, session }, i) => (size += more) > BEACON_BYTES || i === BEACON_EVENTS || session !== first);
    return end < 0 ? waiting.length : end;
  }

  return {
    add(event, session, view, key) {
      const same = key && waiting.find((other) => other.key === key && other.session === session && other.view === view);
      if (same) {
        same.event = { ...same.event, count: Math.min(((same.event as { count?: number }).count ?? 1) + 1, 100000) };
        return;
      }
      const size = sizeOf(JSON.stringify(event)) + 40;
      if (size > BEACON_BYTES || waiting.length >= QUEUE_EVENTS || bytes + size > QUEUE_BYTES) {
        dropped++;
        return;
      }
      waiting.push({ event, session, view, bytes: size, key });
      bytes += size;
    },
    isFull: () => waiting.length >= BEACON_EVENTS || bytes >= BEACON_BYTES,
    lose(events) {
      dropped += events;
    },
    take(envelope) {
      if (!waiting.length) return undefined;
      const batch = waiting.splice(0, endOfNext());
      for (const one of batch) bytes -= one.bytes;
      const view = batch[batch.length - 1]!.view;
      /* Some events are told late: a call when it has ended, a vital when the page is left. */
      batch.sort((a, b) => a.event.at - b.event.at);
      const beacon: Beacon = {
        v: 1,
        id: newId(),
        ...envelope,
        session: batch[0]!.session,
        view,
        sent: 0,
        events: batch.map((one) => (one.view === view ? one.event : { ...one.event, view: one.view }) as BeaconEvent),
      };
      if (dropped) beacon.dropped = dropped;
      dropped = 0;
      return beacon;
    },
    clear() {
      waiting = [];
      bytes = dropped = 0;
    },
  };
}

/** Bytes of a text in UTF-8. */
export function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
