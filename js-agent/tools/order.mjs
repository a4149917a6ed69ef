// Looks for an order of the agent's functions, and for names of its variables, with which brotli makes the script shortest, and writes them to
// order.json, from which the build takes them: node tools/order.mjs [seconds for the order] [seconds for the names]. Worth 2 %; a record that is
// older than the source is still right, and only a little longer.
import { readFile, writeFile } from "node:fs/promises";
import { brotliCompressSync } from "node:zlib";
import { compress, functionsOf, inOrder, join, name } from "./bundle.mjs";
import { collide, LETTERS, namesOf, rename, textOf, variables } from "./names.mjs";

const FILE = new URL("order.json", import.meta.url);
const [forOrder = 60, forNames = 240] = process.argv.slice(2).map(Number);
const sizeOf = (text) => brotliCompressSync(text).length;
const script = await compress(await join("src/auto.ts", "esm"));

/* The same draws each time. */
let seed = 7;
const draw = (below) => (seed = (seed * 48271) % 2147483647) % below;

const record = JSON.parse(await readFile(FILE, "utf8"));
let order = functionsOf(inOrder(script, record.order));

async function partsOf(some) {
  const ordered = inOrder(script, some);
  const parts = variables(await name(ordered, true), functionsOf(ordered));
  rename(parts, record.names);
  return parts;
}

let best = sizeOf(textOf(await partsOf(order)));
console.log(`${order.length} functions, ${best} bytes as they come`);
for (const end = Date.now() + forOrder * 1000; Date.now() < end;) {
  const next = [...order];
  const run = next.splice(draw(next.length - 3), 1 + draw(3));
  next.splice(draw(next.length + 1), 0, ...run);
  const size = sizeOf(textOf(await partsOf(next)));
  if (size < best) console.log(size);
  if (size <= best) [order, best] = [next, size];
}

const parts = await partsOf(order);
const { all, free } = parts;
for (const one of all) {
  one.near = all.filter((other) => other !== one && (collide(one, other) || collide(other, one)));
  one.taken = free.filter((other) => collide(one, other)).map((other) => other.name);
}

/** Gives a variable a name, and those that have it, and would collide, the one that it had; the way back, or undefined when that does not fit. */
function give(one, next) {
  const old = one.name;
  const swapped = one.near.filter((other) => other.name === next);
  if (next === old || one.taken.includes(next)) return undefined;
  if (swapped.some((other) => other.taken.includes(old) || other.near.some((third) => third !== one && third.name === old && !swapped.includes(third)))) return undefined;
  one.name = next;
  for (const other of swapped) other.name = old;
  return () => {
    one.name = old;
    for (const other of swapped) other.name = next;
  };
}

for (const end = Date.now() + forNames * 1000; Date.now() < end;) {
  const one = all[draw(all.length)];
  const others = one.near.length ? one.near : all;
  const back = give(one, draw(10) < 8 ? LETTERS[draw(one.name.length > 1 ? LETTERS.length : 20)] : others[draw(others.length)].name);
  if (!back) continue;
  const size = sizeOf(textOf(parts));
  if (size < best) console.log(size);
  if (size <= best) best = size;
  else back();
}
await writeFile(FILE, `${JSON.stringify({ order, names: namesOf(parts) }, null, 2)}\n`);
console.log(`${best} bytes`);
