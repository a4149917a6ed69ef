// Before anything has arrived: what it waits for, the tag to paste, and what was refused, if something was.
import { mark, rich, t } from "../i18n/i18n";
import { h, show } from "../lib/dom";
import { count } from "../lib/format";
import { icon } from "../lib/icon";
import type { Status } from "../types";

const REASONS: Record<string, string> = {
  "unknown_key": mark("The key in data-key is not one that is configured here."),
  "no_key": mark("The tag has no data-key."),
  "forbidden_origin": mark("The page's origin is not among the origins of its application."),
  "no_origin": mark("Requests without an Origin are not taken by this application."),
  "wrong_service": mark("data-service is not among the services of the key's application."),
  "body_too_large": mark("Beacons are larger than allowed."),
  "bad_json": mark("Something other than the agent sends here: the body is not JSON."),
};

function base(status: Status): string {
  return (status.public_url || `${location.protocol}//${location.hostname}:8080`).replace(/\/+$/, "");
}

export function tagText(status: Status): string {
  return `<script async src="${base(status)}/seismo.js" data-key="${status.demo_key || "YOUR-KEY"}" data-service="my-app"></script>`;
}

export function showEmpty(root: Element, status: Status): void {
  const refused = Object.entries(status.rejects).filter(([, n]) => n > 0);
  const arrived = status.accepted > 0;
  show(root, h("section", { class: "card empty", "data-testid": "empty" },
    h("div", { class: "pulse", "aria-hidden": "true" }, icon("vital")),
    h("h1", null, arrived ? t("First events are here") : t("Waiting for the first page view")),
    h("p", null, arrived ? t("{n} events arrived; their figures follow within seconds.", { n: status.accepted })
      : t("Seismo is up. Paste this tag into the head of a page and open that page; it appears here by itself, within two seconds of its first message.")),
    h("div", { class: "tag-box" }, h("pre", null, h("code", null, tagText(status))), h("button", { type: "button", class: "button primary", "data-copy": tagText(status) }, icon("copy"), t("Copy"))),
    refused.length > 0
      ? h("div", { class: "refused", role: "status" }, h("h2", null, icon("error"), t("Something arrived and was refused")),
        h("ul", null, refused.map(([reason, n]) => h("li", null, `${count(n)} × ${reason.replace(/_/g, " ")}. `, REASONS[reason] ? t(REASONS[reason]) : ""))))
      : h("details", { class: "hints" }, h("summary", null, t("Nothing comes?")), h("ul", null,
        h("li", null, rich("Does the page's network view show a request to {path}? If not, a Content-Security-Policy may forbid it: allow {connect} and {script}.", { path: "/in/v1", connect: h("code", null, `connect-src ${base(status)}`), script: h("code", null, `script-src ${base(status)}`) })),
        h("li", null, t("Is it answered with 403? Then the page's origin is not among the origins of its application.")),
        h("li", null, t("Does it run on https? Then the address above must be https too.")))),
    h("p", { class: "muted" }, `Seismo ${status.version} · ${t("{accepted} taken in, {refused} refused", { accepted: status.accepted, refused: status.rejected })}`)));
}

export function showLocked(root: Element): void {
  show(root, h("section", { class: "card empty", "data-testid": "locked" }, h("h1", null, t("A token is needed")),
    h("p", null, t("This page is open to other machines, so it asks who you are. The token stands in the configuration as inner.token.")),
    h("div", { class: "tag-box" }, h("input", { type: "password", id: "token", "aria-label": t("Token"), autocomplete: "current-password" }), h("button", { type: "button", class: "button primary", "data-unlock": true }, t("Open")))));
}
