// What must not leave the page: tests/cases/redaction.json, which the collector is held to as well.
// text: any words; address: one that the page was at or called. gone: what must be gone, in its order; the rest stays.
// where: server, when the agent may leave it to the collector, or do more than must be; why says why. agent: its exact result.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { REDACTED, scrubText, scrubUrl } from "../dist/unit/lib/scrub.mjs";

const rows = JSON.parse(readFileSync(new URL("../../tests/cases/redaction.json", import.meta.url), "utf8"));

/** Half of a card number is one too many. */
function pieces(secret) {
  const n = Math.min(9, secret.length);
  return Array.from({ length: secret.length - n + 1 }, (_, at) => secret.slice(at, at + n));
}

for (const { text, address, gone = [], where = "both", agent } of rows.filter((row) => row.where !== "server"))
  test(`${where}: ${text ?? address}`, () => {
    const clean = text === undefined ? scrubUrl(address, "http://shop.example/a/b", "http://shop.example") : scrubText(text, 2048);
    if (agent !== undefined) assert.equal(clean, agent);
    else if (!gone.length) assert.equal(clean, text ?? address);
    const rest = clean.replaceAll(REDACTED, "\0");
    for (const piece of gone.flatMap(pieces)) assert.ok(!rest.includes(piece), clean);
  });

test("every case says why one side is free of it", () => {
  for (const row of rows) assert.ok(!row.where || ((row.where === "server" || row.where === "agent") && row.why), JSON.stringify(row));
});
