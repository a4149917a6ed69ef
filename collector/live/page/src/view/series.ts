// One series: how long it took and how often, and the worst single cases, each a way into somebody's session.
import { draw, joined, type ChartData } from "../lib/chart";
import { change } from "../lib/compare";
import { mark, t } from "../i18n/i18n";
import { h, show, type Child } from "../lib/dom";
import { count, duration, moment, share, time, vital } from "../lib/format";
import { kept, type State } from "../lib/state";
import type { Causes, Detail, Series } from "../types";
import { causesCard } from "./causes";
import { chosen, detailCards } from "./detail";
import { card, chip, column, link, nothing, seriesWords, toSession } from "./parts";

const KIND_WORDS: Record<string, string> = { page: mark("Page loads"), route: mark("Route changes"), api: mark("API calls"), vital: mark("Web vital"), click: mark("Clicks"), error: mark("Errors") };

function stat(name: string, value: Child, tone = ""): HTMLElement {
  return h("div", { class: `stat ${tone}` }, h("dt", null, name), h("dd", null, value));
}

function worded(series: Series, value: number | null): string {
  return series.kind === "vital" ? vital(series.detail, value) : duration(value);
}

function stats(series: Series, before: Series | null): HTMLElement {
  const was = before?.all, values = (n: number): string => worded(series, n);
  const { all } = series;
  const timed = series.kind !== "click" && series.kind !== "error";
  return h("dl", { class: "stats" }, stat(t("count"), [count(all.count), " ", was && change(all.count, was.count, "neither", count)]), series.kind === "api" && stat(t("failed"), all.failed > 0 ? `${count(all.failed)} (${share(all.failed / all.count)})` : "0", all.failed > 0 ? "bad" : ""),
    timed && [(["p50", "p75", "p95", "p99"] as const).map((name) => stat(name, [worded(series, all[name]), " ", was && change(all[name], was[name], "up", values)]))],
    stat(t("sessions"), count(all.sessions)));
}

function samples(state: State, { samples: all, ...rest }: Series, most: number): Child {
  const series = { ...rest, samples: all.slice(0, most) };
  if (series.samples.length === 0) return nothing(t("No single one is stored for this stretch of time."));
  const api = series.kind === "api";
  return h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, column(t("When")), column(series.kind === "vital" ? t("Value") : t("Took"), { class: "num" }), api && column(t("Status")), column(t("Session")))),
    h("tbody", null, series.samples.map((sample) => h("tr", { "data-name": sample.session },
      h("td", null, time(sample.at, moment(Date.parse(sample.at)))), h("td", { class: "num strong" }, worded(series, sample.value)),
      api && h("td", null, sample.failed ? chip("poor", sample.status ? String(sample.status) : t("no answer")) : chip("good", String(sample.status ?? t("ok")))),
      h("td", null, toSession(state, sample.session, h("bdi", { class: "id" }, sample.session))))))));
}

function charts(series: Series, before: Series | null): Record<string, ChartData> {
  const n = series.points.count.length, factor = Math.max(1, Math.ceil(n / 300));
  const { from, to, step, points } = series;
  const unit = series.kind === "vital" && series.detail === "CLS" ? ("plain" as const) : ("ms" as const);
  const fine = points.count.map((_, i) => from + i * step), coarse = joined(points.count, factor).map((_, i) => from + i * step * factor);
  const name = seriesWords(series.kind, series.name, series.detail);
  return {
    values: { times: fine, step, from, to, unit, height: 220, axis: true, label: t("{name}: p75 {value} over the whole time", { name, value: worded(series, series.all.p75) }), lines: [
      { name: "p95", color: "--c-p95", values: points.p95, dash: [2, 3], width: 1.5 }, { name: "p75", color: "--c-p75", values: points.p75, width: 2.25, fill: true }, { name: "p50", color: "--c-p50", values: points.p50, dash: [6, 3], width: 1.5 },
      ...(before ? [{ name: t("p75 before"), color: "--c-before", values: fine.map((_, i) => before.points.p75[i] ?? null), width: 1.5 }] : [])] },
    counts: { times: coarse, step: step * factor, from, to, unit: "count", height: 110, axis: true, label: t("{name}: {n} times", { name, n: series.all.count }), lines: [
      { name: t("Count"), color: "--c-calls", kind: "bar", values: joined(points.count, factor) },
      ...(series.kind === "api" ? [{ name: t("of them failed"), color: "--c-errors", kind: "bar" as const, values: joined(points.failed, factor) }] : []),
      ...(before ? [{ name: t("Before"), color: "--c-before", width: 1.5, values: coarse.map((_, i) => joined(before.points.count, factor)[i] ?? null) }] : [])] },
  };
}

function key(compared: boolean): HTMLElement {
  return h("span", { class: "key" }, ["p95", "p75", "p50"].map((name) => h("span", { class: `key-${name}` }, name)), compared && h("span", { class: "key-before" }, t("p75 before")));
}

export function showSeries(root: Element, state: State, series: Series, before: Series | null, detail: Detail | null, detailBefore: Detail | null, causes: Causes | null, causesBefore: Causes | null): void {
  const timed = series.kind !== "click" && series.kind !== "error", most = detail?.count ? 6 : 20;
  show(root, h("div", { class: "crumbs" }, link(kept({ ...state, from: undefined, to: undefined }), { class: "back" }, t("Overview")), h("span", { class: "muted" }, KIND_WORDS[series.kind] ? t(KIND_WORDS[series.kind]) : series.kind), state.service && h("span", { class: "tag" }, state.service)),
    h("h1", { class: "title" }, h("bdi", null, seriesWords(series.kind, series.name, series.detail))),
    detail && chosen(state, detail),
    stats(series, before),
    timed && card("values", series.kind === "vital" ? t("Value over time") : t("Time taken"), key(before !== null), h("div", { class: "chart", "data-keep": true, "data-chart": "values" })),
    card("counts", t("How often"), null, h("div", { class: "chart", "data-keep": true, "data-chart": "counts" })),
    detail ? detailCards(state, detail, detailBefore, causes, causesBefore) : causes && causesCard(state, causes, causesBefore),
    card("samples", series.kind === "api" ? t("Failed and slowest") : timed ? t("Slowest") : t("Newest"), t("{n} examples", { n: Math.min(most, series.samples.length) }), samples(state, series, most)));
  for (const [name, data] of Object.entries(charts(series, before))) {
    const holder = root.querySelector<HTMLElement>(`[data-chart=${name}]`);
    if (holder) draw(holder, data);
  }
}
