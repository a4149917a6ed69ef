// The first screen: what is wrong, how it feels, how much there is, and where.
import { rich, t } from "../i18n/i18n";
import { drawAll, joined, type ChartData, type Line } from "../lib/chart";
import { change } from "../lib/compare";
import { h, show, type Child } from "../lib/dom";
import { ago, count, dateTime, duration, share, span, time, vital } from "../lib/format";
import { icon } from "../lib/icon";
import { kept, RANGES, rangeOf, type ListView, type State } from "../lib/state";
import type { Alert, Alerts, Business, CallRow, Clicks, Deploy, ErrorRow, Overview, PageRow, Quantiles, Session, Sessions, Table, Vital } from "../types";
import { businessSection } from "./business";
import { clicksSection } from "./clicks";
import { alertWords, beside, card, chip, column, figure, link, nothing, RATING_WORDS, seriesWords, sessionsWords } from "./parts";

const FULL_NAMES: Record<string, string> = {
  LCP: "Largest Contentful Paint", INP: "Interaction to Next Paint", CLS: "Cumulative Layout Shift", FCP: "First Contentful Paint", TTFB: "Time to First Byte",
};
const SHOWN_ROWS = 12, SHOWN_SESSIONS = 8;

export interface OverviewData { overview: Overview; alerts: Alerts | null; sessions: Sessions | null; before: Overview | null; deploys: Deploy[]; clicks: Clicks | null; clicksBefore: Clicks | null; business: Business | null; businessBefore: Business | null }

export function when(state: State): string {
  if (state.from || state.to) return t("in this stretch of time");
  return t("in the {range}", { range: t(RANGES.find(([name]) => name === rangeOf(state))![2]) });
}

/* ---- alerts ---- */

function alertCard(state: State, alert: Alert, now: number): HTMLElement {
  const [words, figures] = alertWords(alert);
  const since = alert.since ?? alert.opened ?? "";
  const people = sessionsWords(alert.sessions);
  return h("li", { class: "alert", "data-name": alert.name, "data-key": alert.id, "data-state": alert.state },
    link({ ...kept(state), view: "alert", id: alert.id }, { class: "alert-link" },
      h("span", { class: "alert-icon" }, icon("alert")),
      h("span", { class: "alert-text" },
        h("span", { class: "alert-title" }, h("b", null, h("bdi", null, seriesWords(alert.series, alert.name, alert.detail))), ` ${words}`),
        h("span", { class: "alert-more" }, `${figures} · `, time(since, t("since {time}", { time: dateTime(Date.parse(since)) })), `, ${t("for {time}", { time: span(now - Date.parse(since)) })}`,
          people && ` · ${people}`, alert.acknowledged && ` · ${t("acknowledged by {name}", { name: alert.acknowledged.by })}`, alert.silence && ` · ${t("silenced")}`, alert.service && ` · ${alert.service}`, alert.young && ` · ${t("little history to compare with")}`)),
      h("span", { class: "alert-go" }, t("Look"), icon("next"))));
}

function alertsSection(state: State, alerts: Alerts | null, now: number): HTMLElement {
  const firing = alerts?.rows.filter((alert) => alert.state === "firing") ?? [];
  const over = alerts?.rows.filter((alert) => alert.state === "resolved").slice(0, 5) ?? [];
  const calm = firing.length === 0;
  return h("section", { class: calm ? "alerts calm" : "alerts", "data-testid": "alerts", "aria-label": t("Alerts"), "data-key": "alerts" },
    calm
      ? h("p", { class: "calm-line" }, chip("good", alerts ? t("No open alerts") : t("Alerts are being read")))
      : h("ul", { class: "plain" }, firing.map((alert) => alertCard(state, alert, now))),
    link({ ...kept(state), view: "alerts" }, { class: "all-alerts" }, t("All alerts")),
    over.length > 0 && h("details", { class: "over" }, h("summary", null, t("{n} alerts lately, over now", { n: over.length })),
      h("ul", { class: "plain" }, over.map((alert) => {
        const [words, figures] = alertWords(alert), end = alert.resolved ?? alert.opened ?? "";
        return h("li", { "data-name": alert.name, "data-key": alert.id, "data-state": alert.state },
          link({ ...kept(state), view: "alert", id: alert.id }, { class: "over-link" }, h("b", null, h("bdi", null, seriesWords(alert.series, alert.name, alert.detail))), ` ${words}`),
          h("span", { class: "muted" }, ` ${figures} · `, rich("over since {time}", { time: time(end, dateTime(Date.parse(end))) })));
      }))));
}

/* ---- vitals ---- */

function sharesBar(item: Vital): Child {
  if (item.good === undefined) return h("span", { class: "shares", "aria-hidden": "true" });
  const parts: [string, string, number][] = [["good", t("good"), item.good], ["needs", t("need work"), item.needs!], ["poor", t("poor"), item.poor!]];
  return h("span", { class: "shares", role: "img", "aria-label": parts.map(([, word, part]) => `${share(part)} ${word}`).join(", "),
    title: parts.map(([, word, part]) => `${share(part)} ${word}`).join(", ") },
    parts.filter(([, , part]) => part > 0).map(([name, , part]) => h("i", { class: name, css: { "flex-grow": String(part) } })));
}

function vitalCard(state: State, item: Vital, was: Vital | undefined): HTMLElement {
  const tone = item.rating ?? "none";
  const text = vital(item.name, item.p75), space = text.indexOf(" ");
  return h("li", { class: `vital vital-${tone}`, "data-name": item.name, "data-rating": item.rating ?? "no data" },
    link({ ...kept(state), view: "series", kind: "vital", name: "*", detail: item.name }, { class: "vital-link", title: FULL_NAMES[item.name] },
      h("span", { class: "vital-name" }, h("abbr", { title: FULL_NAMES[item.name] }, item.name), h("span", { class: "muted vital-long" }, FULL_NAMES[item.name])),
      item.rating === null
        ? [h("span", { class: "vital-value none" }, t("no data")), h("span", { class: "vital-note muted" }, t("no browser has reported it"))]
        : [h("span", { class: "vital-value" }, space < 0 ? text : [text.slice(0, space), h("small", null, text.slice(space))]), chip(tone, t(RATING_WORDS[item.rating]))],
      sharesBar(item),
      h("span", { class: "vital-count muted" }, item.rating === null ? t("0 measured") : t("p75 of {count}", { count: item.count }), " ", was && change(item.p75, was.p75, "up", (n) => vital(item.name, n)))));
}

function vitalsSection(state: State, vitals: Vital[], before: Overview | null): HTMLElement {
  return h("section", { "data-testid": "vitals", "aria-label": t("Web vitals, 75th percentile"), "data-key": "vitals" },
    h("ul", { class: "plain vitals" }, vitals.map((item) => vitalCard(state, item, before?.vitals.find(({ name }) => name === item.name)))));
}

/* ---- traffic ---- */

interface Lane { id: string; title: string; total: string; note: Child; kind: string; delta: Child }

function lanes({ totals, traffic }: Overview, step: number, before: Overview | null): Lane[] {
  const was = before?.totals;
  const most = (values: number[]): string => t("most in {time}: {count}", { time: span(step), count: Math.round(Math.max(0, ...values)) });
  const failed = totals.calls > 0 ? totals.failed_calls / totals.calls : 0;
  return [
    { id: "views", title: t("Page views"), delta: was && change(totals.loads + totals.routes, was.loads + was.routes, "down", count), total: count(totals.loads + totals.routes), kind: "page", note: totals.routes ? [t("{n} loads", { n: totals.loads }), ", ", t("{n} route changes", { n: totals.routes })] : most(traffic.views) },
    { id: "calls", title: t("API calls"), delta: was && change(totals.calls, was.calls, "neither", count), total: count(totals.calls), kind: "api", note: totals.failed_calls ? h("span", { class: "bad-text" }, t("{failed} failed ({share})", { failed: totals.failed_calls, share: share(failed) })) : t("none failed") },
    { id: "errors", title: t("Errors"), delta: was && change(totals.errors, was.errors, "up", count), total: count(totals.errors), kind: "error", note: totals.errors ? most(traffic.errors) : t("none") },
  ];
}

function wentWrong({ more, frustrated, count: all }: Clicks): string {
  const part = { share: share(frustrated / all) };
  return more ? t("of the newest {share} went wrong", part) : t("{share} went wrong", part);
}

function trafficSection(state: State, { totals, ...rest }: Overview, factor: number, before: Overview | null, clicks: Clicks | null): HTMLElement {
  const step = rest.step * factor;
  const overview = { totals, ...rest, traffic: Object.fromEntries(Object.entries(rest.traffic).map(([name, values]) => [name, joined(values, factor)])) } as Overview;
  const people = h("div", { class: "now" }, icon("person"),
    h("span", null, rich<Child>("{count} sessions in the last 5 min", { n: totals.sessions_5m, count: h("b", null, count(totals.sessions_5m)) })),
    h("span", { class: "muted" }, `${count(totals.sessions)} ${when(state)}`), h("span", { class: "muted" }, t("{n} clicks", { n: totals.clicks }), clicks && clicks.frustrated > 0 && [", ", h("a", { href: "#h-clicks", class: "bad-text" }, wentWrong(clicks))]));
  return card("traffic", t("Traffic"), people, h("div", { class: "lanes" }, lanes(overview, step, before).map((lane) =>
    h("div", { class: `lane lane-${lane.id}`, "data-key": lane.id },
      link({ ...kept(state), view: "series", kind: lane.kind, name: "*" }, { class: "lane-head" },
        h("span", { class: "lane-title" }, lane.title), h("b", { class: "lane-total" }, lane.total, " ", lane.delta), h("span", { class: "muted lane-note" }, lane.note)),
      h("div", { class: "chart", "data-keep": true, "data-chart": lane.id })))));
}

/* The period before as a line over the bars, step by step beside the shown one. */
function lineBefore(before: Overview | null, name: keyof Overview["traffic"], factor: number, n: number): Line[] {
  if (!before) return [];
  const values = joined(before.traffic[name], factor);
  return [{ name: t("Before"), color: "--c-before", width: 1.5, values: Array.from({ length: n }, (_, i) => values[i] ?? null) }];
}

function drawTraffic(root: Element, overview: Overview, factor: number, before: Overview | null): void {
  const step = overview.step * factor, { from, to, totals } = overview;
  const values = (name: keyof Overview["traffic"]): number[] => joined(overview.traffic[name], factor);
  const views = values("views"), times = views.map((_, i) => from + i * step);
  const common = { times, step, from, to, unit: "count" as const };
  const charts: Record<string, ChartData> = {
    views: { ...common, height: 74, axis: false, lines: [{ name: t("Page views"), color: "--c-views", kind: "bar", values: views }, ...lineBefore(before, "views", factor, times.length)], label: t("Page views over time: {all} in all", { all: totals.loads + totals.routes }) },
    calls: { ...common, height: 74, axis: false, lines: [{ name: t("Calls"), color: "--c-calls", kind: "bar", values: values("calls") }, { name: t("of them failed"), color: "--c-errors", kind: "bar", values: values("failed") }, ...lineBefore(before, "calls", factor, times.length)], label: t("API calls over time: {all} in all, {failed} failed", { all: totals.calls, failed: totals.failed_calls }) },
    errors: { ...common, height: 72, axis: true, lines: [{ name: t("Errors"), color: "--c-errors", kind: "bar", values: values("errors") }, ...lineBefore(before, "errors", factor, times.length)], label: t("Errors over time: {all} in all", { all: totals.errors }) },
  };
  drawAll(root, charts);
}

/* Those that stand on the charts, in words. */
function deploysLine(state: State, { from, to }: Overview, deploys: Deploy[]): Child {
  const shown = deploys.filter(({ at }) => Date.parse(at) >= from && Date.parse(at) < to);
  return h("p", { class: "deploys-line muted", "data-testid": "deploys-line", "data-key": "deploys" }, shown.length ? [t("{n} deploys {when}:", { n: shown.length, when: when(state) }), " ", shown.slice(0, 3).map((deploy, i) => [i > 0 && ", ", rich<Child>("{name} at {time}", { name: h("b", null, h("bdi", null, deploy.name)), time: dateTime(Date.parse(deploy.at)) })]), shown.length > 3 && " …", " · "] : null,
    link({ ...kept(state), view: "deploys" }, { class: "all-alerts" }, t("Deploys")), " · ", link({ ...kept(state), view: "self" }, { class: "all-alerts" }, t("Seismo itself")));
}

/* ---- tables ---- */

function nameCell(state: State, row: { name: string; service: string }, to: State, many: boolean, icons?: Child): HTMLElement {
  return h("th", { scope: "row" }, link({ ...kept(state), ...to }, { class: "name", title: row.name }, icons, h("bdi", null, row.name)), many && h("span", { class: "tag" }, row.service));
}

function countCell(n: number, most: number, delta: Child = null): HTMLElement {
  return h("td", { class: "num meter" }, h("i", { "aria-hidden": "true", css: { width: `${most > 0 ? (n / most) * 100 : 0}%` } }), h("span", null, count(n)), delta);
}

function quantileCells(row: Quantiles, was?: Quantiles): HTMLElement[] {
  return [h("td", { class: "num medium" }, figure(row.p50)), h("td", { class: "num strong" }, figure(row.p75), was && change(row.p75, was.p75, "up", duration)), h("td", { class: "num wide" }, figure(row.p95)), h("td", { class: "num wider" }, figure(row.p99))];
}

const QUANTILE_COLUMNS = (): HTMLElement[] => [
  column("p50", { class: "num medium" }), column("p75", { class: "num" }), column("p95", { class: "num wide" }), column("p99", { class: "num wider" }),
];

function table(head: Child, body: Child): HTMLElement {
  return h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, head)), h("tbody", null, body)));
}

/* All of it, to be sorted and narrowed. */
function toList(state: State, name: ListView, words: string): HTMLElement {
  return link({ ...kept(state), view: name }, { title: t("All of them, to be sorted") }, words, icon("next"));
}

/* How many there are, in words, and how many of them are shown. */
function tableSide<T>(data: Table<T>, all: string): string {
  return data.all <= SHOWN_ROWS ? all : t("{shown} of {all}", { shown: SHOWN_ROWS, all });
}

/* What is one row: two applications may have a service, a page or an error of one name. */
export function rowKey(row: { application: string; service: string; name?: string; code?: string }): string {
  return `${row.application} ${row.service} ${row.code ?? row.name}`;
}

function several(rows: { service: string }[]): boolean {
  return rows.some((row) => row.service !== rows[0].service);
}

/* The same row of the period before: a page's by kind too, since loads and route changes are not alike. */
function same<T extends { application: string; service: string; name: string; kind?: string }>(rows: T[] | undefined, row: T): T | undefined {
  return rows?.find((other) => rowKey(other) === rowKey(row) && other.kind === row.kind);
}

function pagesSection(state: State, pages: Table<PageRow>, before: Overview | null): HTMLElement {
  const rows = pages.rows.slice(0, SHOWN_ROWS), most = Math.max(0, ...rows.map((row) => row.count)), many = several(rows);
  return card("pages", toList(state, "pages", t("Pages")), tableSide(pages, t("{n} pages", { n: pages.all })), rows.length === 0 ? nothing(t("No page was opened {when}.", { when: when(state) })) :
    table([column(t("Page")), column(t("Views"), { class: "num" }), QUANTILE_COLUMNS(), column(t("Sessions"), { class: "num wider" })],
      rows.map((row) => h("tr", { "data-name": row.name, "data-key": rowKey(row) },
        nameCell(state, row, { view: "series", kind: row.kind, name: row.name, service: row.service }, many),
        countCell(row.count, most, before && change(row.count, same(before.pages.rows, row)?.count ?? 0, "neither", count)), quantileCells(row, same(before?.pages.rows, row)), h("td", { class: "num wider" }, count(row.sessions))))));
}

function callsSection(state: State, apis: Table<CallRow>, before: Overview | null): HTMLElement {
  const rows = apis.rows.slice(0, SHOWN_ROWS), most = Math.max(0, ...rows.map((row) => row.count)), many = several(rows);
  return card("apis", toList(state, "apis", t("API calls")), tableSide(apis, t("{n} routes", { n: apis.all })), rows.length === 0 ? nothing(t("No call was made {when}.", { when: when(state) })) :
    table([column(t("Route")), column(t("Calls"), { class: "num" }), column(t("Failed"), { class: "num" }), QUANTILE_COLUMNS()],
      rows.map((row) => {
        const space = row.name.indexOf(" "), method = space > 0 ? row.name.slice(0, space) : "";
        return h("tr", { "data-name": row.name, "data-key": rowKey(row) },
          h("th", { scope: "row" }, link({ ...kept(state), view: "series", kind: "api", name: row.name, service: row.service }, { class: "name", title: row.name },
            method && h("span", { class: "method" }, method, " "), h("bdi", null, method ? row.name.slice(space + 1) : row.name)), many && h("span", { class: "tag" }, row.service)),
          countCell(row.count, most, before && change(row.count, same(before.apis.rows, row)?.count ?? 0, "neither", count)),
          h("td", { class: "num" }, row.failed > 0 ? h("span", { class: "bad-text", title: t("{n} failed calls", { n: row.failed }) }, share(row.failed_share ?? 0)) : h("span", { class: "muted" }, "0 %")),
          quantileCells(row, same(before?.apis.rows, row)));
      })));
}

function errorsSection(state: State, errors: Table<ErrorRow>, now: number, before: Overview | null): HTMLElement {
  const rows = errors.rows.slice(0, SHOWN_ROWS), most = Math.max(0, ...rows.map((row) => row.count));
  return card("errors", toList(state, "errors", t("Errors")), errors.all ? tableSide(errors, t("{n} codes", { n: errors.all })) : null, rows.length === 0 ? h("p", { class: "nothing" }, chip("good", t("none")), ` ${t("No error was met {when}.", { when: when(state) })}`) :
    table([column(t("Message")), column(t("Count"), { class: "num" }), column(t("Sessions"), { class: "num" }), column(t("Last seen"), { class: "num wide" })],
      rows.map((row) => h("tr", { "data-name": row.code, "data-key": rowKey(row) },
        h("th", { scope: "row" }, link({ ...kept(state), view: "error", code: row.code, service: row.service }, { class: "name two", title: row.message },
          h("bdi", { class: "message" }, row.message || t("(its message is on the way)")), h("code", null, row.code))),
        countCell(row.count, most, before && change(row.count, before.errors.rows.find((other) => rowKey(other) === rowKey(row))?.count ?? 0, "up", count)), h("td", { class: "num" }, count(row.sessions)), h("td", { class: "num wide muted" }, time(row.last, ago(Date.parse(row.last), now)))))));
}

export function badges(row: Session): Child {
  return [
    row.errors > 0 && h("span", { class: "chip chip-poor", title: t("{n} errors", { n: row.errors }) }, icon("error"), count(row.errors), h("span", { class: "unseen" }, t("errors"))),
    row.failed > 0 && h("span", { class: "chip chip-poor", title: t("{n} failed calls", { n: row.failed }) }, icon("api"), count(row.failed), h("span", { class: "unseen" }, t("failed calls"))),
    row.frustrated > 0 && h("span", { class: "chip chip-needs-improvement", title: t("{n} frustrated clicks", { n: row.frustrated }) }, icon("click"), count(row.frustrated), h("span", { class: "unseen" }, t("frustrated clicks"))),
  ];
}

function sessionRows(state: State, rows: Session[], now: number): HTMLElement {
  return table([column(t("Session")), column(t("Pages"), { class: "num medium" }), column(t("Calls"), { class: "num wide" }), column(t("Trouble"), {}), column(t("Last seen"), { class: "num" })],
    rows.map((row) => h("tr", { "data-name": row.id, "data-key": row.id },
      h("th", { scope: "row" }, link({ ...kept(state), view: "session", id: row.id }, { class: "name two" },
        h("bdi", { class: row.user ? "message" : "message id" }, row.user || row.id),
        h("span", { class: "muted" }, beside(row.browser, row.os, row.country, row.page) ?? t("unknown browser")))),
      h("td", { class: "num medium" }, count(row.views)), h("td", { class: "num wide" }, count(row.calls)),
      h("td", { class: "badges" }, badges(row)), h("td", { class: "num muted" }, time(row.last, ago(Date.parse(row.last), now))))));
}

function sessionsSection(state: State, sessions: Sessions | null, now: number): HTMLElement {
  const rows = (sessions?.rows ?? []).slice(0, SHOWN_SESSIONS);
  return card("sessions", toList(state, "sessions", t("Recent sessions")), t("newest first"), rows.length === 0 ? nothing(t("Nobody was here {when}.", { when: when(state) })) : sessionRows(state, rows, now));
}

/* ---- all ---- */

const factorOf = ({ from, to, step }: Overview): number => Math.max(1, Math.ceil((to - from) / step / 300));

function top(state: State, { overview, alerts, before, deploys, clicks }: OverviewData): Child[] {
  return [h("h1", { class: "unseen" }, t("Overview")),
    alertsSection(state, alerts, overview.now), vitalsSection(state, overview.vitals, before), trafficSection(state, overview, factorOf(overview), before, clicks), deploysLine(state, overview, deploys),
    h("div", { class: "pair", "data-key": "pair-1" }, pagesSection(state, overview.pages, before), callsSection(state, overview.apis, before))];
}

/** What a screen shows before anybody scrolls. */
export function showOverviewTop(root: Element, state: State, data: OverviewData): void {
  show(root, top(state, data));
  drawTraffic(root, data.overview, factorOf(data.overview), data.before);
}

export function showOverview(root: Element, state: State, data: OverviewData): void {
  const { overview, sessions, before, clicks, clicksBefore, business, businessBefore } = data;
  show(root, top(state, data),
    h("div", { class: "pair", "data-key": "pair-2" }, errorsSection(state, overview.errors, overview.now, before), sessionsSection(state, sessions, overview.now)),
    businessSection(state, business, businessBefore),
    clicksSection(state, clicks, clicksBefore, overview.totals.clicks, overview.now),
    overview.left_out > 0 && h("p", { class: "muted" }, t("There are more series than can be shown here; the rare ones are left out.")));
  drawTraffic(root, overview, factorOf(overview), before);
}

export function overviewWords(overview: Overview): string {
  const bad = overview.vitals.filter((item) => item.rating === "poor").map((item) => `${item.name} ${vital(item.name, item.p75)}`);
  const seen = [t("{n} page views", { n: overview.totals.loads + overview.totals.routes }), t("{n} errors", { n: overview.totals.errors })];
  if (bad.length) seen.push(t("poor: {vitals}", { vitals: bad.join(", ") }));
  return seen.join(", ");
}
