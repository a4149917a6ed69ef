// How the agent behaves towards the page, the visitor's secrets and a collector in trouble.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
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
    await eventOf(stage, (one) => one.name === "a");
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
  assert.equal(new Set(stage.events().filter((one) => one.kind === "page").map((one) => one.view)).size, 3);
  await page.context().close();
});

test("user, labels, business events, marks and measures", async () => {
  const page = await visit(stage, { attributes: 'data-user="u-1"' });
  await page.evaluate(() => {
    window.seismo("event", "purchase", { value: 19.9, page: "own", note: "to jane@example.org", deep: { a: 1 }, ok: true });
    window.seismo("event", "click", { ok: true });
    window.seismo("event", "", { "": "no name" });
    window.seismo("label", "plan", "gold");
    window.seismo("label", "not a name", "x");
    window.seismo("label", "mail", "jane@example.org");
    window.seismo("user", "u-2");
    window.seismo("event", "later");
    performance.mark("began");
    window.seismo("mark", "drawn");
    window.seismo("measure", "work", "began");
    window.seismo("measure", "given", 100, 350);
    window.seismo("label", "plan");
    window.seismo("event", "last");
  });
  const purchase = await eventOf(stage, (one) => one.name === "purchase");
  assert.deepEqual([purchase.kind, purchase.value, purchase.page, purchase.props], ["event", 19.9, "/", { page: "own", note: "to [redacted]", ok: true }]);
  await eventOf(stage, (one) => one.name === "last");
  assert.equal((await eventOf(stage, (one) => one.name === "click")).kind, "event");
  assert.equal((await eventOf(stage, (one) => one.name === "unnamed")).kind, "event");
  const beaconOf = (name) => stage.beacons.find((one) => one.events.some((event) => event.name === name));
  assert.deepEqual(["purchase", "later", "last"].map((name) => [beaconOf(name).user.id, beaconOf(name).labels]), [["u-1", undefined], ["u-2", { plan: "gold", mail: "[redacted]" }], ["u-2", { mail: "[redacted]" }]]);
  const { kind, value } = await eventOf(stage, (one) => one.name === "drawn");
  assert.ok(kind === "mark" && value > 0);
  assert.equal((await eventOf(stage, (one) => one.name === "given")).duration, 250);
  const work = await eventOf(stage, (one) => one.name === "work");
  assert.ok(work.kind === "measure" && work.duration >= 0 && work.duration < 5000);
  await page.context().close();
});

test("a view that the page names, and names from a function, body or address", async () => {
  const page = await visit(stage, { body: `<script>window.seismo = function () { (seismo.q = seismo.q || []).push(arguments) }; seismo("view", "Checkout")</script>` });
  assert.equal((await eventOf(stage, (one) => one.kind === "page")).page, "Checkout");
  await page.evaluate(() => { history.pushState({}, "", "/product/17"); setTimeout(() => window.seismo("view", "/product/:id")); });
  assert.deepEqual([(await eventOf(stage, (one) => one.kind === "route")).page, stage.events().filter((one) => one.kind === "route").length], ["/product/:id", 1]);
  await page.evaluate(() => window.seismo("view", "Checkout, step 2"));
  const route = await eventOf(stage, (one) => one.page === "Checkout, step 2");
  assert.deepEqual([route.kind, route.from], ["route", "/product/:id"]);
  await page.evaluate(() => fetch("/api/echo"));
  assert.equal((await eventOf(stage, (one) => one.kind === "api")).page, "Checkout, step 2");
  await page.evaluate(() => history.pushState({}, "", "/plain"));
  await eventOf(stage, (one) => one.page === "/plain");
  await page.context().close();
});

test("consent: nothing is captured or stored before it; taken back, all of it goes", async () => {
  const page = await visit(stage, { attributes: 'data-consent="ask"' });
  const stored = () => page.evaluate(() => [Object.keys(localStorage), Object.keys(sessionStorage), document.cookie].flat().filter(Boolean));
  await page.evaluate(() => { window.seismo("event", "early"); window.seismo("user", "u-1"); window.seismo("label", "plan", "gold"); return fetch("/api/echo?1"); });
  await pause(400);
  assert.deepEqual([stage.requests.length, await stored()], [0, []]);
  await page.evaluate(() => window.seismo("consent", true));
  await page.evaluate(() => { window.seismo("event", "agreed"); return fetch("/api/echo?2"); });
  await eventOf(stage, (one) => one.name === "agreed");
  assert.ok(!stage.events().some((one) => one.name === "early"));
  assert.deepEqual([stage.beacons[0].user, stage.beacons[0].labels], [{ id: "u-1" }, { plan: "gold" }]);
  assert.deepEqual(await stored(), ["seismo"]);
  await page.evaluate(() => window.seismo("consent", false));
  assert.deepEqual(await stored(), []);
  const count = stage.requests.length;
  await page.evaluate(() => { window.seismo("event", "late"); return fetch("/api/echo?3"); });
  await page.goto(`${stage.site}/away`);
  await pause(300);
  assert.equal(stage.requests.length, count);
  await page.context().close();
});

for (const [signal, init] of [["globalPrivacyControl", () => Object.defineProperty(Navigator.prototype, "globalPrivacyControl", { value: true })], ["doNotTrack", () => Object.defineProperty(Navigator.prototype, "doNotTrack", { value: "1" })]]) {
  test(`consent "gpc" asks those whose browser says ${signal}`, async () => {
    const page = await visit(stage, { init, attributes: 'data-consent="gpc"' });
    await pause(300);
    assert.equal(stage.requests.length, 0);
    await page.evaluate(() => window.seismo("consent", true));
    await eventOf(stage, (one) => one.kind === "page");
    await page.context().close();
  });
}

test("traceparent: own origin and those listed, never to others, not even by a redirect; the page's call is the same", async () => {
  const page = await visit(stage, { attributes: `data-trace="http://localhost:1, ${new URL(stage.collector).origin}"` });
  const seen = await page.evaluate(async ([site, other]) => {
    const get = async (...call) => { const answer = await fetch(...call); return [answer.status, answer.redirected, JSON.parse(await answer.text())]; };
    const xhr = (url) => new Promise((resolve) => { const one = new XMLHttpRequest(); one.open("GET", url); one.onload = () => resolve(JSON.parse(one.responseText)); one.onerror = () => resolve("refused"); one.send(); });
    return {
      own: await get("/api/headers", { headers: { "x-own": "1" } }),
      request: await get(new Request("/api/headers", { method: "POST", body: "b", headers: { "x-own": "2" } })),
      kept: await get("/api/headers", { headers: [["traceparent", "page's own"]] }),
      odd: await get("/api/headers", new Request("/x", { method: "PUT" })),
      strange: await get(other),
      redirected: await get(`/api/away?to=${encodeURIComponent(other)}`),
      xhr: [await xhr("/api/headers/7"), await xhr("/api/headers/8"), await xhr(`/api/away?to=${encodeURIComponent(other)}`)],
    };
  }, [stage.site, stage.other]);
  const trace = /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/;
  assert.match(seen.own[2].traceparent, trace);
  assert.deepEqual([seen.own[0], seen.own[2]["x-own"], seen.request[2]["x-own"], seen.request[2].method, seen.request[2].body], [200, "1", "2", "POST", "b"]);
  assert.match(seen.request[2].traceparent, trace);
  assert.equal(seen.kept[2].traceparent, "page's own");
  assert.deepEqual([seen.odd[2].method, seen.odd[2].traceparent], ["PUT", undefined]);
  for (const [, , headers] of [seen.strange, seen.redirected]) assert.equal(headers.traceparent, undefined);
  assert.equal(seen.redirected[1], true);
  assert.deepEqual(seen.xhr.map((one) => trace.test(one.traceparent)), [false, true, false]);
  const event = await eventOf(stage, (one) => one.trace && one.method === "POST");
  assert.equal(event.trace, seen.request[2].traceparent.slice(3, 35));
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("the collector's answer ends the agent, lowers the rate, or asks for a pause", async () => {
  let page = await visit(stage);
  await eventOf(stage, (one) => one.kind === "page");
  await pause(300);
  stage.answers.push({ answer: { wait: 3 } });
  await page.evaluate(() => { window.seismo("event", "one"); window.seismo("flush"); });
  await eventOf(stage, (one) => one.name === "one");
  const asked = Date.now();
  await page.evaluate(() => { window.seismo("event", "two"); window.seismo("flush"); });
  await eventOf(stage, (one) => one.name === "two");
  assert.ok(Date.now() - asked > 2500);
  stage.answers.push({ answer: { rate: 0 } });
  await page.evaluate(() => { window.seismo("event", "three"); window.seismo("flush"); });
  await eventOf(stage, (one) => one.name === "three");
  await pause(200);
  await page.evaluate(() => { window.seismo("event", "four"); window.seismo("flush"); });
  await pause(400);
  assert.ok(!stage.events().some((one) => one.name === "four"));
  page = await visit(stage);
  stage.answers.push({ answer: { stop: true } });
  await page.evaluate(() => window.seismo("event", "last"));
  await eventOf(stage, (one) => one.kind === "page");
  await pause(300);
  const count = stage.requests.length;
  await page.evaluate(() => { window.seismo("event", "after"); return fetch("/api/echo"); });
  await pause(400);
  assert.equal(stage.requests.length, count);
  assert.ok(await page.evaluate(() => String(fetch).includes("native")));
  await page.context().close();
});

test("packed unless it is small or the page is left; what the browser does not take goes with the next page", async () => {
  const page = await visit(stage, { init: () => { if (location.pathname === "/") navigator.sendBeacon = () => false; }, flush: 600000 });
  await page.evaluate(() => { for (let i = 0; i < 40; i++) window.seismo("event", "packed", { pad: "word ".repeat(20) }); window.seismo("flush"); });
  await eventOf(stage, (one) => one.name === "packed");
  assert.ok(stage.requests[0].packed && stage.requests[0].bytes < stage.requests[0].raw.length / 5);
  assert.match(stage.requests[0].headers["content-type"], /^text\/plain/);
  await page.evaluate(() => window.seismo("event", "left"));
  await page.goto(`${stage.site}/two`);
  await eventOf(stage, (one) => one.name === "left");
  assert.equal(stage.events().filter((one) => one.name === "left").length, 1);
  await page.evaluate(() => window.seismo("event", "handed"));
  await page.goto("about:blank");
  await eventOf(stage, (one) => one.name === "handed");
  assert.ok(!stage.requests.at(-1).packed);
  await page.context().close();
});

test("more events than a page should send are counted, not sent", async () => {
  const page = await visit(stage);
  await page.evaluate(() => { for (let i = 0; i < 3000; i++) window.seismo("event", "flood", { i }); });
  await pause(1000);
  await page.evaluate(() => window.seismo("event", "after"));
  await eventOf(stage, (one) => one.name === "after");
  const sent = stage.events().filter((one) => one.name === "flood").length;
  const dropped = stage.beacons.reduce((sum, one) => sum + (one.dropped ?? 0), 0);
  assert.ok(sent > 400 && sent < 700 && sent + dropped === 3000, `${sent} and ${dropped}`);
  await page.context().close();
});

test("commands from before the script are carried out; a second tag does nothing", async () => {
  const body = `<script>window.seismo = function () { (seismo.q = seismo.q || []).push(arguments) }; seismo("event", "early")</script>`;
  const page = await visit(stage, { body });
  await eventOf(stage, (one) => one.name === "early");
  await page.addScriptTag({ url: `${stage.collector}/seismo.js` });
  await page.evaluate(() => fetch("/api/echo"));
  await eventOf(stage, (one) => one.url === "/api/echo");
  await pause(400);
  assert.equal(stage.events().filter((one) => one.url === "/api/echo").length, 1);
  await page.context().close();
});

test("with the inline stub nothing from before the script is lost: commands, errors, rejections, clicks", async () => {
  const stub = await readFile(new URL("../dist/stub.js", import.meta.url), "utf8");
  const page = await visit(stage, {
    body: `<script>${stub}</script><button>Buy</button><script>seismo("user", "u-1"); setTimeout(() => { throw new Error("early error"); }); Promise.reject(new Error("early rejection"));</script>`,
    attributes: "", held: true,
  });
  await page.click("button");
  await pause(100);
  stage.release();
  await page.waitForFunction(() => window.seismo?.started);
  const click = await eventOf(stage, (one) => one.kind === "click");
  assert.deepEqual([click.name, click.flags, stage.beacons.at(-1).user.id], ["Buy", undefined, "u-1"]);
  for (const source of ["error", "rejection"]) assert.equal((await eventOf(stage, (one) => one.source === source)).message, `early ${source}`);
  await page.click("button");
  await pause(1500);
  assert.equal(stage.events().filter((one) => one.kind === "click").length, 2);
  assert.deepEqual(page.problems.sort(), ["early error", "early rejection"]);
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
  await eventOf(stage, (one) => one.name === "patient");
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
  await eventOf(stage, (one) => one.name === "next");
  const beacon = stage.beacons.find((one) => one.events.some((event) => event.name === "next"));
  assert.equal(beacon.dropped, 1);
  assert.ok(!stage.events().some((one) => one.name === "lost"));
  await page.context().close();
});

test("a burst is split: at most 100 events and 60 kB a beacon, and nothing is lost", async () => {
  const page = await visit(stage);
  await page.evaluate(() => { for (let i = 0; i < 400; i++) window.seismo("event", "burst", { i, pad: "ü".repeat(400) }); });
  await eventOf(stage, (one) => one.props?.i === 399);
  assert.equal(stage.events().filter((one) => one.name === "burst").length, 400);
  assert.ok(stage.beacons.every((one) => one.events.length <= 100));
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

test("a rejected fetch that nobody handles is told to the page, one that is handled is not; a caught error is told once", async () => {
  const page = await visit(stage);
  const seen = await page.evaluate(async () => {
    const all = [];
    addEventListener("unhandledrejection", (event) => all.push(event.reason.name));
    fetch("/api/gone");
    fetch("http://[");
    await fetch("/api/gone", { method: "POST" }).catch(() => {});
    const caught = new Error("boundary");
    console.error("caught by a boundary", caught);
    window.seismo("error", caught);
    await new Promise((resolve) => setTimeout(resolve, 500));
    return all;
  });
  assert.deepEqual(seen, ["TypeError", "TypeError"]);
  await eventOf(stage, (one) => one.message === "boundary");
  await pause(300);
  assert.equal(stage.events().filter((one) => one.message === "boundary").length, 1);
  await page.context().close();
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
