// The live page by itself: the box that finds, the user's timeline, comparison, tables, keys; nothing serious for axe in light and dark, no
// sideways scrolling at 320 px, hostile text as text, no request to another host.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessible, screenshots } from '../lib/axe.mjs';
import { openBrowser, reads } from '../lib/browser.mjs';
import { place, start, until } from '../lib/seismo.mjs';

const hostile = '"><img src=x onerror="document.title=1">\u202e';
let where, seismo, browser, code;
const foreign = [];

const event = (kind, at, fields) => ({ kind, at, page: '/', view: 'view-0001-abcd', ...fields });

const failure = { type: 'TypeError', message: 'x is undefined', stack: 'TypeError: x is undefined\n    at buy (https://shop.test/a.js:1:2)' };

async function send(i, of, events, key = 'demo') {
  const body = JSON.stringify({ v: 1, id: `beacon-${where.name}-${String(i).padStart(4, '0')}`, service: 'shop', version: '1.4.2', ...of, sent: Date.now(), events });
  const answer = await fetch(`${seismo.publicUrl}/in/v1?k=${key}`, { method: 'POST', body, headers: { 'content-type': 'text/plain' } });
  assert.equal(answer.status, 202, await answer.text());
}

const ask = async (path) => (await fetch(seismo.innerUrl + path)).json();

// Six minutes of three users, the later half with twice the time taken.
async function fill() {
  const now = Date.now();
  for (let i = 0; i < 36; i++) {
    const at = now - 570000 + i * 15000, user = i % 3;
    const events = [
      event('page', at, { url: 'https://shop.test/', title: user ? 'Home' : hostile, duration: 300 }),
      event('api', at + 100, { method: 'POST', url: '/api/checkout', status: i % 9 ? 200 : 500, duration: i < 18 ? 200 : 400 }),
      event('vital', at + 200, { name: 'LCP', value: 1800, rating: 'good' }),
      event('click', at + 300, { name: user ? 'Buy' : hostile, selector: '#buy', role: 'button' }),
      ...(i % 6 ? [] : [event('error', at + 400, failure)]),
    ];
    await send(i, { environment: 'test', session: `session-${user}-${i < 18 ? 'a' : 'b'}`, user: { id: `user-${user}` } }, events);
  }
  await send(36, { environment: 'stage', session: 'session-9-a', user: { id: 'user-9' } }, [event('error', now - 5000, { page: '/stage', ...failure })]);
  await send(37, { service: 'sample', environment: 'sample', session: 'session-of-sample' }, [event('vital', now - 5000, { name: 'FCP', value: 900, rating: 'good' })], 'sample');
}

async function open(path, { width = 1280, height = 900, colorScheme = 'light' } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce', bypassCSP: false });
  context.on('request', (request) => {
    if (!request.url().startsWith('http://127.0.0.1:') && !request.url().startsWith('data:')) foreign.push(request.url());
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => assert.fail(`an error on the page: ${error.message}`));
  await page.goto(seismo.innerUrl + path);
  await page.locator('#main:not([aria-busy]) > *').first().waitFor();
  return page;
}

before(async () => {
  mkdirSync(screenshots, { recursive: true });
  where = place({ applications: [{ name: 'shop', keys: ['demo'], services: ['shop'], origins: ['*'], server_clients: true }, { name: 'sample', keys: ['sample'], services: ['sample'], origins: ['*'], server_clients: true }] });
  // Nothing counts while it comes in: what is minutes old is late as soon as something newer has been counted, and then never stands in a window.
  seismo = await start(where, { args: ['--roles', 'ingest'], within: 60000 });
  await fill();
  await seismo.stop();
  seismo = await start(where, { within: 60000 });
  browser = await openBrowser();
  await until('all of it', async () => {
    const { totals, errors } = await ask('/api/overview?range=30m');
    code = errors.rows[0]?.code;
    return totals.calls === 36 && totals.errors === 7 && (await ask('/api/find?id=user-2')).kind === 'user';
  }, { within: 120000 });
});
after(async () => {
  await browser?.close();
  await seismo?.stop();
  where?.remove();
});

test('the box finds a user, a session and an error', async () => {
  const page = await open('/');
  for (const [text, view, name, value] of [['user-1', 'user', 'user', 'user-1'], ['session-1-b', 'session', 'id', 'session-1-b'], [code.toLowerCase(), 'error', 'code', code]]) {
    await page.keyboard.press('/');
    await page.keyboard.type(text);
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => url.searchParams.get('view') === view && url.searchParams.get(name) === value);
    await page.locator(`#main[data-view=${view}]:not([aria-busy])`).waitFor();
  }
  await page.locator('#search').fill('nobody-of-this-name');
  await page.keyboard.press('Enter');
  await page.getByText('Nothing of this name is stored here.').waitFor();
  await page.context().close();
});

test('a user is told over all sessions, each a way into it', async () => {
  const page = await open('/?view=user&user=user-0');
  const timeline = page.locator('[data-testid=timeline]');
  await timeline.waitFor();
  await reads(page.locator('h1'), /^In 2 sessions over .* this user opened 12 pages, clicked 12 times, made 12 calls \(4 failed\) and met 6 errors/);
  assert.equal(await timeline.locator('.visit').count(), 2);
  assert.equal(await timeline.locator('[data-kind=click] .moment-title', { hasText: '"><img src=x' }).count(), 12, 'hostile text stays text');
  assert.equal(await page.locator('#main img').count(), 0);
  await page.locator('.filter', { hasText: 'vitals' }).click();
  await until('no vitals', async () => (await timeline.locator('[data-kind=vital]').count()) === 0);
  await page.screenshot({ path: join(screenshots, 'user.png') });
  await timeline.locator('.visit a').first().click();
  await page.waitForURL((url) => url.searchParams.get('id') === 'session-0-a');
  await page.getByTitle('Everything that this user went through').click();
  await page.waitForURL((url) => url.searchParams.get('user') === 'user-0');
  assert.match(seismo.log(), /the timeline of user 'user-0' was opened from 127\.0\.0\.1/);
  assert.equal(seismo.log().match(/the timeline of user 'user-0' was opened/g).length, 1, 'once, not with each refresh');
  await page.context().close();
});

test('key x compares with the period before, t shows charts as tables, and the address keeps both', async () => {
  const page = await open('/?range=5m');
  assert.equal(await page.locator('.delta').count(), 0);
  await page.keyboard.press('x');
  const row = page.locator('[data-testid=apis] [data-name="POST /api/checkout"]');
  await row.locator('.delta').first().waitFor();
  const slower = row.locator('.delta-worse');
  await slower.waitFor();
  await reads(slower, /up by|100 %|9\d %/);
  await page.screenshot({ path: join(screenshots, 'compare.png'), fullPage: true });
  await page.keyboard.press('t');
  const table = page.locator('[data-chart=calls] table');
  await table.waitFor();
  assert.deepEqual(await table.locator('thead th').allInnerTexts(), ['From', 'Calls', 'of them failed', 'Before']);
  assert.equal(await page.locator('[data-chart=calls] canvas').count(), 0);
  const again = await open(new URL(page.url()).search ? `/${new URL(page.url()).search}` : '/');
  await again.locator('[data-chart=calls] table').waitFor();
  await again.locator('.delta').first().waitFor();
  await page.keyboard.press('t');
  await page.locator('[data-chart=calls] canvas').waitFor();
  await page.goto(`${seismo.innerUrl}/?view=series&kind=api&name=${encodeURIComponent('POST /api/checkout')}&range=5m&compare=1`);
  await page.locator('.stats .delta-worse').first().waitFor();
  assert.match(await page.locator('[data-chart=values]').getAttribute('aria-label'), /p75 .* over the whole time\. .* to .*: p75 \d.* at last, \d.* at most, at \d\d:\d\d/);
  assert.match(await page.locator('[data-testid=samples] caption').textContent(), /^Failed and slowest: \d+ rows?\. .*Session session-/);
  await page.goto(`${seismo.innerUrl}/?view=error&code=${code}&range=5m&compare=1`);
  await page.locator('[data-testid=error-before] .delta').first().waitFor();
  await reads(page.locator('[data-testid=error-before]'), /in the last 5 minutes:\s+\d+ times/);
  await page.goto(`${seismo.innerUrl}/?view=self&compare=1`);
  for (const card of ['figures', 'intake', 'lag', 'reasons']) await page.locator(`[data-testid=${card}] .delta`, { hasText: 'no data before' }).waitFor();
  await again.context().close();
  await page.context().close();
});

test('an environment filters every view, and stands in the address', async () => {
  const page = await open('/');
  await page.locator('[data-select=environment]').selectOption('stage');
  await page.waitForURL((url) => url.searchParams.get('environment') === 'stage');
  await page.locator('[data-testid=sessions] [data-name=session-9-a]').waitFor();
  await until('one session', async () => (await page.locator('[data-testid=sessions] tbody tr').count()) === 1);
  assert.equal(await page.locator('[data-testid=errors] tbody td').first().innerText(), '1');
  await page.locator('[data-testid=errors] tbody a').first().click();
  await page.locator('#main[data-view=error]:not([aria-busy])').waitFor();
  assert.equal(new URL(page.url()).searchParams.get('environment'), 'stage');
  assert.deepEqual(await page.locator('[data-testid=samples] tbody tr').evaluateAll((all) => all.map((row) => row.dataset.name)), ['session-9-a']);
  const [stage, test] = await Promise.all(['stage', 'test'].map((environment) => ask(`/api/errors?code=${code}&environment=${environment}`)));
  assert.deepEqual([stage.looked_at, stage.sessions, stage.first], [1, 1, stage.last]);
  assert.equal(test.looked_at, 6);
  assert.ok(test.last < stage.first);
  assert.deepEqual((await ask('/api/series?kind=error&name=*&environment=stage')).samples.map(({ session }) => session), ['session-9-a']);
  assert.ok((await ask('/api/sessions?environment=test')).rows.every(({ environment }) => environment === 'test'));
  await page.goto(`${seismo.innerUrl}/?environment=none`);
  await page.locator('[data-testid=pages]', { hasText: 'No page was opened' }).waitFor();
  await page.context().close();
});

test('what may hold sample data says so, in every view', async () => {
  const page = await open('/');
  await page.locator('.sample-note', { hasText: 'seismo demo --remove' }).waitFor();
  await page.goto(`${seismo.innerUrl}/?view=alerts`);
  await page.locator('.sample-note').waitFor();
  await page.locator('[data-select=application]').selectOption('shop');
  await until('no note beside the shop alone', async () => (await page.locator('.sample-note').count()) === 0);
  await page.context().close();
});

test('what the server refuses is said in the page\'s language', async () => {
  const page = await open('/?view=session&id=nobody&lang=de');
  await page.locator('[data-testid=problem]', { hasText: 'Unter diesem Namen ist hier nichts gespeichert.' }).waitFor();
  await page.context().close();
});

test('? lists the keys, and p pauses', async () => {
  const page = await open('/');
  await page.keyboard.press('?');
  await page.locator('[data-testid=keys]').waitFor();
  assert.ok((await page.locator('[data-testid=keys] kbd').count()) >= 6);
  await page.keyboard.press('Escape');
  await until('the dialog to go', async () => (await page.locator('[data-testid=keys]').count()) === 0);
  await page.keyboard.press('p');
  await page.locator('[data-testid=live-state][data-state=paused]').waitFor();
  await page.context().close();
});

const views = () => ({
  overview: '/', compared: '/?range=5m&compare=1', tables: '/?tables=1', session: '/?view=session&id=session-0-a', user: '/?view=user&user=user-0',
  error: `/?view=error&code=${code}`, series: '/?view=series&kind=api&name=POST%20/api/checkout', vital: '/?view=series&kind=vital&name=*&detail=LCP', missing: '/?view=session&id=nobody',
});
for (const colorScheme of ['light', 'dark'])
  test(`axe finds nothing serious, ${colorScheme}, wide and at 320 px; nothing scrolls sideways`, async () => {
    for (const [name, path] of Object.entries(views())) {
      const page = await open(path, { colorScheme });
      await accessible(page, `${name}-${colorScheme}`);
      await page.context().close();
    }
  });

test('the page speaks the browser\'s language, can be told another, and remembers it', async () => {
  const context = await browser.newContext({ locale: 'de-AT', viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
  const page = await context.newPage();
  await page.goto(`${seismo.innerUrl}/?view=user&user=user-0`);
  await page.locator('#main:not([aria-busy]) > *').first().waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'de');
  await reads(page.locator('h1'), /^In 2 Sitzungen über .* hat dieser Benutzer 12 Seiten geöffnet, 12-mal geklickt, 12 Aufrufe ausgelöst \(4 fehlgeschlagen\) und 6 Fehler erlebt\./);
  await page.screenshot({ path: join(screenshots, 'user-german.png'), fullPage: true });
  await page.goto(`${seismo.innerUrl}/`);
  await page.locator('[data-testid=vitals] .vital-value', { hasText: '1,80' }).waitFor();
  assert.match(await page.locator('[data-chart=calls]').getAttribute('aria-label'), / bis .*: \S+ zuletzt \d.*, höchstens \d/);
  await page.screenshot({ path: join(screenshots, 'overview-german.png'), fullPage: true });
  await page.setViewportSize({ width: 320, height: 700 });
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)) <= 0, 'German fits 320 px');
  await page.getByRole('button', { name: 'English' }).click();
  await page.getByRole('heading', { name: 'Recent sessions' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Recent sessions' }).waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  await page.goto(`${seismo.innerUrl}/?lang=de`);
  await page.getByRole('heading', { name: 'Letzte Sitzungen' }).waitFor();
  await context.close();
});

test('nothing is asked of another host', () => assert.deepEqual(foreign, []));
