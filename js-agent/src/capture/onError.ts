// JavaScript errors, unhandled rejections, what the page writes to console.error or reports itself, what its Content Security Policy has
// stopped, and what the browser warns of (Reporting API). The same error again while the first still waits to be sent raises its count.

import { early, hooks, isOurs, report } from "../scene";
import { at, now } from "../lib/clock";
import { listen, quietly, untilEnd } from "../lib/guard";
import { addressOf } from "../lib/place";
import { scrubText } from "../lib/scrub";
import { tell } from "../lib/tell";
import { wrap } from "../lib/wrap";

export function onError(): void {
  /* Images and scripts that fail to load raise an event of the same name without a message. */
  early.error = ({ message, error, filename, lineno, colno, timeStamp }: ErrorEvent) => message !== undefined && reportError("error", error ?? message, filename, lineno, colno, timeStamp);
  early.unhandledrejection = ({ reason, timeStamp }: PromiseRejectionEvent) => reportError("rejection", reason, null, null, null, timeStamp);
  for (const type of ["error", "unhandledrejection"]) listen(window, type, early[type]!);
  wrap(console, "error", (_self, words) => reportError("console", words.find((word) => word instanceof Error) ?? words.map(wordsFor).join(" ")));
  listen<SecurityPolicyViolationEvent>(document, "securitypolicyviolation", ({ type, blockedURI, effectiveDirective, sourceFile, lineNumber, columnNumber }) => {
    if (isOurs(blockedURI)) return tell("csp");
    reportError("csp", { name: type, message: `${effectiveDirective} blocked ${/:/.test(blockedURI) ? addressOf(blockedURI) : blockedURI}` }, sourceFile, lineNumber, columnNumber);
  });
  quietly(() => {
    const observer = new ReportingObserver(
      (reports) => reports.forEach(({ type, body }) => {
        const { message, sourceFile, lineNumber, columnNumber } = body as Partial<Record<string, never>>;
        reportError("report", { name: type, message }, sourceFile, lineNumber, columnNumber);
      }),
      { types: ["deprecation", "intervention"], buffered: true },
    );
    observer.observe();
    untilEnd(() => observer.disconnect());
  });
}

let told: WeakSet<object> | undefined;

/** Reports whatever was thrown, an object once (frameworks write what they catch to the console as well), with the browser's word on the place. */
export function reportError(source: string, thrown: unknown, file?: string | null, line?: number | null, column?: number | null, time?: number): void {
  told ??= new WeakSet();
  if (told.has(Object(thrown))) return;
  told.add(Object(thrown));
  const { name, message, stack } = Object(thrown) as Partial<Record<"name" | "message" | "stack", unknown>>;
  const trace = typeof stack === "string" ? scrubText(stack, 16384) : undefined;
  /* The first frame, as Chromium ("at f (url:1:2)") and the others ("f@url:1:2") write it. */
  const frame = line ? [0, file, line, column] : /(?:\(|@|at )((?:https?|file):[^\s()]+?):(\d+):(\d+)/.exec(trace!) ?? [];
  const type = typeof name === "string" && name ? scrubText(name, 128) : undefined;
  const words = scrubText(typeof message === "string" ? message : wordsFor(thrown), 2048);
  hooks.failed(now());
  report({
    kind: "error",
    at: at(time),
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
