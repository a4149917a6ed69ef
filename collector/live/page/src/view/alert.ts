// One alert: what is wrong, against what is usual, since when and for whom; and what people do about it.
import { mark, rich, t } from "../i18n/i18n";
import { draw, type ChartData } from "../lib/chart";
import { noneBefore } from "../lib/compare";
import { h, show, type Child } from "../lib/dom";
import { clock, count, dateTime, duration, share, span, time } from "../lib/format";
import { icon } from "../lib/icon";
import { myName } from "../lib/remark";
import { kept, type State } from "../lib/state";
import type { Alert, Series, Silence } from "../types";
import { alertLink, alertWords, card, chip, column, link, nothing, selfCode, sessionsWords, seriesWords, toSession } from "./parts";

const ENDS: [number, string][] = [[30, mark("30 minutes")], [120, mark("2 hours")], [480, mark("8 hours")], [1440, mark("1 day")], [10080, mark("7 days")]];

/* ---- why ---- */

// What the detector compares, step by step: the p75 in ms, the share that fails, or how many a minute.
function figures(alert: Alert, series: Series): (number | null)[] {
  const { points } = series;
  if (alert.kind === "latency") return points.p75;
  if (alert.kind === "errors") return points.count.map((n, i) => (n > 0 ? (points.failed[i] / n) * 100 : null));
  return points.count.map((n) => (n * 60000) / series.step);
}

function scaled(alert: Alert, value: number | null): number {
  return alert.kind === "errors" ? (value ?? 0) * 100 : value ?? 0;
}

// Where nine in ten of the steps lay well before it: what has just begun to rise is not usual yet.
const RISING_MS = 120000;
export function usualBand(values: (number | null)[], times: number[], since: number): [number, number] | undefined {
  const before = values.filter((value, i): value is number => value !== null && times[i] < since - RISING_MS).sort((a, b) => a - b);
  if (before.length < 5) return undefined;
  return [before[Math.floor(before.length * 0.05)], before[Math.min(before.length - 1, Math.floor(before.length * 0.95))]];
}

function worded(alert: Alert, value: number | null): string {
  if (alert.kind === "latency") return duration(value);
  if (alert.kind === "errors") return share(value ?? 0);
  return t("{count} a minute", { count: Math.round(value ?? 0) });
}

function chart(alert: Alert, series: Series, before: Series | null, now: number): ChartData {
  const values = figures(alert, series), times = values.map((_, i) => series.from + i * series.step);
  const since = Date.parse(alert.since ?? alert.opened ?? ""), end = alert.resolved ? Date.parse(alert.resolved) : now;
  const name = alert.kind === "latency" ? "p75" : alert.kind === "errors" ? t("failed, %") : t("a minute");
  return {
    times, step: series.step, from: series.from, to: series.to, unit: alert.kind === "latency" ? "ms" : alert.kind === "errors" ? "plain" : "count", height: 200, axis: true,
    mark: [since, end], band: usualBand(values, times, since),
    label: t("Observed {observed}, expected {expected}, from {from} to {to}", { observed: worded(alert, alert.observed), expected: worded(alert, alert.expected), from: clock(since), to: clock(end) }),
    lines: [{ name, color: "--c-p75", values, width: 2 }, { name: t("expected"), color: "--c-before", values: times.map(() => scaled(alert, alert.expected)), dash: [6, 4], width: 1.5 },
      ...(before ? [{ name: t("Before"), color: "--c-before", values: figures(alert, before).slice(0, times.length), width: 1.5 }] : [])],
  };
}

function stat(name: string, value: Child, tone = ""): HTMLElement {
  return h("div", { class: `stat ${tone}` }, h("dt", null, name), h("dd", null, value));
}

function why(alert: Alert, now: number): HTMLElement {
  const since = Date.parse(alert.since ?? alert.opened ?? ""), end = alert.resolved ? Date.parse(alert.resolved) : now;
  return h("dl", { class: "stats" }, stat(t("observed"), worded(alert, alert.observed), alert.state === "firing" ? "bad" : ""), stat(t("expected"), worded(alert, alert.expected)),
    stat(t("since"), time(new Date(since).toISOString(), dateTime(since))), stat(alert.state === "firing" ? t("for") : t("took"), span(Math.max(0, end - since))),
    stat(t("sessions"), alert.sessions >= 1 ? `≈ ${count(alert.sessions)}` : "–"), stat(t("rests on"), alert.history_s > 0 ? [span(alert.history_s * 1000), h("small", null, ` ${alert.young ? t("of history, little") : t("of history")}`)] : "–"));
}

/* ---- what people do ---- */

export function nameField(id: string): HTMLElement {
  return h("label", { class: "field" }, h("span", null, t("Your name")), h("input", { name: "by", id, required: true, maxlength: "60", autocomplete: "name", value: myName() }));
}

export function remarkForm(path: string, id: string, props: Record<string, string>, ...body: Child[]): HTMLElement {
  return h("form", { "data-remark": `/api/${path}`, ...props }, id && h("input", { type: "hidden", name: "id", value: id }), body, h("span", { class: "said", role: "alert", "data-said": true, "data-keep": true }));
}

export function endSilence(silence: Silence): HTMLElement {
  return remarkForm("alerts/unsilence", silence.id, { class: "inline", "data-key": `end ${silence.id}` }, nameField(`by-${silence.id}`), h("button", { class: "button small" }, t("End it now")));
}

export function silenceWords(silence: Silence, now: number): Child {
  return rich<Child>("until {time} ({left} left), by {name}: {reason}", {
    time: time(silence.until, dateTime(Date.parse(silence.until))), left: span(Date.parse(silence.until) - now),
    name: h("bdi", null, silence.by), reason: h("bdi", null, silence.reason),
  });
}

function acknowledged(alert: Alert): Child {
  if (alert.acknowledged)
    return h("p", { class: "done", "data-testid": "acknowledged", "data-key": "acknowledged" }, chip("good", t("Acknowledged")), " ", rich("by {name}, {time}", { name: h("bdi", null, alert.acknowledged.by), time: time(alert.acknowledged.at, dateTime(Date.parse(alert.acknowledged.at))) }));
  return remarkForm("alerts/acknowledge", alert.id, { class: "remark", "data-testid": "acknowledge", "data-key": "acknowledge" }, nameField("by-acknowledge"), h("button", { class: "button primary" }, t("I am looking into it")));
}

function silenced(alert: Alert, now: number): Child {
  const { silence } = alert;
  if (silence)
    return h("div", { class: "done", "data-testid": "silenced", "data-key": "silenced" }, h("p", null, chip("none", t("Silenced")), " ", silenceWords(silence, now)), endSilence(silence));
  return remarkForm("alerts/silence", alert.id, { class: "remark", "data-testid": "silence", "data-key": "silence" },
    h("label", { class: "field" }, h("span", null, t("For")), h("select", { name: "minutes", id: "silence-minutes" }, ENDS.map(([minutes, words]) => h("option", { value: String(minutes), selected: minutes === 120 }, t(words))))),
    h("label", { class: "field grow" }, h("span", null, t("Reason")), h("input", { name: "reason", id: "silence-reason", required: true, maxlength: "200", placeholder: t("known, release 1.5 fixes it") })),
    nameField("by-silence"), h("label", { class: "check" }, h("input", { type: "checkbox", name: "whole" }), ` ${alert.service ? t("all of {service}", { service: alert.service }) : t("all of the service")}`),
    h("button", { class: "button" }, t("Silence")));
}

/* ---- all ---- */

function cases(state: State, series: Series): Child {
  if (series.samples.length === 0) return nothing(t("No single one is stored for this stretch of time."));
  return h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, column(t("When")), column(t("Took"), { class: "num" }), column(t("Session")))),
    h("tbody", null, series.samples.slice(0, 5).map((sample, i) => h("tr", { "data-key": `${sample.at} ${i}`, "data-name": sample.session }, h("td", null, time(sample.at, clock(Date.parse(sample.at)))),
      h("td", { class: "num strong" }, sample.failed ? chip("poor", sample.status ? String(sample.status) : t("no answer")) : duration(sample.value)), h("td", null, toSession(state, sample.session, h("bdi", { class: "id" }, sample.session))))))));
}

// Of Seismo itself there is no series: what it is, and where it stands what to do.
export function showSelfAlert(root: Element, state: State, alert: Alert, now: number): void {
  const [words, figures] = alertWords(alert), firing = alert.state === "firing", since = Date.parse(alert.since ?? alert.opened ?? ""), end = alert.resolved ? Date.parse(alert.resolved) : now;
  show(root, h("div", { class: "crumbs" }, link(kept(state), { class: "back" }, t("Overview")), link({ ...kept(state), view: "alerts" }, { class: "name" }, t("Alerts")), h("code", null, alert.id),
    link({ ...kept(state), view: "self" }, { class: "button small" }, t("Seismo itself"))),
    h("h1", { class: "title" }, firing ? chip("poor", t("open")) : chip("good", t("over")), " ", t("Seismo itself"), ` ${words}`),
    h("p", { class: "muted started" }, [figures, alert.environment && t("on {host}", { host: alert.environment })].filter(Boolean).join(" · ")),
    h("dl", { class: "stats" }, stat(t("since"), time(new Date(since).toISOString(), dateTime(since))), stat(firing ? t("for") : t("took"), span(Math.max(0, end - since)))),
    h("p", { class: "muted" }, t("What it means and what to do stands in docs/codes/{code}.md.", { code: selfCode(alert) })),
    h("section", { class: "card remarks", "aria-label": t("What is done about it"), "data-key": "remarks" }, firing || alert.acknowledged ? acknowledged(alert) : null, silenced(alert, now)));
}

/* What is compared is the time around the alert with as long a time before it. */
function beforeKey(before: Series | null): Child {
  return before && (before.all.count > 0 ? h("span", { class: "key-before" }, t("Before")) : noneBefore());
}

export function showAlert(root: Element, state: State, alert: Alert, series: Series, before: Series | null, now: number): void {
  const [words, figure] = alertWords(alert), people = sessionsWords(alert.sessions), firing = alert.state === "firing";
  show(root, h("div", { class: "crumbs" }, link(kept(state), { class: "back" }, t("Overview")), link({ ...kept(state), view: "alerts" }, { class: "name" }, t("Alerts")), h("code", null, alert.id), alert.service && h("span", { class: "tag" }, alert.service),
    h("button", { class: "button small", "data-copy": location.href, type: "button" }, icon("copy"), t("Copy link")), link(alertLink(state, alert, now), { class: "button small" }, t("The series"))),
    h("h1", { class: "title" }, firing ? chip("poor", t("open")) : chip("good", t("over")), " ", h("bdi", null, seriesWords(alert.series, alert.name, alert.detail)), ` ${words}`),
    h("p", { class: "muted started" }, figure, people && ` · ${people}`),
    why(alert, now),
    card("why", t("Observed against expected"), h("span", { class: "key" }, h("span", { class: "key-p75" }, t("observed")), h("span", { class: "key-expected" }, t("expected")), h("span", { class: "key-band" }, t("nine in ten before it")), beforeKey(before)), h("div", { class: "chart", "data-keep": true, "data-chart": "why" })),
    h("section", { class: "card remarks", "aria-label": t("What is done about it"), "data-key": "remarks" }, firing || alert.acknowledged ? acknowledged(alert) : null, silenced(alert, now)),
    card("samples", t("Worst of them"), t("{n} examples", { n: Math.min(5, series.samples.length) }), cases(state, series)));
  const holder = root.querySelector<HTMLElement>("[data-chart=why]");
  if (holder) draw(holder, chart(alert, series, before, now));
}
