// One entry point of the agent as a small script: esbuild joins the modules, terser makes them short.
//
// Members of the agent's own interfaces (`scene.report`, `call.since`) get short names. Safe are those that neither travel on the wire,
// nor are settings or commands of a page, nor belong to the browser: terser knows the browser's names and leaves them alone. So an
// `interface` in src/ means an object of ours; what describes an object of the browser's is a `type`.
import { build } from "esbuild";
import { readdir, readFile } from "node:fs/promises";
import { minify } from "terser";
import { rename, textOf, variables } from "./names.mjs";

const root = new URL("../", import.meta.url).pathname;
const { version } = JSON.parse(await readFile(`${root}package.json`, "utf8"));
const PUBLIC = ["wire_gen.ts", "config.ts"];

export const options = {
  absWorkingDir: root,
  bundle: true,
  target: "es2021",
  minifySyntax: true,
  charset: "utf8",
  legalComments: "none",
  define: { AGENT_VERSION: JSON.stringify(version) },
  logLevel: "warning",
};

/** The modules joined, readable; each begins with a comment that names it. */
export async function join(entry, format, more = {}) {
  const { outputFiles } = await build({ ...options, entryPoints: [entry], format, write: false, ...more });
  return outputFiles[0].text;
}

const RECORD = new URL("order.json", import.meta.url);
const FUNCTION = /^function (\w+)\([^]*?^}$/gm;

/** The same, short; a script of modules joined as "esm" becomes one function that runs at once. */
export async function shorten(script, isScript = false) {
  const { order, names } = JSON.parse(await readFile(RECORD, "utf8"));
  const ordered = inOrder(await compress(script), order);
  const parts = variables(await name(ordered, isScript), functionsOf(ordered));
  rename(parts, names);
  return textOf(parts);
}

/** With as few statements and functions as possible, each function of the outermost scope on lines of its own. */
export async function compress(script) {
  const { code } = await minify(script, {
    ecma: 2021,
    module: true,
    compress: { passes: 4, inline: 1, booleans_as_integers: true, unsafe_arrows: true, unsafe_methods: true, pure_getters: true, keep_fargs: false, hoist_funs: true },
    mangle: false,
    format: { beautify: true },
  });
  return code;
}

/** The names of the functions of the outermost scope. */
export const functionsOf = (script) => Array.from(script.matchAll(FUNCTION), ([, name]) => name);

/** Those functions in the given order, which changes what brotli sees beside each other and nothing else; those that it does not name come last. */
export function inOrder(script, order) {
  const place = ({ name }) => order.indexOf(name) >>> 0;
  const functions = Array.from(script.matchAll(FUNCTION), ([text, name]) => ({ text, name })).sort((a, b) => place(a) - place(b));
  return [...functions.map(({ text }) => text), script.replace(FUNCTION, "")].join("\n");
}

/** With short names. */
export async function name(script, isScript) {
  const { code } = await minify(isScript ? `(()=>{${script}})()` : script, {
    ecma: 2021,
    module: !isScript,
    compress: false,
    mangle: { toplevel: true, properties: { regex: await ownMembers() } },
  });
  return `${code}\n`;
}

/** What matches the names of members that are ours alone. */
export async function ownMembers() {
  const own = new Set();
  const known = new Set();
  for (const file of await readdir(`${root}src`, { recursive: true })) {
    if (!file.endsWith(".ts")) continue;
    const text = await readFile(`${root}src/${file}`, "utf8");
    for (const [, body] of text.matchAll(/^(?:export )?interface [^{]*\{(.*?)^\}/gms)) {
      for (const [, name] of body.matchAll(/^ {2}(\w+)\??[:(]/gm)) (PUBLIC.includes(file) ? known : own).add(name);
    }
  }
  return new RegExp(`^(?:${[...own].filter((name) => !known.has(name)).join("|")})$`);
}
