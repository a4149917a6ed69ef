// The lists behind the cards of the overview, with all that the server tells: pages, calls, errors, sessions. A column's head sorts, a box
// narrows; both stand in the address.
import { mark, t } from "../i18n/i18n";
import { change } from "../lib/compare";
import { h, show, type Child } from "../lib/dom";
import { ago, count, duration, share, span, time } from "../lib/format";
import { icon } from "../lib/icon";
import { kept, type ListView, type State } from "../lib/state";
import type { CallRow, ErrorRow, Overview, PageRow, Quantiles, Session, Sessions } from "../types";
import { badges, rowKey, when } from "./overview";
import { beside, figure, link, nothing } from "./parts";

type Row = PageRow | CallRow | ErrorRow | Session;
/* was: undefined where nothing is compared, null where there was none. Without figure a column is sorted by its words; a wide one is left out on a phone. */
interface Column<T> { name: string; head: string; figure?: (row: T) => number | null; cell: (row: T, was: T | null | undefined) => Child; wide?: boolean }
interface List<T> { title: string; all: (n: number) => string; words: (row: T) => string; key: (row: T) => string; columns: Column<T>[]; to: (row: T) => State; name: (row: T) => Child; first: string }

const quantiles = <T extends Quantiles>(): Column<T>[] => (["p50", "p75", "p95", "p99"] as const).map((name) => ({ name, head: name, wide: name !== "p75", figure: (row) => row[name], cell: (row, was) => [figure(row[name]), was !== undefined && change(row[name], was?.[name], "up", duration)] }));
const plainCount = <T>(name: string, head: string, of: (row: T) => number, wide = false): Column<T> => ({ name, head, wide, figure: of, cell: (row, was) => [count(of(row)), was !== undefined && change(of(row), was ? of(was) : 0, "neither", count)] });

const pages: List<PageRow> = {
  title: mark("Pages"), all: (n) => t("{n} pages", { n }), first: "count", words: (row: PageRow) => `${row.name} ${row.service}`, key: rowKey,
  to: (row: PageRow) => ({ view: "series", kind: row.kind, name: row.name, service: row.service }), name: (row: PageRow) => h("bdi", null, row.name),
  columns: [plainCount<PageRow>("count", mark("Views"), (row) => row.count), ...quantiles<PageRow>(), plainCount<PageRow>("sessions", mark("Sessions"), (row) => row.sessions, true)],
};

const apis: List<CallRow> = {
  title: mark("API calls"), all: (n) => t("{n} routes", { n }), first: "count", words: (row: CallRow) => `${row.name} ${row.service}`, key: rowKey,
  to: (row: CallRow) => ({ view: "series", kind: "api", name: row.name, service: row.service }), name: (row: CallRow) => h("bdi", null, row.name),
  columns: [plainCount<CallRow>("count", mark("Calls"), (row) => row.count),
    { name: "failed", head: mark("Failed"), figure: (row) => row.failed_share, cell: (row) => (row.failed > 0 ? h("span", { class: "bad-text", title: t("{n} failed calls", { n: row.failed }) }, share(row.failed_share ?? 0)) : h("span", { class: "muted" }, "0 %")) },
    ...quantiles<CallRow>(), plainCount<CallRow>("sessions", mark("Sessions"), (row) => row.sessions, true)],
};

const errors: List<ErrorRow> = {
  title: mark("Errors"), all: (n) => t("{n} codes", { n }), first: "count", words: (row: ErrorRow) => `${row.message} ${row.code} ${row.service}`, key: rowKey,
  to: (row: ErrorRow) => ({ view: "error", code: row.code, service: row.service }), name: (row: ErrorRow) => [h("bdi", { class: "message" }, row.message || t("(its message is on the way)")), h("code", null, row.code)],
  columns: [plainCount<ErrorRow>("count", mark("Count"), (row) => row.count), plainCount<ErrorRow>("sessions", mark("Sessions"), (row) => row.sessions),
    { name: "last", head: mark("Last seen"), wide: true, figure: (row) => Date.parse(row.last), cell: (row) => time(row.last, ago(Date.parse(row.last), Date.now())) }],
};

const sessions: List<Session> = {
  title: mark("Sessions"), all: (n) => t("{n} sessions", { n }), first: "last", words: (row: Session) => [row.user, row.id, row.browser, row.os, row.country, row.page, row.service].join(" "), key: (row: Session) => row.id,
  to: (row: Session) => ({ view: "session", id: row.id }),
  name: (row: Session) => [h("bdi", { class: row.user ? "message" : "message id" }, row.user || row.id), h("span", { class: "muted" }, beside(row.browser, row.os, row.country, row.page) ?? t("unknown browser"))],
  columns: [plainCount<Session>("views", mark("Pages"), (row) => row.views, true), plainCount<Session>("calls", mark("Calls"), (row) => row.calls, true), plainCount<Session>("clicks", mark("Clicks"), (row) => row.clicks, true),
    { name: "trouble", head: mark("Trouble"), figure: trouble, cell: badges },
    { name: "lasted", head: mark("Lasted"), wide: true, figure: (row) => Date.parse(row.last) - Date.parse(row.first), cell: (row) => span(Date.parse(row.last) - Date.parse(row.first)) },
    { name: "last", head: mark("Last seen"), figure: (row) => Date.parse(row.last), cell: (row) => time(row.last, ago(Date.parse(row.last), Date.now())) }],
};

const LISTS = { pages, apis, errors, sessions } as unknown as Record<ListView, List<Row>>;

function trouble(row: Session): number {
  return row.errors + row.failed + row.frustrated;
}

/* "p95" is most first, "-p95" least first; a name that no column has is none. */
function sorted<T>(list: List<T>, rows: T[], sort: string): T[] {
  const isUp = sort.startsWith("-"), by = list.columns.find(({ name }) => name === sort.replace(/^-/, ""));
  const of = by?.figure;
  if (!of) return sort === "name" || sort === "-name" ? [...rows].sort((a, b) => list.words(a).localeCompare(list.words(b)) * (isUp ? -1 : 1)) : rows;
  return [...rows].sort((a, b) => (isUp ? -1 : 1) * ((of(b) ?? -1) - (of(a) ?? -1)));
}

function head(state: State, sort: string, name: string, words: string, isWords: boolean, wide = false): HTMLElement {
  const down = sort === name, up = sort === `-${name}`, isOn = down || up;
  return h("th", { scope: "col", class: `${isWords ? "" : "num "}${wide ? "wide" : ""}`, "aria-sort": isOn ? (down !== isWords ? "descending" : "ascending") : undefined, "data-key": name },
    link({ ...state, sort: down ? `-${name}` : name }, { class: `sort${isOn ? " on" : ""}`, title: t("Sort by it") }, words, isOn && h("span", { "aria-hidden": "true" }, down !== isWords ? " ↓" : " ↑")));
}

export interface ListData { overview: Overview | null; sessions: Sessions | null; before: Overview | null }

function rowsOf(name: ListView, { overview, sessions }: ListData): { rows: Row[]; all: number } {
  if (name === "sessions") return { rows: sessions?.rows ?? [], all: sessions?.rows.length ?? 0 };
  return overview ? (overview[name] as { rows: Row[]; all: number }) : { rows: [], all: 0 };
}

function tools(state: State, name: ListView): Child {
  return h("div", { class: "list-tools", "data-key": "tools" },
    h("input", { type: "search", id: "narrow", "data-narrow": true, placeholder: t("Narrow the list"), "aria-label": t("Narrow the list"), value: state.q ?? "", autocomplete: "off", spellcheck: "false", maxlength: "200" }),
    name === "sessions" && link({ ...state, only: state.only ? undefined : "trouble" }, { class: `filter${state.only ? " on" : ""}`, role: "switch", "aria-checked": state.only ? "true" : "false", "data-key": "trouble" }, icon("error"), t("Only with trouble")));
}

export function showList(root: Element, state: State, name: ListView, data: ListData): void {
  const list = LISTS[name], { rows, all } = rowsOf(name, data), sort = state.sort ?? list.first, wanted = (state.q ?? "").trim().toLowerCase();
  const fit = rows.filter((row) => (!wanted || list.words(row).toLowerCase().includes(wanted)) && (name !== "sessions" || !state.only || trouble(row as Session) > 0));
  const before = data.before && name !== "sessions" ? new Map(rowsOf(name, { ...data, overview: data.before }).rows.map((row) => [list.key(row), row])) : null;
  const isWide = (one: Column<Row>): boolean => Boolean(one.wide && sort.replace(/^-/, "") !== one.name), many = name !== "sessions" && rows.some((row) => row.service !== rows[0].service);
  const isTwo = name === "errors" || name === "sessions";
  const said = fit.length === all ? list.all(all) : t("{shown} of {all}", { shown: count(fit.length), all: list.all(all) });
  const table = h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, head(state, sort, "name", t(name === "errors" ? mark("Message") : name === "sessions" ? mark("Session") : name === "pages" ? mark("Page") : mark("Route")), true), list.columns.map((one) => head(state, sort, one.name, t(one.head), false, isWide(one))))),
    h("tbody", null, sorted(list, fit, sort).map((row) => h("tr", { "data-name": "id" in row ? row.id : "code" in row ? row.code : row.name, "data-key": list.key(row) },
      h("th", { scope: "row" }, link({ ...kept(state), ...list.to(row) }, { class: isTwo ? "name two" : "name", title: list.words(row) }, list.name(row)), many && h("span", { class: "tag" }, row.service)),
      list.columns.map((one) => h("td", { class: `num${isWide(one) ? " wide" : ""}${one.name === "p75" ? " strong" : ""}${one.name === "trouble" ? " badges" : ""}` }, one.cell(row, before ? before.get(list.key(row)) ?? null : undefined))))))));
  show(root, h("div", { class: "crumbs" }, link(kept(state), { class: "back" }, t("Overview")), h("span", { class: "muted" }, when(state))),
    h("h1", { class: "title" }, t(list.title)), tools(state, name),
    h("section", { class: "card", "data-testid": "list", "aria-label": t(list.title) }, h("div", { class: "card-head" }, h("h2", { role: "status" }, said), h("div", { class: "side" }, rows.length < all ? t("the most frequent {n}", { n: rows.length }) : name === "sessions" ? t("made from the newest {n} events", { n: data.sessions?.looked_at ?? 0 }) : null)),
      fit.length === 0 ? nothing(rows.length ? t("Nothing in the list fits.") : t("nothing in this time")) : table));
  const box = root.querySelector<HTMLInputElement>("#narrow");
  if (box && box !== document.activeElement) box.value = state.q ?? ""; // Back may have changed it
}
