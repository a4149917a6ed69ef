// Business events: what counts for whoever runs the site, how many sessions get there, and what it was worth.
import { decimals, rich, t } from "../i18n/i18n";
import { change } from "../lib/compare";
import { h, show, type Child } from "../lib/dom";
import { ago, count, dateTime, share, time } from "../lib/format";
import { kept, type State } from "../lib/state";
import type { Business, BusinessRow } from "../types";
import { card, column, link, nothing } from "./parts";

const ON_OVERVIEW = 6;

function worth(value: number): string {
  return Math.abs(value) >= 100000 ? count(value) : decimals(value, Number.isInteger(value) ? 0 : 2);
}

const part = (value: number | null): string => (value === null ? "–" : share(value));

/* The newest session that has it shows how somebody got there. */
function row(state: State, event: BusinessRow, was: BusinessRow | undefined, compared: boolean, now: number): HTMLElement {
  const changed = (of: "count" | "conversion" | "value", words: (n: number) => string): Child => compared && change(event[of], was ? was[of] : of === "count" ? 0 : null, "down", words);
  return h("tr", { "data-name": event.name, "data-key": event.name },
    h("th", { scope: "row" }, link({ ...kept(state), view: "session", id: event.session }, { class: "name two" },
      h("bdi", { class: "message" }, event.name), h("span", { class: "muted" }, h("bdi", null, event.page)), event.value !== null && h("span", { class: "only-narrow muted" }, worth(event.value)))),
    h("td", { class: "num strong" }, count(event.count), changed("count", count)),
    h("td", { class: "num medium" }, count(event.sessions)),
    h("td", { class: "num strong" }, part(event.conversion), changed("conversion", share)),
    h("td", { class: "num medium" }, event.value === null ? "–" : worth(event.value), changed("value", worth)),
    h("td", { class: "num wide muted" }, time(event.last, ago(Date.parse(event.last), now))));
}

function table(state: State, business: Business, before: Business | null, most: number): HTMLElement {
  return h("div", { class: "scroll" }, h("table", null,
    h("thead", null, h("tr", null, column(t("Event")), column(t("Count"), { class: "num" }), column(t("Sessions"), { class: "num medium" }), column(t("Conversion"), { class: "num", title: t("Sessions with it, of all sessions of this time") }), column(t("Worth"), { class: "num medium", title: t("Sum of the values that the page gave") }), column(t("Last seen"), { class: "num wide" }))),
    h("tbody", null, business.rows.slice(0, most).map((event) => row(state, event, before?.rows.find(({ name }) => name === event.name), before !== null, business.now)))));
}

function ofAll({ converted, sessions, conversion }: Business): string {
  return sessions ? t("{converted} of {n} sessions ({share})", { converted: count(converted), n: sessions, share: part(conversion) }) : "";
}

/* Nothing where there are none: most pages have no such events. */
export function businessSection(state: State, business: Business | null, before: Business | null): Child {
  if (!business || business.rows.length === 0) return null;
  return card("business", link({ ...kept(state), view: "business" }, {}, t("Business events")), ofAll(business), table(state, business, before, ON_OVERVIEW));
}

function figure(name: string, value: Child, note: Child): HTMLElement {
  return h("div", { class: "stat", "data-name": name }, h("dt", null, name), h("dd", null, value), h("dd", { class: "note muted" }, note));
}

/* What a page has to do, for those who have none yet. */
function how(): Child {
  return [nothing(t("None in this time. A page tells one like this, with its worth if it has one:")), h("pre", null, h("code", null, 'seismo("event", "purchase", { value: 59.9, plan: "pro" })'))];
}

export function showBusiness(root: Element, state: State, business: Business, before: Business | null): void {
  const { rows, more, since, converted, conversion, sessions } = business;
  show(root, h("div", { class: "crumbs" }, link(kept(state), { class: "back" }, t("Overview")), h("span", { class: "muted" }, t("Business events"))),
    h("h1", { class: "title" }, t("Business events")),
    rows.length > 0 && h("dl", { class: "figures", "data-testid": "figures" },
      figure(t("Events"), [count(business.count), " ", before && change(business.count, before.count, "down", count)], t("{n} names", { n: business.all })),
      figure(t("Sessions with one"), [count(converted), " ", before && change(converted, before.converted, "down", count)], sessions ? t("of about {n}", { n: sessions }) : ""),
      figure(t("Conversion"), [part(conversion), " ", before && change(conversion, before.conversion, "down", share)], t("of all sessions of this time"))),
    card("business", t("By name"), t("most frequent first"), rows.length ? table(state, business, before, rows.length) : how()),
    more && h("p", { class: "muted" }, rich<Child>("There were more than could be looked at: these are of the time since {time}.", { time: time(new Date(since).toISOString(), dateTime(since)) })));
}
