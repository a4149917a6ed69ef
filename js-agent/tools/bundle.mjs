// One entry point of the agent as a small script: esbuild joins the modules, terser makes them short.
//
// Members of the agent's own interfaces (`scene.report`, `call.since`) get short names. Safe are those that neither travel on the wire,
// nor are settings or commands of a page, nor belong to the browser: terser knows the browser's names and leaves them alone. So an
// `interface` in src/ means an object of ours; what describes an object of the browser's is a `type`.
import { build } from "esbuild";
import { readdir, readFile } from "node:fs/promises";
import { minify } from "terser";

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

/** The same, short. */
export async function shorten(script) {
  const { code } = await minify(script, {
    ecma: 2021,
    toplevel: true,
    compress: { passes: 8, unsafe_arrows: true, unsafe_methods: true, pure_getters: true, keep_fargs: false, hoist_funs: true },
    mangle: { properties: { regex: await ownMembers() } },
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
