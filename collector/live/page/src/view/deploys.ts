// Deploys: releases when they were first seen, and what people marked; each stands on every chart.
import { t } from "../i18n/i18n";
import { h, show } from "../lib/dom";
import { ago, dateTime, time } from "../lib/format";
import { kept, type State } from "../lib/state";
import type { Deploy, Deploys } from "../types";
import { nameField, remarkForm } from "./alert";
import { card, column, link, nothing } from "./parts";

const AROUND_MS = 1800000;

/* The overview around it, beside the time before. */
function around(state: State, deploy: Deploy): State {
  const at = Date.parse(deploy.at), to = Math.min(Date.now(), at + AROUND_MS);
  return { ...kept(state), service: deploy.service || state.service, from: new Date(at - AROUND_MS).toISOString(), to: new Date(to).toISOString() };
}

function row(state: State, deploy: Deploy, now: number): HTMLElement {
  const at = Date.parse(deploy.at);
  return h("tr", { "data-name": deploy.name, "data-key": `${deploy.at} ${deploy.name} ${deploy.service}` },
    h("th", { scope: "row" }, link(around(state, deploy), { class: "name two", title: t("The time around it") }, h("bdi", { class: "message" }, deploy.name), h("span", { class: "muted" }, h("bdi", null, [deploy.service, deploy.environment].filter(Boolean).join(" · ") || t("everything"))))),
    h("td", { class: "medium" }, deploy.seen ? t("first seen") : h("bdi", null, deploy.by ? t("marked by {name}", { name: deploy.by }) : t("marked"))),
    h("td", { class: "num wide muted" }, ago(at, now)), h("td", { class: "num" }, time(deploy.at, dateTime(at))));
}

export function showDeploys(root: Element, state: State, deploys: Deploys, now: number): void {
  const { rows } = deploys;
  show(root, h("div", { class: "crumbs" }, link(kept(state), { class: "back" }, t("Overview")), h("span", { class: "muted" }, t("Deploys"))),
    h("h1", { class: "title" }, t("Deploys")),
    card("deploys", t("On every chart"), rows.length ? t("{n} marks", { n: rows.length }) : null, rows.length === 0 ? nothing(t("None yet: a release is marked when an event with a new version comes in, or here, or by `seismo mark deploy NAME`.")) :
      h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, column(t("Release")), column(t("How"), { class: "medium" }), column(t("Ago"), { class: "num wide" }), column(t("When"), { class: "num" }))), h("tbody", null, rows.map((deploy) => row(state, deploy, now)))))),
    card("mark-deploy", t("Mark one now"), null, remarkForm("deploys", "", { class: "remark", "data-testid": "mark", "data-key": "mark" },
      h("label", { class: "field grow" }, h("span", null, t("What")), h("input", { name: "name", id: "deploy-name", required: true, maxlength: "100", placeholder: "1.5.0", "data-once": true })),
      nameField("by-deploy"), ["application", "service", "environment"].map((name) => state[name as "service"] && h("input", { type: "hidden", name, value: state[name as "service"] })),
      h("button", { class: "button" }, state.service ? t("Mark for {service}", { service: state.service }) : t("Mark")))));
}
