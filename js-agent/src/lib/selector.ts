// A CSS selector that finds an element again on the next visit and in the next release: by a written id or test id,
// else by tag, stable classes or one attribute below the nearest ancestor that has one. Ids and classes that a
// framework numbers (":r1:", "css-1x2y3z", "item-84213") are passed over, since they change and may hold data.

/** The selector of `element`, at most 512 characters. */
export function selectorOf(element: Element): string {
  let path = "";
  let depth = 6;
  for (let node: Element | null = element; node && depth--; node = node.parentElement) {
    const anchor = by(node, "id") || by(node, "data-testid");
    path = (anchor || stepOf(node)) + (path && `>${path}`);
    if (anchor || node.localName === "body" || (element.getRootNode() as ParentNode).querySelectorAll(path).length === 1) break;
  }
  return path.slice(0, 512);
}

function by(node: Element, attribute: string): string | false | null {
  const value = node.getAttribute(attribute);
  return value && isStable(value) && (attribute === "id" ? `#${value}` : `[${attribute}="${value}"]`);
}

/** Tag, stable classes or one attribute; the position only where siblings look the same. */
function stepOf(node: Element): string {
  const classes = [...node.classList].filter(isStable).slice(0, 2).map((name) => `.${name}`).join("");
  const step = CSS.escape(node.localName) + (classes || by(node, "data-test") || by(node, "name") || by(node, "type") || by(node, "role") || "");
  const siblings = [...(node.parentElement?.children ?? [])].slice(0, 500);
  if (siblings.filter((sibling) => sibling.matches(step)).length < 2) return step;
  return `${step}:nth-of-type(${siblings.filter((sibling) => sibling.localName === node.localName).indexOf(node) + 1})`;
}

function isStable(word: string): boolean {
  return /^[a-z][\w-]{0,49}$/i.test(word) && !/\d{3}|\d[a-z]+\d|__?[a-z\d]{5,}$|^(?:css|sc|jsx|svelte|ng|ember|radix|headlessui|mui)-/i.test(word);
}
