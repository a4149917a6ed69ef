// Below everything: the languages, each named in itself.
import { language, t } from "../i18n/i18n";
import { LANGUAGES } from "../i18n/languages";
import { h, show } from "../lib/dom";
import { zone } from "../lib/format";

export function showFooter(root: Element): void {
  show(root, h("div", { class: "languages", role: "group", "aria-label": t("Language") }, Object.entries(LANGUAGES).map(([code, { name }]) =>
    h("button", { type: "button", class: "language", lang: code, "data-language": code, "data-key": code, "aria-pressed": code === language() ? "true" : "false" }, name))),
    h("span", { class: "muted zone", "data-testid": "zone" }, t("Times are those of {zone}", { zone: zone() })),
    h("button", { type: "button", class: "language", "data-keys": true }, t("Keys"), " ", h("kbd", null, "?")));
}
