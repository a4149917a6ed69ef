// Builds the live page: dist/index.html, dist/live.js, dist/live.css, which the program carries.
import { build } from "esbuild";
import { copyFile, readFile, stat } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const here = new URL(".", import.meta.url).pathname;
await build({
  absWorkingDir: here,
  bundle: true,
  minify: true,
  target: "es2020",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  entryPoints: { live: "src/main.ts" },
  outdir: "dist",
  format: "iife",
});
await copyFile(`${here}src/index.html`, `${here}dist/index.html`);

for (const file of ["index.html", "live.js", "live.css"]) {
  const packed = gzipSync(await readFile(`${here}dist/${file}`)).length;
  console.log(`collector/live/page/dist/${file} ${(await stat(`${here}dist/${file}`)).size} bytes, ${packed} compressed`);
}
