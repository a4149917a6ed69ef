// Clicks that went wrong: how many of all, and on which elements.
import { mark, t } from "../i18n/i18n";
import { change } from "../lib/compare";
import { h, type Child } from "../lib/dom";
import { ago, count, share, time } from "../lib/format";
import { kept, type State } from "../lib/state";
import type { Clicks, Element, Flags } from "../types";
import { beside, card, chip, column, link } from "./parts";

const WORDS: [keyof Flags, string][] = [["rage", mark("rage clicks")], ["dead", mark("nothing happened")], ["error", mark("led to an error")], ["slow", mark("slow")]];

function chips(flags: Flags): Child {
  return WORDS.filter(([name]) => flags[name]).map(([name, words]) => [chip("needs-improvement", `${t(words)} ${count(flags[name]!)}`), " "]);
}

/* The newest session in which it went wrong shows what somebody wanted there. */
function row(state: State, element: Element, was: Clicks | null, now: number): HTMLElement {
  return h("tr", { "data-name": element.name || element.selector, "data-key": `${element.name} ${element.selector}` },
    h("th", { scope: "row" }, link({ ...kept(state), view: "session", id: element.session }, { class: "name two", title: element.selector },
      h("bdi", { class: "message" }, element.name || element.selector || t("unnamed")), h("span", { class: "muted" }, beside(element.page, element.name && element.selector)), h("span", { class: "only-narrow" }, chips(element.flags)))),
    h("td", { class: "num strong" }, count(element.count), was && change(element.count, was.rows.find(({ name, selector }) => name === element.name && selector === element.selector)?.count ?? 0, "up", count)), h("td", { class: "medium" }, chips(element.flags)),
    h("td", { class: "num wide muted" }, time(element.last, ago(Date.parse(element.last), now))));
}

/* The charts are made of windows, this list of single events: what came too late for its window stands only here. */
function ofThem(clicks: Clicks, charted: number): string {
  const { frustrated, count: n, more } = clicks, of = { frustrated, n, share: share(frustrated / n) };
  if (more) return t("{frustrated} of the newest {n} clicks ({share})", of);
  return t("{frustrated} of {n} clicks ({share})", of) + (n > charted ? ` · ${t("{n} of them late, not in the charts", { n: n - charted })}` : "");
}

export function clicksSection(state: State, clicks: Clicks | null, before: Clicks | null, charted: number, now: number): Child {
  if (!clicks || clicks.count === 0) return null;
  const { rows } = clicks;
  return card("clicks", t("Clicks that went wrong"), ofThem(clicks, charted),
    rows.length === 0 ? h("p", { class: "nothing" }, chip("good", t("none")), " ", t("Each click was answered.")) :
      h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, column(t("Element")), column(t("Clicks"), { class: "num" }), column(t("Why"), { class: "medium" }), column(t("Last seen"), { class: "num wide" }))),
        h("tbody", null, rows.map((element) => row(state, element, before, now))))));
}
