// What lies behind the vitals of a page: of which parts each is made, and which elements, resources and scripts come with it. A row leads to
// the session in which it was worst.
import { mark, t } from "../i18n/i18n";
import { change } from "../lib/compare";
import { h, type Child } from "../lib/dom";
import { share, vital } from "../lib/format";
import type { State } from "../lib/state";
import type { Behind, Cause, Causes } from "../types";
import { card, toSession } from "./parts";
import { fall } from "./detail";

const LISTS: [keyof Pick<Behind, "elements" | "resources" | "scripts" | "invokers" | "interactions">, string][] = [
  ["elements", mark("Element")], ["resources", mark("Resource")], ["scripts", mark("Script")], ["invokers", mark("Called by")], ["interactions", mark("Interaction")],
];

/* Some vitals come without a word about why: their figures stand elsewhere. */
const told = (behind: Behind): boolean => behind.parts.length > 0 || LISTS.some(([list]) => behind[list].length > 0);

/* Of an address its last part, which tells files apart; the title has all of it. */
function shortened(value: string): Child {
  const [, host, file] = /^https?:\/\/([^/?#]+)[^?#]*?\/([^/?#]+)\/?(?:[?#].*)?$/.exec(value) ?? [];
  return file ? [h("bdi", null, file), h("span", { class: "muted" }, " ", host)] : h("bdi", null, value);
}

function row(state: State, behind: Behind, cause: Cause, was: Cause | undefined, compared: boolean): HTMLElement {
  const words = (value: number): string => vital(behind.name, value), part = cause.count / behind.count;
  const title = `${cause.value} · ${t("{n} times", { n: cause.count })}, p50 ${vital(behind.name, cause.p50)}, p95 ${vital(behind.name, cause.p95)}`;
  return h("li", { "data-key": cause.value, "data-name": cause.value }, h("span", { class: "row", title }, h("i", { "aria-hidden": "true", css: { width: `${part * 100}%` } }),
    cause.session ? toSession(state, cause.session, shortened(cause.value)) : h("span", { class: "name" }, shortened(cause.value)), h("span", { class: "muted" }, share(part)), h("b", null, vital(behind.name, cause.p75), compared && change(cause.p75, was?.p75, "up", words))));
}

function one(state: State, behind: Behind, before: Behind | undefined, compared: boolean): Child {
  const words = (value: number): string => vital(behind.name, value);
  return h("div", { class: "behind", "data-key": behind.name, "data-testid": `behind-${behind.name}` },
    h("h3", null, h("b", null, behind.name), " ", vital(behind.name, behind.p75), h("small", null, " p75"), compared && change(behind.p75, before?.p75, "up", words)),
    behind.parts.length > 0 && fall(behind.parts, compared ? before?.parts ?? [] : null),
    h("div", { class: "split" }, LISTS.map(([list, title]) => behind[list].length > 0 && h("div", { "data-key": list, "data-testid": list }, h("h4", null, t(title)),
      h("ul", { class: "plain" }, behind[list].map((cause) => row(state, behind, cause, before?.[list].find(({ value }) => value === cause.value), compared)))))));
}

export function causesCard(state: State, causes: Causes, before: Causes | null): Child {
  const shown = causes.vitals.filter(told);
  if (shown.length === 0) return null;
  return card("causes", t("What lies behind the vitals"), t("share and p75; a row leads to the worst session"), shown.map((behind) => one(state, behind, before?.vitals.find(({ name }) => name === behind.name), before !== null)));
}
