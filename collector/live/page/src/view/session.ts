// What one visitor went through, told in order.
import { h, show, type Child } from "../lib/dom";
import { clock, count, duration, plural, span, time, vital } from "../lib/format";
import { icon } from "../lib/icon";
import { kept, view, type State } from "../lib/state";
import type { Moment, Rating, Timeline } from "../types";
import { chip, link, RATING_WORDS } from "./parts";

// Without a prototype: a kind may be called "constructor".
const KIND_WORDS: Record<string, string> = Object.assign(Object.create(null) as object, { page: "page loads", route: "route changes", api: "calls", click: "clicks", error: "errors", vital: "vitals" });

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
  const parts = [`opened ${plural(views, "page")}`];
  if (of("click").length) parts.push(`clicked ${plural(of("click").length, "time")}`);
  if (calls.length) parts.push(`made ${plural(calls.length, "call")}${bad.length ? ` (${bad.length === calls.length ? "all" : count(bad.length)} failed)` : ""}`);
  parts.push(errors.length ? `met ${plural(errors.length, "error")}` : "met no error");
  const slowest = slow && slow.ms! >= 1000 ? ` The slowest call was ${slow.route ?? slow.url ?? "unknown"} with ${duration(slow.ms)}.` : "";
  const rage = frustrated ? ` ${plural(frustrated, "click")} went wrong.` : "";
  const list = parts.length > 1 ? `${parts.slice(0, -1).join(", ")} and ${parts[parts.length - 1]}` : parts[0];
  const began = ofUser ? `In ${plural(visits(rows), "session")} over ${span(Math.max(1000, last - first))} this user` : `In ${span(Math.max(1000, last - first))} this visitor`;
  return `${began} ${list}.${slowest}${rage}`;
}

function what(moment: Moment): [Child, Child] {
  switch (moment.kind) {
    case "page": return [moment.title || moment.route || moment.page || moment.url || "A page", moment.url ?? moment.path];
    case "route": return [moment.route || moment.page || moment.url || "A route", moment.from ? `from ${moment.from}` : moment.url];
    case "api": {
      const route = moment.route || `${moment.method ?? ""} ${moment.url ?? ""}`;
      return [route, moment.url && !route.endsWith(` ${moment.url}`) ? moment.url : null];
    }
    case "click": return [moment.name || moment.selector || "something", [moment.role, moment.selector].filter(Boolean).join(" · ")];
    case "error": return [moment.message ?? "An error", [moment.type, moment.source].filter(Boolean).join(" · ")];
    case "vital": return [moment.vital ?? "A vital", null];
    default: return [moment.kind, moment.original ?? null];
  }
}

function side(state: State, moment: Moment): Child {
  switch (moment.kind) {
    case "api": return failed(moment) ? chip("poor", moment.status ? String(moment.status) : "no answer") :
      (moment.status ?? 0) >= 400 ? chip("needs-improvement", String(moment.status)) : chip("good", String(moment.status ?? "ok"));
    case "click": return flagsOf(moment).map((flag) => chip("needs-improvement", flag === "rage" ? "rage click" : flag === "dead" ? "nothing happened" : flag === "error" ? "led to an error" : flag)).concat(
      (moment.times ?? 1) > 1 ? [h("span", { class: "muted" }, `× ${count(moment.times!)}`)] : []);
    case "error": return moment.code ? link({ ...kept(state), view: "error", code: moment.code }, { class: "code" }, moment.code) : null;
    case "vital": return moment.rating && Object.keys(RATING_WORDS).includes(moment.rating) ? chip(moment.rating, RATING_WORDS[moment.rating as Rating]) : null;
    case "page": return moment.navigation && moment.navigation !== "navigate" ? h("span", { class: "tag" }, moment.navigation.replace("_", " ")) : null;
    default: return null;
  }
}

function took(moment: Moment, most: number): Child {
  if (moment.kind === "vital") return vital(moment.vital ?? "", moment.value ?? null);
  if (moment.ms === undefined) return null;
  return [h("i", { "aria-hidden": "true", css: { width: `${Math.max(2, Math.min(1, moment.ms / most) * 100)}%` } }), h("span", { class: moment.ms >= 1000 ? "slow" : "" }, duration(moment.ms))];
}

/* Where one session of a user ends and the next begins. */
function border(state: State, moment: Moment): HTMLElement {
  const at = Date.parse(moment.at);
  return h("li", { class: "visit", "data-key": `session ${moment.session ?? ""} ${moment.at}` },
    h("b", null, time(moment.at, `${new Date(at).toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" })}, ${clock(at)}`)),
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
    return [isNext && border(state, moment), hidden.has(moment.kind) ? null : item(state, moment, starts.get(session)!, most, i)];
  });
}

function item(state: State, moment: Moment, start: number, most: number, index: number): HTMLElement {
  const [title, more] = what(moment);
  const offset = Date.parse(moment.at) - start;
  return h("li", { class: `moment moment-${KIND_WORDS[moment.kind] ? moment.kind : "other"}${failed(moment) ? " failed" : ""}`, "data-kind": moment.kind, "data-key": `${index} ${moment.at} ${moment.kind}` },
    h("span", { class: "moment-time" }, time(moment.at, `+${offset < 60000 ? `${(offset / 1000).toFixed(1)} s` : span(offset)}`)),
    h("span", { class: "moment-icon", title: moment.kind }, icon(KIND_WORDS[moment.kind] ? moment.kind : "other"), h("span", { class: "unseen" }, moment.kind)),
    h("span", { class: "moment-text" }, h("bdi", { class: "moment-title" }, title), more ? h("bdi", { class: "moment-more muted" }, more) : null,
      moment.stack ? h("details", { "data-key": "stack" }, h("summary", null, "Stack"), h("pre", null, moment.stack)) : null),
    h("span", { class: "moment-side" }, side(state, moment)), h("span", { class: "moment-took" }, took(moment, most)));
}

function about(state: State, { about }: Timeline, ofUser: boolean): HTMLElement {
  const device = about.device && about.device !== "Other" ? about.device : "";
  const words: [string, string | undefined][] = [
    ["User", ofUser ? about.user : undefined], ["Browser", about.browser && `${about.browser} ${(about.browser_version ?? "").split(".")[0]}`.trim()], ["System", [about.os, device].filter(Boolean).join(", ")], ["Country", about.country],
    ["Service", about.service], ["Release", about.version], ["Environment", about.environment], ["Session", ofUser ? undefined : about.id],
  ];
  return h("dl", { class: "about" }, !ofUser && about.user ? h("div", null, h("dt", null, "User"), h("dd", null, link({ ...kept(state), view: "user", user: about.user }, { class: "name", title: "Everything that this user went through" }, h("bdi", null, about.user)))) : null, words.filter(([, value]) => value).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, h("bdi", { class: name === "Session" ? "id" : "" }, value!)))));
}

function filters(state: State, rows: Moment[], hidden: Set<string>): HTMLElement {
  const order = Object.keys(KIND_WORDS), place = (kind: string): number => (order.includes(kind) ? order.indexOf(kind) : order.length);
  const kinds = [...new Set(rows.map((moment) => moment.kind))].sort((a, b) => place(a) - place(b));
  return h("div", { class: "filters", role: "group", "aria-label": "Which kinds are shown" }, kinds.map((kind) => {
    const others = new Set(hidden);
    if (!others.delete(kind)) others.add(kind);
    return link({ ...state, hide: [...others].join(",") || undefined }, { class: `filter${hidden.has(kind) ? " off" : ""}`, role: "switch", "aria-checked": hidden.has(kind) ? "false" : "true", "data-key": kind },
      icon(KIND_WORDS[kind] ? kind : "other"), KIND_WORDS[kind] ?? kind, h("b", null, count(rows.filter((moment) => moment.kind === kind).length)));
  }));
}

export function showSession(root: Element, state: State, timeline: Timeline): void {
  const { rows } = timeline, hidden = new Set((state.hide ?? "").split(",").filter(Boolean)), ofUser = view(state) === "user";
  const start = Date.parse(rows[0].at), left = ofUser ? "newest" : "first";
  show(root, h("div", { class: "crumbs" }, link(kept(state), { class: "back" }, "Overview"), h("span", { class: "muted" }, ofUser ? "User" : "Session"), h("button", { class: "button small", "data-copy": location.href, type: "button" }, icon("copy"), "Copy link")),
    h("h1", { class: "title sentence" }, sentence(rows, ofUser)),
    h("p", { class: "muted started" }, "Began ", time(rows[0].at, `${new Date(start).toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" })}, ${clock(start)}`), timeline.more ? ` · only the ${left} ${count(rows.length)} moments are shown` : ""),
    about(state, timeline, ofUser), filters(state, rows, hidden),
    h("section", { class: "card timeline", "data-testid": "timeline", "aria-label": "Timeline" }, h("ol", { class: "plain" }, moments(state, rows, hidden, ofUser))));
}
