// A site and a collector that only listens, for what is tested of the agent in a browser: each on a port (so on an origin) of its own.
//
//   const stage = await openStage({ '/': { body: '<button>b</button>' }, '/strict': { headers: { ... }, page: () => '<!doctype html>...' } });
//   stage.tag('key', 'data-flush=100')          the agent's script tag; {{tag}} in a page stands for it, with the key of ?key=; without one for nothing
//   stage.events('key')                         what arrived with this key
//   await stage.event('key', (one) => one.kind === 'click')
//
// A page of the site: { headers, status, body } or { headers, text }; `text` is the whole answer. Under /api/ it answers calls: /api/500
// with that status, /api/echo with method and body, /api/headers with the headers that a page sets, /api/drip in two parts, /api/gone breaks off, /api/away?to= elsewhere.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { root, sleep } from './seismo.mjs';

const WAIT_MS = 40000;

export async function openStage(pages = {}) {
  const agent = readFileSync(join(root, 'js-agent/dist/seismo.js'));
  const beacons = [];
  const reports = [];
  const stage = { pages, beacons, reports, agent };
  const collector = await serve(async (request, response, { pathname, searchParams }, body) => {
    response.setHeader('access-control-allow-origin', '*');
    if (pathname === '/seismo.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(agent);
    if (request.method === 'POST' && body.length) beacons.push({ key: searchParams.get('k'), ...JSON.parse(body[0] === 0x1f ? gunzipSync(body) : body) });
    response.writeHead(202, { 'content-type': 'application/json' }).end('{}');
  });
  const site = await serve((request, response, url, body) => answer(stage, request, response, url, body));
  stage.site = site.url;
  stage.collector = collector.url;
  stage.tag = (key, attributes = 'data-flush=200') => `<script crossorigin src="${collector.url}/seismo.js" data-key="${key}" data-service="test" ${attributes}></script>`;
  stage.events = (key) => beacons.filter((one) => one.key === key).flatMap((one) => one.events);
  stage.event = async (key, matches, what = String(matches)) => {
    const end = Date.now() + WAIT_MS;
    for (;;) {
      const found = stage.events(key).find(matches);
      if (found) return found;
      if (Date.now() > end) throw new Error(`${what}: not among ${JSON.stringify(stage.events(key))}`);
      await sleep(30);
    }
  };
  /** Something of the page's own by `seismo('event', name)`. */
  stage.own = (key, name) => stage.event(key, (one) => (one.kind === 'event' ? one.name : one.kind) === name, name);
  stage.close = () => [collector, site].forEach(({ server }) => { server.close(); server.closeAllConnections(); });
  return stage;
}

async function answer(stage, request, response, { pathname, searchParams }, body) {
  if (pathname.startsWith('/api/')) return call(request, response, pathname.slice(5), searchParams, body);
  if (pathname === '/report') { stage.reports.push(String(body)); return response.writeHead(204).end(); }
  const page = stage.pages[pathname];
  if (!page) return response.writeHead(pathname === '/favicon.ico' ? 204 : 404).end();
  const text = page.text ?? `<!doctype html><html lang="en"><title>Stage</title><body>${page.body ?? ''}{{tag}}</body></html>`;
  const tag = searchParams.has('key') ? stage.tag(searchParams.get('key'), page.attributes) : '';
  response.writeHead(page.status ?? 200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', ...page.headers });
  response.end(typeof text === 'string' ? text.replaceAll('{{tag}}', tag) : text);
}

async function call(request, response, what, searchParams, body) {
  response.setHeader('cache-control', 'no-store');
  response.setHeader('access-control-allow-origin', '*');
  if (what === 'headers') {
    /* What a page sets itself. A trace that the agent adds on the page's own origin is not told; one on another's is. */
    const { 'content-type': type, 'x-own': own, 'x-other': other, traceparent: trace, host } = request.headers;
    const told = !trace || (trace.length === 55 && !host.startsWith('localhost')) ? undefined : trace;
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ method: request.method, body: String(body), type, own, other, trace: told }));
  }
  if (what === 'away') return response.writeHead(307, { location: searchParams.get('to') }).end();
  if (what === 'gone') return request.socket.destroy();
  if (what === 'echo') return response.writeHead(200, { 'content-type': 'text/plain' }).end(`${request.method} ${body}`);
  if (what === 'drip') {
    response.writeHead(200, { 'content-type': 'text/plain' }).write('a');
    await sleep(100);
    return response.end('b');
  }
  response.writeHead(Number(what) || 404, { 'content-type': 'text/plain' }).end(what);
}

async function serve(handle) {
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    await handle(request, response, new URL(request.url, 'http://x'), Buffer.concat(parts));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}
