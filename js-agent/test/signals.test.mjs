// Each signal once, simplest first, in a real browser against a server that records what is posted.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openStage as openSite } from "../../tests/lib/stage.mjs";
import { eventOf, openStage, pause, visit } from "./lib/scene.mjs";

let stage;
before(async () => (stage = await openStage()));
after(() => stage.close());

test("page load: phases, title, envelope", async () => {
  const page = await visit(stage, { path: "/shop?token=s3cr3t" });
  const event = await eventOf(stage, (one) => one.kind === "page");
  assert.equal(event.page, "/shop");
  assert.equal(event.title, "Test page");
  assert.equal(event.navigation, "navigate");
  assert.equal(event.url, `${stage.site}/shop?token=[redacted]`);
  for (const phase of ["dns", "connect", "request", "response", "dom", "load"]) assert.equal(typeof event[phase], "number", phase);
  assert.ok(event.duration > 0 && event.duration < 30000);
  const [beacon] = stage.beacons;
  assert.deepEqual([beacon.service, beacon.version, beacon.environment, beacon.rate], ["test", "1", "test", 1]);
  assert.equal(beacon.agent.name, "seismo-js");
  await page.context().close();
});

test("a page that comes back from the back/forward cache is a load and a view of its own", async () => {
  const page = await visit(stage);
  await eventOf(stage, (one) => one.kind === "page");
  const first = stage.beacons[0].view;
  await page.evaluate(() => void dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
  const restored = await eventOf(stage, (one) => one.navigation === "restore" && one.kind === "page");
  const beacon = stage.beacons.find((one) => one.events.includes(restored));
  assert.notEqual(restored.view ?? beacon.view, first);
  await page.context().close();
});

test("wire: text/plain, key in the query, no preflight, no cookie", async () => {
  const page = await visit(stage);
  await eventOf(stage, (one) => one.kind === "page");
  const [request] = stage.requests;
  assert.equal(request.method, "POST");
  assert.equal(request.url, `/in/v1?k=${stage.key}`);
  assert.match(request.headers["content-type"], /^text\/plain/);
  assert.equal(request.headers.cookie, undefined);
  assert.ok(!stage.requests.some((one) => one.method === "OPTIONS"));
  await page.context().close();
});

test("route: history, back, fragment; new view; plain query is none", async () => {
  const page = await visit(stage, { body: "<main></main>" });
  await eventOf(stage, (one) => one.kind === "page");
  const first = stage.beacons[0].view;
  await page.evaluate(() => {
    history.pushState({}, "", "/product/17?ref=s3cr3t");
    document.title = "Lamp";
    setTimeout(() => (document.querySelector("main").textContent = "Lamp"), 60);
  });
  const route = await eventOf(stage, (one) => one.kind === "route");
  assert.deepEqual([route.page, route.url, route.from, route.title], ["/product/17", "/product/17?ref=[redacted]", "/", "Lamp"]);
  assert.ok(route.duration >= 50 && route.duration < 2000, `duration ${route.duration}`);
  const beacon = stage.beacons.find((one) => one.events.includes(route));
  assert.notEqual(route.view ?? beacon.view, first);
  await page.goBack();
  await eventOf(stage, (one) => one.kind === "route" && one.page === "/" && one.from === "/product/17");
  await page.evaluate(() => (location.hash = "#/cart"));
  await eventOf(stage, (one) => one.kind === "route" && one.page === "/#/cart");
  await page.evaluate(() => history.replaceState({}, "", "/?sort=price#/cart"));
  await page.evaluate(() => (location.hash = "#section"));
  await page.evaluate(() => document.body.setAttribute("data-seismo-route", "/named"));
  await page.evaluate(() => history.pushState({}, "", "/other"));
  await eventOf(stage, (one) => one.kind === "route" && one.page === "/named");
  await page.context().close();
});

test("route: a visitor who hurries on leaves each route its own page and view", async () => {
  const page = await visit(stage);
  await page.evaluate(() => { for (const path of ["/a", "/b", "/c"]) history.pushState({}, "", path); });
  await eventOf(stage, (one) => one.page === "/c");
  const routes = stage.events().filter((one) => one.kind === "route");
  assert.deepEqual(routes.map((one) => [one.from, one.page, one.duration]), [["/", "/a", undefined], ["/a", "/b", undefined], ["/b", "/c", undefined]]);
  await page.context().close();
});

test("fetch: 200, 500, no answer, abort; the page's promise and Request stay as they are", async () => {
  const page = await visit(stage);
  const seen = await page.evaluate(async () => {
    const request = new Request("/api/echo?token=s3cr3t", { method: "PUT", body: "hello" });
    const answer = await fetch(request);
    const text = await answer.text();
    await fetch("/api/fail", { method: "post", body: "x" });
    const gone = await fetch("/api/gone").catch((error) => error.name);
    const control = new AbortController();
    const aborted = fetch("/api/drip?x=1", { signal: control.signal }).then((response) => response.text()).catch((error) => error.name);
    const early = fetch("/api/drip?y=1", { signal: AbortSignal.abort() }).catch((error) => error.name);
    setTimeout(() => control.abort(), 50);
    return [text, request.bodyUsed, gone, await aborted, await early, fetch.name, fetch.length, String(fetch).includes("native code")];
  });
  assert.deepEqual(seen, ["PUT hello", true, "TypeError", "AbortError", "AbortError", "fetch", 1, true]);
  const echo = await eventOf(stage, (one) => one.kind === "api" && one.url === "/api/echo?token=[redacted]");
  assert.deepEqual([echo.method, echo.status, echo.outcome, echo.initiator, echo.page], ["PUT", 200, undefined, "fetch", "/"]);
  assert.ok(echo.duration > 0 && echo.bytes > 0);
  const fail = await eventOf(stage, (one) => one.url === "/api/fail");
  assert.deepEqual([fail.method, fail.status, fail.outcome], ["POST", 500, undefined]);
  const gone = await eventOf(stage, (one) => one.url === "/api/gone");
  assert.deepEqual([gone.status, gone.outcome], [0, "failure"]);
  const early = await eventOf(stage, (one) => one.url === "/api/drip?y=[redacted]");
  assert.deepEqual([early.status, early.outcome], [0, "aborted"]);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("fetch: the duration runs to the last byte, though the body is not touched", async () => {
  const page = await visit(stage);
  await page.evaluate(() => void fetch("/api/drip"));
  const drip = await eventOf(stage, (one) => one.url === "/api/drip");
  assert.ok(drip.duration >= 350, `duration ${drip.duration}`);
  await page.context().close();
});

test("fetch: equal calls that overlap keep their own durations, also those after them", async () => {
  const page = await visit(stage);
  const waits = [900, 300, 20, 500, 20, 20, 20, 20];
  const longest = await page.evaluate(async (list) => {
    const call = async (wait) => {
      const began = performance.now();
      const answer = await fetch("/api/wait", { method: "POST", body: String(wait) });
      await answer.text();
      return performance.now() - began;
    };
    const calls = [];
    for (const wait of list) {
      calls.push(call(wait));
      await new Promise((resolve) => setTimeout(resolve, 120));
    }
    return Promise.all(calls);
  }, waits);
  await pause(300);
  await page.evaluate(() => window.seismo("flush"));
  await eventOf(stage, () => stage.events().filter((one) => one.url === "/api/wait").length === waits.length);
  const calls = stage.events().filter((one) => one.url === "/api/wait").sort((a, b) => a.at - b.at);
  calls.forEach(({ duration }, i) => assert.ok(duration >= waits[i] - 1 && duration <= longest[i] + 1, `call ${i}: ${duration} ms of ${waits[i]} to ${longest[i]}`));
  await page.context().close();
});

test("a flush tells a call that has ended, without waiting for its timing", async () => {
  const page = await visit(stage, { flush: 600000 });
  await page.evaluate(async () => { await fetch("/api/echo"); window.seismo("flush"); });
  await eventOf(stage, (one) => one.url === "/api/echo", 3000);
  await page.context().close();
});

test("calls from before the agent are told from the browser's timing", async () => {
  const page = await visit(stage, { body: "<script>fetch('/api/echo?early=1')</script>" });
  const early = await eventOf(stage, (one) => one.kind === "api");
  assert.deepEqual([early.url, early.status, early.initiator], ["/api/echo?early=[redacted]", 200, "fetch"]);
  await page.context().close();
  assert.equal(stage.events().filter((one) => one.kind === "api").length, 1);
});

test("xhr: 200, 500, no answer, abort, used twice", async () => {
  const page = await visit(stage);
  await page.evaluate(async () => {
    const call = (method, url, act) => new Promise((resolve) => {
      const xhr = new XMLHttpRequest();
      xhr.open(method, url);
      xhr.onloadend = () => resolve(xhr);
      xhr.send();
      act?.(xhr);
    });
    const xhr = await call("GET", "/api/echo?x=s3cr3t");
    xhr.open("POST", "/api/echo/2".replace("/2", ""));
    await new Promise((resolve) => { xhr.onloadend = resolve; xhr.send("b"); });
    await call("POST", "/api/fail");
    await call("GET", "/api/gone");
    await call("GET", "/api/drip", (one) => one.abort());
  });
  const ok = await eventOf(stage, (one) => one.url === "/api/echo?x=[redacted]");
  assert.deepEqual([ok.method, ok.status, ok.outcome, ok.initiator], ["GET", 200, undefined, "xhr"]);
  await eventOf(stage, (one) => one.url === "/api/echo" && one.method === "POST");
  assert.equal((await eventOf(stage, (one) => one.url === "/api/fail")).status, 500);
  const gone = await eventOf(stage, (one) => one.url === "/api/gone");
  assert.deepEqual([gone.status, gone.outcome], [0, "failure"]);
  assert.equal((await eventOf(stage, (one) => one.url === "/api/drip")).outcome, "aborted");
  await page.context().close();
});

test("click: selector, name, role; masked and typed text stays home", async () => {
  const body = `<button id="buy"><span>Add</span> to <b>cart</b> <i hidden>0</i></button>
    <div data-seismo-mask><a class="who" href="#x">Jane Doe</a></div>
    <label>E-mail <input name="mail" value="typed-s3cr3t"></label><textarea aria-label="Note">typed-s3cr3t</textarea>
    <ul><li><button>Row</button></li><li><button aria-label="Second jane@example.org">x</button></li></ul>
    <label for="agree">I agree</label><input type="checkbox" id="agree"><p>typed text <i>page</i></p>`;
  const page = await visit(stage, { body });
  await page.click("#buy span");
  await page.click("a.who");
  await page.click("input[name=mail]");
  await page.click("textarea");
  await page.click("li:nth-of-type(2) button");
  await page.click("label[for=agree]");
  await page.click("p");
  await page.evaluate(() => document.querySelector("#buy").click());
  await eventOf(stage, (one) => one.selector === "p");
  const clicks = stage.events().filter((one) => one.kind === "click").map((one) => [one.selector, one.name, one.role]);
  assert.deepEqual(clicks, [
    ["#buy", "Add to cart", "button"],
    ["a.who", "[masked]", "link"],
    ['input[name="mail"]', "E-mail", "text"],
    ["textarea", "Note", "textarea"],
    ["li:nth-of-type(2)>button", "Second [redacted]", "button"],
    ["#agree", "I agree", "checkbox"],
    ["p", undefined, "p"],
  ]);
  assert.ok(!stage.raw.join().includes("s3cr3t"));
  await page.context().close();
});

const AT_ONCE = 7;

/* What is there to click, what a person does with it, and what that was. */
const AFTERMATHS = [
  ["a button that changes the page", "<button onclick='this.append(1)'>x</button>", 1, undefined],
  ["a button that does nothing", "<button>x</button>", 1, "dead"],
  ["four clicks on it", "<button>x</button>", 4, "rage,dead"],
  ["one that answers the first of four only", "<button onclick='this.once||this.append(this.once=1)'>x</button>", 4, "rage"],
  ["a stepper", "<button onclick='this.textContent=+this.textContent+1'>0</button>", 5, undefined],
  ["a call without a sign of it", "<button onclick='fetch(\"/api/echo\")'>x</button>", 1, undefined],
  ["a call that fails", "<button onclick='fetch(\"/api/fail\")'>x</button>", 1, "error"],
  ["a call that fails late", "<button onclick='fetch(\"/api/gone\")'>x</button>", 1, "error"],
  ["an exception", "<button onclick='undefined.x'>x</button>", 1, "dead,error"],
  ["a rejection", "<button onclick='this.append(1);Promise.reject(new Error(1))'>x</button>", 1, "error"],
  ["an answer after half a second", "<button onclick='setTimeout(()=>this.append(1),500)'>x</button>", 1, undefined],
  ["an attribute", "<button onclick='this.ariaPressed=true'>x</button>", 1, undefined],
  ["scrolling", "<button onclick='window.scrollTo(0,50)'>x</button><div style='height:9000px'></div>", 1, undefined],
  ["a popover", "<button popovertarget=p>x</button><div id=p popover>y</div>", 1, undefined],
  ["a dialog", "<button onclick='d.showModal()'>x</button><dialog id=d>y</dialog>", 1, undefined],
  ["a form that is not valid", "<form><input required><button>x</button></form>", 1, undefined],
  ["a jump within the page", "<a class=at href='#end'>x</a><p id=end>", 1, undefined],
  ["a link that is no use", "<a class=at href='javascript:void 0'>x</a>", 1, undefined],
  ["a check box", "<input class=at type=checkbox>", 4, undefined],
  ["a text field, to select all", "<input class=at value='a b c'>", 3, undefined],
  ["a list", "<select class=at><option>1<option>2</select>", 1, undefined],
  ["details", "<details><summary class=at>x</summary>y</details>", 2, undefined],
  ["words, to select them", "<p class=at>one two three</p>", 3, undefined],
  ["a thing that looks as if", "<div class=at style='cursor:pointer'>x</div>", 1, "dead"],
  ["a drawing", "<canvas class=at onclick='1'></canvas>", 3, undefined],
  ["a change in a shadow tree", "<div class=at id=host></div><script>{const r=host.attachShadow({mode:'open'});r.innerHTML='<button>x</button>';r.firstChild.onclick=()=>r.append(1)}</script>", 1, undefined],
];

test("clicks: rage, dead and error, and none on what is in order", async () => {
  const pages = Object.fromEntries(AFTERMATHS.map(([, body], i) => [`/${i}`, { body, attributes: "data-flush=150" }]));
  const site = await openSite(pages);
  const judge = async ([what, body, clicks, flags], i) => {
    const page = await stage.browser.newPage();
    const key = `aftermath-${i}`;
    await page.goto(`${site.site}/${i}?key=${key}`);
    await page.click(/class=at/.test(body) ? ".at" : "button", { clickCount: clicks, delay: 10 });
    const click = await site.event(key, (one) => one.kind === "click", what);
    assert.equal(click.flags, flags, what);
    const counted = site.events(key).filter((one) => one.kind === "click").reduce((n, one) => n + (one.count ?? 1), 0);
    if (!/class=at/.test(body)) assert.equal(counted, clicks, `${what}: none is lost`);
    await page.close();
  };
  /* Most of it is waiting for the page to answer. */
  try {
    for (let i = 0; i < AFTERMATHS.length; i += AT_ONCE) await Promise.all(AFTERMATHS.slice(i, i + AT_ONCE).map((one, j) => judge(one, i + j)));
  } finally {
    site.close();
  }
});

test("clicks: one that leaves the page arrives, unjudged; a failure goes to the click that it came of", async () => {
  const page = await visit(stage, { body: "<a href='/two'>x</a><button id=first onclick='setTimeout(()=>fetch(`/api/fail`),1)'>1</button><button id=second onclick='this.append(1)'>2</button>", flush: 600000 });
  await page.click("#first");
  await pause(100);
  await page.click("#second");
  await page.click("a");
  const left = await eventOf(stage, (one) => one.kind === "click" && one.role === "link");
  assert.equal(left.flags, undefined);
  assert.equal(left.page, "/");
  assert.equal((await eventOf(stage, (one) => one.selector === "#first")).flags, "error");
  assert.equal((await eventOf(stage, (one) => one.selector === "#second")).flags, undefined);
  await page.context().close();
});

test("clicks: rage is told though another click leads away soon after", async () => {
  const page = await visit(stage, { body: "<button id=dead>x</button><button id=go onclick='history.pushState({}, ``, `/next`)'>go</button>" });
  await page.click("#dead", { clickCount: 4, delay: 10 });
  await page.click("#go");
  assert.equal((await eventOf(stage, (one) => one.selector === "#dead")).flags, "rage,dead");
  assert.equal((await eventOf(stage, (one) => one.selector === "#go")).flags, undefined);
  await page.context().close();
});

test("errors: thrown, rejected, reported; equal ones are counted", async () => {
  const page = await visit(stage);
  await page.evaluate(() => {
    const fail = () => { throw new TypeError("no price for jane@example.org"); };
    for (let i = 0; i < 3; i++) setTimeout(fail, 0);
    setTimeout(() => Promise.reject(new RangeError("late")), 0);
    setTimeout(() => Promise.reject({ password: "s3cr3t" }), 0);
    window.seismo("error", new Error("caught"));
  });
  const thrown = await eventOf(stage, (one) => one.source === "error");
  assert.deepEqual([thrown.type, thrown.message, thrown.count], ["TypeError", "no price for [redacted]", 3]);
  assert.ok(thrown.line > 0 && thrown.column > 0 && thrown.stack.includes("TypeError"));
  assert.equal((await eventOf(stage, (one) => one.type === "RangeError")).source, "rejection");
  assert.equal((await eventOf(stage, (one) => one.message === "Object {password}")).source, "rejection");
  assert.equal((await eventOf(stage, (one) => one.message === "caught")).source, "manual");
  await page.context().close();
});

for (const way of ["tab hidden", "navigation"]) {
  test(`vitals arrive by sendBeacon: ${way}`, async () => {
    const page = await visit(stage, { body: "<h1>Big words</h1><button onclick='for(const t=Date.now();Date.now()-t<80;);'>Go</button>", flush: 600000 });
    await page.click("button");
    await pause(300);
    await page.evaluate(() => void history.pushState({}, "", "/later"));
    await pause(50);
    if (way === "navigation") {
      await page.goto("about:blank");
    } else {
      await page.evaluate(() => {
        Object.defineProperty(document, "hidden", { value: true, configurable: true });
        document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
      });
    }
    for (const name of ["TTFB", "FCP", "LCP", "CLS", "INP"]) {
      const vital = await eventOf(stage, (one) => one.kind === "vital" && one.name === name);
      assert.equal(vital.page, "/", `${name} belongs to the page on which it happened`);
      assert.ok(vital.value >= 0 && vital.metric);
    }
    const inp = stage.events().find((one) => one.name === "INP");
    assert.ok(inp.value >= 70 && inp.target === "button", JSON.stringify(inp));
    for (const request of stage.requests) assert.match(request.headers["content-type"], /^text\/plain/);
    assert.ok(stage.requests.every((one) => one.raw.length < 60000));
    await page.context().close();
  });
}
