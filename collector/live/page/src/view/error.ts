// One error: its message first, then who met it, where it was raised, and sessions to look into.
import { h, show } from "../lib/dom";
import { ago, plural, time } from "../lib/format";
import { kept, type State } from "../lib/state";
import type { ErrorDetail } from "../types";
import { card, column, link, toSession } from "./parts";

export function showError(root: Element, state: State, detail: ErrorDetail): void {
  const newest = detail.rows[0], now = Date.now();
  const place = newest && newest.file ? `${newest.file}${newest.line ? `:${newest.line}` : ""}` : "";
  show(root, h("div", { class: "crumbs" }, link(kept(state), { class: "back" }, "Overview"), h("span", { class: "muted" }, "Error"), h("code", null, detail.code),
    link({ ...kept(state), view: "series", kind: "error", name: "*", detail: detail.code }, { class: "button small" }, "Over time")),
    h("h1", { class: "title" }, h("bdi", null, detail.message)),
    newest && h("p", { class: "muted" }, [newest.type, place].filter(Boolean).join(" · "), newest.type || place ? " · " : "", "last seen ", time(newest.at, ago(Date.parse(newest.at), now))),
    newest?.stack ? card("stack", "Stack of the newest", null, h("pre", { class: "stack" }, newest.stack)) : null,
    card("samples", "Who met it lately", plural(detail.rows.length, "example"), h("div", { class: "scroll" }, h("table", null,
      h("thead", null, h("tr", null, column("When"), column("Session"), column("Page"), column("Browser", { class: "wide" }), column("Release", { class: "wide" }))),
      h("tbody", null, detail.rows.map((row, i) => h("tr", { "data-key": `${row.at} ${i}`, "data-name": row.session ?? "" }, h("td", null, time(row.at, ago(Date.parse(row.at), now))),
        h("td", null, row.session ? toSession(state, row.session, h("bdi", { class: row.user ? "" : "id" }, row.user || row.session)) : "–"), h("td", null, h("bdi", null, row.page ?? "–")),
        h("td", { class: "wide" }, [row.browser, row.os].filter(Boolean).join(" · ") || "–"), h("td", { class: "wide" }, h("bdi", null, row.version ?? "–")))))))));
}
