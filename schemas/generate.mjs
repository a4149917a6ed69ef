// Makes from the schemas what must agree with them: tables for C, types for TypeScript, pages of the reference.
//
//   node schemas/generate.mjs           writes what has changed
//   node schemas/generate.mjs --check   writes nothing; fails when something is stale
//
// A field without type, bounds, unit or description is an error.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeAgentPage } from "./generate/agent.mjs";
import { writeSettings, writeWire } from "./generate/c.mjs";
import { writeBash, writeCommandTable, writeFish, writeZsh } from "./generate/commands.mjs";
import { findClashes, findFaults, listGroups } from "./generate/fields.mjs";
import { writeGrafana } from "./generate/grafana.mjs";
import { writeKibana } from "./generate/kibana.mjs";
import { writeConfigPage, writeProgramPage } from "./generate/man.mjs";
import { writeReference } from "./generate/markdown.mjs";
import { writePaths } from "./generate/paths.mjs";
import { writeTypes } from "./generate/typescript.mjs";

const NAMES = ["beacon", "record", "document", "rollup", "alert", "health", "answer", "config"];
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const schemas = Object.fromEntries(
  NAMES.map((name) => [name, JSON.parse(readFileSync(join(root, `schemas/${name}.schema.json`), "utf8"))]));

const agent = JSON.parse(readFileSync(join(root, "schemas/agent.json"), "utf8"));
const api = JSON.parse(readFileSync(join(root, "schemas/live-api.json"), "utf8"));
const commands = JSON.parse(readFileSync(join(root, "schemas/commands.json"), "utf8"));

function check() {
  const faults = NAMES.flatMap((name) =>
    listGroups(name, schemas[name]).flatMap(({ fields }) => fields.flatMap((field) => findFaults(field, name))));
  faults.push(...findClashes(schemas.beacon, schemas.document));
  if (faults.length) {
    console.error(faults.join("\n"));
    process.exit(1);
  }
}

function outputs() {
  return new Map([
    ["collector/event/wire_gen.h", writeWire(schemas.beacon)],
    ["collector/config/settings_gen.h", writeSettings(schemas.config)],
    ["js-agent/src/wire_gen.ts", writeTypes(schemas.beacon)],
    ...NAMES.map((name) => [`docs/reference/${name}.md`, writeReference(name, schemas[name])]),
    ["collector/kibana/objects_gen.ndjson", writeKibana(root)],
    ["deploy/grafana/seismo.json", writeGrafana(JSON.parse(readFileSync(join(root, "schemas/grafana.json"), "utf8")))],
    ["collector/commands_gen.h", writeCommandTable(commands)],
    ["deploy/completion/seismo.bash", writeBash(commands)],
    ["deploy/completion/_seismo", writeZsh(commands)],
    ["deploy/completion/seismo.fish", writeFish(commands)],
    ["deploy/man/seismo.1", writeProgramPage(commands)],
    ["deploy/man/seismo.yaml.5", writeConfigPage(schemas.config)],
    ["docs/reference/live-api.md", writePaths("live-api", api)],
    ["docs/agent.md", writeAgentPage(read("docs/agent.md"), agent, read)],
  ]);
}

/** The text of a file of the repository; null when there is none. */
function read(path) {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch {
    return null;
  }
}

check();
const stale = [...outputs()].filter(([path, text]) => read(path) !== text);
if (process.argv.includes("--check")) {
  for (const [path] of stale) console.error(`${path} is stale: run node schemas/generate.mjs`);
  process.exit(stale.length ? 1 : 0);
}
for (const [path, text] of stale) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  console.log(path);
}
