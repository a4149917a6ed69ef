// Builds the agent: dist/seismo.js (one IIFE that starts itself from its script tag) and dist/seismo.mjs
// (an ES module with `start`), with its types in dist/types/. dist/unit/ holds the parts that need no page, for the unit tests.
import { build } from "esbuild";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { brotliCompressSync } from "node:zlib";
import { join, options, shorten } from "./tools/bundle.mjs";
import { writeTypes } from "./tools/types.mjs";

const dist = new URL("dist/", import.meta.url);
await mkdir(dist, { recursive: true });
for (const [file, entry] of [["seismo.js", "src/auto.ts"], ["seismo.mjs", "src/index.ts"]]) {
  const script = await shorten(await join(entry, "esm"), file === "seismo.js");
  await writeFile(new URL(file, dist), script);
  console.log(`js-agent/dist/${file} ${Buffer.byteLength(script)} bytes, ${brotliCompressSync(script).length} with brotli`);
}
const stub = await shorten(await readFile(new URL("src/stub.js", import.meta.url), "utf8"));
await writeFile(new URL("stub.js", dist), stub);
await build({
  ...options,
  entryPoints: ["src/lib/scrub.ts", "src/lib/id.ts", "src/lib/session.ts", "src/send/batch.ts", "src/send/sender.ts"],
  outdir: "dist/unit",
  outbase: "src",
  outExtension: { ".js": ".mjs" },
  format: "esm",
});
await writeTypes();
