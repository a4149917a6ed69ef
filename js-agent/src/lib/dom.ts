// What element a click was for: the nearest one that answers clicks, and the role it plays.

const ANSWERS =
  "a[href],button,input,select,textarea,label,summary,option,[role=button],[role=link],[role^=menuitem],[role=tab]," +
  "[role=option],[role=checkbox],[role=radio],[role=switch],[onclick],[data-seismo-name]";

/** The element that answers a click at `target`, if there is one. A label passes its click on to its control. */
export function responderOf(target: Element): Element | null {
  const element = target.closest(ANSWERS);
  return (element as HTMLLabelElement | null)?.control ?? element;
}

/** The role that the page gave it; else link, the type of an input, or the tag. */
export function roleOf(element: Element): string {
  const { localName, type } = element as HTMLInputElement;
  return (element.getAttribute("role") || (localName === "a" ? "link" : localName === "input" ? type : localName)).slice(0, 32);
}

/** The element at which an event began, also inside open shadow roots while it is under way. */
export function targetOf(event: Event): Element | null | undefined {
  return elementOf(event.composedPath()[0] ?? event.target);
}

/** The node, or what it stands in when it is none but text. */
export function elementOf(node: unknown): Element | null | undefined {
  return node instanceof Element ? node : (node as Node | undefined)?.parentElement;
}
