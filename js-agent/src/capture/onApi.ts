// Calls by fetch and XMLHttpRequest: method, status, duration. The page's Request is never rebuilt, its headers and
// bodies are never touched, and a promise or event of the page behaves as if we were not there.

import type { Scene } from "../scene";
import { listen } from "../lib/guard";
import { openCalls, outcomeOf, type Call, type Calls } from "../lib/calls";
import { wrap } from "../lib/wrap";

export function onApi(scene: Scene): void {
  const calls = openCalls(scene);
  wrapFetch(calls);
  wrapXhr(calls);
}

function wrapFetch(calls: Calls): void {
  wrap(window, "fetch", (_self, [input, init]) => {
    const request = typeof Request === "function" && input instanceof Request ? input : undefined;
    const method = (init as RequestInit | undefined)?.method ?? request?.method;
    const call = calls.begin(method, request ? request.url : String(input), "fetch");
    if (!call) return;
    return (result) => {
      /* Both ends are handled, so that our branch of the promise never counts as an unhandled rejection. */
      (result as Promise<Response>).then(
        ({ status }) => calls.end(call, status, outcomeOf(status)),
        (reason) => calls.end(call, 0, isAbort(reason) ? "aborted" : "failure"),
      );
    };
  });
}

function isAbort(reason: unknown): boolean {
  return (reason as { name?: unknown } | undefined)?.name === "AbortError";
}

function wrapXhr(calls: Calls): void {
  const opened = new WeakMap<object, [method: unknown, address: string]>();
  const { prototype } = XMLHttpRequest;
  wrap(prototype, "open", (self, [method, address]) => {
    opened.set(self as XMLHttpRequest, [method, String(address)]);
  });
  wrap(prototype, "send", (self) => {
    const xhr = self as XMLHttpRequest;
    const [method, address] = opened.get(xhr) ?? [];
    const call = address === undefined ? undefined : calls.begin(method, address, "xhr");
    if (call) follow(calls, xhr, call);
  });
}

function follow(calls: Calls, xhr: XMLHttpRequest, call: Call): void {
  let aborted = false;
  let status = 0;
  const undo = [
    /* Noted when the headers come: at loadend the page may have opened the object again before we are asked. */
    listen(xhr, "readystatechange", () => {
      if (xhr.readyState > 1) status = xhr.status;
    }),
    listen(xhr, "abort", () => {
      aborted = true;
    }),
    listen(xhr, "loadend", () => {
      undo.forEach((one) => one());
      calls.end(call, status, outcomeOf(status) ?? (aborted ? "aborted" : "failure"));
    }),
  ];
}
