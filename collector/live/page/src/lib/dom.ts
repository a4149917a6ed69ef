// Building and updating the document. Text only ever becomes a text node or an attribute's value, never markup.

export type Child = Node | string | number | null | undefined | false | Child[];
type Value = string | number | boolean | null | undefined;
export interface Props { [name: string]: Value | Record<string, string> }

const SVG = "http://www.w3.org/2000/svg";

function fill(element: Element, props: Props | null, children: Child[]): void {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "css") {
      // The policy forbids style attributes; properties set one by one are allowed.
      for (const [property, text] of Object.entries(value as Record<string, string>)) (element as HTMLElement).style.setProperty(property, text);
    } else element.setAttribute(name, value === true ? "" : name === "title" || name === "aria-label" ? plain(String(value)) : String(value));
  }
  append(element, children);
}

// Marks that turn the direction of what follows; in a name from a page they could only pretend to be another name.
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function plain(text: string): string {
  return text.replace(TURNS, "\ufffd");
}

function append(element: Element, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : document.createTextNode(plain(String(child))));
  }
}

export function h(tag: string, props?: Props | null, ...children: Child[]): HTMLElement {
  const element = document.createElement(tag);
  fill(element, props ?? null, children);
  return element;
}

export function svg(tag: string, props: Props, ...children: Child[]): SVGElement {
  const element = document.createElementNS(SVG, tag);
  fill(element, props, children);
  return element;
}

function sameNode(a: Node, b: Node): boolean {
  if (a.nodeType !== b.nodeType || a.nodeName !== b.nodeName) return false;
  if (!(a instanceof Element) || !(b instanceof Element)) return true;
  return a.getAttribute("data-key") === b.getAttribute("data-key");
}

function patchAttributes(now: Element, wanted: Element): void {
  for (const { name } of [...now.attributes]) if (name !== "style" && name !== "open" && !wanted.hasAttribute(name)) now.removeAttribute(name);
  for (const { name, value } of [...wanted.attributes]) if (name !== "style" && now.getAttribute(name) !== value) now.setAttribute(name, value);
  if (now instanceof HTMLElement && wanted instanceof HTMLElement && now.style.cssText !== wanted.style.cssText) now.style.cssText = wanted.style.cssText;
  if (now instanceof HTMLSelectElement && wanted instanceof HTMLSelectElement && now !== document.activeElement && !now.form) now.value = wanted.value;
}

// Makes `now` look like `wanted` while keeping nodes: focus, selection, scroll and opened details stay where they are.
// What lies under data-keep belongs to somebody else (a chart) and is left alone.
export function patch(now: Element, wanted: Element): void {
  patchAttributes(now, wanted);
  if (now.hasAttribute("data-keep")) return;
  const keyed = new Map<string, Element>();
  for (const child of now.children) {
    const key = child.getAttribute("data-key");
    if (key !== null && !keyed.has(key)) keyed.set(key, child);
  }
  const held = document.activeElement;
  let place = now.firstChild;
  for (const next of [...wanted.childNodes]) {
    const key = next instanceof Element ? next.getAttribute("data-key") : null;
    const match = key !== null ? keyed.get(key) : place && sameNode(place, next) ? place : null;
    if (key !== null) keyed.delete(key);
    if (match && sameNode(match, next)) {
      // What is moved loses the focus: around who has it, the others are moved.
      while (place && place !== match && match.contains(held)) {
        const other = place;
        place = place.nextSibling;
        now.append(other);
      }
      if (match === place) place = place.nextSibling;
      else now.insertBefore(match, place);
      if (match instanceof Element) patch(match, next as Element);
      else if (match.nodeValue !== next.nodeValue) match.nodeValue = next.nodeValue;
    } else now.insertBefore(next, place);
  }
  while (place) {
    const gone = place;
    place = place.nextSibling;
    now.removeChild(gone);
  }
}

// Content of an element, updated in place.
export function show(element: Element, ...children: Child[]): void {
  const wanted = element.cloneNode(false) as Element;
  append(wanted, children);
  patch(element, wanted);
}
