// The accessible name of an element, as a person would call it: aria-labelledby, aria-label, label, own text, alt,
// title. What somebody typed is never read: no .value, no text of textarea, select or editable parts.
// Under [data-seismo-mask], or what the page's own data-mask selects, a name is "[masked]".

import { settings } from "../config";
import { scrubText } from "./scrub";

const PRIVATE = "script,style,noscript,input,textarea,select,:read-write,";
const WORDS = 200;

const maskNow = (): string => `[data-seismo-mask]${settings.mask ? `,${settings.mask}` : ""}`;

/** The name of `element`; of one that does not answer clicks only what is certainly its own. */
export function nameOf(element: Element, answers: boolean): string {
  if (element.closest(maskNow())) return "[masked]";
  const said = (attribute: string): string | null => element.getAttribute(attribute);
  /* The words on a button are its author's; they stand in the attribute, what is typed does not. */
  const written = /^(?:button|submit|reset)$/.test(said("type")!) ? "value" : "alt";
  const name =
    said("data-seismo-name") ||
    textOf(said("aria-labelledby")?.split(" ").map((id) => document.getElementById(id))) ||
    said("aria-label") ||
    textOf((element as HTMLInputElement).labels) ||
    said(written) ||
    ((answers || !element.firstElementChild) && textOf([element])) ||
    said("title") ||
    said("placeholder");
  return scrubText((name || "").replace(/\s+/g, " ").trim(), 128);
}

/** The visible words of some trees without their private parts, bounded. */
function textOf(roots: ArrayLike<Element | null> | null | undefined): string {
  const hidden = PRIVATE + maskNow();
  let left = WORDS;
  const read = (node: Node, isRoot?: boolean): string => {
    if (node.nodeType === 3) return (node as Text).data;
    const element = node as Element;
    if (node.nodeType !== 1 || --left < 0 || element.matches(isRoot ? hidden : `${hidden},[hidden],[aria-hidden=true]`)) return "";
    return (!isRoot && element.getAttribute("aria-label")) || element.getAttribute("alt") || [...node.childNodes].slice(0, WORDS).map((child) => read(child)).join(" ");
  };
  return Array.from(roots ?? [], (root) => root && !root.closest(hidden) ? read(root, true) : "").join(" ").trim();
}
