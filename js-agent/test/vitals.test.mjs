// The agent's web vitals beside Google's own library in the same page: the same values and kinds of navigation.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { eventOf, openStage, pause, visit } from "./lib/scene.mjs";

const library = await readFile(new URL("../../node_modules/web-vitals/dist/web-vitals.iife.js", import.meta.url), "utf8");
const NAMES = ["LCP", "INP", "CLS", "FCP", "TTFB"];
const LISTEN = `${library}
  window.theirs = [];
  for (const name of ${JSON.stringify(NAMES)}) webVitals["on" + name](({ name, value, navigationType, id }) => theirs.push({ name, value, navigation: navigationType, metric: id }));
  window.requestIdleCallback = (work) => setTimeout(work);
  window.clicks = 0;
  new PerformanceObserver((list) => list.getEntries().forEach(({ name, duration }) => (clicks += name === "click" && duration >= 40))).observe({ type: "event", durationThreshold: 16 });
  window.hide = (state = "hidden") => {
    Object.defineProperties(document, { visibilityState: { value: state, configurable: true }, hidden: { value: state === "hidden", configurable: true } });
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
  };`;
const SLOW = "for (const t = Date.now(); Date.now() - t < 90;);";
const BODY = `<div id=top></div><h1>Big words</h1><button id=slow onclick="${SLOW}">Slow</button><button id=quick>Quick</button>`;

let stage;
before(async () => (stage = await openStage()));
after(() => stage.close());

/* The last value of each measurement. */
function told(reports) {
  const last = new Map(reports.map((one) => [one.metric, one]));
  return [...last.values()].map(({ name, value, navigation }) => ({ name, navigation, value })).sort((a, b) => (a.name + a.navigation < b.name + b.navigation ? -1 : 1));
}

async function compare(page) {
  const theirs = told(await page.evaluate(() => window.theirs));
  for (const { name, navigation } of theirs) await eventOf(stage, (one) => one.name === name && one.navigation === navigation, 30000);
  await pause(200);
  const ours = told(stage.events().filter((one) => one.kind === "vital"));
  const words = (list) => list.map(({ name, navigation }) => `${name} ${navigation}`);
  assert.deepEqual(words(ours), words(theirs));
  ours.forEach(({ name, navigation, value }, i) => {
    /* After a return both count the same two frames, each by a clock of its own. */
    const slack = /LCP|FCP/.test(name) && navigation === "back-forward-cache" ? 500 : 0.06;
    assert.ok(Math.abs(value - theirs[i].value) <= slack, `${name} ${navigation}: ${value}, theirs ${theirs[i].value}`);
  });
  return ours;
}

/* The browser tells of a click when it has painted what came of it; the library looks at it when the page is idle. */
async function measured(page, clicks) {
  await page.waitForFunction((count) => window.clicks >= count, clicks);
  await pause(200);
}

async function shift(page, heights) {
  await pause(600);
  for (const height of heights) {
    await page.evaluate((px) => (document.querySelector("#top").style.height = `${px}px`), height);
    await pause(100);
  }
}

test("vitals: a load, its clicks and shifts; more of both after it was hidden", async () => {
  const page = await visit(stage, { body: BODY, init: LISTEN });
  await shift(page, [150, 320]);
  await pause(1100);
  await shift(page, [330]);
  await page.click("#quick");
  await page.click("#slow");
  await measured(page, 1);
  await page.evaluate(() => window.hide());
  const ours = await compare(page);
  assert.deepEqual(ours.map((one) => one.name), ["CLS", "FCP", "INP", "LCP", "TTFB"]);
  await page.evaluate(() => window.hide("visible"));
  await shift(page, [20, 400, 20]);
  await page.click("#slow");
  await measured(page, 2);
  await page.evaluate(() => window.hide());
  await pause(300);
  const grown = await compare(page);
  assert.ok(grown[0].value > ours[0].value, "CLS grows");
  await page.context().close();
});

test("vitals: a page that comes back from the back/forward cache begins anew", async () => {
  const page = await visit(stage, { body: BODY, init: LISTEN });
  await page.click("#slow");
  await measured(page, 1);
  await page.evaluate(() => window.hide());
  await page.evaluate(() => { window.hide("visible"); dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })); });
  await shift(page, [200]);
  await page.click("#slow");
  await measured(page, 2);
  await page.evaluate(() => window.hide());
  const ours = await compare(page);
  assert.equal(ours.filter((one) => one.navigation === "back-forward-cache").length, 5);
  await page.context().close();
});

test("vitals: what is painted in a hidden page does not count", async () => {
  const page = await visit(stage, { body: BODY, init: `Object.defineProperties(document, { visibilityState: { value: "hidden", configurable: true }, hidden: { value: true, configurable: true } });${LISTEN}` });
  await pause(500);
  await page.evaluate(() => window.hide());
  const ours = await compare(page);
  assert.deepEqual(ours.map((one) => one.name), ["TTFB"]);
  await page.context().close();
});

test("vitals: one slow interaction among more than fifty is passed over", async () => {
  const page = await visit(stage, { body: BODY, init: LISTEN });
  await page.click("#slow");
  await page.evaluate(() => (document.querySelector("#quick").onclick = () => { for (const t = performance.now(); performance.now() - t < 45;); }));
  for (let i = 0; i < 55; i++) await page.click("#quick");
  await measured(page, 56);
  await page.evaluate(() => window.hide());
  await compare(page);
  await page.context().close();
});
