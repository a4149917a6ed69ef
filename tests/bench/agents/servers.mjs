// The page's site, and one collector that answers each agent as its own backend would. Both on loopback, on free ports.
import { createServer } from 'node:http';
import { gunzipSync } from 'node:zlib';

const listen = (handle) => new Promise((resolve) => {
  const server = createServer(handle);
  server.listen(0, '127.0.0.1', () => resolve({ url: `http://127.0.0.1:${server.address().port}`, close: () => server.closeAllConnections() ?? server.close() }));
});

async function read(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}

/** `html` is asked for each page; every call answers, with the status that it names. */
export const openSite = (html) => listen((request, response) => {
  const url = new URL(request.url, 'http://x');
  if (url.pathname.startsWith('/api/')) return setTimeout(() => response.writeHead(Number(url.searchParams.get('status') ?? 200), { 'content-type': 'application/json' }).end('{"ok":true}'), 15);
  if (url.pathname === '/favicon.ico') return response.writeHead(204).end();
  return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).end(html());
});

const ANSWERS = [
  [/^\/in\/v1/, 202, '{"accepted":1}'],
  [/^\/intake\//, 202, ''],
  [/^\/config\//, 200, '{}'],
  [/^\/collect/, 202, 'ok'],
  [/^\/proxy/, 202, '{}'],
  [/^\/api\/\d+\/envelope/, 200, '{"id":"0"}'],
];

/** What arrives is kept in `sent`: { preflight, bytes, text }; `script` is served as /agent.js. */
export async function openCollector(script) {
  const sent = [];
  const one = await listen(async (request, response) => {
    const cors = {
      'access-control-allow-origin': request.headers.origin ?? '*', 'access-control-allow-methods': 'POST, OPTIONS', 'access-control-max-age': '3600', vary: 'origin',
      'access-control-allow-headers': request.headers['access-control-request-headers'] ?? '*',
    };
    if (request.url === '/agent.js') return response.writeHead(200, { ...cors, 'content-type': 'text/javascript' }).end(script());
    const body = await read(request);
    const text = (body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body).toString();
    sent.push({ preflight: request.method === 'OPTIONS', bytes: body.length, text: `${request.url}\n${text}`, url: request.url });
    const [, status, answer] = ANSWERS.find(([path]) => path.test(request.url)) ?? [null, 200, ''];
    response.writeHead(request.method === 'OPTIONS' ? 204 : status, cors).end(request.method === 'OPTIONS' ? undefined : answer);
  });
  return { ...one, sent };
}
