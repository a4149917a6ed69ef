// All alerts: those that fire, what is silenced until when, and those that are over.
import { t } from "../i18n/i18n";
import { h, show, type Child } from "../lib/dom";
import { ago, dateTime, span, time } from "../lib/format";
import { kept, type State } from "../lib/state";
import type { Alert, Alerts, Silence } from "../types";
import { alertWords, card, chip, column, link, nothing, seriesWords } from "./parts";
import { endSilence, silenceWords } from "./alert";

function what(state: State, alert: Alert): HTMLElement {
  const [words, figures] = alertWords(alert);
  return h("th", { scope: "row" }, link({ ...kept(state), view: "alert", id: alert.id }, { class: "name two" },
    h("span", { class: "message" }, h("b", null, h("bdi", null, seriesWords(alert.series, alert.name, alert.detail))), ` ${words}`),
    h("span", { class: "muted" }, [figures, alert.service, alert.environment].filter(Boolean).join(" · "))));
}

function seen(alert: Alert): Child {
  return [alert.acknowledged ? chip("good", t("seen by {name}", { name: alert.acknowledged.by })) : alert.state === "firing" && chip("poor", t("nobody yet")), alert.silence && chip("none", t("silenced"))];
}

function row(state: State, alert: Alert, now: number): HTMLElement {
  const since = Date.parse(alert.since ?? alert.opened ?? ""), end = alert.resolved ? Date.parse(alert.resolved) : now;
  return h("tr", { "data-key": alert.id, "data-name": alert.name, "data-state": alert.state }, what(state, alert),
    h("td", { class: "badges wide" }, seen(alert)), h("td", { class: "num wide" }, span(Math.max(0, end - since))),
    h("td", { class: "num muted" }, time(new Date(since).toISOString(), alert.state === "firing" ? ago(since, now) : dateTime(since))));
}

function list(state: State, rows: Alert[], now: number): HTMLElement {
  return h("div", { class: "scroll" }, h("table", null,
    h("thead", null, h("tr", null, column(t("What")), column(t("Seen"), { class: "wide" }), column(t("For"), { class: "num wide" }), column(t("Since"), { class: "num" }))),
    h("tbody", null, rows.map((alert) => row(state, alert, now)))));
}

function covers(silence: Silence): string {
  return silence.name ? [silence.name, silence.detail, silence.service].filter(Boolean).join(" · ") : t("everything of {name}", { name: silence.service || silence.application });
}

function silenceRow(silence: Silence, now: number): HTMLElement {
  return h("li", { class: "silence", "data-key": silence.id }, h("span", { class: "silence-text" }, h("b", null, h("bdi", null, covers(silence))), h("span", { class: "muted" }, silenceWords(silence, now))), endSilence(silence));
}

export function showAlerts(root: Element, state: State, alerts: Alerts, now: number): void {
  const open = alerts.rows.filter((alert) => alert.state === "firing"), over = alerts.rows.filter((alert) => alert.state === "resolved");
  show(root, h("div", { class: "crumbs" }, link(kept(state), { class: "back" }, t("Overview")), h("span", { class: "muted" }, t("Alerts"))),
    h("h1", { class: "title" }, open.length ? t("{n} open alerts", { n: open.length }) : t("No open alerts")),
    open.length > 0 && card("open-alerts", t("Still open"), null, list(state, open, now)),
    alerts.silences.length > 0 && card("silences", t("Silenced"), t("not told to Slack until they end; what is still open then is told"), h("ul", { class: "plain" }, alerts.silences.map((silence) => silenceRow(silence, now)))),
    card("past-alerts", t("Over"), over.length ? t("{n} alerts", { n: over.length }) : null, over.length ? list(state, over, now) : nothing(t("None is over yet."))));
}
