// Before anything has arrived: what it waits for, the tag to paste, and what keeps it from coming, if something does.
import { mark, rich, t } from "../i18n/i18n";
import { h, show } from "../lib/dom";
import { count } from "../lib/format";
import { icon } from "../lib/icon";
import type { Diagnosis, Status } from "../types";
import { findings } from "./diagnosis";

/* What no finding speaks of. */
const REASONS: Record<string, string> = {
  "body_too_large": mark("Beacons are larger than allowed."),
  "bad_json": mark("Something other than the agent sends here: the body is not JSON."),
};
const FOUND = ["unknown_key", "no_key", "wrong_service", "forbidden_origin", "no_origin"];

function base(status: Status): string {
  return (status.public_url || "https://ADDRESS-OF-SEISMO").replace(/\/+$/, "");
}

export function tagText(status: Status): string {
  return `<script async crossorigin src="${base(status)}/seismo.js" data-key="${status.demo_key}" data-service="${status.demo_service}"></script>`;
}

export function showEmpty(root: Element, status: Status, diagnosis: Diagnosis): void {
  const refused = Object.entries(status.rejects).filter(([reason, n]) => n > 0 && !FOUND.includes(reason));
  const arrived = status.accepted > 0;
  show(root, h("section", { class: "card empty", "data-testid": "empty" },
    h("div", { class: "pulse", "aria-hidden": "true" }, icon("vital")),
    h("h1", null, arrived ? t("First events are here") : t("Waiting for the first page view")),
    h("p", null, arrived ? t("{n} events arrived; their figures follow within seconds.", { n: status.accepted })
      : t("Seismo is up. Paste this tag into the head of a page and open that page; it appears here by itself, within two seconds of its first message.")),
    h("div", { class: "tag-box" }, h("pre", null, h("code", null, tagText(status))), h("button", { type: "button", class: "button primary", "data-copy": tagText(status) }, icon("copy"), t("Copy"))),
    h("div", { class: diagnosis.findings.some((one) => one.certain) ? "refused" : "hints", role: "status", "data-testid": "diagnosis" }, h("h2", null, t("Is anything wrong?")), findings(diagnosis)),
    refused.length > 0 && h("div", { class: "refused", role: "status" }, h("h2", null, icon("error"), t("Something arrived and was refused")),
      h("ul", null, refused.map(([reason, n]) => h("li", null, `${count(n)} × ${reason.replace(/_/g, " ")}. `, REASONS[reason] ? t(REASONS[reason]) : "")))),
    h("p", { class: "muted" }, `Seismo ${status.version} · ${t("{accepted} taken in, {refused} refused", { accepted: status.accepted, refused: status.rejected })}`)));
}

export function showLocked(root: Element, wasIn: boolean): void {
  show(root, h("section", { class: "card empty", "data-testid": "locked", role: "alert" }, h("h1", null, wasIn ? t("Your access has ended") : t("Who are you?")),
    wasIn && h("p", null, t("It was ended for all, its time is over, or the token is another one now. Once this browser is let in again, in any tab, this page goes on by itself.")),
    h("p", null, rich("This page is open to other machines, so it asks who you are. {command}, where Seismo runs, prints a link that opens it in this browser.", { command: h("code", null, "seismo access") })),
    h("p", null, rich("Or give the token that stands in the configuration as {setting}:", { setting: h("code", null, "inner.token") })),
    h("div", { class: "tag-box" }, h("input", { type: "password", id: "token", "aria-label": t("Token"), autocomplete: "current-password" }), h("button", { type: "button", class: "button primary", "data-unlock": true }, t("Open")))));
}
