// What is behind one page, route or call: how its times are spread, in which phases they went, and with what they come.
import { mark, t } from "../i18n/i18n";
import { change } from "../lib/compare";
import { h, type Child } from "../lib/dom";
import { count, duration, moment, share, time } from "../lib/format";
import { icon } from "../lib/icon";
import type { State } from "../lib/state";
import type { Bar, Causes, Detail, Phase, Valued } from "../types";
import { causesCard } from "./causes";
import { card, column, link, nothing, toSession } from "./parts";

const DIMENSIONS: [keyof Pick<Detail, "releases" | "browsers" | "devices" | "countries">, "release" | "browser" | "device" | "country", string][] = [
  ["releases", "release", mark("Release")], ["browsers", "browser", mark("Browser")], ["devices", "device", mark("Device")], ["countries", "country", mark("Country")],
];
const PHASE_WORDS: Record<string, string> = {
  redirect: mark("Redirects"), dns: mark("Name look-up"), connect: mark("Connection, TLS"), request: mark("Waiting for the answer"), response: mark("Receiving it"), dom: mark("Building the page"), load: mark("Loading the rest"),
  ttfb: mark("First byte of the page"), load_delay: mark("Until its resource is asked for"), load_time: mark("Its resource comes"), render_delay: mark("Until it is shown"),
  input_delay: mark("Until the page reacts"), processing: mark("The page is at work"), presentation: mark("Until the next frame"),
};

/* ---- distribution ---- */

function bars(detail: Detail): Child {
  const most = Math.max(1, ...detail.histogram.map((bar) => bar.count)), p75 = detail.p75 ?? Infinity;
  const words = (bar: Bar): string => t("{from} to {to}: {count} ({share})", { from: duration(bar.from), to: duration(bar.to), count: bar.count, share: share(bar.count / detail.count) });
  const shape = t("Half took up to {p50}, three in four up to {p75}, 99 of 100 up to {p99}", { p50: duration(detail.p50), p75: duration(detail.p75), p99: duration(detail.p99) });
  return [h("div", { class: "bars", role: "img", "aria-label": shape }, detail.histogram.map((bar) => h("span", { class: bar.from >= p75 ? "bar slow" : "bar", title: words(bar), "data-count": String(bar.count) }, h("i", { css: { height: `${bar.count > 0 ? Math.max(2, (bar.count / most) * 100) : 0}%` } })))),
    h("div", { class: "bars-axis", "aria-hidden": "true" }, [detail.histogram[0], detail.histogram[Math.floor(detail.histogram.length / 2)]].map((bar) => h("span", null, duration(bar.from))), h("span", null, duration(detail.histogram[detail.histogram.length - 1].to)))];
}

/* How many of the period before took so long. Its bars have other bounds, so each is shared out evenly over those that it covers. */
function sharedOut({ histogram }: Detail, bar: Bar): number {
  return histogram.reduce((sum, was) => sum + (was.to > was.from ? (was.count * Math.max(0, Math.min(was.to, bar.to) - Math.max(was.from, bar.from))) / (was.to - was.from) : 0), 0);
}

function spreadBefore(detail: Detail, before: Detail): Child {
  const part = (name: "p50" | "p75" | "p95" | "p99"): Child => h("span", null, `${name} ${duration(detail[name])} `, change(detail[name], before[name], "up", duration));
  return h("p", { class: "spread-before muted", "data-testid": "spread-before" }, (["p50", "p75", "p95", "p99"] as const).map(part), h("span", null, t("before: {n} events", { n: before.count })));
}

function table(detail: Detail, before: Detail | null): Child {
  return h("div", { class: "scroll chart-table", tabindex: "0", role: "region", "aria-label": t("Distribution") }, h("table", null, h("thead", null, h("tr", null, column(t("Took")), column(t("Times"), { class: "num" }), column(t("Share"), { class: "num" }), before && column(t("Before"), { class: "num" }))),
    h("tbody", null, detail.histogram.map((bar) => h("tr", null, h("th", { scope: "row" }, `${duration(bar.from)} – ${duration(bar.to)}`), h("td", { class: "num" }, count(bar.count)), h("td", { class: "num" }, share(bar.count / detail.count)), before && h("td", { class: "num" }, share(before.count > 0 ? sharedOut(before, bar) / before.count : 0)))))));
}

/* ---- phases ---- */

/* One below the other, each beginning where the median of those before ends. */
export function fall(phases: Phase[], before: Phase[] | null): Child {
  const p50 = (phase: Phase): number => phase.p50 ?? 0, p75 = (phase: Phase): number => phase.p75 ?? 0;
  const starts = phases.map((_, i) => phases.slice(0, i).reduce((sum, phase) => sum + p50(phase), 0));
  const all = Math.max(1, ...phases.map((phase, i) => starts[i] + p75(phase)));
  const part = (ms: number): string => `${(ms / all) * 100}%`;
  return h("ul", { class: before ? "plain fall compared" : "plain fall" }, phases.map((phase, i) => h("li", { "data-name": phase.name, "data-key": phase.name }, h("span", null, PHASE_WORDS[phase.name] ? t(PHASE_WORDS[phase.name]) : phase.name),
    h("span", { class: "lane-of", "aria-hidden": "true" }, h("i", { css: { left: part(starts[i]), width: part(p75(phase)) } }), h("i", { class: "half", css: { left: part(starts[i]), width: part(p50(phase)) } })),
    h("span", { class: "times" }, before && change(phase.p50, before.find(({ name }) => name === phase.name)?.p50, "up", duration), " ", h("b", null, duration(phase.p50)), h("small", null, " p50"), h("span", { class: "second" }, duration(phase.p75), h("small", null, " p75"))))));
}

/* ---- with what ---- */

function split(state: State, detail: Detail, before: Detail | null): Child {
  return DIMENSIONS.map(([list, name, words]) => {
    const values: Valued[] = detail[list];
    if (values.length === 0) return null;
    return h("div", { "data-key": name, "data-testid": list }, h("h3", null, t(words)), h("ul", { class: "plain" }, values.map((value) => h("li", { "data-name": value.value, "data-key": value.value },
      link({ ...state, [name]: state[name] === value.value ? undefined : value.value }, { class: state[name] === value.value ? "on" : "", "aria-current": state[name] === value.value ? "true" : undefined, title: `${t("{n} times", { n: value.count })}, p50 ${duration(value.p50)}, p95 ${duration(value.p95)}` },
        h("i", { "aria-hidden": "true", css: { width: `${(value.count / detail.count) * 100}%` } }), h("bdi", null, value.value), h("span", { class: "muted" }, share(value.count / detail.count)), h("b", null, duration(value.p75), before && change(value.p75, before[list].find((was) => was.value === value.value)?.p75, "up", duration)))))));
  });
}

export function chosen(state: State, detail: Detail): Child {
  const on = DIMENSIONS.filter(([, name]) => state[name]);
  if (on.length === 0) return null;
  return h("p", { class: "chosen", "data-testid": "chosen" }, on.map(([, name, words]) => link({ ...state, [name]: undefined }, { class: "filter", title: t("Take it away") }, `${t(words)}: `, h("bdi", null, state[name]!), icon("close"))),
    h("span", { class: "muted" }, t("{n} events below; the lines over time are of all", { n: detail.count })));
}

function slowest(state: State, detail: Detail): Child {
  return h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, column(t("Session")), column(t("Times"), { class: "num medium" }), column(t("Slowest"), { class: "num" }), column(t("When"), { class: "num" }))),
    h("tbody", null, detail.sessions.map((row) => h("tr", { "data-name": row.id, "data-key": row.id }, h("th", { scope: "row" }, toSession(state, row.id, h("bdi", { class: row.user ? "" : "id" }, row.user || row.id))),
      h("td", { class: "num medium" }, count(row.count)), h("td", { class: "num strong" }, duration(row.slowest)), h("td", { class: "num muted" }, time(row.at, moment(Date.parse(row.at)))))))));
}

export function detailCards(state: State, detail: Detail, before: Detail | null, causes: Causes | null, causesBefore: Causes | null): HTMLElement {
  const rests = detail.more ? t("the newest {n} events", { n: detail.count }) : t("{n} events", { n: detail.count });
  if (detail.count === 0)
    return h("div", { class: "detail", "data-key": "detail" }, card("spread", t("Distribution"), null, nothing(t("No single event is stored for this choice and time."))));
  return h("div", { class: "detail", "data-key": "detail" },
    h("div", { class: detail.phases.length ? "pair" : "detail" }, card("spread", t("Distribution"), rests, [before && before.count > 0 && spreadBefore(detail, before), state.tables ? table(detail, before) : bars(detail)]),
      detail.phases.length > 0 && card("phases", t("Where the time goes"), t("solid p50, light p75"), fall(detail.phases, before && before.phases))),
    causes && causesCard(state, causes, causesBefore),
    card("split", t("By what"), t("share and p75; a row filters"), h("div", { class: "split" }, split(state, detail, before))),
    card("slowest", t("Slowest sessions"), t("{n} sessions", { n: detail.sessions.length }), slowest(state, detail)));
}
