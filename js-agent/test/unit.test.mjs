// The parts that need no page: scrubbing, ids, session, queue, back-off with a clock of our own, and the size.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, mock, test } from "node:test";
import { brotliCompressSync } from "node:zlib";
import { newId, shareOf } from "../dist/unit/lib/id.mjs";
import { scrubText } from "../dist/unit/lib/scrub.mjs";
import { openSession } from "../dist/unit/lib/session.mjs";
import { newBatch, sizeOf } from "../dist/unit/send/batch.mjs";
import { newSender } from "../dist/unit/send/sender.mjs";

const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

test("scrubbing is bounded in time and length, and keeps whole characters", () => {
  const began = process.cpuUsage().user;
  for (const part of ["a", "?a=", "1 ", "1", "4111 ", "1%20%20", "eyJ", "a.", "a@", "&", "password", "password=\"", "token= ", "-"]) scrubText(part.repeat(100000), 16384);
  assert.ok(process.cpuUsage().user - began < 5e6); /* squared, it were minutes */
  assert.equal(scrubText("ab\u{1f4a1}", 3), "ab");
});

test("what is cut in half shows no half, wherever the cut falls", () => {
  for (const secret of ["4111 1111 1111 1111", "jane.doe@mail.example.org", jwt])
    for (let at = 0; at < 300; at++)
      for (const before of ["?q=".padEnd(at, "a"), "word ".repeat(at).slice(0, at)]) {
        const clean = scrubText(`${before} ${secret} ${"and on ".repeat(40)}`, 100);
        assert.ok(!/4111|jane|eyJ/.test(clean), clean);
      }
  assert.equal(scrubText(`?q=${"a".repeat(5000)}`, 100), "?q=[redacted]");
});

test("ids fit the wire, also without crypto; shares are even", () => {
  const ids = Array.from({ length: 2000 }, () => newId());
  assert.ok(ids.every((id) => /^[\w-]{16}$/.test(id)));
  assert.equal(new Set(ids).size, ids.length);
  const kept = ids.filter((id) => shareOf(id) < 0.25).length;
  assert.ok(kept > 400 && kept < 600, `${kept}`);
  assert.equal(shareOf("abcdefgh"), shareOf("abcdefgh"));
});

test("session: 30 minutes idle, 4 hours in all, shared by store, renewed when the clock jumps back", (context) => {
  let time = 1e12;
  context.mock.method(Date, "now", () => time);
  const kept = new Map();
  const store = () => ({ getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) });
  const open = () => openSession([store]);
  const tab = open();
  const first = tab(true);
  assert.equal(open()(), first);
  for (let i = 0; i < 7; i++) { time += 29 * 60000; assert.equal(tab(true), first); }
  time += 29 * 60000;
  time += 29 * 60000;
  const second = tab(true);
  assert.notEqual(second, first, "4 hours");
  time += 31 * 60000;
  const third = tab();
  assert.notEqual(third, second, "idle");
  time -= 86400000;
  assert.notEqual(tab(), third, "clock");
});

test("batch: bounded, split by session and size, repeats counted, losses told once", () => {
  const beacons = [];
  const take = () => beacons.push(...batch.take());
  const batch = newBatch(() => ({ service: "s" }), take);
  for (let i = 0; i < 210; i++) batch.add({ kind: "x", at: i }, i < 60 ? "session-1" : "session-2");
  batch.add({ kind: "big", at: 1, pad: "x".repeat(50000) }, "session-2");
  batch.lose(2);
  take();
  assert.deepEqual(beacons.map((one) => [one.session, one.events.length]), [["session-1", 60], ["session-2", 100], ["session-2", 50]]);
  assert.deepEqual(beacons.map((one) => one.dropped), [0, 0, 3]);
  assert.equal(new Set(beacons.map((one) => one.id)).size, beacons.length);
  for (let i = 0; i < 4; i++) batch.add({ kind: "error", at: 9 - i, message: "m" }, "s", i < 3 ? "same" : "other");
  batch.add({ kind: "big", at: 1, pad: "x".repeat(47000) }, "s");
  batch.add({ kind: "big", at: 1, pad: "x".repeat(2000) }, "s");
  take();
  assert.deepEqual(beacons.slice(3).map((one) => one.events.map(({ kind, count }) => [kind, count])), [[["big", undefined], ["error", undefined], ["error", 3]], [["big", undefined]]]);
  assert.equal(sizeOf("aü€\u{1f4a1}"), Buffer.byteLength("aü€\u{1f4a1}") + 2);
});

/** A world with a clock of its own: `answers` are given in turn, `waits` are the back-offs asked for. */
function world(...answers) {
  const one = { time: 1000, posts: [], handed: [], kept: [], waits: [], lost: 0, timer: undefined, takes: true, begins: true };
  mock.restoreAll();
  mock.method(Date, "now", () => one.time);
  mock.method(Math, "random", () => 1);
  mock.method(globalThis, "setTimeout", (work, ms) => { one.waits.push(ms); one.timer = work; return 1; });
  one.outside = {
    post: async (body, keepalive, begin) => {
      one.posts.push(JSON.parse(body));
      if (one.begins) begin();
      return answers.length ? answers.shift() : new Promise(() => {});
    },
    hand: (body) => (one.takes && one.handed.push(JSON.parse(body)), one.takes),
    keep: (beacons) => (one.kept = beacons.map(({ id }) => id)),
    lost: (events) => (one.lost += events),
  };
  one.pass = async (ms) => { one.time += ms; const work = one.timer; one.timer = undefined; work?.(); await settle(); };
  return one;
}
const settle = () => new Promise((resolve) => setImmediate(resolve));
const beacon = (id, events = 1) => ({ id, sent: 0, events: Array(events).fill({ kind: "x", at: 1 }) });
after(() => mock.restoreAll());

test("sender: back-off doubles to a minute, then the beacon goes with its id and a new stamp", async () => {
  const failures = Array.from({ length: 8 }, (_, i) => ({ status: [0, 503, 429, 500][i % 4] }));
  const one = world(...failures, { status: 202 });
  const sender = newSender(one.outside);
  sender.push(beacon("b1"));
  await settle();
  for (let i = 0; i < 8; i++) await one.pass(100);
  assert.deepEqual(one.waits, [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]);
  assert.deepEqual(new Set(one.posts.map((post) => post.id)), new Set(["b1"]));
  assert.equal(new Set(one.posts.map((post) => post.sent)).size, 9);
  assert.equal(one.lost, 0);
});

test("sender: a pause that is asked for, after a refusal and after an answer, at most ten minutes", async () => {
  for (const [answer, least, most] of [[{ status: 429, pause: 7000 }, 7000, 8000], [{ status: 503, pause: 99999000 }, 600000, 600000], [{ status: 202, pause: 5000 }, 5000, 5000], [{ status: 429, pause: NaN }, 1000, 1000]]) {
    const one = world(answer);
    newSender(one.outside).push(beacon("b1"));
    await settle();
    assert.ok(one.waits[0] >= least && one.waits[0] <= most, `${one.waits[0]}`);
  }
});

test("sender: one at a time and in order; other 4xx is lost and counted; the list is bounded", async () => {
  const one = world({ status: 400 }, { status: 202 });
  const sender = newSender(one.outside);
  sender.push({ ...beacon("b1", 3), dropped: 2 });
  sender.push(beacon("b2"));
  assert.equal(one.posts.length, 1);
  await settle();
  assert.deepEqual(one.posts.map((post) => post.id), ["b1", "b2"]);
  assert.equal(one.lost, 5);
  const full = world({ status: 503 });
  const other = newSender(full.outside);
  for (let i = 0; i < 25; i++) other.push(beacon(`c${i}`, 2));
  assert.equal(full.lost, 10);
});

test("sender: exit hands over what waits, but not what outlives the page, and leaves to the next page what is not taken", async () => {
  const one = world();
  const sender = newSender(one.outside);
  sender.push(beacon("b1"));
  sender.push(beacon("b2"));
  one.takes = false;
  sender.exit([beacon("b3")]);
  assert.deepEqual(one.kept, ["b2", "b3"]);
  one.takes = true;
  sender.exit([]);
  assert.deepEqual(one.handed.map((body) => body.id), ["b2", "b3"]);
  assert.deepEqual(one.kept, []);
});

test("sender: what is still being packed when the page is left is handed over", async () => {
  const one = world();
  one.begins = false;
  const sender = newSender(one.outside);
  sender.push(beacon("b1"));
  sender.exit([]);
  assert.deepEqual(one.handed.map((body) => body.id), ["b1"]);
});

test("size: the script stays under 8,960 bytes of brotli", async () => {
  const script = await readFile(new URL("../dist/seismo.js", import.meta.url));
  assert.ok(brotliCompressSync(script).length < 8960, `${brotliCompressSync(script).length}`);
});

test("size: the inline stub stays under 350 bytes, as it is", async () => {
  const stub = await readFile(new URL("../dist/stub.js", import.meta.url));
  assert.ok(stub.length < 350, `${stub.length}`);
  const docs = await readFile(new URL("../../docs/agent.md", import.meta.url), "utf8");
  assert.ok(docs.includes(stub.toString().trim()), "docs/agent.md shows it");
});
