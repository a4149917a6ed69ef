// Looks for an order of the agent's functions in which brotli makes the script shortest, and writes it to order.json, from which the build
// takes it: node tools/order.mjs [seconds]. Worth about 1 %; an order that is older than the source is still right, and only a little longer.
import { writeFile } from "node:fs/promises";
import { brotliCompressSync } from "node:zlib";
import { compress, functionsOf, inOrder, join, name } from "./bundle.mjs";

const script = await compress(await join("src/auto.ts", "esm"));
const sizeIn = async (order) => brotliCompressSync(await name(inOrder(script, order), true)).length;

/* The same draws each time. */
let seed = 7;
const draw = (below) => (seed = (seed * 48271) % 2147483647) % below;

let order = functionsOf(script);
let best = await sizeIn(order);
console.log(`${order.length} functions, ${best} bytes as they come`);
for (const end = Date.now() + (process.argv[2] ?? 60) * 1000; Date.now() < end;) {
  const next = [...order];
  const run = next.splice(draw(next.length - 3), 1 + draw(3));
  next.splice(draw(next.length + 1), 0, ...run);
  const size = await sizeIn(next);
  if (size < best) console.log(size);
  if (size <= best) [order, best] = [next, size];
}
await writeFile(new URL("order.json", import.meta.url), `${JSON.stringify(order, null, 2)}\n`);
