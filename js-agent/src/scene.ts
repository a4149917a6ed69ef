// What all signals share: report and what they need to know of each other. All that is captured goes through `report` into the queue, and
// from there to the sender. One agent a page.

import type { ApiEvent, Beacon, BeaconEvent, BusinessEvent, ClickEvent, ErrorEvent, EventBase, MarkEvent, MeasureEvent, PageEvent, RouteEvent, VitalEvent } from "./wire";
import { settings } from "./config";
import { later, listen, quietly, untilEnd } from "./lib/guard";
import { at, now } from "./lib/clock";
import { shareOf } from "./lib/id";
import { viewNow, type View } from "./lib/place";
import { openSession, STORES } from "./lib/session";
import { tell } from "./lib/tell";
import { newBatch } from "./send/batch";
import { newOutside, takeRest } from "./send/outside";
import { newSender } from "./send/sender";

declare const AGENT_VERSION: string;

/** What an event has besides what `report` adds. */
type More<Kind> = Kind extends keyof Kinds ? Omit<Kinds[Kind], keyof EventBase> : never;
type Kinds = {
  page: PageEvent;
  route: RouteEvent;
  api: ApiEvent;
  click: ClickEvent;
  error: ErrorEvent;
  vital: VitalEvent;
  event: BusinessEvent;
  mark: MarkEvent;
  measure: MeasureEvent;
};

const EVENTS = 500;
const EVENTS_PER_MS = 0.005;

/** What is done with an event of the page, by its type: those from before the agent came, which the inline stub has kept, go the same way. */
export const early: Record<string, (event: any) => void> = {};

/** Calls in flight and the last sign of work, by which a route knows that the page is quiet. */
export const busy = { calls: 0, last: 0 };

/** Hooks that one signal sets and others call. */
export const hooks = {
  /** A call of the page has begun. */
  began(): void {},
  /** An error was raised, or a call that began then has failed. [performance.now()] */
  failed(_since: number): void {},
  /** The view is about to change. */
  leaveView(): void {},
};

/** What the signals may do; set while the agent runs. `time` is on the performance timeline. */
export let report: <Kind extends keyof Kinds>(kind: Kind, time: number | undefined, more: More<Kind>, view?: View, isUse?: unknown, key?: string) => void = () => {};
/** Runs `work` when the page is left or asks for a flush: what can be told now is told now. */
export let onFlush: (work: (leaving: boolean) => void) => void;
/** Sends what waits now. */
export let flush: () => void;
let send = (): void => {};
const envelope: Partial<Beacon> = { agent: { name: "seismo-js", version: AGENT_VERSION } };

/** Sets a member of the envelope; what waits goes with the old one. */
export function setEnvelope(more: Partial<Beacon>): void {
  send();
  Object.assign(envelope, more);
}

/** True for the agent's own addresses. */
export function isOurs(address: string): boolean {
  return address.startsWith(settings.endpoint.split(/[?#]/)[0]!);
}

/** Opens it; `end` ends the agent. */
export function openScene(end: () => void): void {
  const works: ((leaving: boolean) => void)[] = [];
  const { service, version, environment } = settings;
  let cancel: (() => void) | undefined;
  let tokens = EVENTS;
  let refilled = 0;

  const take = (): Beacon[] => {
    cancel?.();
    cancel = undefined;
    return batch.take();
  };
  send = () => take().forEach(sender.push);
  const ask = (leaving: boolean): void => works.forEach((work) => quietly(() => work(leaving)));
  const exit = (): void => {
    ask(true);
    sender.exit(take());
  };

  const session = openSession(STORES);
  const batch = newBatch(() => ({ service, version, environment, rate: settings.rate, ...envelope }), () => send());
  const sender = newSender(newOutside(batch.lose, ({ rate, stop }) => {
    settings.rate = rate ?? settings.rate;
    if (stop) end();
  }));

  onFlush = (work) => works.push(work);
  flush = () => {
    ask(false);
    send();
  };
  report = (kind, time = now(), more, { id: view, page } = viewNow(), isUse, key) => {
    const id = session(!!isUse);
    if (shareOf(id) >= settings.rate) return tell("rate");
    const event = { kind, at: at(time), ...more, page, view };
    const sent = settings.beforeSend ? settings.beforeSend(event) : event;
    if (!sent) return;
    tokens = Math.min(tokens + (now() - refilled) * EVENTS_PER_MS, EVENTS);
    refilled = now();
    if (tokens < 1) return batch.lose(1);
    tokens--;
    batch.add(sent as BeaconEvent, id, key && key + view);
    cancel ??= later(send, settings.flush);
  };
  listen(window, "visibilitychange", () => document.hidden && exit());
  listen(window, "pagehide", exit);
  listen(window, "online", sender.hurry);
  takeRest().forEach(sender.push);
  untilEnd(() => {
    report = send = () => {};
    cancel?.();
    sender.stop();
  });
}
