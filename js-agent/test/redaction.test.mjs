// What must not leave the page: tests/cases/redaction.json, which the collector is held to as well.
// text: any words; address: one that the page was at or called. gone: what must be gone, in its order; the rest stays.
// where: server, when the agent may leave it to the collector, or do more than must be; why says why. agent: its exact result.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { dice, harmlessText, secretAddress, secretText, shows } from "../../tests/lib/secrets.mjs";
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

/** Left to the collector: no-break hyphens and dashes between digits, escaped signs of typesetters, five groups, a row of other numbers before. */
function leftToCollector({ secret, text = "", address = "" }) {
  const behindNumbers = /\d[\s-]{1,2}$/.test(text.slice(0, text.indexOf(secret)));
  return behindNumbers || /[\u2011\u2013]|(?:\d+\D+){4}\d/.test(secret) || (address && /[\u2009\u202f]/.test(secret));
}

test("what is drawn by a seed: no secret passes, what is harmless stays", () => {
  const d = dice(1);
  for (let i = 0; i < 10000; i++) {
    const text = harmlessText(d);
    assert.equal(scrubText(text, 2048), text);
    const inText = secretText(d), inAddress = secretAddress(d);
    const clean = (one) => (one.address ? scrubUrl(one.address, "http://shop.example/", "http://shop.example") : scrubText(one.text, 2048));
    for (const one of [inText, inAddress].filter((each) => !leftToCollector(each)))
      assert.equal(shows(clean(one).replaceAll(REDACTED, "\0"), one.secret), undefined, `${JSON.stringify(one)}: ${clean(one)}`);
  }
});

test("every case says why one side is free of it", () => {
  for (const row of rows) assert.ok(!row.where || ((row.where === "server" || row.where === "agent") && row.why), JSON.stringify(row));
});
