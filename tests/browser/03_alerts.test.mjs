// Alerts on the live page: one is opened by what is measured, told why, acknowledged and silenced by people, kept over a restart; the end of
// the silence tells Slack what is still open.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { slack } from '../fakes/slack.mjs';
import { accessible, screenshots } from '../lib/axe.mjs';
import { openBrowser, reads } from '../lib/browser.mjs';
import { id, place, post, start, until } from '../lib/seismo.mjs';

const hostile = '<img src=x onerror="document.title=1">\u202e';
const foreign = [];
let fake, where, seismo, browser, alert, going = true, visitors;

const SLOW = '/api/checkout';

/* One step of all visitors, 5 s each: the times lie behind, so that an alert needs no waiting. */
function visit(at, duration) {
  return Promise.all(Array.from({ length: 6 }, (_, i) => post(seismo.publicUrl, {
    id: id('b'), service: 'shop', version: '1.4.2', environment: 'test', session: `session-of-visitor-${i}`, user: { id: `user-${i}` }, sent: Date.now(),
    events: [0, 1].map((n) => ({ kind: 'api', at: at + n * 100, page: '/checkout', view: 'view-0001-abcd', url: SLOW, method: 'POST', status: 200, duration: duration * (0.9 + ((i + n) % 5) / 25), initiator: 'fetch' })),
  })));
}

async function open(path, { width = 1280, height = 900, colorScheme = 'light' } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
  context.on('request', (request) => {
    if (!request.url().startsWith('http://127.0.0.1:') && !request.url().startsWith('data:')) foreign.push(request.url());
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60000);
  page.on('pageerror', (error) => assert.fail(`an error on the page: ${error.message}`));
  await page.goto(seismo.innerUrl + path);
  await page.locator('#main:not([aria-busy]) > *').first().waitFor();
  return page;
}

const alerts = async () => (await fetch(`${seismo.innerUrl}/api/alerts`)).json();
const tell = (path, body) => fetch(`${seismo.innerUrl}/api/alerts/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

before(async () => {
  mkdirSync(screenshots, { recursive: true });
  fake = await slack();
  where = place({ environment: {
    SEISMO_SLACK_WEBHOOK: fake.url, SEISMO_DETECT_OPEN_MS: '10s', SEISMO_DETECT_QUIET_MS: '10m', SEISMO_DETECT_YOUNG_MS: '1m',
    SEISMO_DETECT_MIN_SESSIONS: '2', SEISMO_ROLLUP_CLOSE_WAIT_MS: '5s',
  } });
  seismo = await start(where, { within: 60000 });
  const now = Date.now();
  for (let at = now - 420000; at < now - 60000; at += 5000) await visit(at, 80);
  for (let at = now - 60000; at < now; at += 5000) await visit(at, 1500);
  visitors = (async () => {
    while (going) {
      await visit(Date.now(), 1500).catch(() => null);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  })();
  browser = await openBrowser();
  alert = await until('the alert', async () => (await alerts()).rows[0], { within: 120000, every: 200 });
  await until('that it was told', () => fake.messages[0], { within: 60000 });
});
after(async () => {
  going = false;
  await visitors;
  await browser?.close();
  await seismo?.stop();
  await fake?.close();
  where?.remove();
});

test('an alert says what is observed against what is expected, with the series around it', async () => {
  const page = await open('/');
  await page.locator(`[data-testid=alerts] [data-name="POST ${SLOW}"] a`).click();
  await page.waitForURL((url) => url.searchParams.get('view') === 'alert' && url.searchParams.get('id') === alert.id);
  await page.locator('[data-chart=why] canvas').waitFor();
  await reads(page.locator('h1'), /POST \/api\/checkout is slower than usual/);
  const figures = await page.locator('.stats').innerText();
  assert.match(figures, /observed\s+1\.\d+ s/);
  assert.match(figures, /expected\s+\d+ ms/);
  assert.match(await page.locator('[data-chart=why]').getAttribute('aria-label'), /Observed 1\.\d+ s, expected \d+ ms/);
  await page.keyboard.press('x');
  await page.locator('[data-testid=why] .side', { hasText: /Before|no data before/ }).waitFor();
  await page.keyboard.press('t');
  await page.locator('[data-chart=why] table').waitFor();
  await page.context().close();
});

test('an open alert stands on every chart, in words where charts are tables', async () => {
  const page = await open('/?tables=1');
  for (const path of ['/?tables=1', `/?view=series&kind=api&name=${encodeURIComponent(`POST ${SLOW}`)}&tables=1`]) {
    await page.goto(seismo.innerUrl + path);
    await page.locator('.chart table', { hasText: `open alert: POST ${SLOW} is slower than usual` }).first().waitFor();
  }
  await page.context().close();
});

test('it is acknowledged and silenced on the page, and both are there for others and after a restart', async () => {
  const page = await open(`/?view=alert&id=${alert.id}`);
  const seen = page.locator('[data-testid=acknowledge]');
  await seen.locator('input[name=by]').fill(hostile);
  await seen.locator('button').click();
  await page.locator('[data-testid=acknowledged]', { hasText: '<img src=x' }).waitFor();
  const form = page.locator('[data-testid=silence]');
  await form.locator('select').selectOption('480');
  await form.locator('input[name=reason]').fill(`known: ${hostile}`);
  await form.locator('input[name=by]').fill('Ada');
  await form.locator('button').click();
  await page.locator('[data-testid=silenced]', { hasText: 'known: <img src=x' }).waitFor();
  assert.equal(await page.locator('#main img').count(), 0, 'hostile text stays text');
  await page.context().close();
  await seismo.stop();
  seismo = await start(where, { within: 60000 });
  const again = await open('/?view=alerts');
  await again.locator(`[data-testid=open-alerts] [data-name="POST ${SLOW}"]`, { hasText: 'silenced' }).waitFor();
  const silence = again.locator('[data-testid=silences] .silence');
  await reads(silence, /POST \/api\/checkout.*by Ada: known: <img/s);
  await reads(silence, /[67] h \d+ min left/);
  assert.equal((await alerts()).rows[0].acknowledged.by, hostile);
  await again.context().close();
});

const shown = () => ({ alerts: '/?view=alerts', alert: `/?view=alert&id=${alert.id}`, 'alerts-german': '/?view=alerts&lang=de', 'alert-german': `/?view=alert&id=${alert.id}&lang=de&compare=1` });
for (const colorScheme of ['light', 'dark'])
  test(`axe finds nothing serious, ${colorScheme}, wide and at 320 px; nothing scrolls sideways`, async () => {
    for (const [name, path] of Object.entries(shown())) {
      const page = await open(path, { colorScheme });
      await accessible(page, `${name}-${colorScheme}`);
      await page.context().close();
    }
  });

test('nothing is told while it is silent; ended on the page, what is still open is told', async () => {
  assert.equal(fake.messages.length, 1, 'only the beginning was told');
  const page = await open('/?view=alerts');
  await page.locator('.silence input[name=by]').fill('Bob');
  await page.locator('.silence button').click();
  await until('that it is told again', () => fake.messages[1], { within: 60000 });
  assert.match(JSON.stringify(fake.messages[1]), /POST \/api\/checkout/);
  await until('no silence', async () => (await alerts()).silences.length === 0, { within: 30000 });
  assert.deepEqual(fake.problems, [], 'Slack would have refused');
  assert.match(seismo.log(), /silence S-[0-9a-f]{12} was ended by 'Bob' from 127\.0\.0\.1/);
  await page.context().close();
});

test('only this page may change something', async () => {
  const body = { id: alert.id, by: 'Eve' };
  assert.equal((await tell('acknowledge', { ...body, id: 'A-000000000000' })).status, 404);
  const foreignOrigin = await fetch(`${seismo.innerUrl}/api/alerts/acknowledge`, { method: 'POST', headers: { 'content-type': 'application/json', origin: 'http://evil.test' }, body: JSON.stringify(body) });
  assert.equal(foreignOrigin.status, 403);
  const simple = await fetch(`${seismo.innerUrl}/api/alerts/acknowledge`, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: JSON.stringify(body) });
  assert.equal(simple.status, 415);
  assert.notEqual((await alerts()).rows[0].acknowledged.by, 'Eve');
});

test('nothing is asked of another host', () => assert.deepEqual(foreign, []));
