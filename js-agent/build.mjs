// Builds the agent: dist/seismo.js (one IIFE that starts itself from its script tag) and dist/seismo.mjs
// (an ES module with `start`). dist/unit/ holds the parts that need no page, for the unit tests.
import { build } from "esbuild";
import { readFile, stat } from "node:fs/promises";

const here = new URL(".", import.meta.url).pathname;
const { version } = JSON.parse(await readFile(`${here}package.json`, "utf8"));

const shared = {
  absWorkingDir: here,
  bundle: true,
  target: "es2020",
  charset: "utf8",
  legalComments: "none",
  define: { AGENT_VERSION: JSON.stringify(version) },
  logLevel: "warning",
};

await build({ ...shared, entryPoints: ["src/auto.ts"], outfile: "dist/seismo.js", format: "iife", minify: true });
await build({ ...shared, entryPoints: ["src/index.ts"], outfile: "dist/seismo.mjs", format: "esm", minify: true });
await build({
  ...shared,
  entryPoints: ["src/lib/scrub.ts", "src/lib/id.ts", "src/lib/session.ts", "src/send/queue.ts", "src/send/sender.ts"],
  outdir: "dist/unit",
  outbase: "src",
  outExtension: { ".js": ".mjs" },
  format: "esm",
});

for (const file of ["seismo.js", "seismo.mjs"]) {
  console.log(`js-agent/dist/${file} ${(await stat(`${here}dist/${file}`)).size} bytes`);
}
