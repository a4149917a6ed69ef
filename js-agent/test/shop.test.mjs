// The demo shop with the agent in it: a visitor's whole journey, and what of it arrives.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, test } from "node:test";
import { eventOf, openStage, pause } from "./lib/scene.mjs";

let stage;
let shop;
let base;
before(async () => {
  stage = await openStage();
  stage.key = "demo";
  const server = new URL("../../demo/server.mjs", import.meta.url).pathname;
  shop = spawn(process.execPath, [server, "--port", "0", "--collector", stage.collector], { stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise((resolve) => shop.stdout.once("data", (data) => resolve(String(data))));
  base = /^shop (http:\/\/127\.0\.0\.1:\d+)\/\n$/.exec(line)[1];
});
after(async () => {
  shop?.kill();
  await stage?.close();
});

test("a visitor's journey through the shop", async () => {
  const page = await (await stage.browser.newContext()).newPage();
  await page.goto(`${base}/`);
  await page.waitForFunction(() => window.seismo?.started);
  await page.click(".product >> nth=0");
  await page.click("#add");
  await page.click("#nav-cart");
  await page.click("#to-checkout");
  await page.click("#checkout");
  const fast = await eventOf(stage, (one) => one.url === "/api/checkout");
  assert.ok(fast.duration >= 40 && fast.duration < 1000 && fast.page === "/checkout", JSON.stringify(fast));
  const bought = await eventOf(stage, (one) => one.kind === "event");
  assert.deepEqual([bought.name, bought.page, bought.value, bought.props], ["purchase", "/checkout", 89, { currency: "EUR", items: 1 }]);
  await page.check("#slow-switch");
  await eventOf(stage, (one) => one.url === "/api/admin/slow" && one.method === "POST");
  await page.click("#checkout");
  await eventOf(stage, (one) => one.url === "/api/checkout" && one.duration >= 1200);
  await page.uncheck("#slow-switch");
  for (const id of ["#broken", "#reject", "#slow", "#secret"]) await page.click(id);
  await eventOf(stage, (one) => one.url === "/api/report" && one.duration >= 1400);
  await page.goto("about:blank");
  await eventOf(stage, (one) => one.name === "INP" && one.value >= 100);

  await eventOf(stage, (one) => one.kind === "page" && one.title === "Fjord & Field");
  for (const path of ["/product/1", "/cart", "/checkout", "/account"]) await eventOf(stage, (one) => one.kind === "route" && one.page === path);
  for (const url of ["/api/products", "/api/products/1", "/api/cart"]) await eventOf(stage, (one) => one.url === url && one.initiator === "fetch" && one.status === 200);
  await eventOf(stage, (one) => one.url === "/api/stock/1" && one.initiator === "xhr");
  await eventOf(stage, (one) => one.url === "/api/voucher" && one.status === 500);
  await eventOf(stage, (one) => one.source === "error" && one.type === "TypeError" && one.file === "/desk.js");
  await eventOf(stage, (one) => one.source === "rejection" && one.type === "RangeError");
  for (const [selector, name] of [["#add", "Add to cart"], ["#checkout", "Place the order"], ["#slow-switch", undefined]]) {
    const click = await eventOf(stage, (one) => one.kind === "click" && one.selector === selector);
    if (name) assert.equal(click.name, name);
  }
  // Of the card two groups in any spelling: four digits alone stand in many a clock's time.
  for (const secret of [/s3cr3t/, /ada@example\.org/, /4111\W?1111/]) assert.doesNotMatch(stage.raw.join(), secret);
});

test("robots buy by the page's own fetch until they are switched off", async () => {
  stage.beacons.length = 0;
  const page = await (await stage.browser.newContext()).newPage();
  await page.goto(`${base}/`);
  await page.waitForFunction(() => window.seismo?.started);
  await page.check("#robots");
  await pause(3500);
  await page.uncheck("#robots");
  await pause(1500);
  const count = () => stage.events().filter((one) => one.url === "/api/checkout").length;
  assert.ok(count() >= 6, `${count()}`);
  const before = count();
  await pause(1500);
  assert.equal(count(), before);
});
