// What element a click was for: the nearest one that answers clicks, and the role it plays.

const ANSWERS =
  "a[href],button,input,select,textarea,label,summary,option,[role=button],[role=link],[role=menuitem],[role=tab]," +
  "[role=option],[role=checkbox],[role=radio],[role=switch],[onclick],[data-seismo-name]";

const ROLES: Record<string, string> = { a: "link", button: "button", select: "combobox", textarea: "textbox", summary: "button", option: "option" };
const INPUT_ROLES: Record<string, string> = { checkbox: "checkbox", radio: "radio", range: "slider", number: "spinbutton", button: "button", submit: "button", reset: "button", image: "button" };

export interface Responder {
  element: Element;
  /** False for a click on plain ground: its text would be half the page. */
  answers: boolean;
}

/** The element that answers an event at `target`. A label passes its click on to its control. */
export function responderOf(target: Element): Responder {
  const element = target.closest(ANSWERS);
  if (!element) return { element: target, answers: false };
  const control = element instanceof HTMLLabelElement ? element.control : null;
  return { element: control ?? element, answers: true };
}

/** The role of an element, or its tag. */
export function roleOf(element: Element): string {
  const said = element.getAttribute("role")?.trim().split(/\s+/)[0];
  if (said) return said.slice(0, 32);
  const tag = element.localName;
  if (tag === "input") return INPUT_ROLES[(element as HTMLInputElement).type] ?? "textbox";
  return (ROLES[tag] ?? tag).slice(0, 32);
}

/** The element at which an event began, also inside open shadow roots. */
export function targetOf(event: Event): Element | undefined {
  const first = event.composedPath?.()[0] ?? event.target;
  if (first instanceof Element) return first;
  return first instanceof Node ? first.parentElement ?? undefined : undefined;
}
