// The demo shop: a small real shop that carries Seismo's one script tag.
//
//   node demo/server.mjs [--host 127.0.0.1] [--port 3000] [--collector http://127.0.0.1:8080] [--live http://127.0.0.1:8081]
//
// Port 0 takes a free one; the line "shop http://127.0.0.1:PORT/" tells which. Node 18 or newer, no packages.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { answerApi } from "./api.mjs";

const TYPES = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html" };
const PAGES = /^\/(?:|product\/\d+|cart|checkout|account)$/;
const VERSION = "1.4.2";

const options = readOptions(process.argv.slice(2));
const server = createServer((request, response) => {
  answer(request, response).catch(() => {
    if (!response.headersSent) response.writeHead(500);
    response.end();
  });
});
server.on("error", (error) => {
  console.error(`shop: ${error.message}`);
  process.exit(1);
});
server.listen(options.port, options.host, () => console.log(`shop http://127.0.0.1:${server.address().port}/`));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));

async function answer(request, response) {
  const path = new URL(request.url, "http://shop").pathname;
  if (path.startsWith("/api/")) return answerApi(request, response, path);
  if (request.method !== "GET" && request.method !== "HEAD") return response.writeHead(405).end();
  if (PAGES.test(path)) return sendPage(response, 200);
  return sendFile(response, path);
}

/** The one document of all pages; the address decides what it shows. */
async function sendPage(response, status) {
  const page = await readFile(new URL("public/index.html", import.meta.url), "utf8");
  const text = page.replace(/\{\{(\w+)\}\}/g, (_all, name) => escapeHtml({ ...options, version: VERSION }[name]));
  response.writeHead(status, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" });
  response.end(text);
}

/** A file of public/, by a name of one part: nothing outside can be named. */
async function sendFile(response, path) {
  const name = /^\/([\w-]+\.(?:js|css|svg))$/.exec(path)?.[1];
  const file = name && (await readFile(new URL(`public/${name}`, import.meta.url)).catch(() => undefined));
  if (!file) return sendPage(response, 404);
  response.writeHead(200, { "content-type": `${TYPES[extname(name)]}; charset=utf-8`, "cache-control": "no-cache" });
  return response.end(file);
}

function escapeHtml(value) {
  return String(value).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

function readOptions(words) {
  const given = { host: "127.0.0.1", port: "3000", collector: "http://127.0.0.1:8080", live: "http://127.0.0.1:8081" };
  while (words.length) {
    const name = words.shift().replace(/^--/, "");
    const value = words.shift();
    if (!(name in given) || value === undefined) usage();
    given[name] = value;
  }
  given.port = Number(given.port);
  if (!Number.isInteger(given.port) || given.port < 0 || given.port > 65535) usage();
  for (const name of ["collector", "live"]) {
    if (!/^https?:\/\/[^\s]+$/.test(given[name])) usage();
    given[name] = given[name].replace(/\/+$/, "");
  }
  return given;
}

function usage() {
  console.error("usage: node demo/server.mjs [--host ADDRESS] [--port N] [--collector URL] [--live URL]");
  process.exit(64);
}
