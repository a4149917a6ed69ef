// only: embedded
// When nothing arrives, Seismo says why: seven faults put into seven pages in real Chromium, each named with what to paste, by the API and
// on the live page; a healthy page has no finding, and a page that never asks for the script is not taken for one.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createServer, request as ask } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openBrowser, reads } from '../lib/browser.mjs';
import { place, root, start, until } from '../lib/seismo.mjs';

const screenshots = join(root, 'var/screenshots');
const patience = { within: 90000 };
const listen = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`)));
const servers = [];
let where, seismo, browser;

/* A page of an origin of its own; headers and the tag are the fault's. */
async function site(tag, headers = {}) {
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...headers });
    response.end(`<!doctype html><title>Shop</title>${tag}<h1>Shop</h1>`);
  });
  servers.push(server);
  return listen(server);
}

/* A proxy before Seismo that takes away what the browser needs to let the page read the answer. */
async function stripping({ script = false } = {}) {
  const to = new URL(seismo.publicUrl);
  const server = createServer((request, response) => {
    const onward = ask({ host: to.hostname, port: to.port, path: request.url, method: request.method, headers: { ...request.headers, 'x-forwarded-for': '192.0.2.1' } }, (answer) => {
      const headers = { ...answer.headers };
      if (script || request.method === 'POST') delete headers['access-control-allow-origin'];
      response.writeHead(answer.statusCode, headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  servers.push(server);
  return listen(server);
}

const tag = ({ at = seismo.publicUrl, key = 'demo', more = '' } = {}) => `<script async crossorigin src="${at}/seismo.js" data-key="${key}" data-service="shop" data-flush="100" ${more}></script>`;
const diagnosis = async () => (await fetch(`${seismo.innerUrl}/api/diagnosis`)).json();
const findingsOf = (answer, origin) => answer.findings.filter((one) => one.origin === origin);

async function begin(applications) {
  where = place({ applications, environment: { SEISMO_BUS_KIND: 'sqlite', SEISMO_STORE_KIND: 'sqlite' } });
  seismo = await start(where, { within: 60000 });
}
async function end() {
  await seismo?.stop();
  where?.remove();
}

/* Opens the page and waits until its finding is there. It stays open while look() looks: a page that is left says goodbye. */
async function diagnosed(origin, look, { prepare, cause } = {}) {
  const context = await browser.newContext();
  await prepare?.(context);
  const page = await context.newPage();
  await page.goto(origin);
  const found = await until(`a finding for ${origin}`, async () => {
    const answer = await diagnosis(), own = findingsOf(answer, origin);
    return own.some((one) => !cause || one.cause === cause) ? own : Promise.reject(new Error(JSON.stringify(answer)));
  }, patience);
  await look(found);
  await context.close();
}

/* What a person reads, in both languages. */
async function shown(cause, words) {
  for (const [language, text] of words) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
    const page = await context.newPage();
    await page.goto(`${seismo.innerUrl}/?view=self&lang=${language}`);
    const item = page.locator(`[data-testid=diagnosis] [data-cause=${cause}]`).first();
    await item.waitFor({ timeout: 60000 });
    await reads(item, text);
    assert.equal(await page.locator('h1').innerText(), language === 'en' ? 'Something needs a look' : 'Etwas braucht einen Blick');
    await page.screenshot({ path: join(screenshots, `diagnosis-${cause}-${language}.png`) });
    await context.close();
  }
}

before(async () => {
  mkdirSync(screenshots, { recursive: true });
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

const open = [{ name: 'shop', keys: ['demo'], services: ['shop'], origins: ['*'] }];
const faults = [
  { cause: 'key', tag: () => tag({ key: 'no-such-key' }), paste: () => 'data-key="demo"', words: [['en', /Wrong key/], ['de', /Falscher Schlüssel/]] },
  { cause: 'origin', applications: [{ ...open[0], origins: ['https://shop.example'] }], tag, paste: (origin) => `origins: ["${origin}"]`, words: [['en', /^Origin: /], ['de', /^Origin: /]] },
  { cause: 'cors', tag: async () => tag({ at: await stripping() }), paste: (origin) => `Access-Control-Allow-Origin: ${origin}`, words: [['en', /^CORS: /], ['de', /nicht lesen/]] },
  { cause: 'csp', tag, headers: { 'content-security-policy': "connect-src 'self'" }, paste: () => `connect-src 'self' ${seismo.publicUrl}`, words: [['en', /^CSP: /], ['de', /verbietet/]] },
  { cause: 'blocked', tag, prepare: (context) => context.route((url) => url.pathname === '/in/v1', (route) => route.abort('blockedbyclient')), paste: () => 'data-endpoint="', words: [['en', /^Blocked path: /], ['de', /Werbeblocker/]] },
  { cause: 'clock', tag, prepare: (context) => context.addInitScript(() => { const now = Date.now; Date.now = () => now() - 7200000; }), paste: () => 'timedatectl', words: [['en', /^Clock: .* differ by (?:2 h|1 h 59)/], ['de', /^Uhr: /]] },
  { cause: 'sampling', tag: () => tag({ more: 'data-rate="0"' }), paste: () => 'data-rate="1"', words: [['en', /^Sampling: /], ['de', /^Stichprobe: /]] },
];

for (const fault of faults)
  test(`${fault.cause} is named`, async (context) => {
    context.after(end);
    await begin(fault.applications ?? open);
    const origin = await site(await fault.tag(), fault.headers);
    await diagnosed(origin, async (found) => {
      assert.deepEqual(found.map(({ cause, certain }) => [cause, certain]), [[fault.cause, true]], JSON.stringify(found));
      assert.ok(found[0].paste.includes(fault.paste(origin)), found[0].paste);
      assert.ok(found[0].sentence.includes(origin), found[0].sentence);
      await shown(fault.cause, fault.words);
    }, fault);
  });

test('a share of no session is sampling too; a policy that forbids images as well, and a proxy that strips the script, are the best guess', async (context) => {
  context.after(end);
  await begin(open);
  const few = await site(tag({ more: 'data-rate="0.000000001"' }));
  await diagnosed(few, (found) => assert.deepEqual(found.map(({ cause }) => cause), ['sampling']));
  const strict = await site(tag(), { 'content-security-policy': `default-src 'none'; script-src ${seismo.publicUrl}` });
  await diagnosed(strict, (found) => assert.deepEqual(found.map(({ cause, certain }) => [cause, certain]), [['csp', false]]));
  const stripped = await site(tag({ at: await stripping({ script: true }) }));
  await diagnosed(stripped, (found) => assert.deepEqual(found.map(({ cause, certain }) => [cause, certain]), [['cors', false]]));
});

test('nobody has asked for the script: the empty page says so with the tag to paste; a healthy page has no finding', async (context) => {
  context.after(end);
  await begin(open);
  const silent = await site(tag(), { 'content-security-policy': "script-src 'self'" });
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
  await page.goto(silent);
  assert.deepEqual((await diagnosis()).findings.map(({ cause }) => cause), ['nothing']);
  await page.goto(`${seismo.innerUrl}/?lang=en`);
  const item = page.locator('[data-testid=empty] [data-cause=nothing]');
  await item.waitFor({ timeout: 60000 });
  await reads(item, /Content-Security-Policy/);
  assert.equal(await page.locator('[data-testid=empty] code').first().innerText(), `<script async crossorigin src="${seismo.publicUrl}/seismo.js" data-key="demo" data-service="shop"></script>`);
  await page.screenshot({ path: join(screenshots, 'diagnosis-nothing-en.png') });
  const healthy = await site(tag());
  await page.goto(healthy);
  const answer = await until('its beacons', async () => {
    const now = await diagnosis();
    return now.beacons > 0 && now;
  }, patience);
  assert.deepEqual(answer.findings, []);
  await page.reload();
  await until('more of them', async () => (await diagnosis()).beacons > answer.beacons, patience);
  assert.deepEqual((await diagnosis()).findings, []);
  await page.context().close();
});

test('where another process takes beacons in, that is said, and where to ask', async (context) => {
  context.after(end);
  where = place({ applications: open, environment: { SEISMO_BUS_KIND: 'sqlite', SEISMO_STORE_KIND: 'sqlite' } });
  seismo = await start(where, { args: ['--roles', 'live'], within: 60000 });
  assert.deepEqual({ ...(await diagnosis()), now: 0 }, { now: 0, here: false, scripts: 0, beacons: 0, findings: [] });
  const page = await browser.newPage({ reducedMotion: 'reduce' });
  for (const [language, text] of [['en', /taken in by another process \(role ingest\).*\/api\/diagnosis/], ['de', /\/api\/diagnosis/]]) {
    await page.goto(`${seismo.innerUrl}/?view=self&lang=${language}`);
    const card = page.locator('[data-testid=diagnosis]');
    await card.getByText('/api/diagnosis').waitFor({ timeout: 60000 });
    await reads(card, text);
    assert.equal(await card.locator('[data-cause]').count(), 0);
  }
  await page.context().close();
});
