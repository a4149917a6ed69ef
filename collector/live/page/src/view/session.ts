// What one visitor went through, told in order.
import { decimals, list, mark, rich, t } from "../i18n/i18n";
import { h, show, type Child } from "../lib/dom";
import { count, dayAndClock, duration, span, time, vital } from "../lib/format";
import { icon } from "../lib/icon";
import { kept, view, type State } from "../lib/state";
import type { Moment, Rating, Timeline } from "../types";
import { beside, chip, link, RATING_WORDS } from "./parts";

// Without a prototype: a kind may be called "constructor".
const KIND_WORDS: Record<string, string> = Object.assign(Object.create(null) as object, { page: mark("page loads"), route: mark("route changes"), api: mark("calls"), click: mark("clicks"), error: mark("errors"), vital: mark("vitals"), event: mark("business events"), mark: mark("marks"), measure: mark("measures") });

const KIND_WORD: Record<string, string> = Object.assign(Object.create(null) as object, { page: mark("page load"), route: mark("route change"), api: mark("call"), click: mark("click"), error: mark("error"), vital: mark("vital"), event: mark("business event"), mark: mark("mark"), measure: mark("measure") });

function kindWord(kind: string): string {
  return KIND_WORD[kind] ? t(KIND_WORD[kind]) : kind;
}

function failed(moment: Moment): boolean {
  return moment.kind === "api" && (moment.status === 0 || (moment.status ?? 0) >= 500);
}

function flagsOf(moment: Moment): string[] {
  return Array.isArray(moment.flags) ? moment.flags : (moment.flags ?? "").split(",").filter(Boolean);
}

/* How many sessions the moments are of. */
function visits(rows: Moment[]): number {
  return new Set(rows.map((moment) => moment.session)).size;
}

/* One plain sentence: the answer to "what happened to this customer?" before anybody reads on. */
function sentence(rows: Moment[], ofUser: boolean): string {
  const of = (kind: string): Moment[] => rows.filter((moment) => moment.kind === kind);
  const first = Date.parse(rows[0].at), last = Date.parse(rows[rows.length - 1].at);
  const views = of("page").length + of("route").length, calls = of("api"), bad = calls.filter(failed), errors = of("error");
  const slow = calls.filter((moment) => moment.ms !== undefined).sort((a, b) => b.ms! - a.ms!)[0];
  const frustrated = of("click").filter((moment) => flagsOf(moment).length > 0).length;
  const done = [t("opened {n} pages", { n: views })], time = span(Math.max(1000, last - first));
  if (of("click").length) done.push(t("clicked {n} times", { n: of("click").length }));
  if (calls.length) done.push(t("made {n} calls", { n: calls.length }) + (bad.length ? ` (${bad.length === calls.length ? t("all failed") : t("{failed} failed", { failed: bad.length })})` : ""));
  done.push(errors.length ? t("met {n} errors", { n: errors.length }) : t("met no error"));
  const said = [ofUser ? t("In {n} sessions over {time} this user {list}.", { n: visits(rows), time, list: list(done) }) : t("In {time} this visitor {list}.", { time, list: list(done) })];
  if (slow && slow.ms! >= 1000) said.push(t("The slowest call was {name} with {time}.", { name: slow.route ?? slow.url ?? t("unknown"), time: duration(slow.ms) }));
  if (frustrated) said.push(t("{n} clicks went wrong.", { n: frustrated }));
  return said.join(" ");
}

/* What somebody who asks "what went wrong?" wants to see. */
function isTrouble(moment: Moment): boolean {
  return moment.kind === "error" || failed(moment) || (moment.kind === "click" && flagsOf(moment).length > 0) || (moment.kind === "vital" && moment.rating === "poor");
}

/* What pages name themselves. */
function pairs(members: Record<string, unknown>): string {
  return Object.entries(members).map(([name, value]) => `${name}: ${String(value)}`).join(" · ");
}

function what(moment: Moment): [Child, Child] {
  switch (moment.kind) {
    case "page": return [moment.title || moment.route || moment.page || moment.url || t("A page"), moment.url ?? moment.path];
    case "route": return [moment.route || moment.page || moment.url || t("A route"), moment.from ? t("from {place}", { place: moment.from }) : moment.url];
    case "api": {
      const route = moment.route || `${moment.method ?? ""} ${moment.url ?? ""}`;
      return [route, moment.url && !route.endsWith(` ${moment.url}`) ? moment.url : null];
    }
    case "click": return [moment.name || moment.selector || t("something"), beside(moment.role, moment.selector)];
    case "error": return [moment.message ?? t("An error"), beside(moment.type, moment.source)];
    case "vital": return [moment.vital ?? t("A vital"), beside(moment.target, moment.parts?.resource ?? moment.parts?.script, moment.parts?.invoker)];
    case "event": return [moment.event ?? kindWord(moment.kind), pairs({ ...(moment.worth !== undefined && { [t("Worth")]: decimals(moment.worth, 2) }), ...moment.props })];
    case "mark":
    case "measure": return [moment.mark ?? moment.measure ?? kindWord(moment.kind), null];
    default: return [moment.kind, moment.original ?? null];
  }
}

function side(state: State, moment: Moment): Child {
  switch (moment.kind) {
    case "api": return failed(moment) ? chip("poor", moment.status ? String(moment.status) : t("no answer")) :
      (moment.status ?? 0) >= 400 ? chip("needs-improvement", String(moment.status)) : chip("good", String(moment.status ?? t("ok")));
    case "click": return flagsOf(moment).map((flag) => chip("needs-improvement", flag === "rage" ? t("rage click") : flag === "dead" ? t("nothing happened") : flag === "error" ? t("led to an error") : flag)).concat(
      (moment.times ?? 1) > 1 ? [h("span", { class: "muted" }, `× ${count(moment.times!)}`)] : []);
    case "error": return moment.code ? link({ ...kept(state), view: "error", code: moment.code }, { class: "code" }, moment.code) : null;
    case "vital": return moment.rating && Object.keys(RATING_WORDS).includes(moment.rating) ? chip(moment.rating, t(RATING_WORDS[moment.rating as Rating])) : null;
    case "page": return moment.navigation && moment.navigation !== "navigate" ? h("span", { class: "tag" }, moment.navigation.replace("_", " ")) : null;
    default: return null;
  }
}

function took(moment: Moment, most: number): Child {
  if (moment.kind === "vital") return vital(moment.vital ?? "", moment.value ?? null);
  if (moment.kind === "mark" && moment.value !== undefined) return h("span", null, duration(moment.value));
  if (moment.ms === undefined) return null;
  return [h("i", { "aria-hidden": "true", css: { width: `${Math.max(2, Math.min(1, moment.ms / most) * 100)}%` } }), h("span", { class: moment.ms >= 1000 ? "slow" : "" }, duration(moment.ms))];
}

/* Where one session of a user ends and the next begins. */
function border(state: State, moment: Moment): HTMLElement {
  const at = Date.parse(moment.at);
  return h("li", { class: "visit", "data-key": `session ${moment.session ?? ""} ${moment.at}` },
    h("b", null, time(moment.at, dayAndClock(at))),
    moment.session && link({ ...kept(state), view: "session", id: moment.session }, { class: "name" }, h("bdi", { class: "id" }, moment.session)));
}

/* The moments in order; a user's are parted by session, and their times count from the beginning of each. */
function moments(state: State, rows: Moment[], hidden: Set<string>, ofUser: boolean): Child {
  const most = Math.max(1000, ...rows.map((moment) => moment.ms ?? 0));
  const starts = new Map<string | undefined, number>();
  let before: string | undefined;
  return rows.map((moment, i) => {
    const session = ofUser ? moment.session : undefined, isNext = ofUser && (i === 0 || session !== before);
    before = session;
    if (!starts.has(session)) starts.set(session, Date.parse(moment.at));
    return [isNext && border(state, moment), hidden.has(moment.kind) || (state.only && !isTrouble(moment)) ? null : item(state, moment, starts.get(session)!, most, i)];
  });
}

function item(state: State, moment: Moment, start: number, most: number, index: number): HTMLElement {
  const [title, more] = what(moment);
  const offset = Date.parse(moment.at) - start;
  return h("li", { class: `moment moment-${KIND_WORDS[moment.kind] ? moment.kind : "other"}${failed(moment) ? " failed" : ""}`, "data-kind": moment.kind, "data-key": `${index} ${moment.at} ${moment.kind}` },
    h("span", { class: "moment-time" }, time(moment.at, `+${offset < 60000 ? `${decimals(offset / 1000, 1)} s` : span(offset)}`)),
    h("span", { class: "moment-icon", title: kindWord(moment.kind) }, icon(KIND_WORDS[moment.kind] ? moment.kind : "other"), h("span", { class: "unseen" }, kindWord(moment.kind))),
    h("span", { class: "moment-text" }, h("bdi", { class: "moment-title" }, title), more ? h("bdi", { class: "moment-more muted" }, more) : null,
      moment.stack ? h("details", { "data-key": "stack" }, h("summary", null, t("Stack")), h("pre", null, moment.resolved ?? moment.stack), moment.resolved ? h("details", { "data-key": "raw" }, h("summary", null, t("As the browser wrote it")), h("pre", null, moment.stack)) : null) : null),
    h("span", { class: "moment-side" }, side(state, moment)), h("span", { class: "moment-took" }, took(moment, most)));
}

function about(state: State, { about }: Timeline, ofUser: boolean): HTMLElement {
  const device = about.device && about.device !== "Other" ? about.device : "";
  const words: [string, string | undefined][] = [
    [t("User"), ofUser ? about.user : undefined], [t("Browser"), about.browser && `${about.browser} ${(about.browser_version ?? "").split(".")[0]}`.trim()], [t("System"), [about.os, device].filter(Boolean).join(", ")], [t("Country"), about.country],
    [t("Service"), about.service], [t("Release"), about.version], [t("Environment"), about.environment], [t("Session"), ofUser ? undefined : about.id], [t("Labels"), about.labels && pairs(about.labels)],
  ];
  return h("dl", { class: "about" }, !ofUser && about.user ? h("div", null, h("dt", null, t("User")), h("dd", null, link({ ...kept(state), view: "user", user: about.user }, { class: "name", title: t("Everything that this user went through") }, h("bdi", null, about.user)))) : null, words.filter(([, value]) => value).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, h("bdi", { class: name === t("Session") ? "id" : "" }, value!)))));
}

function filters(state: State, rows: Moment[], hidden: Set<string>): HTMLElement {
  const order = Object.keys(KIND_WORDS), place = (kind: string): number => (order.includes(kind) ? order.indexOf(kind) : order.length);
  const kinds = [...new Set(rows.map((moment) => moment.kind))].sort((a, b) => place(a) - place(b));
  const bad = rows.filter(isTrouble).length;
  return h("div", { class: "filters", role: "group", "aria-label": t("Which kinds are shown") }, (bad > 0 || state.only) && link({ ...state, only: state.only ? undefined : "trouble" }, { class: `filter trouble${state.only ? " on" : ""}`, role: "switch", "aria-checked": state.only ? "true" : "false", "data-key": "trouble" },
    icon("alert"), t("Only what went wrong"), h("b", null, count(bad))), kinds.map((kind) => {
    const others = new Set(hidden);
    if (!others.delete(kind)) others.add(kind);
    return link({ ...state, hide: [...others].join(",") || undefined }, { class: `filter${hidden.has(kind) ? " off" : ""}`, role: "switch", "aria-checked": hidden.has(kind) ? "false" : "true", "data-key": kind },
      icon(KIND_WORDS[kind] ? kind : "other"), KIND_WORDS[kind] ? t(KIND_WORDS[kind]) : kind, h("b", null, count(rows.filter((moment) => moment.kind === kind).length)));
  }));
}

export function showSession(root: Element, state: State, timeline: Timeline): void {
  const { rows } = timeline, hidden = new Set((state.hide ?? "").split(",").filter(Boolean)), ofUser = view(state) === "user";
  const start = Date.parse(rows[0].at), n = rows.length;
  const left = !timeline.more ? "" : ` · ${ofUser ? t("only the newest {n} moments are shown", { n }) : t("only the first {n} moments are shown", { n })}`;
  show(root, h("div", { class: "crumbs" }, link(kept(state), { class: "back" }, t("Overview")), h("span", { class: "muted" }, ofUser ? t("User") : t("Session")), h("button", { class: "button small", "data-copy": location.href, type: "button" }, icon("copy"), t("Copy link"))),
    h("h1", { class: "title sentence" }, sentence(rows, ofUser)),
    h("p", { class: "muted started" }, rich("Began {time}", { time: time(rows[0].at, dayAndClock(start)) }), left),
    about(state, timeline, ofUser), filters(state, rows, hidden),
    h("section", { class: "card timeline", "data-testid": "timeline", "aria-label": t("Timeline") }, h("ol", { class: "plain" }, moments(state, rows, hidden, ofUser))));
}
