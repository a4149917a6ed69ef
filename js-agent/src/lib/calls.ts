// Calls on their way, joined with the browser's resource timing, which alone knows when the last byte of an answer
// came without anybody touching its body. Calls that began before the agent was there are told from the timing alone.
//
//   begin -> end (headers, or failure) -> timing, at most 5 s later -> report
//   A failed call is reported at its end; on exit and on flush all that have ended are.

import type { ApiEvent } from "../wire";
import type { Scene } from "../scene";
import type { View } from "./place";
import { at, now, span } from "./clock";
import { guard, observe } from "./guard";
import { addressOf } from "./place";

const TIMING_MS = 5000;
const OPEN_CALLS = 200;

export interface Call {
  event: ApiEvent;
  href: string;
  since: number;
  view: View;
  ended?: number;
  timing?: PerformanceResourceTiming;
}

export interface Calls {
  /** Undefined for the agent's own calls. */
  begin(method: unknown, address: string, initiator: string): Call | undefined;
  end(call: Call, status: number, outcome: string | undefined): void;
}

export function openCalls(scene: Scene): Calls {
  const started = performance.now();
  const open: Call[] = [];

  function finish(call: Call): void {
    const index = open.indexOf(call);
    if (index < 0) return;
    open.splice(index, 1);
    const { event, timing, since, ended = 0 } = call;
    event.duration = span(since, Math.max(ended, timing?.responseEnd ?? 0));
    if (timing) event.bytes = bytesOf(timing);
    scene.report(event, { view: call.view });
  }

  /* Timings come in the order of the ends: of equal calls it is the one that began last before the timing did. Those that
   * began within the same millisecond are told apart by their order. */
  function callOf(timing: PerformanceResourceTiming): Call | undefined {
    const equal = open.filter((one) => !one.timing && one.href === timing.name && one.since <= timing.startTime + 1);
    const last = equal[equal.length - 1];
    return last && equal.find((one) => one.since > last.since - 1);
  }

  function see(timing: PerformanceResourceTiming): void {
    if (timing.initiatorType !== "fetch" && timing.initiatorType !== "xmlhttprequest") return;
    const call = callOf(timing);
    if (call) {
      call.timing = timing;
      if (call.ended) finish(call);
    } else if (timing.startTime < started && !scene.isOurs(timing.name)) {
      scene.report(earlyEvent(timing), { view: scene.place.viewAt(timing.startTime) });
    }
  }

  const seeAll = (entries: PerformanceEntry[]): void => entries.forEach(guard((entry) => see(entry as PerformanceResourceTiming)));
  const observer = observe(["resource"], seeAll);
  scene.onFlush(() => {
    if (observer) seeAll(observer.takeRecords());
    open.filter((call) => call.ended).forEach(finish);
  });

  return {
    begin(method, address, initiator) {
      const { href } = new URL(address, document.baseURI);
      if (scene.isOurs(href) || open.length >= OPEN_CALLS) return undefined;
      const name = String(method || "GET");
      const event: ApiEvent = {
        kind: "api",
        at: now(),
        url: addressOf(href),
        method: /^[a-z-]{1,16}$/i.test(name) ? name.toUpperCase() : undefined,
        initiator,
      };
      scene.place.page();
      const call: Call = { event, href: href.split("#")[0]!, since: performance.now(), view: { ...scene.place.view() } };
      open.push(call);
      scene.busy.calls++;
      scene.began();
      return call;
    },
    end(call, status, outcome) {
      if (call.ended) return;
      scene.busy.calls--;
      call.ended = scene.busy.last = performance.now();
      call.event.status = status;
      call.event.outcome = outcome;
      if (outcome === "failure") scene.failed(call.since);
      if (!status || call.timing || !observer) finish(call);
      else setTimeout(guard(() => finish(call)), TIMING_MS);
    },
  };
}

/** failure from 400 on; unknown when the browser hides the status. */
export function outcomeOf(status: number): string | undefined {
  return status ? (status < 400 ? "success" : "failure") : undefined;
}

function bytesOf(timing: PerformanceResourceTiming): number | undefined {
  return timing.transferSize || timing.encodedBodySize ? timing.transferSize : undefined;
}

function earlyEvent(timing: PerformanceResourceTiming & { responseStatus?: number }): ApiEvent {
  const status = timing.responseStatus || undefined;
  return {
    kind: "api",
    at: at(timing.startTime),
    url: addressOf(timing.name),
    status,
    duration: span(timing.startTime, timing.responseEnd),
    initiator: timing.initiatorType === "fetch" ? "fetch" : "xhr",
    outcome: outcomeOf(status ?? 0),
    bytes: bytesOf(timing),
  };
}
