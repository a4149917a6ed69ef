// How the agent behaves towards the page, the visitor's secrets and a collector in trouble.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventOf, openStage, pause, visit } from "./lib/scene.mjs";

let stage;
before(async () => (stage = await openStage()));
after(() => stage.close());

test("a secret in the address appears nowhere", async () => {
  const page = await visit(stage, { path: "/account?token=s3cr3t#access_token=s3cr3t", body: "<a id=x href='/account?token=s3cr3t#y'>x</a>" });
  await page.click("#x");
  await page.evaluate(() => window.seismo && fetch("/api/echo?token=s3cr3t&a=s3cr3t"));
  await page.evaluate(() => history.pushState({}, "", "/next?token=s3cr3t"));
  await page.evaluate(() => void setTimeout(() => { throw new Error(`GET ${location.href} failed`); }));
  await eventOf(stage, (one) => one.kind === "error");
  await eventOf(stage, (one) => one.kind === "route");
  await page.goto("about:blank");
  await eventOf(stage, (one) => one.name === "CLS");
  assert.ok(stage.raw.join().includes("token=[redacted]"));
  for (const request of stage.requests.filter((one) => one.headers["content-type"])) {
    assert.ok(!request.raw.includes("s3cr3t"), request.raw);
    assert.ok(!(request.headers.referer ?? "").includes("s3cr3t"));
  }
  await page.context().close();
});

for (const [how, init] of [
  ["throws", () => { for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, { get() { throw new DOMException("denied", "SecurityError"); } }); }],
  ["is missing", () => { for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, { value: undefined }); }],
  ["is full", () => { Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); }; }],
]) {
  test(`works when storage ${how}`, async () => {
    const page = await visit(stage, { init });
    await page.evaluate(() => window.seismo("event", "a"));
    await eventOf(stage, (one) => one.kind === "a");
    assert.equal(new Set(stage.beacons.map((one) => one.session)).size, 1);
    assert.deepEqual(page.problems, []);
    await page.context().close();
  });
}

test("works without crypto, sendBeacon and PerformanceObserver", async () => {
  const page = await visit(stage, {
    init: () => {
      for (const name of ["crypto", "PerformanceObserver"]) Object.defineProperty(window, name, { value: undefined });
      Object.defineProperty(Navigator.prototype, "sendBeacon", { value: undefined });
    },
  });
  await page.evaluate(() => { history.pushState({}, "", "/r"); return fetch("/api/echo"); });
  await eventOf(stage, (one) => one.url === "/api/echo");
  await eventOf(stage, (one) => one.kind === "route");
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("a session lives over pages and tabs, a view does not", async () => {
  const page = await visit(stage);
  await eventOf(stage, (one) => one.kind === "page");
  await page.goto(`${stage.site}/two`);
  const other = await page.context().newPage();
  await other.goto(`${stage.site}/three`);
  await eventOf(stage, (one) => one.kind === "page" && one.page === "/three");
  assert.equal(new Set(stage.beacons.map((one) => one.session)).size, 1);
  assert.equal(new Set(stage.beacons.filter((one) => one.events.some((event) => event.kind === "page")).map((one) => one.view)).size, 3);
  await page.context().close();
});

test("user, event with members, reserved names", async () => {
  const page = await visit(stage, { attributes: 'data-user="u-1"' });
  await page.evaluate(() => {
    window.seismo("event", "purchase", { amount: 19.9, page: "forged", note: "to jane@example.org", deep: { a: 1 } });
    window.seismo("event", "click", { ok: true });
    window.seismo("user", "u-2");
    window.seismo("event", "later");
  });
  const purchase = await eventOf(stage, (one) => one.kind === "purchase");
  assert.deepEqual([purchase.amount, purchase.page, purchase.note, purchase.deep], [19.9, "/", "to [redacted]", undefined]);
  assert.equal((await eventOf(stage, (one) => one.kind === "custom")).name, "click");
  await eventOf(stage, (one) => one.kind === "later");
  const userOf = (kind) => stage.beacons.find((one) => one.events.some((event) => event.kind === kind)).user.id;
  assert.deepEqual([userOf("purchase"), userOf("later")], ["u-1", "u-2"]);
  await page.context().close();
});

test("commands from before the script are carried out; a second tag does nothing", async () => {
  const body = `<script>window.seismo = function () { (seismo.q = seismo.q || []).push(arguments) }; seismo("event", "early")</script>`;
  const page = await visit(stage, { body });
  await eventOf(stage, (one) => one.kind === "early");
  await page.addScriptTag({ url: `${stage.collector}/seismo.js` });
  await page.evaluate(() => fetch("/api/echo"));
  await eventOf(stage, (one) => one.url === "/api/echo");
  await pause(400);
  assert.equal(stage.events().filter((one) => one.url === "/api/echo").length, 1);
  await page.context().close();
});

test("stop ends all capture and gives the page its functions back", async () => {
  const page = await visit(stage, { init: () => { window.before = [fetch, history.pushState, XMLHttpRequest.prototype.send]; }, body: "<button>b</button>" });
  await eventOf(stage, (one) => one.kind === "page");
  const same = await page.evaluate(() => {
    window.seismo("stop");
    return [fetch, history.pushState, XMLHttpRequest.prototype.send].every((one, i) => one === window.before[i]);
  });
  assert.ok(same);
  await pause(300);
  const count = stage.requests.length;
  await page.click("button");
  await page.evaluate(() => { window.seismo("event", "x"); history.pushState({}, "", "/y"); return fetch("/api/echo"); });
  await page.goto("about:blank");
  await pause(500);
  assert.equal(stage.requests.length, count);
  await page.context().close();
});

test("429 with Retry-After: waits, then the same beacon again, sent stamped anew", async () => {
  const page = await visit(stage);
  await eventOf(stage, (one) => one.kind === "page");
  await pause(300);
  const from = stage.requests.length;
  stage.answers.push({ status: 429, headers: { "retry-after": "2" } });
  await page.evaluate(() => { window.seismo("event", "patient"); window.seismo("flush"); });
  await eventOf(stage, (one) => one.kind === "patient");
  const [first, second] = stage.requests.slice(from).map((one) => ({ ...one, beacon: JSON.parse(one.raw) }));
  assert.equal(first.beacon.id, second.beacon.id);
  assert.ok(second.beacon.sent - first.beacon.sent >= 2000);
  assert.ok(second.time - first.time >= 2000);
  await page.context().close();
});

test("another 4xx: dropped, and the next beacon says how many", async () => {
  const page = await visit(stage);
  await eventOf(stage, (one) => one.kind === "page");
  await pause(300);
  stage.answers.push({ status: 403 });
  await page.evaluate(() => { window.seismo("event", "lost"); window.seismo("flush"); });
  await pause(300);
  await page.evaluate(() => window.seismo("event", "next"));
  await eventOf(stage, (one) => one.kind === "next");
  const beacon = stage.beacons.find((one) => one.events.some((event) => event.kind === "next"));
  assert.equal(beacon.dropped, 1);
  assert.ok(!stage.events().some((one) => one.kind === "lost"));
  await page.context().close();
});

test("a burst is split: at most 50 events and 60 kB a beacon, and nothing is lost", async () => {
  const page = await visit(stage);
  await page.evaluate(() => { for (let i = 0; i < 400; i++) window.seismo("event", "burst", { i, pad: "ü".repeat(400) }); });
  await eventOf(stage, (one) => one.i === 399);
  assert.equal(stage.events().filter((one) => one.kind === "burst").length, 400);
  assert.ok(stage.beacons.every((one) => one.events.length <= 50));
  assert.ok(stage.raw.every((raw) => Buffer.byteLength(raw) < 60000));
  await page.context().close();
});

test("rate 0 sends nothing; an empty key sends nothing", async () => {
  for (const [attributes, key] of [['data-rate="0"'], ["", ""]]) {
    const page = await visit(stage, { attributes, key });
    await page.evaluate(() => fetch("/api/echo"));
    await pause(500);
    await page.goto("about:blank");
    await pause(200);
    assert.equal(stage.requests.length, 0);
    await page.context().close();
  }
});

test("a page's bugs stay the page's: frozen history, odd arguments, its own fetch", async () => {
  const page = await visit(stage);
  const seen = await page.evaluate(async () => {
    const results = [];
    results.push(await fetch().catch((error) => error.name));
    results.push(await fetch("http://[").catch((error) => error.name));
    try { new XMLHttpRequest().send(); } catch (error) { results.push(error.name); }
    try { history.pushState(() => 1, ""); } catch (error) { results.push(error.name); }
    window.seismo(); window.seismo("nonsense", {}); window.seismo("event"); window.seismo("error", Object.create(null));
    return results;
  });
  assert.deepEqual(seen, ["TypeError", "TypeError", "InvalidStateError", "DataCloneError"]);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});
