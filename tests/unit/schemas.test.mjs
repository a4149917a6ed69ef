// The schemas against the same examples as the C decoder (tests/unit/validate/examples_test.c), and what is made of them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test from "node:test";
import Ajv from "ajv/dist/2020.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const examples = `${root}/schemas/examples/beacon`;
const load = (name) => JSON.parse(readFileSync(`${root}/schemas/${name}.schema.json`, "utf8"));
const NAMES = ["beacon", "record", "document", "rollup", "alert", "answer", "config"];

// x- keywords are ours; the members of an event are spread over $defs, so required ones stand apart from their properties.
const ajv = new Ajv({ strict: false, allErrors: false });
const isBeacon = ajv.compile(load("beacon"));

// What JSON Schema has no words for, or what JSON.parse settles in silence (the last of two members wins).
const INEXPRESSIBLE = /^(nested_|duplicate_|event_duplicate|labels_duplicate|members_65|event_65|service_(surrogate|nul)|click_name_(surrogate|nul))/;

// What the collector takes without those of its labels that do not fit, and counts them; the schema says what fits.
const WITHOUT_SOME = /^labels_(left_out|no_object|too_many)/;

/** True, false, or null when it is not even JSON. */
function accepts(file) {
  try {
    return isBeacon(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file))));
  } catch {
    return null;
  }
}

for (const name of NAMES)
  test(`${name}.schema.json is a JSON Schema`, () => {
    assert.ok(ajv.validateSchema(load(name)), ajv.errorsText());
  });

for (const file of readdirSync(`${examples}/valid`))
  test(`valid/${file} is accepted`, () => {
    assert.equal(accepts(`${examples}/valid/${file}`), !WITHOUT_SOME.test(file), ajv.errorsText(isBeacon.errors));
  });

for (const file of readdirSync(`${examples}/invalid`).filter((name) => !name.endsWith(".expect")))
  test(`invalid/${file} is refused`, () => {
    const expect = readFileSync(`${examples}/invalid/${file.replace(/\.\w+$/, ".expect")}`, "utf8").trim();
    assert.match(expect, /^(SE-\d{4} 400|202 rejected( \d+:SE-\d{4})+)$/);
    const answer = accepts(`${examples}/invalid/${file}`);
    if (/^SE-100[12]/.test(expect)) assert.equal(answer, null);
    else if (!INEXPRESSIBLE.test(file)) assert.equal(answer, false);
  });

test("what is made from the schemas is fresh", () => {
  execFileSync(process.execPath, [`${root}/schemas/generate.mjs`, "--check"]);
});
