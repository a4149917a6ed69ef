// One error: its message first, then since when and whom it hits, where it was raised, and sessions to look into.
import { mark, rich, t } from "../i18n/i18n";
import { change } from "../lib/compare";
import { h, show, type Child } from "../lib/dom";
import { ago, count, dateTime, share, time } from "../lib/format";
import { icon } from "../lib/icon";
import { kept, type State } from "../lib/state";
import type { ErrorDetail, Series, Share } from "../types";
import { when } from "./overview";
import { card, chip, column, link, nothing, toSession } from "./parts";

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

const SHARED: ["releases" | "browsers" | "countries" | "pages", string][] = [["releases", mark("Releases")], ["browsers", mark("Browsers")], ["countries", mark("Countries")], ["pages", mark("Pages")]];

/* What comes with the error more often than with all else is where to look first. */
function outstanding(detail: ErrorDetail): Child {
  const out = SHARED.flatMap(([list]) => detail[list]).filter(({ stands_out }) => stands_out);
  if (out.length === 0) return detail.sessions >= 5 && h("p", { class: "stands-out muted", "data-testid": "stands-out" }, t("It is spread as all traffic of its time is: no release, browser, country or page stands out."));
  return h("p", { class: "stands-out", "data-testid": "stands-out" }, chip("needs-improvement", t("Stands out")), " ", out.map(({ value, count: n, all }, i) =>
    [i > 0 && ", ", h("b", null, h("bdi", null, value)), ` (${t("{share} of the error, {all} of all", { share: share(n / detail.looked_at), all: share(all ?? 0) })})`]));
}

function sharesOf(title: string, shares: Share[], of: number, before: { shares: Share[]; of: number } | null): Child {
  if (shares.length === 0) return null;
  return h("div", { class: "share-list", "data-key": title }, h("h3", null, title), h("ul", { class: "plain" }, shares.map(({ value, count: n, all, stands_out }) => {
    const was = before?.shares.find((one) => one.value === value);
    return h("li", { "data-key": value, "data-name": value, class: stands_out ? "out" : "", title: all === null ? undefined : t("{share} of the error, {all} of all", { share: share(n / of), all: share(all) }) },
      h("span", { class: "meter" }, h("i", { "aria-hidden": "true", css: { width: `${(n / of) * 100}%` } }), all !== null && h("i", { class: "usual", "aria-hidden": "true", css: { left: `${all * 100}%` } }), h("bdi", null, value)),
      h("span", null, stands_out ? h("b", null, share(n / of)) : share(n / of), before && change(n / of, was ? was.count / before.of : before.of ? 0 : null, "neither", share)), h("span", { class: "muted usual-share" }, all === null ? "" : t("{share} of all", { share: share(all) })));
  })));
}

/* Of all that is stored; beside the period before, of the shown one, as what is compared must be. */
function sharesCard(state: State, detail: ErrorDetail, met: ErrorDetail | null, before: ErrorDetail | null): Child {
  const of = met ?? detail;
  return card("shares", t("Where it is met"), met ? when(state) : t("beside all traffic of the same times"), outstanding(of),
    of.looked_at === 0 ? nothing(t("nothing in this time")) : h("div", { class: "shares-grid" }, SHARED.map(([list, title]) => sharesOf(t(title), of[list], of.looked_at, before && { shares: before[list], of: before.looked_at }))));
}

export function showError(root: Element, state: State, detail: ErrorDetail, series: Series | null, before: Series | null, met: ErrorDetail | null, metBefore: ErrorDetail | null): void {
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
    sharesCard(state, detail, met, metBefore),
    newest?.stack ? card("stack", t("Stack of the newest"), h("button", { class: "button small", "data-copy": newest.resolved ?? newest.stack, type: "button" }, icon("copy"), t("Copy")), [h("pre", { class: "stack" }, newest.resolved ?? newest.stack), newest.resolved ? h("details", { class: "raw-stack", "data-key": "raw" }, h("summary", null, t("As the browser wrote it")), h("pre", { class: "stack" }, newest.stack)) : null]) : null,
    card("samples", t("Who met it lately"), t("{n} sessions", { n: detail.rows.length }), h("div", { class: "scroll" }, h("table", null,
      h("thead", null, h("tr", null, column(t("When")), column(t("Session")), column(t("Page")), column(t("Browser"), { class: "wide" }), column(t("Release"), { class: "wide" }))),
      h("tbody", null, detail.rows.map((row, i) => h("tr", { "data-key": `${row.at} ${i}`, "data-name": row.session ?? "" }, h("td", null, time(row.at, ago(Date.parse(row.at), now))),
        h("td", null, row.session ? toSession(state, row.session, h("bdi", { class: row.user ? "" : "id" }, row.user || row.session)) : "–"), h("td", null, h("bdi", null, row.page ?? "–")),
        h("td", { class: "wide" }, [row.browser, row.os].filter(Boolean).join(" · ") || "–"), h("td", { class: "wide" }, h("bdi", null, row.version ?? "–")))))))));
}
