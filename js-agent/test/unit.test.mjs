// The parts that need no page: scrubbing, ids, session, queue, back-off with a clock of our own, and the size.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { brotliCompressSync } from "node:zlib";
import { newId, shareOf } from "../dist/unit/lib/id.mjs";
import { scrubText } from "../dist/unit/lib/scrub.mjs";
import { openSession } from "../dist/unit/lib/session.mjs";
import { newQueue, sizeOf } from "../dist/unit/send/queue.mjs";
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
  const ids = Array.from({ length: 2000 }, newId);
  assert.ok(ids.every((id) => /^[\w-]{16}$/.test(id)));
  assert.equal(new Set(ids).size, ids.length);
  const kept = ids.filter((id) => shareOf(id) < 0.25).length;
  assert.ok(kept > 400 && kept < 600, `${kept}`);
  assert.equal(shareOf("abcdefgh"), shareOf("abcdefgh"));
});

test("session: 30 minutes idle, 4 hours in all, shared by store, renewed when the clock jumps back", () => {
  let time = 1e12;
  const kept = new Map();
  const store = () => ({ getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) });
  const open = () => openSession([store], () => time);
  const tab = open();
  const first = tab.id(true);
  assert.equal(open().id(), first);
  for (let i = 0; i < 7; i++) { time += 29 * 60000; assert.equal(tab.id(true), first); }
  time += 29 * 60000;
  time += 29 * 60000;
  const second = tab.id(true);
  assert.notEqual(second, first, "4 hours");
  time += 31 * 60000;
  const third = tab.id();
  assert.notEqual(third, second, "idle");
  time -= 86400000;
  assert.notEqual(tab.id(), third, "clock");
});

test("queue: bounded, split by session, repeats counted, losses told once", () => {
  const queue = newQueue();
  for (let i = 0; i < 1010; i++) queue.add({ kind: "x", at: i }, i < 60 ? "session-1" : "session-2", "view-aaaa");
  queue.add({ kind: "big", at: 1, pad: "x".repeat(50000) }, "session-2", "view-aaaa");
  const sizes = [];
  const beacons = [];
  for (let one = queue.take({ service: "s" }); one; one = queue.take({ service: "s" })) { beacons.push(one); sizes.push(one.events.length); }
  assert.deepEqual(sizes.slice(0, 3), [50, 10, 50]);
  assert.equal(sizes.reduce((a, b) => a + b), 1000);
  assert.equal(beacons[0].dropped, 11);
  assert.equal(beacons[1].dropped, undefined);
  assert.equal(new Set(beacons.map((one) => one.id)).size, beacons.length);
  for (let i = 0; i < 3; i++) queue.add({ kind: "error", at: i, message: "m" }, "s", "v", "same");
  assert.equal(queue.take({ service: "s" }).events[0].count, 3);
  assert.equal(sizeOf("aü€\u{1f4a1}"), Buffer.byteLength("aü€\u{1f4a1}"));
});

/** A world with a clock of its own: `answers` are given in turn, `waits` are the back-offs asked for. */
function world(...answers) {
  const one = { time: 1000, posts: [], handed: [], waits: [], lost: 0, timer: undefined, takes: true };
  one.outside = {
    post: (body) => { one.posts.push(JSON.parse(body)); return answers.length ? Promise.resolve(answers.shift()) : new Promise(() => {}); },
    hand: (body) => (one.takes && one.handed.push(JSON.parse(body)), one.takes),
    now: () => one.time,
    random: () => 1,
    later: (work, ms) => { one.waits.push(ms); one.timer = work; return () => (one.timer = undefined); },
    lost: (events) => (one.lost += events),
  };
  one.pass = async (ms) => { one.time += ms; const work = one.timer; one.timer = undefined; work?.(); await settle(); };
  return one;
}
const settle = () => new Promise((resolve) => setImmediate(resolve));
const beacon = (id, events = 1) => ({ id, sent: 0, events: Array(events).fill({ kind: "x", at: 1 }) });

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

for (const [name, retryAfter, least] of [["seconds", "7", 7000], ["a date", new Date(1000 + 9000).toUTCString(), 9000], ["at most ten minutes", "99999", 600000]]) {
  test(`sender: Retry-After in ${name}`, async () => {
    const one = world({ status: 429, retryAfter });
    newSender(one.outside).push(beacon("b1"));
    await settle();
    assert.ok(one.waits[0] >= least && one.waits[0] <= least + 1000, `${one.waits[0]}`);
  });
}

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

test("sender: exit hands over what waits, but not what outlives the page, and keeps what is not taken", async () => {
  const one = world();
  const sender = newSender(one.outside);
  sender.push(beacon("b1"));
  sender.push(beacon("b2"));
  one.takes = false;
  sender.exit([beacon("b3")]);
  one.takes = true;
  sender.exit([]);
  assert.deepEqual(one.handed.map((body) => body.id), ["b2", "b3"]);
});

test("size: the script stays under 8,860 bytes of brotli", async () => {
  const script = await readFile(new URL("../dist/seismo.js", import.meta.url));
  assert.ok(brotliCompressSync(script).length < 8860, `${brotliCompressSync(script).length}`);
});
