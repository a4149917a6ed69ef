// A page in a real browser and a small server that plays the collector: it serves the agent and records what is
// posted to /in/v1, as sent, and proves every beacon against the schema.
import Ajv2020 from "ajv/dist/2020.js";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { chromium } from "playwright-core";

const ROOT = new URL("../../../", import.meta.url);
const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const schema = JSON.parse(await readFile(new URL("schemas/beacon.schema.json", ROOT), "utf8"));
const ajv = new Ajv2020({ strict: false, allErrors: true });
const validate = ajv.compile(schema);
const agent = await readFile(new URL("js-agent/dist/seismo.js", ROOT));

/** Starts browser and server; `close` ends both. */
export async function openStage() {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ARGS });
  const stage = { beacons: [], raw: [], requests: [], answers: [], browser };
  const collector = await listen((request, response) => collect(stage, request, response));
  const site = await listen((request, response) => serve(stage, request, response));
  stage.collector = collector.url;
  stage.site = site.url;
  /* The same site under another name: another origin, which asks before it takes a header of ours. */
  stage.other = `${site.url.replace("127.0.0.1", "localhost")}/api/headers`;
  stage.events = () => stage.beacons.flatMap((beacon) => beacon.events);
  stage.close = async () => {
    await browser.close();
    collector.server.close();
    site.server.close();
  };
  return stage;
}

let visits = 0;

/** A new visitor on a new page with this body; forgets what was recorded. */
export async function visit(stage, { body = "", attributes = "", path = "/", init, flush = 150, key, held = false } = {}) {
  for (const context of stage.browser.contexts()) await context.close();
  visits++;
  stage.key = key ?? `k${visits}`;
  stage.beacons.length = stage.raw.length = stage.requests.length = stage.answers.length = 0;
  stage.body = body;
  stage.tag = `<script async crossorigin src="${stage.collector}/seismo.js" data-key="${stage.key}" data-service="test" data-version="1" data-environment="test" data-flush="${flush}" ${attributes}></script>`;
  const context = await stage.browser.newContext();
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(error.message));
  if (init) await page.addInitScript(init);
  /* The agent comes when it is released. */
  stage.held = held && new Promise((resolve) => (stage.release = resolve));
  await page.goto(stage.site + path, { waitUntil: held ? "commit" : "load" });
  if (held) return page;
  await page.waitForFunction(() => window.seismo?.started);
  return page;
}

/** Waits until an event that `matches` has arrived, and gives it. */
export async function eventOf(stage, matches, wait_ms = 8000) {
  const end = Date.now() + wait_ms;
  for (;;) {
    const found = stage.events().find(matches);
    if (found) return found;
    assert.ok(Date.now() < end, `no such event among ${JSON.stringify(stage.events())}`);
    await pause(20);
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function listen(handle) {
  return new Promise((resolve) => {
    const server = createServer(handle);
    server.listen(0, "127.0.0.1", () => resolve({ server, url: `http://127.0.0.1:${server.address().port}` }));
  });
}

async function collect(stage, request, response) {
  const { pathname } = new URL(request.url, "http://x");
  if (request.method === "GET" && pathname === "/seismo.js") await stage.held;
  if (request.method === "GET" && pathname === "/seismo.js") return response.writeHead(200, { "content-type": "text/javascript", "access-control-allow-origin": "*" }).end(agent);
  const body = await read(request);
  const packed = body[0] === 0x1f;
  const raw = (packed ? gunzipSync(body) : body).toString();
  /* The last words of the visitor before. */
  if (!new RegExp(`k=${stage.key}(&|$)`).test(request.url)) return response.writeHead(202).end();
  const { status = 202, headers = {}, answer = {} } = stage.answers.shift() ?? {};
  stage.requests.push({ method: request.method, url: request.url, headers: request.headers, status, time: Date.now(), raw, packed, bytes: body.length });
  if (request.method === "POST" && status === 202) {
    const beacon = JSON.parse(raw);
    assert.ok(validate(beacon), `${JSON.stringify(validate.errors?.slice(0, 3))} in ${raw}`);
    stage.raw.push(raw);
    stage.beacons.push(beacon);
  }
  response.writeHead(status, { "access-control-allow-origin": request.headers.origin ?? "*", "access-control-expose-headers": "retry-after", ...headers });
  response.end(JSON.stringify(answer));
}

async function serve(stage, request, response) {
  const url = new URL(request.url, "http://x");
  const raw = (await read(request)).toString();
  if (url.pathname === "/api/echo") return response.writeHead(200, { "content-type": "text/plain" }).end(`${request.method} ${raw}`);
  if (url.pathname.startsWith("/api/headers")) {
    const foreign = request.headers.host.startsWith("localhost") || request.headers.origin === "null";
    return response.writeHead(request.method === "OPTIONS" ? 403 : 200, foreign ? { "access-control-allow-origin": "*" } : {}).end(JSON.stringify({ ...request.headers, method: request.method, body: raw }));
  }
  if (url.pathname === "/api/away") return response.writeHead(302, { location: url.searchParams.get("to") }).end();
  if (url.pathname === "/api/fail") return response.writeHead(500).end("no");
  if (url.pathname === "/api/drip") {
    response.writeHead(200).write("a");
    return setTimeout(() => response.end("b"), 400);
  }
  if (url.pathname === "/api/wait") return setTimeout(() => response.writeHead(200).end("ok"), Number(raw));
  if (url.pathname === "/api/gone") return request.socket.destroy();
  if (url.pathname === "/favicon.ico") return response.writeHead(204).end();
  response.writeHead(200, { "content-type": "text/html", "cache-control": "no-store" });
  return response.end(`<!doctype html><title>Test page</title><body>${stage.body}${stage.tag}</body>`);
}

async function read(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}
