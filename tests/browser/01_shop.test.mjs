// The whole road in a real browser: click through the demo shop, find those very clicks, pages, calls and vitals on the live page and by
// `seismo export`; make checkout slow and read what Slack got; make it quick again and read that it is over.
// Runs on the embedded default, and on a real Kafka and Elasticsearch when tests/stack/with-stack gives their addresses.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openBrowser, openShop } from '../lib/browser.mjs';
import { slack } from '../fakes/slack.mjs';
import { exported, onStack, place, root, sleep, start, until } from '../lib/seismo.mjs';

const screenshots = join(root, 'var/screenshots');
let where, seismo, shop, fake, browser, page, live, session;
const foreign = [];

before(async () => {
  mkdirSync(screenshots, { recursive: true });
  fake = await slack();
  where = place({
    applications: [{ name: 'shop', keys: ['demo'], services: ['shop'], origins: ['*'], routes: ['/product/:id'] }],
    environment: {
      SEISMO_SLACK_WEBHOOK: fake.url, SEISMO_DETECT_OPEN_MS: '15s', SEISMO_DETECT_QUIET_MS: '30s', SEISMO_DETECT_YOUNG_MS: '2m',
      SEISMO_DETECT_MIN_SESSIONS: '1', SEISMO_LISTEN_INNER_URL: 'http://127.0.0.1:8081',
    },
  });
  seismo = await start(where);
  shop = await openShop(seismo.publicUrl, seismo.innerUrl);
  browser = await openBrowser();
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.on('request', (request) => {
    if (!request.url().startsWith('http://127.0.0.1:') && !request.url().startsWith('data:')) foreign.push(request.url());
  });
  live = await context.newPage();
  await live.goto(seismo.innerUrl);
  page = await context.newPage();
});
after(async () => {
  await browser?.close();
  await shop?.stop();
  await seismo?.stop();
  await fake?.close();
  where?.remove();
});

const documentsOf = async (kind) => (await exported(where, ['--service', 'shop'])).filter((document) => document['event.action'] === kind);
const found = (kind, matches, what) => until(what, async () => {
  const documents = await documentsOf(kind);
  return documents.find(matches) ?? (documents.length ? null : undefined);
}, { within: 15000, every: 250 });

test('a walk through the shop arrives, click by click', async () => {
  await page.goto(`${shop.url}/`);
  await page.locator('.product').first().waitFor();
  await page.locator('.product').first().click();
  await page.locator('#add').click();
  await page.locator('#nav-cart').click();
  await page.locator('#nav-checkout').click();
  await page.locator('#checkout').click();
  await page.locator('#slow').click();
  await sleep(2200);
  await page.locator('#broken').click();
  await page.locator('#reject').click();
  await page.locator('#secret').click();
  await sleep(1500);

  const loaded = await found('page', (document) => document['url.full']?.startsWith(shop.url), 'the page load');
  session = loaded['session.id'];
  assert.ok(loaded['seismo.duration_ms'] > 0);
  assert.ok(loaded['user_agent.name'], 'the browser is named');
  await found('click', (document) => /add/i.test(document['seismo.click.name'] ?? '') || document['seismo.click.selector']?.includes('#add'), 'the click on "add"');
  await found('route', (document) => document['seismo.route'] === '/cart', 'the route to the cart');
  await found('route', (document) => document['seismo.route'] === '/product/:id', 'the product\'s route, by its template');
  const call = await found('api', (document) => document['seismo.route'] === 'POST /api/checkout', 'the checkout call');
  assert.equal(call['http.response.status_code'], 200);
  await found('api', (document) => document['seismo.initiator'] === 'xhr', 'a call by XMLHttpRequest');
  await found('api', (document) => document['http.response.status_code'] === 500, 'the call that failed');
  await found('api', (document) => document['seismo.duration_ms'] > 1400, 'the slow call');
  await found('error', (document) => document['error.code'] && document['seismo.error.source'] === 'error', 'the error');
  await found('error', (document) => document['seismo.error.source'] === 'rejection', 'the rejection');
  const all = await exported(where);
  assert.ok(all.every((document) => document['session.id'] === session), 'one visitor, one session');
  assert.ok(!JSON.stringify(all).includes('s3cr3t'), 'the secret of the query is nowhere');
});

test('vitals arrive when the page goes away', async () => {
  const other = await page.context().newPage();
  await other.goto(`${shop.url}/`);
  await other.locator('.product').first().waitFor();
  await other.locator('#slow').click();
  await sleep(1200);
  await other.close({ runBeforeUnload: true });
  for (const name of ['LCP', 'FCP', 'TTFB', 'CLS', 'INP']) await found('vital', (document) => document['seismo.vital.name'] === name, name);
});

test('they stand on the live page by themselves', async () => {
  await live.bringToFront();
  await until('the checkout call on the live page', () => live.locator('[data-testid=apis] [data-name="POST /api/checkout"]').count(), { within: 10000 });
  for (const name of ['/product/:id', '/cart']) await until(`${name} on the live page`, () => live.locator(`[data-testid=pages] [data-name="${name}"]`).count());
  assert.ok(await live.locator('[data-testid=vitals]').innerText().then((text) => /LCP/.test(text) && /INP/.test(text)));
  assert.ok((await live.locator('[data-testid=errors] [data-name]').count()) >= 2);
  await live.screenshot({ path: join(screenshots, 'live.png'), fullPage: true });

  const calls = () => live.locator('[data-testid=apis] [data-name="POST /api/cart"]').count();
  assert.equal(await calls() >= 1, true);
  const before = await live.locator('[data-testid=apis] [data-name="GET /api/live-probe"]').count();
  assert.equal(before, 0);
  await page.evaluate(() => fetch('/api/live-probe').catch(() => {}));
  await page.evaluate(() => window.seismo('flush'));
  const sent = Date.now();
  await until('a new call on the live page', () => live.locator('[data-testid=apis] [data-name="GET /api/live-probe"]').count(), { within: 10000, every: 20 });
  console.log(`# from the flush to the live page: ${Date.now() - sent} ms`); // its goal of 2 s is the bench's: two browsers share the cores here
});

test('the session\'s timeline tells what this visitor went through', async () => {
  await live.goto(`${seismo.innerUrl}/?view=session&id=${session}`);
  const timeline = live.locator('[data-testid=timeline]');
  await timeline.waitFor();
  await until('its events', () => timeline.locator('[data-kind=click]').count(), { within: 10000 });
  for (const kind of ['page', 'route', 'api', 'error', 'vital', 'event']) assert.ok((await timeline.locator(`[data-kind=${kind}]`).count()) >= 1, kind);
  await live.screenshot({ path: join(screenshots, 'session.png') });
  await live.goto(seismo.innerUrl);
});

test('a slow checkout is told to Slack, and its end too', { timeout: 500000 }, async () => {
  await page.bringToFront();
  await page.goto(`${shop.url}/`);
  await page.locator('#robots').check({ force: true });
  await sleep(60000);
  assert.deepEqual(fake.messages, [], 'nothing is said of ordinary traffic');
  await page.locator('#slow-switch').check({ force: true });
  const turned = Date.now();
  const opened = await until('the message that checkout is slow', () => fake.messages[0], { within: 90000 });
  console.log(`# told after ${opened.at - turned} ms: ${opened.text}`);
  const text = JSON.stringify(opened);
  assert.match(text, /POST \/api\/checkout/);
  assert.match(text, /slower/);
  assert.match(text, /session/);
  const link = /http:\/\/127\.0\.0\.1:8081(\/[^"|>\s]*)/.exec(text)?.[1];
  assert.ok(link, 'a link to the live page');

  await live.bringToFront();
  await until('the alert on the live page', () => live.locator('[data-testid=alerts]').innerText().then((shown) => shown.includes('/api/checkout')), { within: 15000 });
  await live.screenshot({ path: join(screenshots, 'alert.png'), fullPage: true });
  await live.goto(seismo.innerUrl + link.replaceAll('&amp;', '&'));
  await until('the series behind the link', () => live.locator('body').innerText().then((shown) => shown.includes('POST /api/checkout')), { within: 10000 });
  await sleep(1000);
  await live.screenshot({ path: join(screenshots, 'series.png'), fullPage: true });

  await page.bringToFront();
  await page.locator('#slow-switch').uncheck({ force: true });
  const over = Date.now();
  const resolved = await until('the message that it is over', () => fake.messages[1], { within: 240000 });
  console.log(`# over told after ${resolved.at - over} ms: ${resolved.text}`);
  assert.equal(fake.messages.length, 2);
  assert.deepEqual(fake.problems, [], 'Slack would have refused');
});

test('no page asked any other host', () => assert.deepEqual(foreign, []));

test('on a stack, the documents are found by searching Elasticsearch', async () => {
  if (!onStack) return assert.ok((await exported(where)).length > 0);
  const search = async (stream, query) => (await fetch(`${process.env.ELASTIC_URL}/${stream}-${where.name}/_search?size=5&q=${encodeURIComponent(query)}`)).json();
  const atLeast = (n, stream, query) => until(`${n} of ${query} in ${stream}`, async () => (await search(stream, query)).hits.total.value >= n);
  await atLeast(5, 'logs-seismo.events', 'event.action:click AND service.name:shop');
  await atLeast(1, 'metrics-seismo.rollups', 'service.name:shop');
  await atLeast(2, 'logs-seismo.alerts', 'service.name:shop');
});
