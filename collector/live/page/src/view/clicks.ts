// Clicks that went wrong: how many of all, and on which elements.
import { h, type Child } from "../lib/dom";
import { ago, count, plural, share, time } from "../lib/format";
import { kept, type State } from "../lib/state";
import type { Clicks, Element, Flags } from "../types";
import { card, chip, column, link } from "./parts";

const WORDS: [keyof Flags, string][] = [["rage", "rage clicks"], ["dead", "nothing happened"], ["error", "led to an error"], ["slow", "slow"]];

function chips(flags: Flags): Child {
  return WORDS.filter(([name]) => flags[name]).map(([name, words]) => [chip("needs-improvement", `${words} ${count(flags[name]!)}`), " "]);
}

/* The newest session in which it went wrong shows what somebody wanted there. */
function row(state: State, element: Element, now: number): HTMLElement {
  return h("tr", { "data-name": element.name || element.selector, "data-key": `${element.name} ${element.selector}` },
    h("th", { scope: "row" }, link({ ...kept(state), view: "session", id: element.session }, { class: "name two", title: element.selector },
      h("bdi", { class: "message" }, element.name || element.selector || "unnamed"), h("span", { class: "muted" }, h("bdi", null, [element.page, element.name && element.selector].filter(Boolean).join(" · "))))),
    h("td", { class: "num strong" }, count(element.count)), h("td", { class: "medium" }, chips(element.flags)),
    h("td", { class: "num wide muted" }, time(element.last, ago(Date.parse(element.last), now))));
}

export function clicksSection(state: State, clicks: Clicks | null, now: number): Child {
  if (!clicks || clicks.count === 0) return null;
  const { frustrated, rows, more } = clicks;
  return card("clicks", "Clicks that went wrong", `${count(frustrated)} of ${more ? `the newest ${count(clicks.count)} clicks` : plural(clicks.count, "click")} (${share(frustrated / clicks.count)})`,
    rows.length === 0 ? h("p", { class: "nothing" }, chip("good", "none"), " Each click was answered.") :
      h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, column("Element"), column("Clicks", { class: "num" }), column("Why", { class: "medium" }), column("Last seen", { class: "num wide" }))),
        h("tbody", null, rows.map((element) => row(state, element, now))))));
}
