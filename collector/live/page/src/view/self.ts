// Seismo itself: is it well, does it take everything in, is it behind, what did it refuse and why.
import { decimals, language, mark, t } from "../i18n/i18n";
import { draw } from "../lib/chart";
import { noneBefore } from "../lib/compare";
import { h, show, type Child } from "../lib/dom";
import { ago, count, dateTime, share, span, time } from "../lib/format";
import { kept, type State } from "../lib/state";
import type { Diagnosis, Reject, Rejects, Status } from "../types";
import { findings } from "./diagnosis";
import { card, chip, column, link, nothing, toSession } from "./parts";

export interface Sample { at: number; status: Status }

const PART_WORDS: Record<string, string> = { bus: mark("Bus"), store: mark("Store"), index: mark("Indexing"), rollup: mark("Windows"), detect: mark("Detection") };
const KIND_WORDS: Record<string, string> = { sqlite: "SQLite", kafka: "Kafka", elastic: "Elasticsearch" };

/* The server's reasons are English and name their code. */
const REASON_WORDS: Record<string, string> = { "SE-3001": mark("It waits for Kafka to say how many partitions there are"), "SE-3104": mark("The store has not answered for ten seconds, or refuses the credentials"), "SE-3105": mark("Indexing pauses, since most of the last documents were refused") };

function reasonWords(reason: string): string {
  const code = /SE-\d{4}/.exec(reason)?.[0] ?? "", words = REASON_WORDS[code];
  return words && language() !== "en" ? `${t(words)} (${code})` : reason;
}

function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB"], step = n > 0 ? Math.min(3, Math.floor(Math.log(n) / Math.log(1000))) : 0;
  return `${decimals(n / 1000 ** step, step && n / 1000 ** step < 10 ? 1 : 0)} ${units[step]}`;
}

function part(name: string, state: { ready: boolean; reason?: string }, status: Status): HTMLElement {
  const kind = name === "bus" ? status.bus : name === "store" ? status.store : "";
  return h("li", { class: "part", "data-name": name, "data-ready": String(state.ready) }, h("b", null, PART_WORDS[name] ? t(PART_WORDS[name]) : name, state.ready ? chip("good", t("ready")) : chip("poor", t("not ready"))), h("span", { class: "muted" }, state.reason ? reasonWords(state.reason) : KIND_WORDS[kind] ?? kind));
}

function figure(name: string, value: Child, note: Child, tone = ""): HTMLElement {
  return h("div", { class: `stat ${tone}`, "data-name": name }, h("dt", null, t(name)), h("dd", null, value), h("dd", { class: "note muted" }, note));
}

/* Events a second between two looks. */
function rates(samples: Sample[], of: (status: Status) => number): (number | null)[] {
  return samples.map((sample, i) => {
    const before = samples[i - 1], n = before ? of(sample.status) - of(before.status) : -1, ms = before ? sample.at - before.at : 0;
    return n < 0 || ms <= 0 ? null : (n * 1000) / ms;
  });
}

function seriesNote({ series_max: max, series_evicted: evicted }: Status): string {
  return evicted ? t("of {max} an application, {evicted} evicted", { max, evicted }) : t("of {max} an application", { max });
}

/* A reason that nothing was refused for is no news. */
function refusedFor({ rejects }: Status): Record<string, number> {
  return Object.fromEntries(Object.entries(rejects).filter(([, n]) => n > 0));
}

function figures(status: Status): HTMLElement {
  const all = status.accepted + status.rejected, behind = Object.values(status.lag).reduce((sum, n) => sum + n, 0), full = status.series_max > 0 && status.series >= status.series_max * 0.9, reasons = Object.keys(refusedFor(status));
  return h("dl", { class: "figures" },
    figure(mark("Accepted"), all > 0 ? share(status.accepted / all) : "–", t("{accepted} events in {n} beacons", { accepted: status.accepted, n: status.beacons_accepted }), all > 20 && status.rejected / all > 0.05 ? "bad" : ""),
    figure(mark("Stored"), count(status.stored), t("events newly written")),
    figure(mark("Refused"), count(status.rejected), reasons.length ? t("{n} reasons", { n: reasons.length }) : t("nothing"), ""),
    figure(mark("Behind"), count(behind), behind ? t("records not yet read") : t("all is read"), behind > 10000 ? "bad" : ""),
    figure(mark("Spool"), bytes(status.spool_bytes), status.spool_bytes ? t("{n} records, oldest {time}", { n: status.spool_records, time: span(status.spool_seconds * 1000) }) : t("empty"), status.spool_seconds > 60 ? "bad" : ""),
    figure(mark("Series"), count(status.series), status.series_max ? seriesNote(status) : "", full ? "bad" : ""),
    figure(mark("Memory"), status.memory_bytes ? bytes(status.memory_bytes) : "–", t("of this process")),
    figure(mark("Lost"), count(status.lost), status.lost ? t("by the bus, after it had them") : t("nothing"), status.lost ? "bad" : ""));
}

function pairs(rows: Record<string, number>, first: string, second: string, none: string): Child {
  const list = Object.entries(rows).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  if (list.length === 0) return nothing(none);
  return h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, column(first), column(second, { class: "num" }))),
    h("tbody", null, list.map(([name, n]) => h("tr", { "data-name": name, "data-key": name }, h("th", { scope: "row" }, h("bdi", null, name)), h("td", { class: "num strong" }, count(n)))))));
}

function example(state: State, reject: Reject, now: number): HTMLElement {
  return h("li", { class: "reject", "data-key": reject.id, "data-name": reject.code },
    h("span", null, h("code", null, reject.code), " ", h("b", null, h("bdi", null, reject.reason))),
    h("span", { class: "muted" }, time(reject.at, ago(Date.parse(reject.at), now)), `, ${dateTime(Date.parse(reject.at))} · ${t("{place} at {position}", { place: `${reject.topic}/${reject.partition ?? "?"}`, position: String(reject.position ?? "?") })} · ${bytes(reject.bytes ?? 0)}`, reject.service && ` · ${reject.service}`, reject.session && [" · ", toSession(state, reject.session, h("bdi", { class: "id" }, reject.session))]),
    reject.original ? h("details", { "data-key": "original" }, h("summary", null, t("What it was")), h("pre", null, reject.original)) : h("span", { class: "muted" }, t("The record itself cannot be read.")));
}

export function showSelf(root: Element, state: State, status: Status, rejects: Rejects, samples: Sample[], diagnosis: Diagnosis): void {
  const works = status.ready && Object.values(status.parts ?? {}).every((one) => one.ready);
  /* That no page has asked for the script is no fault of anybody's. */
  const untroubled = diagnosis.findings.every((one) => one.cause === "nothing");
  /* Counters of a process have no period before: that is said, and no figure is made up. */
  const none = state.compare ? noneBefore : (): null => null;
  show(root, h("div", { class: "crumbs" }, link(kept(state), { class: "back" }, t("Overview")), h("span", { class: "muted" }, t("Seismo itself")), h("code", null, status.version)),
    h("h1", { class: "title" }, works ? (untroubled ? t("All is well") : t("Something needs a look")) : t("Something is not ready")),
    h("p", { class: "muted started" }, t("This is what this instance knows, since its start. Others have the same at their own /metrics.")),
    h("ul", { class: "plain parts", "data-testid": "parts" }, Object.entries(status.parts ?? {}).map(([name, one]) => part(name, one, status))),
    card("diagnosis", t("Is anything wrong?"), t("what keeps beacons away"), findings(diagnosis)),
    card("figures", t("Since the start"), none(), figures(status)),
    card("intake", t("Events a second, since this page was opened"), none(), h("div", { class: "chart", "data-keep": true, "data-chart": "intake" })),
    h("div", { class: "pair" }, card("lag", t("Behind, by group"), [t("records"), none()], pairs(status.lag, t("Group"), t("Records"), t("No group reads here."))), card("reasons", t("Refused, by reason"), [t("events and requests"), none()], pairs(refusedFor(status), t("Reason"), t("Count"), t("Nothing was refused.")))),
    card("rejects", t("Refused lately, after it had been taken"), rejects.rows.length ? t("{n} examples", { n: rejects.rows.length }) : null, rejects.rows.length ? h("ul", { class: "plain" }, rejects.rows.map((reject) => example(state, reject, status.now))) : nothing(t("None. What a key, an origin or a limit refuses is answered at once and not kept: its reasons stand above."))));
  const holder = root.querySelector<HTMLElement>("[data-chart=intake]"), from = Math.min(samples[0].at, status.now - 60000);
  if (holder) draw(holder, { times: samples.map(({ at }) => at), step: 2000, from, to: status.now, unit: "count", height: 120, axis: true, label: t("Events accepted and stored a second since this page was opened"), lines: [
    { name: t("accepted"), color: "--c-p75", values: rates(samples, (one) => one.accepted), width: 2 }, { name: t("stored"), color: "--c-p50", values: rates(samples, (one) => one.stored), dash: [6, 3], width: 1.5 }] });
}
