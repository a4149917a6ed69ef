// One alert: what is wrong, against what is usual, since when and for whom; and what people do about it.
import { draw, type ChartData } from "../lib/chart";
import { h, show, type Child } from "../lib/dom";
import { clock, count, dateTime, duration, plural, share, span, time } from "../lib/format";
import { icon } from "../lib/icon";
import { myName } from "../lib/remark";
import { kept, type State } from "../lib/state";
import type { Alert, Series, Silence } from "../types";
import { alertLink, alertWords, card, chip, column, link, nothing, sessionsWords, seriesWords, toSession } from "./parts";

const ENDS: [number, string][] = [[30, "30 minutes"], [120, "2 hours"], [480, "8 hours"], [1440, "1 day"], [10080, "7 days"]];

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
  return `${count(Math.round(value ?? 0))} a minute`;
}

function chart(alert: Alert, series: Series, now: number): ChartData {
  const values = figures(alert, series), times = values.map((_, i) => series.from + i * series.step);
  const since = Date.parse(alert.since ?? alert.opened ?? ""), end = alert.resolved ? Date.parse(alert.resolved) : now;
  const name = alert.kind === "latency" ? "p75" : alert.kind === "errors" ? "failed, %" : "a minute";
  return {
    times, step: series.step, from: series.from, to: series.to, unit: alert.kind === "latency" ? "ms" : alert.kind === "errors" ? "plain" : "count", height: 200, axis: true,
    mark: [since, end], band: usualBand(values, times, since),
    label: `Observed ${worded(alert, alert.observed)}, expected ${worded(alert, alert.expected)}, from ${clock(since)} to ${clock(end)}`,
    lines: [{ name, color: "--c-p75", values, width: 2 }, { name: "expected", color: "--c-before", values: times.map(() => scaled(alert, alert.expected)), dash: [6, 4], width: 1.5 }],
  };
}

function stat(name: string, value: Child, tone = ""): HTMLElement {
  return h("div", { class: `stat ${tone}` }, h("dt", null, name), h("dd", null, value));
}

function why(alert: Alert, now: number): HTMLElement {
  const since = Date.parse(alert.since ?? alert.opened ?? ""), end = alert.resolved ? Date.parse(alert.resolved) : now;
  return h("dl", { class: "stats" }, stat("observed", worded(alert, alert.observed), alert.state === "firing" ? "bad" : ""), stat("expected", worded(alert, alert.expected)),
    stat("since", time(new Date(since).toISOString(), dateTime(since))), stat(alert.state === "firing" ? "for" : "took", span(Math.max(0, end - since))),
    stat("sessions", alert.sessions >= 1 ? `≈ ${count(alert.sessions)}` : "–"), stat("rests on", alert.history_s > 0 ? [span(alert.history_s * 1000), h("small", null, alert.young ? " of history, little" : " of history")] : "–"));
}

/* ---- what people do ---- */

export function nameField(id: string): HTMLElement {
  return h("label", { class: "field" }, h("span", null, "Your name"), h("input", { name: "by", id, required: true, maxlength: "60", autocomplete: "name", value: myName() }));
}

export function remarkForm(path: string, id: string, props: Record<string, string>, ...body: Child[]): HTMLElement {
  return h("form", { "data-remark": `/api/${path}`, ...props }, id && h("input", { type: "hidden", name: "id", value: id }), body, h("span", { class: "said", role: "alert", "data-said": true, "data-keep": true }));
}

export function endSilence(silence: Silence): HTMLElement {
  return remarkForm("alerts/unsilence", silence.id, { class: "inline", "data-key": `end ${silence.id}` }, nameField(`by-${silence.id}`), h("button", { class: "button small" }, "End it now"));
}

function acknowledged(alert: Alert): Child {
  if (alert.acknowledged)
    return h("p", { class: "done", "data-testid": "acknowledged", "data-key": "acknowledged" }, chip("good", "Acknowledged"), " by ", h("bdi", null, alert.acknowledged.by), ", ", time(alert.acknowledged.at, dateTime(Date.parse(alert.acknowledged.at))));
  return remarkForm("alerts/acknowledge", alert.id, { class: "remark", "data-testid": "acknowledge", "data-key": "acknowledge" }, nameField("by-acknowledge"), h("button", { class: "button primary" }, "I am looking into it"));
}

function silenced(alert: Alert, now: number): Child {
  const { silence } = alert;
  if (silence)
    return h("div", { class: "done", "data-testid": "silenced", "data-key": "silenced" }, h("p", null, chip("none", "Silenced"), " until ", time(silence.until, dateTime(Date.parse(silence.until))), `, ${span(Date.parse(silence.until) - now)} left, by `, h("bdi", null, silence.by), ": ", h("bdi", null, silence.reason)), endSilence(silence));
  return remarkForm("alerts/silence", alert.id, { class: "remark", "data-testid": "silence", "data-key": "silence" },
    h("label", { class: "field" }, h("span", null, "For"), h("select", { name: "minutes", id: "silence-minutes" }, ENDS.map(([minutes, words]) => h("option", { value: String(minutes), selected: minutes === 120 }, words)))),
    h("label", { class: "field grow" }, h("span", null, "Reason"), h("input", { name: "reason", id: "silence-reason", required: true, maxlength: "200", placeholder: "known, release 1.5 fixes it" })),
    nameField("by-silence"), h("label", { class: "check" }, h("input", { type: "checkbox", name: "whole" }), ` all of ${alert.service || "the service"}`),
    h("button", { class: "button" }, "Silence"));
}

/* ---- all ---- */

function cases(state: State, series: Series): Child {
  if (series.samples.length === 0) return nothing("No single one is stored for this stretch of time.");
  return h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, column("When"), column("Took", { class: "num" }), column("Session"))),
    h("tbody", null, series.samples.slice(0, 5).map((sample, i) => h("tr", { "data-key": `${sample.at} ${i}`, "data-name": sample.session }, h("td", null, time(sample.at, clock(Date.parse(sample.at)))),
      h("td", { class: "num strong" }, sample.failed ? chip("poor", sample.status ? String(sample.status) : "no answer") : duration(sample.value)), h("td", null, toSession(state, sample.session, h("bdi", { class: "id" }, sample.session))))))));
}

export function showAlert(root: Element, state: State, alert: Alert, series: Series, now: number): void {
  const [words, figure] = alertWords(alert), people = sessionsWords(alert.sessions), firing = alert.state === "firing";
  show(root, h("div", { class: "crumbs" }, link(kept(state), { class: "back" }, "Overview"), link({ ...kept(state), view: "alerts" }, { class: "name" }, "Alerts"), h("code", null, alert.id), alert.service && h("span", { class: "tag" }, alert.service),
    h("button", { class: "button small", "data-copy": location.href, type: "button" }, icon("copy"), "Copy link"), link(alertLink(state, alert, now), { class: "button small" }, "The series")),
    h("h1", { class: "title" }, firing ? chip("poor", "open") : chip("good", "over"), " ", h("bdi", null, seriesWords(alert.series, alert.name, alert.detail)), ` ${words}`),
    h("p", { class: "muted started" }, figure, people && ` · ${people}`),
    why(alert, now),
    card("why", "Observed against expected", h("span", { class: "key" }, h("span", { class: "key-p75" }, "observed"), h("span", { class: "key-expected" }, "expected"), h("span", { class: "key-band" }, "nine in ten before it")), h("div", { class: "chart", "data-keep": true, "data-chart": "why" })),
    h("section", { class: "card remarks", "aria-label": "What is done about it", "data-key": "remarks" }, firing || alert.acknowledged ? acknowledged(alert) : null, silenced(alert, now)),
    card("samples", "Worst of them", plural(Math.min(5, series.samples.length), "example"), cases(state, series)));
  const holder = root.querySelector<HTMLElement>("[data-chart=why]");
  if (holder) draw(holder, chart(alert, series, now));
}
