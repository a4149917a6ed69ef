// npm run size: what each module costs: the bytes by which the script, brotli -q 11, would be shorter without the module's text. What
// modules have in common is in none of these figures, so that they add up to less than the whole. esbuild alone makes them, since terser
// moves statements from module to module; the whole is the script as it is built.
import { transform } from "esbuild";
import { brotliCompressSync } from "node:zlib";
import { join, ownMembers, shorten } from "./bundle.mjs";

const size = (text) => brotliCompressSync(text).length;

const text = await join("src/auto.ts", "esm", { minifyIdentifiers: true, mangleProps: await ownMembers() });
const modules = [];
for (const [, name, body] of text.matchAll(/^\/\/ (\S+)\n(.*?)(?=^\/\/ \S+$|$(?![^]))/gms)) {
  modules.push({ name: name.replace(/^.*node_modules\//, ""), code: (await transform(body, { minifyWhitespace: true })).code.trim() });
}
const all = size(modules.map(({ code }) => code).join(""));
for (const one of modules) one.bytes = all - size(modules.filter((other) => other !== one).map(({ code }) => code).join(""));
modules.sort((a, b) => b.bytes - a.bytes);

const row = (bytes, raw, name) => console.log(`${String(bytes).padStart(6)} ${String(raw).padStart(7)}  ${name}`);
row("brotli", "raw", "module");
for (const { bytes, code, name } of modules) row(bytes, code.length, name);
const script = await shorten(await join("src/auto.ts", "esm"), true);
row(size(script), script.length, "the whole");
