// The keys, in a dialog that the same key closes again.
import { h } from "../lib/dom";

const KEYS: [string, string][] = [
  ["/", "find a user, a session or an error"],
  ["x", "compare with the period before"],
  ["t", "show charts as tables"],
  ["p", "pause, or go on"],
  ["Esc", "back to the overview"],
  ["?", "these keys"],
];

export function toggleKeys(): void {
  const open = document.querySelector<HTMLDialogElement>("dialog.keys");
  if (open) { open.close(); return; }
  const dialog = h("dialog", { class: "keys", "aria-labelledby": "keys-title", "data-testid": "keys" },
    h("h2", { id: "keys-title" }, "Keys"),
    h("dl", null, KEYS.map(([key, words]) => [h("dt", null, h("kbd", null, key)), h("dd", null, words)])),
    h("form", { method: "dialog" }, h("button", { class: "button", autofocus: true }, "Close"))) as HTMLDialogElement;
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
