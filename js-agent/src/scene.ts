// What the agent gives to each of its signals.

import type { BeaconEvent } from "./wire";
import type { Place, View } from "./lib/place";

/** An event without what the agent adds. */
type Bare<T> = T extends BeaconEvent ? Omit<T, "page" | "view"> : never;

export interface Context {
  /** Where it happened; else the present view. */
  view?: View;
  /** Equal keys that wait together become one event with a count. */
  key?: string;
  /** True when a person did something, which keeps the session alive. */
  isUse?: boolean;
}

export interface Scene {
  report(event: Bare<BeaconEvent>, context?: Context): void;
  place: Place;
  /** Runs `work` when the page is left or asks for a flush: what can be told now is told now. */
  onFlush(work: (leaving: boolean) => void): void;
  /** True for the agent's own addresses. */
  isOurs(address: string): boolean;
  /** Calls in flight and the last sign of work, by which a route knows that the page is quiet. */
  busy: { calls: number; last: number };
  /** A call of the page has begun. */
  began(): void;
  /** An error was raised, or a call that began then has failed. [performance.now()] */
  failed(since: number): void;
}
