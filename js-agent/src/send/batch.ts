// Events on their way into a beacon, which holds the events of one session only. Bounded: what would not fit makes it go first, and what
// fits in none is counted in `dropped`, which the next beacon carries.

import type { Beacon, BeaconEvent } from "../wire";
import { newId } from "../lib/id";
import { jsonOf } from "../lib/json";

const EVENTS = 100;
const BYTES = 48000;

export interface Batch {
  /** Takes an event. Equal keys that wait together become one event with a count. */
  add(event: BeaconEvent, session: string, key?: string): void;
  /** Counts losses. */
  lose(events: number): void;
  /** What waits as a beacon, or none. `sent` is stamped by the sender. */
  take(): Beacon[];
}

/** `full` is called when what waits has to go, and takes it; `envelope` gives what a beacon has besides. */
export function newBatch(envelope: () => Omit<Beacon, "id" | "session" | "sent" | "events">, full: () => void): Batch {
  let events: BeaconEvent[] = [];
  let keys: Record<string, { count?: number }> = {};
  let owner: string;
  let bytes = 0;
  let dropped = 0;

  return {
    add(event, session, key = "") {
      const same = keys[key];
      if (same && owner === session) return void (same.count = (same.count ?? 1) + 1);
      const size = sizeOf(event);
      if (size > BYTES) return void dropped++;
      if (owner !== session || bytes + size > BYTES || events.length >= EVENTS) full();
      owner = session;
      bytes += size;
      events.push(event);
      if (key) keys[key] = event as { count?: number };
    },
    lose(more) {
      dropped += more;
    },
    take() {
      /* Some events are told late: a call when it has ended, a vital when the page is left. */
      const beacons: Beacon[] = events.length ? [{ v: 1, id: newId(), ...envelope(), session: owner, sent: 0, dropped, events: events.sort((a, b) => a.at - b.at) }] : [];
      if (events.length) dropped = 0;
      events = [];
      keys = {};
      bytes = 0;
      return beacons;
    },
  };
}

/** Bytes of its JSON in UTF-8. */
export function sizeOf(value: unknown): number {
  return new TextEncoder().encode(jsonOf(value)).length;
}
