// Small pieces that several views share.
import { h, type Child } from "../lib/dom";
import { count, duration, plural } from "../lib/format";
import { icon } from "../lib/icon";
import { href, kept, type State } from "../lib/state";
import type { Alert, Rating } from "../types";

export const RATING_WORDS: Record<Rating, string> = { good: "good", "needs-improvement": "needs work", poor: "poor" };

export function chip(tone: string, word: string, shape = tone): HTMLElement {
  return h("span", { class: `chip chip-${tone}` }, icon(shape), word);
}

export function card(id: string, title: Child, side: Child, ...body: Child[]): HTMLElement {
  return h("section", { class: `card card-${id}`, "data-testid": id, "aria-labelledby": `h-${id}`, "data-key": id },
    h("div", { class: "card-head" }, h("h2", { id: `h-${id}` }, title), h("div", { class: "side" }, side)), body);
}

export function nothing(text: string): HTMLElement {
  return h("p", { class: "nothing" }, text);
}

export function link(state: State, props: Record<string, string | undefined>, ...children: Child[]): HTMLElement {
  return h("a", { href: href(state), "data-link": true, ...props }, children);
}

export function toSession(state: State, id: string, ...children: Child[]): HTMLElement {
  return link({ ...kept(state), view: "session", id }, { class: "name" }, children);
}

export function column(text: string, props: Record<string, string> = {}): HTMLElement {
  return h("th", { scope: "col", ...props }, text);
}

// A time as a table's figure: the number stands out, its unit does not.
export function figure(ms: number | null): Child {
  const text = duration(ms), space = text.lastIndexOf(" ");
  if (space < 0 || text.indexOf(" ") !== space) return text;
  return [text.slice(0, space), h("small", null, text.slice(space))];
}

export function seriesWords(kind: string, name: string, detail: string): string {
  if (name !== "*") return kind === "vital" ? `${detail} of ${name}` : kind === "error" ? `Error ${detail || ""} on ${name}`.replace("  ", " ") : name;
  const all: Record<string, string> = { page: "All page loads", route: "All route changes", api: "All calls", click: "All clicks", error: "All errors" };
  if (kind === "error" && detail) return `Error ${detail}`;
  return kind === "vital" ? `${detail || "Vitals"} of all pages` : all[kind] ?? kind;
}

// How many times the usual, as people say it: 1.6×, 9×, 40×
function times(observed: number, expected: number): string {
  const factor = observed / expected;
  return `${factor < 9.95 ? factor.toFixed(1) : Math.round(factor)}×`;
}

function percent(part: number): string {
  return `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`;
}

export function alertWords(alert: Alert): [string, string] {
  const { observed, expected } = alert;
  const now = alert.state === "firing";
  if (alert.kind === "latency") {
    const ratio = observed && expected ? `, ${times(observed, expected)} as long` : "";
    return [now ? "is slower than usual" : "was slower than usual", `p75 ${duration(observed)} where ${duration(expected)} is usual${ratio}`];
  }
  if (alert.kind === "errors")
    return [now ? "fails more than usual" : "failed more than usual", `${percent(observed ?? 0)} fail where ${percent(expected ?? 0)} is usual`];
  const less = (observed ?? 0) < (expected ?? 0);
  return [`${now ? "has" : "had"} ${less ? "less" : "more"} traffic than usual`, `${count(Math.round(observed ?? 0))} a minute where ${count(Math.round(expected ?? 0))} is usual`];
}

/* The series of an alert around its time. */
export function alertLink(state: State, alert: Alert, now: number): State {
  const since = Date.parse(alert.since ?? alert.opened ?? ""), end = alert.resolved ? Date.parse(alert.resolved) : now;
  return {
    ...kept(state), application: alert.application, service: alert.service, environment: alert.environment, view: "series",
    kind: alert.series, name: alert.name, detail: alert.detail,
    from: new Date(since - 900000).toISOString(), to: new Date(end + 300000).toISOString(),
  };
}

export function sessionsWords(n: number): string {
  return n >= 1 ? `about ${plural(Math.round(n), "session")}` : "";
}

export function trouble(problem: unknown): HTMLElement {
  return h("section", { class: "card notice", role: "alert", "data-testid": "problem" }, h("h2", null, "This cannot be shown"),
    h("p", null, problem instanceof Error ? problem.message : String(problem)), link({}, { class: "button" }, "Back to the overview"));
}
