// Is anything wrong? What keeps beacons away, as the public listener sees it, each with what to do and what to paste.
import { mark, t } from "../i18n/i18n";
import { h, type Child } from "../lib/dom";
import { ago, span } from "../lib/format";
import { icon } from "../lib/icon";
import type { Diagnosis, Finding } from "../types";

/* By cause, "?" behind it for a guess: what is wrong, and what to do. */
const WORDS: Record<string, [string, string]> = {
  "key": [mark("Wrong key: pages of {origin} send a key that no application here has, or none."), mark("Put a key of your application into the tag.")],
  "service": [mark("Wrong service: pages of {origin} name one that their key's application does not have."), mark("Put one of the application's services into data-service, or add the page's to its services.")],
  "origin": [mark("Origin: beacons come from {origin}, which is not among the origins of their application."), mark("Add it to the application in the configuration and send SIGHUP.")],
  "cors": [mark("CORS: beacons of {origin} arrive, but the browser does not let the page read the answer, so it sends again."), mark("Something between the page and Seismo removes Access-Control-Allow-Origin or answers OPTIONS itself: let both pass unchanged.")],
  "cors?": [mark("Most likely CORS: {origin} fetched the script with crossorigin in its tag, and nothing followed."), mark("Let Access-Control-Allow-Origin pass the proxy, or take crossorigin out of the tag.")],
  "csp": [mark("CSP: the Content-Security-Policy of {origin} forbids the agent to send."), mark("Allow Seismo's address in the policy that the page is served with.")],
  "csp?": [mark("Most likely CSP: {origin} fetched the script and nothing followed, not even the agent's word of why. A policy that allows neither connect-src nor img-src does that, or a blocker."), mark("Allow Seismo's address in the policy that the page is served with.")],
  "sampling": [mark("Sampling: the sessions of {origin} are not in the share that data-rate keeps."), mark("Raise data-rate in the tag, or leave it out: 1 keeps all.")],
  "blocked": [mark("Blocked path: the agent runs on {origin}, but what it sends gets no answer. Most often an ad blocker stops the path."), mark("Choose a path of your own with listen.prefix, and name it in the tag.")],
  "clock": [mark("Clock: that of {origin} and the one here differ by {time}. Times were corrected by that."), mark("Set the device's clock; if every page is off by the same, set the clock of this machine.")],
  "nothing?": [mark("No page has asked for the script yet."), mark("Is the tag in the page, its address right, https on an https page? Then a Content-Security-Policy (script-src) or a blocker keeps it away: the browser's console names it.")],
};

function item(finding: Finding, now: number): HTMLElement {
  const [what, fix] = WORDS[finding.cause + (finding.certain ? "" : "?")] ?? [];
  const values = { origin: finding.origin || t("a page that does not say from where"), time: span(Math.abs(finding.skew_ms ?? 0)) };
  return h("li", { class: "finding", "data-key": finding.cause + finding.origin, "data-cause": finding.cause },
    h("b", null, h("bdi", null, what ? t(what, values) : finding.sentence)), h("p", null, fix ? t(fix) : finding.fix),
    finding.paste ? h("div", { class: "tag-box" }, h("pre", null, h("code", null, finding.paste)), h("button", { type: "button", class: "button", "data-copy": finding.paste }, icon("copy"), t("Copy"))) : null,
    finding.count ? h("p", { class: "muted" }, t("{n} times, the last {ago}", { n: finding.count, ago: ago(finding.last_ms, now) })) : null);
}

export function findings(diagnosis: Diagnosis): Child {
  if (!diagnosis.here) return h("p", null, t("Beacons are taken in by another process (role ingest). Ask it: /api/diagnosis at its own inner listener."));
  if (diagnosis.findings.length === 0) return h("p", null, diagnosis.beacons > 0 ? t("Nothing that this listener could see.") : t("Nothing yet: the script was fetched, its first message may take 10 seconds."));
  return h("ul", { class: "plain findings" }, diagnosis.findings.map((finding) => item(finding, diagnosis.now)));
}
