// Calls by fetch and XMLHttpRequest: method, status, duration. The page's Request is never rebuilt, its bodies are never touched, and a
// promise or event of the page behaves as if we were not there.
//
// A call is joined with the browser's resource timing, which alone knows when the last byte of an answer came without anybody touching its
// body. Calls that began before the agent was there are told from the timing alone.
//
//   begin -> end (headers, or failure) -> timing, at most 5 s later -> report
//   A failed call is reported at its end; on exit and on flush all that have ended are.

import type { ApiEvent, EventBase } from "../wire";
import { busy, hooks, isOurs, onFlush, report } from "../scene";
import { now, phasesOf, span } from "../lib/clock";
import { guard, later, listen, observe, quietly } from "../lib/guard";
import { addressOf, viewAt, viewNow, type View } from "../lib/place";
import { noteInPlace, traceparentFor } from "../lib/trace";
import { wrap } from "../lib/wrap";

const TIMING_MS = 5000;
const OPEN_CALLS = 200;
/* As the browser calls them and as we do. */
const INITIATORS: Record<string, string> = { fetch: "fetch", xmlhttprequest: "xhr" };

type Timing = PerformanceResourceTiming & { responseStatus?: number };

interface Call {
  event: Omit<ApiEvent, keyof EventBase>;
  href: string;
  since: number;
  seen: View;
  ended?: number;
  timing?: PerformanceResourceTiming;
}

export function onApi(): void {
  const started = now();
  let open: Call[] = [];

  function finish(call: Call): void {
    if (!open.includes(call)) return;
    open = open.filter((other) => other !== call);
    const { event, timing, since, ended = 0 } = call;
    event.duration = span(since, Math.max(ended, timing?.responseEnd ?? 0));
    report("api", since, { ...event, ...(timing && phasesOf(timing)) }, call.seen);
  }

  /* Of equal calls it is the one that began last before the timing did. */
  const callOf = ({ name, startTime }: Timing): Call | undefined => open.filter((one) => !one.timing && one.href === name && one.since <= startTime + 1).pop();

  const seeAll = (entries: PerformanceEntry[]): void => (entries as Timing[]).forEach(guard((timing) => {
    const { initiatorType, startTime, name, responseEnd, responseStatus } = timing;
    const initiator = INITIATORS[initiatorType];
    if (!initiator) return;
    const call = callOf(timing);
    if (call) {
      call.timing = timing;
      if (call.ended) finish(call);
    } else if (startTime < started && !isOurs(name)) {
      report("api", startTime, {
        url: addressOf(name), status: responseStatus || undefined, duration: span(startTime, responseEnd),
        initiator, ...phasesOf(timing),
      }, viewAt(startTime));
    }
  }));
  const observer = observe("resource", seeAll);
  onFlush(() => {
    observer?.();
    open.filter((call) => call.ended).forEach(finish);
  });

  /** Undefined for the agent's own calls. */
  function begin(method: unknown, address: string, initiator: string): Call | undefined {
    const { href } = new URL(address, document.baseURI);
    if (isOurs(href) || open.length >= OPEN_CALLS) return undefined;
    const call: Call = {
      event: { url: addressOf(href), method: String(method || "GET").slice(0, 16).toUpperCase(), initiator },
      href: href.split("#")[0]!,
      since: now(),
      seen: { ...viewNow() },
    };
    open.push(call);
    busy.calls++;
    hooks.began();
    return call;
  }

  const end = guard((call: Call, status: number, outcome?: string) => {
    if (call.ended) return;
    busy.calls--;
    call.ended = busy.last = now();
    call.event.status = status;
    call.event.outcome = outcome;
    if (status >= 400 || outcome === "failure") hooks.failed(call.since);
    if (!status || call.timing || !observer) finish(call);
    else later(() => finish(call), TIMING_MS);
  });

  const { fetch } = window;
  wrap(window, "fetch", (self, args) => {
    const [input, init] = args;
    if (!args.length) return;
    const isRequest = input instanceof Request;
    const call = begin(init?.method ?? (isRequest && input.method), isRequest ? input.url : String(input), "fetch");
    if (!call) return;
    const asWritten = [...args] as Parameters<typeof fetch>;
    const { redirect = "follow", mode } = { ...(isRequest && { redirect: input.redirect, mode: input.mode }), ...init };
    const stops = redirect === "follow" && /^(?:GET|HEAD)$/.test(call.event.method!);
    /* What is not plain may hold its members where no copy finds them. */
    if (mode !== "no-cors" && (!init || Object.getPrototypeOf(init) === Object.prototype)) quietly(() => {
      const headers = new Headers(init?.headers ?? (isRequest ? input.headers : undefined));
      if (!headers.has("traceparent") && trace(call, true, (value) => headers.set("traceparent", value))) args[1] = { ...init, headers, redirect: stops ? "manual" : redirect };
    });
    const guardsRedirect = stops && args[1] !== init;
    /* The page has the promise that follows ours: beside it, a rejection that nobody handles would count as handled. */
    return (result: Promise<Response>) => (guardsRedirect ? result.then((one) => (one.type === "opaqueredirect" ? fetch.apply(self, asWritten) : one)) : result).then(
      (answer) => {
        noteInPlace(call.href, answer.url);
        end(call, answer.status);
        return answer;
      },
      (reason) => {
        end(call, 0, reason?.name === "AbortError" ? "aborted" : "failure");
        throw reason;
      },
    );
  });

  const opened = new WeakMap<XMLHttpRequest, [method: unknown, address: string, isTraced?: boolean]>();
  const { prototype } = XMLHttpRequest;
  wrap(prototype, "open", (xhr, [method, address]) => void opened.set(xhr, [method, String(address)]));
  wrap(prototype, "setRequestHeader", (xhr, [name]) => void (/^traceparent$/i.test(name) && (opened.get(xhr)![2] = true)));
  wrap(prototype, "send", (xhr) => {
    const [method, address, isTraced] = opened.get(xhr)!;
    const call = begin(method, address, "xhr");
    if (!call) return;
    if (!isTraced) trace(call, !/^(?:GET|HEAD)$/.test(call.event.method!), (value) => xhr.setRequestHeader("traceparent", value));
    let status = 0;
    const undo = listen(xhr, "readystatechange load error abort timeout", ({ type }) => {
      if (type === "readystatechange") {
        /* Noted when the headers come: at its end the page may have opened the object again before we are asked. */
        if (xhr.readyState > 1) ({ status } = xhr), noteInPlace(call.href, xhr.responseURL);
        return;
      }
      undo();
      end(call, status, type === "abort" ? "aborted" : status ? undefined : "failure");
    });
  });
}

/** Gives the call its header, if it may have one. */
function trace(call: Call, isSafe: boolean, set: (value: string) => void): boolean {
  const value = traceparentFor(call.href, isSafe);
  if (!value) return false;
  set(value);
  call.event.trace = value.slice(3, 35);
  return true;
}
