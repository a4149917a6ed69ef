// Deploys: releases when they were first seen, and what people marked; each stands on every chart.
import { h, show } from "../lib/dom";
import { ago, dateTime, plural, time } from "../lib/format";
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
    h("th", { scope: "row" }, link(around(state, deploy), { class: "name two", title: "The time around it" }, h("bdi", { class: "message" }, deploy.name), h("span", { class: "muted" }, h("bdi", null, [deploy.service, deploy.environment].filter(Boolean).join(" · ") || "everything")))),
    h("td", { class: "medium" }, deploy.seen ? "first seen" : h("bdi", null, deploy.by ? `marked by ${deploy.by}` : "marked")),
    h("td", { class: "num wide muted" }, ago(at, now)), h("td", { class: "num" }, time(deploy.at, dateTime(at))));
}

export function showDeploys(root: Element, state: State, deploys: Deploys, now: number): void {
  const { rows } = deploys;
  show(root, h("div", { class: "crumbs" }, link(kept(state), { class: "back" }, "Overview"), h("span", { class: "muted" }, "Deploys")),
    h("h1", { class: "title" }, "Deploys"),
    card("deploys", "On every chart", rows.length ? plural(rows.length, "mark") : null, rows.length === 0 ? nothing("None yet: a release is marked when an event with a new version comes in, or here, or by `seismo mark deploy NAME`.") :
      h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, column("Release"), column("How", { class: "medium" }), column("Ago", { class: "num wide" }), column("When", { class: "num" }))), h("tbody", null, rows.map((deploy) => row(state, deploy, now)))))),
    card("mark-deploy", "Mark one now", null, remarkForm("deploys", "", { class: "remark", "data-testid": "mark", "data-key": "mark" },
      h("label", { class: "field grow" }, h("span", null, "What"), h("input", { name: "name", id: "deploy-name", required: true, maxlength: "100", placeholder: "1.5.0", "data-once": true })),
      nameField("by-deploy"), ["application", "service", "environment"].map((name) => state[name as "service"] && h("input", { type: "hidden", name, value: state[name as "service"] })),
      h("button", { class: "button" }, state.service ? `Mark for ${state.service}` : "Mark"))));
}
