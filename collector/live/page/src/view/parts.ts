// Small pieces that several views share.
import { decimals, mark, t } from "../i18n/i18n";
import { ApiError } from "../lib/api";
import { h, type Child } from "../lib/dom";
import { count, duration, share } from "../lib/format";
import { icon } from "../lib/icon";
import { href, kept, type State } from "../lib/state";
import type { Alert, Rating } from "../types";

export const RATING_WORDS: Record<Rating, string> = { good: mark("good"), "needs-improvement": mark("needs work"), poor: mark("poor") };

export function chip(tone: string, word: string, shape = tone): HTMLElement {
  return h("span", { class: `chip chip-${tone}` }, icon(shape), word);
}

function wordsOf(cell: Element | null | undefined): string {
  return (cell?.textContent ?? "").replace(/\s+/g, " ").trim();
}

/* A list in one sentence, for those who do not see it: how many rows, and what the first says. */
function caption(title: string, table: Element): void {
  const heads = [...table.querySelectorAll("thead th")].map(wordsOf), rows = table.querySelectorAll("tbody tr"), first = rows[0]?.children;
  if (table.querySelector("caption") || !first || heads.length !== first.length) return;
  const said = heads.map((head, i) => [head, wordsOf(first[i])]).filter(([, text]) => text).map(([head, text]) => `${head} ${text}`);
  table.prepend(h("caption", { class: "unseen" }, t("{title}: {n} rows. First: {row}", { title, n: rows.length, row: said.join(", ") })));
}

export function card(id: string, title: Child, side: Child, ...body: Child[]): HTMLElement {
  const made = h("section", { class: `card card-${id}`, "data-testid": id, "aria-labelledby": `h-${id}`, "data-key": id },
    h("div", { class: "card-head" }, h("h2", { id: `h-${id}` }, title), h("div", { class: "side" }, side)), body);
  for (const table of made.querySelectorAll("table")) caption(wordsOf(made.querySelector("h2")), table);
  return made;
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

/* Words of several sources in one line: none turns the direction of its neighbours. Null when there are none. */
export function beside(...words: (string | number | null | undefined | false)[]): Child {
  const said = words.filter(Boolean).map(String);
  return said.length ? said.map((one, i) => [i > 0 && " · ", h("span", { dir: "auto" }, one)]) : null;
}

// A time as a table's figure: the number stands out, its unit does not.
export function figure(ms: number | null): Child {
  const text = duration(ms), space = text.lastIndexOf(" ");
  if (space < 0 || text.indexOf(" ") !== space) return text;
  return [text.slice(0, space), h("small", null, text.slice(space))];
}

/* What Seismo says about itself: what is so, what is so no more, and the code whose page says what to do. */
const SELF_WORDS: Record<string, [string, string, string]> = {
  lag: [mark("is behind"), mark("was behind"), "SE-5301"],
  spool: [mark("spools more than it can bring to Kafka"), mark("spooled more than it could bring to Kafka"), "SE-5302"],
  store: [mark("can store nothing"), mark("could store nothing"), "SE-5303"],
  telling: [mark("cannot tell people"), mark("could not tell people"), "SE-5304"],
  rejects: [mark("refuses much of what comes in"), mark("refused much of what came in"), "SE-5305"],
  clock: [mark("sees many wrong times"), mark("saw many wrong times"), "SE-5306"],
};

export function selfCode(alert: Alert): string {
  return SELF_WORDS[alert.name]?.[2] ?? "SE-5303";
}

function selfWords(alert: Alert): [string, string] {
  const words = SELF_WORDS[alert.name], firing = alert.state === "firing";
  const { observed, expected } = alert;
  const figures = alert.name === "lag" ? t("{n} records wait, at most {max} are well", { n: count(observed ?? 0), max: count(expected ?? 0) })
    : alert.name === "rejects" || alert.name === "clock" ? t("{observed}, at most {expected} is well", { observed: share(observed ?? 0), expected: share(expected ?? 0) }) : "";
  return [words ? t(words[firing ? 0 : 1]) : firing ? t("is not well") : t("was not well"), [figures, selfCode(alert)].filter(Boolean).join(" · ")];
}

export function seriesWords(kind: string, name: string, detail: string): string {
  if (kind === "self") return t("Seismo itself");
  if (name !== "*") {
    if (kind === "vital") return t("{vital} of {name}", { vital: detail, name });
    if (kind === "error") return detail ? t("Error {code} on {name}", { code: detail, name }) : t("Errors on {name}", { name });
    return name;
  }
  const all: Record<string, string> = { page: t("All page loads"), route: t("All route changes"), api: t("All calls"), click: t("All clicks"), error: t("All errors") };
  if (kind === "error" && detail) return t("Error {code}", { code: detail });
  return kind === "vital" ? t("{vital} of all pages", { vital: detail || t("Vitals") }) : all[kind] ?? kind;
}

// How many times the usual, as people say it: 1.6×, 9×, 40×
function times(observed: number, expected: number): string {
  const factor = observed / expected;
  return `${decimals(factor, factor < 9.95 ? 1 : 0)}×`;
}

export function alertWords(alert: Alert): [string, string] {
  const { observed, expected } = alert;
  const now = alert.state === "firing";
  if (alert.kind === "self") return selfWords(alert);
  if (alert.kind === "latency") {
    const figures = t("p75 {observed} where {expected} is usual", { observed: duration(observed), expected: duration(expected) });
    const ratio = observed && expected ? `, ${t("{times} as long", { times: times(observed, expected) })}` : "";
    return [now ? t("is slower than usual") : t("was slower than usual"), figures + ratio];
  }
  if (alert.kind === "errors")
    return [now ? t("fails more than usual") : t("failed more than usual"), t("{observed} fail where {expected} is usual", { observed: share(observed ?? 0), expected: share(expected ?? 0) })];
  const less = (observed ?? 0) < (expected ?? 0);
  const words = less ? (now ? t("has less traffic than usual") : t("had less traffic than usual")) : now ? t("has more traffic than usual") : t("had more traffic than usual");
  return [words, t("{observed} a minute where {expected} is usual", { observed: count(Math.round(observed ?? 0)), expected: count(Math.round(expected ?? 0)) })];
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
  return n >= 1 ? t("about {n} sessions", { n: Math.round(n) }) : "";
}

/* What takes long says so; it goes when there is something to show. */
export function loading(): HTMLElement {
  return h("p", { class: "nothing", role: "status", "data-testid": "loading", "data-key": "loading" }, t("It is being read …"));
}

export function away(problem: unknown): HTMLElement {
  const said = problem instanceof ApiError ? problem.message : ""; // a browser's own words say less than ours
  return h("section", { class: "card notice", role: "alert", "data-testid": "away", "data-key": "away" }, h("h2", null, t("Seismo does not answer")),
    h("p", null, said && `${said} `, t("It is asked again every few seconds; this page goes on by itself once it answers.")));
}

export function trouble(problem: unknown): HTMLElement {
  return h("section", { class: "card notice", role: "alert", "data-testid": "problem" }, h("h2", null, t("This cannot be shown")),
    h("p", null, problem instanceof Error ? problem.message : String(problem)), link({}, { class: "button" }, t("Back to the overview")));
}
