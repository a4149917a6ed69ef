// A CSS selector that finds an element again on the next visit and in the next release: by a written id or test id,
// else by tag, stable attributes and classes below the nearest ancestor that has one. Ids and classes that a
// framework numbers (":r1:", "css-1x2y3z", "item-84213") are passed over, since they change and may hold data.

const LIMIT = 512;
const DEPTH = 6;
const NAMED = ["data-testid", "data-test", "name", "type", "role"];

/** The selector of `element`, at most 512 characters. */
export function selectorOf(element: Element): string {
  let path = "";
  let depth = 0;
  for (let node: Element | null = element; node && depth < DEPTH; node = node.parentElement, depth++) {
    const anchor = anchorOf(node);
    const step = anchor || stepOf(node);
    path = path ? `${step}>${path}` : step;
    if (anchor || node.localName === "body" || isUnique(element, path)) break;
  }
  return path.slice(0, LIMIT);
}

function anchorOf(node: Element): string {
  if (isStable(node.id)) return `#${node.id}`;
  const test = node.getAttribute("data-testid");
  return test && isStable(test) ? `[data-testid="${test}"]` : "";
}

/** Tag, stable classes or one attribute; the position only where siblings look the same. */
function stepOf(node: Element): string {
  const classes = Array.from(node.classList).filter(isStable).slice(0, 2);
  const name = NAMED.find((attribute) => isStable(node.getAttribute(attribute) ?? ""));
  const attribute = name ? `[${name}="${node.getAttribute(name)}"]` : "";
  const step = CSS.escape(node.localName) + (classes.length ? `.${classes.join(".")}` : attribute);
  const siblings = Array.from(node.parentElement?.children ?? []).slice(0, 500);
  if (siblings.filter((sibling) => sibling.matches(step)).length < 2) return step;
  const alike = siblings.filter((sibling) => sibling.localName === node.localName);
  return `${step}:nth-of-type(${alike.indexOf(node) + 1})`;
}

function isUnique(element: Element, path: string): boolean {
  return (element.getRootNode() as ParentNode).querySelectorAll(path).length === 1;
}

function isStable(word: string): boolean {
  return /^[a-z][\w-]{0,49}$/i.test(word) && !/\d{3}|\d[a-z]+\d|__?[a-z\d]{5,}$|^(?:css|sc|jsx|svelte|ng|ember|radix|headlessui|mui)-/i.test(word);
}
