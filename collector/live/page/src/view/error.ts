// One error: its message first, then since when and whom it hits, where it was raised, and sessions to look into.
import { rich, t } from "../i18n/i18n";
import { change } from "../lib/compare";
import { h, show, type Child } from "../lib/dom";
import { ago, count, dateTime, share, time } from "../lib/format";
import { icon } from "../lib/icon";
import { kept, type State } from "../lib/state";
import type { ErrorDetail, Series, Share } from "../types";
import { when } from "./overview";
import { card, column, link, toSession } from "./parts";

function fact(name: string, value: Child): HTMLElement {
  return h("div", { class: "stat" }, h("dt", null, name), h("dd", null, value));
}

/* Figures of the newest events only say so: "1,000+" is not 1,000. */
function facts(detail: ErrorDetail, now: number): HTMLElement {
  const of = (n: number): string => count(n) + (detail.looked_at >= 1000 ? "+" : "");
  const moment = (at: string | undefined): Child => (at ? time(at, ago(Date.parse(at), now)) : "–");
  return h("dl", { class: "stats" }, fact(t("first seen"), [moment(detail.first), detail.first ? h("small", null, ` ${dateTime(Date.parse(detail.first))}`) : null]), fact(t("last seen"), moment(detail.last)),
    fact(t("times"), of(detail.looked_at)), fact(t("sessions"), of(detail.sessions)), fact(t("users"), detail.users ? of(detail.users) : t("not told")));
}

/* What the facts above cannot say: they are of all that is stored, these of the stretch of time and the one before. */
function compared(state: State, { all }: Series, { all: was }: Series): HTMLElement {
  return h("p", { class: "spread-before muted", "data-testid": "error-before", "data-key": "before" }, h("span", null, t("Compared, {when}:", { when: when(state) })),
    h("span", null, t("{n} times", { n: all.count }), " ", change(all.count, was.count, "up", count)), h("span", null, t("{n} sessions", { n: all.sessions }), " ", change(all.sessions, was.sessions, "up", count)));
}

function sharesOf(title: string, shares: Share[], all: number): Child {
  if (shares.length === 0) return null;
  return h("div", { class: "share-list", "data-key": title }, h("h3", null, title), h("ul", { class: "plain" }, shares.map(({ value, count: n }) =>
    h("li", { "data-key": value }, h("span", { class: "meter" }, h("i", { "aria-hidden": "true", css: { width: `${(n / all) * 100}%` } }), h("bdi", null, value)), h("span", { class: "muted" }, share(n / all))))));
}

export function showError(root: Element, state: State, detail: ErrorDetail, series: Series | null, before: Series | null): void {
  const newest = detail.rows[0], now = Date.now();
  const place = newest && newest.file ? `${newest.file}${newest.line ? `:${newest.line}` : ""}` : "";
  // The words that a browser raised come first; the masked form stands for all that are the same error.
  const raw = newest?.message || detail.message;
  show(root, h("div", { class: "crumbs" }, link(kept(state), { class: "back" }, t("Overview")), h("span", { class: "muted" }, t("Error")), h("code", null, detail.code),
    h("button", { class: "button small", "data-copy": location.href, type: "button" }, icon("copy"), t("Copy link")),
    link({ ...kept(state), view: "series", kind: "error", name: "*", detail: detail.code }, { class: "button small" }, t("Over time"))),
    h("h1", { class: "title" }, h("bdi", null, raw)),
    h("p", { class: "muted started" }, [newest?.type, place].filter(Boolean).join(" · "), detail.message && detail.message !== raw ? [newest?.type || place ? " · " : "", rich("counted as {message}", { message: h("bdi", { class: "id" }, detail.message) })] : null),
    facts(detail, now), series && before && compared(state, series, before),
    h("section", { class: "card shares-card", "aria-label": t("Where it is met"), "data-testid": "shares" }, sharesOf(t("Releases"), detail.releases, detail.looked_at), sharesOf(t("Browsers"), detail.browsers, detail.looked_at), sharesOf(t("Pages"), detail.pages, detail.looked_at)),
    newest?.stack ? card("stack", t("Stack of the newest"), null, [h("pre", { class: "stack" }, newest.resolved ?? newest.stack), newest.resolved ? h("details", { class: "raw-stack", "data-key": "raw" }, h("summary", null, t("As the browser wrote it")), h("pre", { class: "stack" }, newest.stack)) : null]) : null,
    card("samples", t("Who met it lately"), t("{n} sessions", { n: detail.rows.length }), h("div", { class: "scroll" }, h("table", null,
      h("thead", null, h("tr", null, column(t("When")), column(t("Session")), column(t("Page")), column(t("Browser"), { class: "wide" }), column(t("Release"), { class: "wide" }))),
      h("tbody", null, detail.rows.map((row, i) => h("tr", { "data-key": `${row.at} ${i}`, "data-name": row.session ?? "" }, h("td", null, time(row.at, ago(Date.parse(row.at), now))),
        h("td", null, row.session ? toSession(state, row.session, h("bdi", { class: row.user ? "" : "id" }, row.user || row.session)) : "–"), h("td", null, h("bdi", null, row.page ?? "–")),
        h("td", { class: "wide" }, [row.browser, row.os].filter(Boolean).join(" · ") || "–"), h("td", { class: "wide" }, h("bdi", null, row.version ?? "–")))))))));
}
