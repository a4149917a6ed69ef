// The accessible name of an element, as a person would call it: aria-labelledby, aria-label, label, own text, alt,
// title. What somebody typed is never read: no .value, no text of textarea, select or editable parts.
// Under [data-seismo-mask] a name is "[masked]".

import { scrubText } from "./scrub";

const MASK = "[data-seismo-mask]";
const PRIVATE = `script,style,noscript,input,textarea,select,[contenteditable]:not([contenteditable=false]),${MASK}`;
const UNSEEN = "[hidden],[aria-hidden=true]";
const LIMIT = 128;

/** The name of `element`; of one that does not answer clicks only what is certainly its own. */
export function nameOf(element: Element, answers = true): string {
  if (element.closest(MASK)) return "[masked]";
  const said = element.getAttribute("data-seismo-name") || fromIds(element) || element.getAttribute("aria-label");
  const name = said || fromLabels(element) || fromContent(element, answers) || element.getAttribute("title") || element.getAttribute("placeholder");
  return scrubText((name || "").replace(/\s+/g, " ").trim(), LIMIT);
}

function fromIds(element: Element): string {
  const ids = element.getAttribute("aria-labelledby")?.split(/\s+/).slice(0, 5) ?? [];
  return ids.map((id) => textOf(document.getElementById(id))).join(" ").trim();
}

function fromLabels(element: Element): string {
  const labels = (element as HTMLInputElement).labels;
  return labels ? Array.from(labels).slice(0, 3).map(textOf).join(" ").trim() : "";
}

function fromContent(element: Element, answers: boolean): string | null {
  if (element.localName === "input") {
    /* The words on a button are its author's; they stand in the attribute, what is typed does not. */
    return /^(?:button|submit|reset)$/.test((element as HTMLInputElement).type) ? element.getAttribute("value") : element.getAttribute("alt");
  }
  if (element.localName === "img") return element.getAttribute("alt");
  return answers || !element.firstElementChild ? textOf(element) : "";
}

/** The visible words of a tree without its private parts, bounded. */
function textOf(root: Element | null): string {
  if (!root || root.closest(PRIVATE)) return "";
  let text = "";
  let seen = 0;
  const pending: Node[] = [root];
  for (let node = pending.pop(); node && text.length < 3 * LIMIT && seen < 200; node = pending.pop(), seen++) {
    if (node.nodeType === Node.TEXT_NODE) {
      text += `${node.nodeValue?.trim()} `;
    } else if (node instanceof Element && !node.matches(PRIVATE) && (node === root || !node.matches(UNSEEN))) {
      text += node.getAttribute("alt") ?? (node === root ? "" : node.getAttribute("aria-label")) ?? "";
      for (let child = node.lastChild; child; child = child.previousSibling) pending.push(child);
    }
  }
  return text.trim();
}
