// The short names of the agent's variables, as they suit brotli best: it is shortest where the same text comes again, and the minifier, which
// gives names in the order in which they are declared, knows nothing of that. tools/order.mjs looks for names and writes them down, for each
// function of the outermost scope in the order in which its variables are declared; the build takes them from there. A function that has
// changed since keeps the minifier's names.
import { parse } from "acorn";

const isFunction = ({ type }) => /^(?:Function|ArrowFunction)/.test(type);

/** The script as pieces: texts, and the variables that stand between them; `functions` are the first names of those of its outermost scope. */
export function variables(script, functions) {
  const tree = parse(script, { ecmaVersion: 2021, sourceType: "module" });
  const outermostOf = ([{ expression }]) => (expression?.callee?.body ?? tree).body.filter(({ type }) => type === "FunctionDeclaration");
  const homes = outermostOf(tree.body);
  let home = -1;
  const uses = [];
  const used = new Set();
  const all = [];
  const free = new Map();

  function declare(scope, name) {
    const variable = scope.names.get(name);
    if (variable) return variable;
    const one = { name, scope, scopes: new Set([scope]), home };
    scope.names.set(name, one);
    all.push(one);
    return one;
  }
  const inner = (parent) => ({ parent, names: new Map() });

  /* Names that a pattern declares. */
  function* bound(node) {
    if (!node) return;
    if (node.type === "Identifier") yield node.name;
    else if (node.type === "ObjectPattern") for (const one of node.properties) yield* bound(one.value ?? one.argument);
    else if (node.type === "ArrayPattern") for (const one of node.elements) yield* bound(one);
    else if (node.type === "AssignmentPattern") yield* bound(node.left);
    else if (node.type === "RestElement") yield* bound(node.argument);
  }

  function hoist(body, scope) {
    for (const node of body) {
      if (node.type === "VariableDeclaration") for (const one of node.declarations) for (const name of bound(one.id)) declare(scope, name);
      else if (node.type === "FunctionDeclaration") {
        const before = home;
        if (homes.includes(node)) home = homes.indexOf(node);
        declare(scope, node.id.name);
        home = before;
      }
    }
  }

  function walk(node, scope) {
    if (!node || typeof node.type !== "string") return;
    if (homes.includes(node) && home < 0) {
      home = homes.indexOf(node);
      walk(node, scope);
      home = -1;
      return;
    }
    if (isFunction(node)) {
      const own = inner(scope);
      if (node.type === "FunctionDeclaration") use(node.id, scope);
      for (const one of node.params) for (const name of bound(one)) declare(own, name);
      if (node.body.type === "BlockStatement") {
        hoist(node.body.body, own);
        for (const one of node.params) walk(one, own);
        for (const one of node.body.body) walk(one, own);
      } else {
        for (const one of node.params) walk(one, own);
        walk(node.body, own);
      }
      return;
    }
    if (node.type === "BlockStatement") {
      const own = inner(scope);
      hoist(node.body, own);
      for (const one of node.body) walk(one, own);
      return;
    }
    if (/^For/.test(node.type)) {
      const own = inner(scope);
      hoist([node.init ?? node.left].filter(Boolean), own);
      for (const part of ["init", "left", "test", "update", "right", "body"]) walk(node[part], own);
      return;
    }
    if (node.type === "CatchClause" && node.param) throw new Error("catch has a name: not foreseen");
    if (node.type === "Identifier") return use(node, scope);
    if (node.type === "MemberExpression") {
      walk(node.object, scope);
      if (node.computed) walk(node.property, scope);
      return;
    }
    if (node.type === "Property") {
      if (node.computed) walk(node.key, scope);
      if (node.shorthand) {
        const target = node.value.type === "AssignmentPattern" ? node.value.left : node.value;
        use(target, scope, node.key.name);
        if (node.value.type === "AssignmentPattern") walk(node.value.right, scope);
      } else walk(node.value, scope);
      return;
    }
    for (const [key, value] of Object.entries(node)) {
      if (key === "type" || key === "start" || key === "end") continue;
      if (Array.isArray(value)) value.forEach((one) => walk(one, scope));
      else walk(value, scope);
    }
  }

  function use({ name, start, end }, scope, key) {
    uses.push({ start, end, name, scope, key });
  }

  const outermost = inner();
  hoist(tree.body, outermost);
  for (const node of tree.body) walk(node, outermost);
  uses.sort((a, b) => a.start - b.start);
  const pieces = [];
  let last = 0;
  for (const { start, end, name, scope, key } of uses) {
    let owner = scope;
    while (owner && !owner.names.has(name)) owner = owner.parent;
    const variable = owner ? owner.names.get(name) : free.get(name) ?? free.set(name, { name, scopes: new Set(), isFree: true }).get(name);
    for (let one = scope; one; one = one === owner ? undefined : one.parent) variable.scopes.add(one);
    if (variable.isFree) continue;
    used.add(variable);
    pieces.push(script.slice(last, start), key ? { variable, key } : { variable });
    last = end;
  }
  pieces.push(script.slice(last));
  return { pieces, all: all.filter((one) => used.has(one)), free: [...free.values()], functions };
}

/** True when both cannot have the same name. */
export const collide = (one, other) => other.scopes.has(one.scope) || (!other.isFree && one.scopes.has(other.scope));

/** The script with the names that its variables have now. */
export function textOf({ pieces }) {
  return pieces.map((piece) => {
    if (typeof piece === "string") return piece;
    const { key, variable: { name } } = piece;
    return key && key !== name ? `${key}:${name}` : name;
  }).join("");
}

/** Gives the variables of a script their recorded names, where they still fit: { function: "a b c" }. */
export function rename(parts, names) {
  const groups = groupsOf(parts);
  for (const [owner, variables] of Object.entries(groups)) {
    const wanted = names[owner]?.split(" ") ?? [];
    variables.forEach((one, i) => (one.wanted = wanted.length === variables.length ? wanted[i] : one.name));
  }
  const done = [...parts.free];
  const fits = (one, name) => !done.some((other) => other.name === name && collide(one, other));
  for (const one of parts.all) {
    const own = one.name;
    one.name = [one.wanted, own, ...LETTERS, ...LETTERS.flatMap((a) => LETTERS.map((b) => a + b))].find((name) => fits(one, name));
    done.push(one);
  }
}

/** What `rename` takes: the names as they are. */
export const namesOf = (parts) => Object.fromEntries(Object.entries(groupsOf(parts)).map(([owner, variables]) => [owner, variables.map(({ name }) => name).join(" ")]));

export const LETTERS = [..."etnrioaulscdfpmvwhgbyk$SMOjTCERxAPqzINDFUBHGJWVXKLYZQ"];

function groupsOf({ all, functions }) {
  const groups = {};
  for (const one of all) (groups[functions[one.home] ?? ""] ??= []).push(one);
  return groups;
}
