import { mark, rich, t } from "../i18n/i18n";
import type { Feed } from "../lib/feed";
import { h, show, type Child } from "../lib/dom";
import { dateTime, span } from "../lib/format";
import { icon, logo } from "../lib/icon";
import { href, kept, RANGES, rangeOf, type State } from "../lib/state";
import type { Status } from "../types";
import { link } from "./parts";

const WORDS: Record<string, [string, string]> = {
  live: [mark("live"), mark("New events are drawn as they arrive.")],
  polling: [mark("live, every 5 s"), mark("The stream is cut; the figures are asked for every five seconds.")],
  paused: [mark("paused"), mark("Nothing moves until you resume.")],
  connecting: [mark("connecting"), mark("The first figures are on their way.")],
};

function select(id: string, label: string, all: string, chosen: string | undefined, values: string[]): Child {
  const listed = [...new Set(values)].filter(Boolean).sort();
  if (chosen && !listed.includes(chosen)) listed.push(chosen);
  if (listed.length < 2 && !chosen) return null;
  return h("label", { class: "select" }, h("span", { class: "unseen" }, label), h("select", { id, "data-select": id },
    h("option", { value: "", selected: !chosen }, all), listed.map((value) => h("option", { value, selected: value === chosen }, value))));
}

function ranges(state: State): HTMLElement {
  const fixed = state.from || state.to, chosen = fixed ? "" : rangeOf(state);
  const times = [state.from, state.to].map((text) => (text ? dateTime(/^\d+$/.test(text) ? Number(text) : Date.parse(text)) : t("now")));
  return h("div", { class: "ranges", role: "group", "aria-label": t("Time range") },
    fixed && link({ ...state, from: undefined, to: undefined }, { class: "range on fixed", title: t("Back to the newest") }, `${times[0]} – ${times[1]}`, icon("close")),
    RANGES.map(([name, text, long]) => link({ ...state, from: undefined, to: undefined, range: name }, { class: name === chosen ? "range on" : "range", title: t(long), "aria-current": name === chosen ? "true" : undefined }, text)));
}

// With roles on different machines, what is still open lives where it is merged.
const CLOSED_ONLY = [mark("live, closed windows"), mark("A window is drawn once it has closed: open ones live in another instance, the one with role detect.")];

function liveBadge(feed: Feed, status: Status | null): HTMLElement {
  const state = feed.state();
  const [word, title] = state === "live" && status?.open_windows === false ? CLOSED_ONLY.map((text) => t(text))
    : state === "stale" ? [t("stale {time}", { time: span(feed.sinceMs()) }), t("The server does not answer; what you see is as old as this says.")] : WORDS[state].map((text) => t(text));
  const tone = state === "polling" ? "live" : state;
  return h("span", { class: `badge badge-${tone}`, title, "data-testid": "live-state", "data-state": state }, h("i", { "aria-hidden": "true" }), word);
}

/* One box for whatever a ticket names: where it leads is found out by the server. */
function search(note: string): HTMLElement {
  const hint = t("User id, session id or error code (/)");
  return h("form", { class: "search", role: "search", "data-search": true, "data-key": "search" }, icon("search"),
    h("input", { type: "search", id: "search", placeholder: t("User, session or error code"), "aria-label": hint, title: hint, autocomplete: "off", spellcheck: "false", maxlength: "300", "aria-describedby": note ? "search-note" : undefined }),
    h("span", { id: "search-note", class: note ? "search-note" : "unseen", role: "status" }, note));
}

/* While what is shown may hold sample data: nobody should take it for the shop's own. */
function sampleNote(state: State, scopes: Status["scopes"]): Child {
  const isShown = (of: { application: string; service: string }) => of.application === "sample" && of.service === "sample" && (!state.application || state.application === "sample") && (!state.service || state.service === "sample");
  return scopes.some(isShown) && h("p", { class: "sample-note", role: "note" }, rich<Child>("Sample data: {command} takes it out again once Seismo is stopped.", { command: h("code", null, "seismo demo --remove") }));
}

export function showHeader(root: Element, state: State, status: Status | null, feed: Feed, note = ""): void {
  const scopes = status?.scopes ?? [], paused = feed.isPaused();
  const fit = scopes.filter((scope) => (!state.application || scope.application === state.application) && (!state.service || scope.service === state.service));
  show(root, h("div", { class: "bar" },
    h("a", { class: "brand", href: href(kept({ ...state, from: undefined, to: undefined })), "data-link": true, "aria-label": t("Seismo, overview") }, logo(), h("b", null, "Seismo")),
    h("nav", { class: "choices", "aria-label": t("What is shown") },
      select("application", t("Application"), t("All applications"), state.application, scopes.map((scope) => scope.application)),
      select("service", t("Service"), t("All services"), state.service, scopes.filter((scope) => !state.application || scope.application === state.application).map((scope) => scope.service)),
      select("environment", t("Environment"), t("All environments"), state.environment, fit.map((scope) => scope.environment))),
    search(note),
    ranges(state),
    h("div", { class: "state" }, liveBadge(feed, status),
      h("button", { type: "button", class: `button icon-button${state.compare ? " on" : ""}`, "data-compare": true, "aria-pressed": state.compare ? "true" : "false", "aria-label": t("Compare with the period before"), title: t("Compare with the period before (x)") }, icon("compare")),
      h("button", { type: "button", class: "button icon-button", "data-pause": true, "aria-pressed": paused ? "true" : "false", "aria-label": paused ? t("Resume") : t("Pause"), title: paused ? t("Resume (p)") : t("Pause (p)") }, icon(paused ? "play" : "pause")))), sampleNote(state, scopes));
}
