// The keys, in a dialog that the same key closes again.
import { mark, t } from "../i18n/i18n";
import { h } from "../lib/dom";

const KEYS: [string, string][] = [
  ["/", mark("find a user, a session or an error")],
  ["x", mark("compare with the period before")],
  ["t", mark("show charts as tables")],
  ["p", mark("pause, or go on")],
  ["Esc", mark("back to the overview")],
  ["?", mark("these keys")],
];

export function toggleKeys(): void {
  const open = document.querySelector<HTMLDialogElement>("dialog.keys");
  if (open) { open.close(); return; }
  const dialog = h("dialog", { class: "keys", "aria-labelledby": "keys-title", "data-testid": "keys" },
    h("h2", { id: "keys-title" }, t("Keys")),
    h("dl", null, KEYS.map(([key, words]) => [h("dt", null, h("kbd", null, key)), h("dd", null, t(words))])),
    h("form", { method: "dialog" }, h("button", { class: "button", autofocus: true }, t("Close")))) as HTMLDialogElement;
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
