// Builds the live page: dist/index.html, dist/live.js, dist/live.css, which the program carries.
import { build } from "esbuild";
import { copyFile, readFile, stat } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const here = new URL(".", import.meta.url).pathname;

/* uPlot asks the browser for its tables of numbers and zones as soon as it is there, for labels that this page writes itself. It takes the
   browser 20 ms and more to load them, before anything is drawn: it asks when it needs them. */
const LATER = [
  ["const numFormatter = new Intl.NumberFormat(domEnv ? nav.language : 'en-US');", "let numFormatter;"],
  ["const fmtNum = val => numFormatter.format(val);", "const fmtNum = val => (numFormatter ??= new Intl.NumberFormat(domEnv ? nav.language : 'en-US')).format(val);"],
  ["const localTz = new Intl.DateTimeFormat().resolvedOptions().timeZone;", ""],
  ["if (tz == 'UTC' || tz == 'Etc/UTC')", "const localTz = new Intl.DateTimeFormat().resolvedOptions().timeZone;\n\n\tif (tz == 'UTC' || tz == 'Etc/UTC')"],
];
const lazyFormats = {
  name: "uplot-formats-when-needed",
  setup: (on) => on.onLoad({ filter: /uPlot\.esm\.js$/ }, async ({ path }) => {
    let contents = await readFile(path, "utf8");
    for (const [from, to] of LATER) {
      if (contents.split(from).length !== 2) throw new Error(`uPlot has changed: ${from}`);
      contents = contents.replace(from, () => to);
    }
    return { contents, loader: "js" };
  }),
};

await build({
  absWorkingDir: here,
  bundle: true,
  minify: true,
  target: "es2020",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  plugins: [lazyFormats],
  entryPoints: { live: "src/main.ts" },
  outdir: "dist",
  format: "iife",
});
await copyFile(`${here}src/index.html`, `${here}dist/index.html`);

for (const file of ["index.html", "live.js", "live.css"]) {
  const packed = gzipSync(await readFile(`${here}dist/${file}`)).length;
  console.log(`collector/live/page/dist/${file} ${(await stat(`${here}dist/${file}`)).size} bytes, ${packed} compressed`);
}
