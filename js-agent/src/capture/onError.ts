// JavaScript errors, unhandled rejections, and what the page reports itself. The same error again while the first
// still waits to be sent raises its count.

import type { ErrorEvent as WireError } from "../wire";
import type { Scene } from "../scene";
import { now } from "../lib/clock";
import { listen } from "../lib/guard";
import { addressOf } from "../lib/place";
import { scrubText } from "../lib/scrub";

type Where = {
  filename?: string;
  lineno?: number;
  colno?: number;
};

export function onError(scene: Scene): void {
  listen<ErrorEvent>(window, "error", (event) => {
    /* Images and scripts that fail to load raise an event of the same name without a message. */
    if (event.message === undefined) return;
    reportError(scene, "error", event.error ?? event.message, event);
  });
  listen<PromiseRejectionEvent>(window, "unhandledrejection", (event) => reportError(scene, "rejection", event.reason));
}

/** Reports whatever was thrown; `where` is the browser's word on the place. */
export function reportError(scene: Scene, source: string, thrown: unknown, where: Where = {}): void {
  const { name, message, stack } = (Object(thrown) === thrown ? thrown : {}) as Partial<Record<"name" | "message" | "stack", unknown>>;
  const trace = typeof stack === "string" ? scrubText(stack, 16384) : undefined;
  const [file, line, column] = where.lineno ? [where.filename, where.lineno, where.colno] : placeIn(trace);
  const event: Omit<WireError, "page" | "view"> = {
    kind: "error",
    at: now(),
    type: typeof name === "string" && name ? scrubText(name, 128) : undefined,
    message: scrubText(typeof message === "string" ? message : wordsFor(thrown), 2048),
    stack: trace,
    source,
    file: file ? addressOf(file) : undefined,
    line: line || undefined,
    column: column || undefined,
  };
  scene.failed(performance.now());
  scene.report(event, { key: `${source}|${event.type}|${event.message}|${trace ?? ""}` });
}

/** A thrown object is told by the names of its members; their values are the page's own affair. */
function wordsFor(thrown: unknown): string {
  if (Object(thrown) !== thrown) return String(thrown);
  const kind = Object.prototype.toString.call(thrown).slice(8, -1);
  return `${kind} {${Object.keys(thrown as object).slice(0, 10).join(", ")}}`;
}

/** File, line and column of the first frame, as Chromium ("at f (url:1:2)") and the others ("f@url:1:2") write it. */
function placeIn(stack = ""): [string?, number?, number?] {
  const frame = /(?:\(|@|at )((?:https?|file):[^\s()]+?):(\d+):(\d+)/.exec(stack);
  return frame ? [frame[1], +frame[2]!, +frame[3]!] : [];
}
