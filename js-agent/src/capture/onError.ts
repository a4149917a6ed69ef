// JavaScript errors, unhandled rejections, what the page writes to console.error or reports itself, what its Content Security Policy has
// stopped, and what the browser warns of (Reporting API). The same error again while the first still waits to be sent raises its count.

import { early, hooks, isOurs, report } from "../scene";
import { now } from "../lib/clock";
import { listen, quietly, untilEnd } from "../lib/guard";
import { addressOf } from "../lib/place";
import { scrubText } from "../lib/scrub";
import { tell } from "../lib/tell";
import { wrap } from "../lib/wrap";

export function onError(): void {
  /* Images and scripts that fail to load raise an event of the same name without a message. */
  early.error = (event: ErrorEvent) => event.message !== undefined && reportError("error", event.error ?? event.message, event);
  early.unhandledrejection = (event: PromiseRejectionEvent) => reportError("rejection", event.reason, event);
  listen(window, "error unhandledrejection", (event) => early[event.type]!(event));
  wrap(console, "error", (_self, words) => reportError("console", words.find((word) => word instanceof Error) ?? words.map(wordsFor).join(" ")));
  listen<SecurityPolicyViolationEvent>(document, "securitypolicyviolation", (event) => {
    const { type, blockedURI, effectiveDirective } = event;
    if (isOurs(blockedURI)) return tell("csp");
    reportError("csp", { name: type, message: `${effectiveDirective} blocked ${/:/.test(blockedURI) ? addressOf(blockedURI) : blockedURI}` }, event);
  });
  quietly(() => {
    const observer = new ReportingObserver(
      (reports) => reports.forEach(({ type, body }) => reportError("report", { name: type, message: (body as { message?: string }).message }, body as Told)),
      { types: ["deprecation", "intervention"], buffered: true },
    );
    observer.observe();
    untilEnd(() => observer.disconnect());
  });
}

/* Where and when, as events, violations and reports of the browser call it. */
type Told = { filename?: string; sourceFile?: string | null; lineno?: number; lineNumber?: number | null; colno?: number; columnNumber?: number | null; timeStamp?: number };

let told: WeakSet<object> | undefined;

/** Reports whatever was thrown, an object once (frameworks write what they catch to the console as well), with the browser's word on the place. */
export function reportError(source: string, thrown: unknown, { filename, sourceFile = filename, lineno, lineNumber = lineno, colno, columnNumber = colno, timeStamp }: Told = {}): void {
  told ??= new WeakSet();
  if (told.has(Object(thrown))) return;
  told.add(Object(thrown));
  const { name, message, stack } = Object(thrown) as Partial<Record<"name" | "message" | "stack", unknown>>;
  const trace = typeof stack === "string" ? scrubText(stack, 16384) : undefined;
  /* The first frame, as Chromium ("at f (url:1:2)") and the others ("f@url:1:2") write it. */
  const frame = lineNumber ? [0, sourceFile, lineNumber, columnNumber] : /(?:\(|@|at )((?:https?|file):[^\s()]+?):(\d+):(\d+)/.exec(trace!) ?? [];
  const type = typeof name === "string" && name ? scrubText(name, 128) : undefined;
  const words = scrubText(typeof message === "string" ? message : wordsFor(thrown), 2048);
  hooks.failed(now());
  report("error", timeStamp, {
    type,
    message: words,
    stack: trace,
    source,
    file: frame[1] ? addressOf(frame[1] as string) : undefined,
    line: +frame[2]! || undefined,
    column: +frame[3]! || undefined,
  }, undefined, false, [source, type, words, trace].join());
}

/** A thrown object is told by the names of its members; their values are the page's own affair. */
function wordsFor(thrown: unknown): string {
  return Object(thrown) !== thrown ? String(thrown) : `${Object.prototype.toString.call(thrown).slice(8, -1)} {${Object.keys(thrown as object).slice(0, 10).join(", ")}}`;
}
