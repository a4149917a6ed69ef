// only: embedded
// How fresh the live page is, and that it says so: live, paused by key and by button, stale while the server does not answer, live again.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser, reads } from '../lib/browser.mjs';
import { id, place, post, start, until } from '../lib/seismo.mjs';

const patience = { timeout: 90000 };
let where, seismo, browser, page, opened = 0;

/* n page loads; returns how many there are in all. */
async function visit(n) {
  const events = Array.from({ length: n }, (_, i) => ({ kind: 'page', at: Date.now() - 100 + i, page: '/checkout', url: 'https://shop.test/checkout', title: 'Checkout', duration: 480 }));
  const answer = await post(seismo.publicUrl, { id: id('b'), service: 'shop', session: id('s'), sent: Date.now(), events });
  assert.equal(answer.status, 202, answer.text);
  return (opened += n);
}

const badge = (state) => page.locator(`[data-testid=live-state][data-state=${state}]`);
const total = (n) => page.locator('.lane-views .lane-total', { hasText: new RegExp(`^\\s*${n}\\b`) });
const totals = async () => Number.parseInt(await page.locator('.lane-views .lane-total').innerText(), 10);
const stored = (n) => until('it is stored', async () => (await (await fetch(`${seismo.innerUrl}/api/overview`)).json()).totals.loads === n, { within: 60000 });

before(async () => {
  where = place();
  seismo = await start(where, { within: 60000 });
  await stored(await visit(3));
  browser = await openBrowser();
  page = await browser.newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
  page.setDefaultTimeout(patience.timeout);
  await page.goto(seismo.innerUrl);
});
after(async () => {
  await browser?.close();
  seismo?.signal('SIGCONT');
  await seismo?.kill();
  where?.remove();
});

test('live: what comes in is drawn without asking', async () => {
  await badge('live').waitFor();
  assert.equal(await badge('live').innerText(), 'live');
  await total(opened).waitFor();
  await total(await visit(2)).waitFor();
});

test('what the first screen shows comes with the page or is asked for once, and nothing else before it is there', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const first = await context.newPage(), asked = [];
  first.on('request', (request) => { const { pathname } = new URL(request.url()); if (pathname.startsWith('/api/')) asked.push(pathname); });
  await first.addInitScript(() => new MutationObserver((_, watch) => {
    if (!document.querySelector('#main > *')) return;
    watch.disconnect();
    window.brought = Object.keys(JSON.parse(document.getElementById('first')?.textContent ?? '{}'));
    window.askedBefore = performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname).filter((path) => path.startsWith('/api/'));
  }).observe(document, { childList: true, subtree: true }));
  await fetch(`${seismo.innerUrl}/api/overview?range=24h`); // a day that nobody has looked at yet is not waited for
  await first.goto(`${seismo.innerUrl}/?range=24h`);
  await first.locator('[data-testid=live-state][data-state=live]').waitFor();
  const { store } = await (await fetch(`${seismo.innerUrl}/api/status`)).json(), [brought, before] = await first.evaluate(() => [window.brought, window.askedBefore]);
  assert.deepEqual([...brought.map((name) => `/api/${name}`), ...before].sort(), ['/api/alerts', '/api/deploys', '/api/overview', '/api/sessions', '/api/status']);
  assert.equal(brought.includes('status'), store === 'sqlite');
  assert.ok(asked.indexOf('/api/live') >= before.length && asked.indexOf('/api/clicks') >= before.length, asked.join(' '));
  await context.close();
});

for (const [by, press] of [['the key', () => page.keyboard.press('p')], ['the button', () => page.locator('[data-pause]').click()]])
  test(`paused by ${by}: nothing moves until it is resumed`, async () => {
    const was = await totals();
    await press();
    await badge('paused').waitFor();
    assert.equal(await page.locator('[data-pause]').getAttribute('aria-pressed'), 'true');
    assert.equal(await page.locator('[data-pause]').getAttribute('aria-label'), 'Resume');
    let asked = [];
    const note = (request) => asked.push(request.url());
    page.on('request', note);
    await until('what was under way is over', async () => {
      asked = [];
      await page.waitForTimeout(1000);
      return asked.length === 0;
    }, { within: 60000 });
    await stored(await visit(2));
    await page.waitForTimeout(2500);
    page.off('request', note);
    assert.deepEqual(asked, [], 'nothing is asked for');
    assert.equal(await totals(), was);
    await press();
    await total(opened).waitFor();
    await badge('live').waitFor();
    assert.equal(await page.locator('[data-pause]').getAttribute('aria-pressed'), 'false');
  });

test('a view that is opened while the server is away says so, one that takes long says that; both go on by themselves', async () => {
  const opens = () => page.locator('[data-testid=pages] [data-name="/checkout"] a').click(), shown = page.locator('#main[data-view=series]:not([aria-busy]) h1', { hasText: '/checkout' });
  await page.route('**/api/**', (route) => route.abort());
  await opens();
  await page.getByTestId('away').waitFor();
  await page.unroute('**/api/**');
  await shown.waitFor();
  assert.equal(await page.getByTestId('away').count(), 0);
  await page.goBack();
  await total(opened).waitFor();
  let answer;
  const held = new Promise((resolve) => { answer = resolve; });
  await page.route('**/api/series*', async (route) => { await held; await route.continue(); });
  await opens();
  await page.getByTestId('loading').waitFor();
  answer();
  await shown.waitFor();
  await page.unroute('**/api/series*');
  await page.goBack();
  await total(opened).waitFor();
});

test('stale while the server does not answer, with the time since then; live when it does again', async () => {
  const was = await totals();
  seismo.signal('SIGSTOP');
  await badge('stale').waitFor();
  const seconds = async () => Number(/^stale (?:(\d+) min )?(\d+) s$/.exec(await badge('stale').innerText()).slice(1).reduce((sum, part) => sum * 60 + Number(part ?? 0), 0));
  const first = await seconds();
  assert.ok(first >= 12, `${first} s`);
  assert.match(await badge('stale').getAttribute('title'), /does not answer/);
  assert.equal(await totals(), was, 'what was known is still shown');
  await until('it counts on', async () => (await seconds()) > first, { within: 30000 });
  seismo.signal('SIGCONT');
  await badge('live').waitFor();
  await total(await visit(1)).waitFor();
});

test('stale when the server is gone, with what was last known', async () => {
  const was = await totals();
  await seismo.kill();
  await badge('stale').waitFor();
  await reads(badge('stale'), /^stale \d/);
  assert.equal(await totals(), was);
});
