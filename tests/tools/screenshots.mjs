#!/usr/bin/env node
// Pictures of every view of the live page: light and dark, wide, narrow and at 200 % zoom, in var/screenshots/views; with --docs also those
// that stand in docs/images, all of them: one that is not of a view any more is told. Fails when a view is too wide or has an error.
// node tests/tools/screenshots.mjs [--docs] [VIEW...]
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser } from '../lib/browser.mjs';
import { smaller } from '../lib/png.mjs';
import { command, id, place, post, root, start, until } from '../lib/seismo.mjs';

const given = process.argv.slice(2), forDocs = given.includes('--docs'), only = given.filter((name) => !name.startsWith('--'));
const folder = join(root, 'var/screenshots/views'), images = join(root, 'docs/images');
const SIZES = { wide: { width: 1440, height: 900 }, narrow: { width: 320, height: 800 }, zoom: { width: 720, height: 450, deviceScaleFactor: 2 } };
const TALLEST = { wide: 1000, narrow: 1100 }; // of a picture in docs
const NOT_IN_DOCS = ['compared', 'missing', 'compared-error', 'compared-alert', 'compared-self']; // they look like others

const written = new Set();
function wrong(words) {
  console.error(words);
  process.exitCode = 1;
}

const embedded = { SEISMO_BUS_KIND: 'sqlite', SEISMO_STORE_KIND: 'sqlite' };

/* One step of six visitors, whose calls take so long; it lies behind, so that an alert needs no waiting. */
function visit(seismo, at, duration) {
  return Promise.all(Array.from({ length: 6 }, (_, i) => post(seismo.publicUrl, {
    id: id('b'), service: 'shop', version: '1.4.2', environment: 'production', session: `session-of-visitor-${i}`, user: { id: `user-${i}` }, sent: Date.now(),
    events: [0, 1].map((n) => ({ kind: 'api', at: at + n * 100, page: '/checkout', view: 'view-0001-abcd', url: '/api/checkout', method: 'POST', status: 200, duration: duration * (0.9 + ((i + n) % 5) / 25), initiator: 'fetch' })),
  })));
}

/* A day of sample data, and a shop whose checkout has become slow: its alert is what the alert views show. */
async function filled(where) {
  const { code, stderr } = await command(where, ['demo']);
  if (code !== 0) throw new Error(stderr);
  // Nothing counts while it comes in: what is minutes old would be late as soon as something newer has been counted.
  let seismo = await start(where, { args: ['--roles', 'ingest'], within: 60000 });
  const now = Date.now();
  for (let at = now - 420000; at < now - 60000; at += 5000) await visit(seismo, at, 80);
  for (let at = now - 60000; at < now; at += 5000) await visit(seismo, at, 1500);
  await seismo.stop();
  seismo = await start(where, { within: 60000 });
  await post(seismo.publicUrl, { id: id('b'), service: 'shop', session: 'session-of-nobody', sent: Date.now(), events: [] }, { key: 'no-such-key' });
  return seismo;
}

async function named(seismo) {
  const ask = async (path) => (await fetch(seismo.innerUrl + path)).json(), sample = 'application=sample&range=24h';
  const alert = await until('the alert', async () => {
    await visit(seismo, Date.now(), 1500);
    return (await ask('/api/alerts')).rows[0];
  }, { within: 120000, every: 1000 });
  const { errors, pages, apis } = await ask(`/api/overview?${sample}`), { rows } = await ask(`/api/sessions?${sample}&limit=24`);
  const met = (row) => (row.user ? 1000 : 0) + row.errors * 10 + row.views + row.calls, told = rows.sort((a, b) => met(b) - met(a))[0]; // who met most shows most
  const called = (kind, list) => `view=series&kind=${kind}&name=${encodeURIComponent(list.rows.find((row) => !row.kind || row.kind === kind)?.name ?? '*')}`;
  return {
    overview: `/?${sample}`, compared: `/?${sample.replace('24h', '3h')}&compare=1`, 'compared-page': `/?${called('page', pages)}&${sample.replace('24h', '3h')}&compare=1`, tables: `/?${sample}&tables=1`, page: `/?${called('page', pages)}&${sample}`, route: `/?${called('route', pages)}&${sample}`, api: `/?${called('api', apis)}&${sample}`,
    vital: `/?view=series&kind=vital&name=*&detail=LCP&${sample}`, errors: `/?view=series&kind=error&name=*&${sample}`, error: `/?view=error&code=${errors.rows[0].code}&${sample}`,
    'compared-error': `/?view=error&code=${errors.rows[0].code}&${sample.replace('24h', '3h')}&compare=1`, 'compared-alert': `/?view=alert&id=${alert.id}&compare=1`, 'compared-self': '/?view=self&compare=1',
    lists: `/?view=apis&sort=p95&${sample}`, sessions: `/?view=sessions&only=trouble&${sample}`,
    session: `/?view=session&id=${told.id}`, user: `/?view=user&user=${encodeURIComponent(told.user ?? '')}`,
    alerts: '/?view=alerts', alert: `/?view=alert&id=${alert.id}`, clicks: `/?${sample}#h-clicks`, deploys: `/?view=deploys&${sample}`, business: `/?view=business&${sample.replace('24h', '3h')}&compare=1`, self: '/?view=self', keys: `/?${sample}`, missing: '/?view=session&id=nobody',
  };
}

async function picture(browser, url, name, { colorScheme, size }) {
  const { deviceScaleFactor = 1, ...viewport } = SIZES[size];
  const context = await browser.newContext({ viewport, deviceScaleFactor, colorScheme, reducedMotion: 'reduce', locale: 'en-GB' });
  const page = await context.newPage();
  page.setDefaultTimeout(60000);
  page.on('pageerror', (error) => wrong(`${name}: ${error.message}`));
  await page.goto(url);
  await page.locator('#main:not([aria-busy]) > *').first().waitFor();
  if (url.includes('#h-clicks')) await page.locator('[data-testid=clicks]').scrollIntoViewIfNeeded({ timeout: 10000 }).catch(() => wrong(`${name}: no clicks`));
  if (name === 'overview' || name === 'clicks') await page.locator('[data-testid=clicks]').waitFor({ timeout: 5000 }).catch(() => null);
  if (name === 'keys') await page.keyboard.press('?');
  const fullPage = name !== 'keys' && name !== 'clicks';
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (over > 0) wrong(`${name} ${size}: ${over} px too wide`);
  const png = await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${size}.png`), fullPage });
  if (forDocs && TALLEST[size] && !NOT_IN_DOCS.includes(name)) {
    const height = Math.min(TALLEST[size], fullPage ? await page.evaluate(() => document.documentElement.scrollHeight) : viewport.height);
    const cut = fullPage ? await page.screenshot({ fullPage, clip: { x: 0, y: 0, width: viewport.width, height } }) : png;
    const blank = await context.newPage();
    const file = `${name}-${size}-${colorScheme}.png`;
    written.add(file);
    writeFileSync(join(images, file), await smaller(blank, cut));
  }
  await context.close();
}

async function pictures(browser, views, base) {
  for (const [name, path] of Object.entries(views)) {
    if (only.length && !only.includes(name)) continue;
    for (const colorScheme of ['light', 'dark']) for (const size of Object.keys(SIZES)) await picture(browser, base + path, name, { colorScheme, size });
    console.log(name);
  }
}

mkdirSync(folder, { recursive: true });
const browser = await openBrowser();
const filledPlace = place({ environment: { ...embedded, SEISMO_DETECT_OPEN_MS: '10s', SEISMO_DETECT_QUIET_MS: '10m', SEISMO_DETECT_YOUNG_MS: '1m', SEISMO_DETECT_MIN_SESSIONS: '2', SEISMO_ROLLUP_CLOSE_WAIT_MS: '5s' } });
const emptyPlace = place({ environment: { ...embedded } }), lockedPlace = place({ environment: { ...embedded, SEISMO_INNER_TOKEN: 'a-token-of-nobody-at-all' } });
try {
  const full = await filled(filledPlace);
  await pictures(browser, await named(full), full.innerUrl);
  await full.stop();
  for (const [name, where] of [['empty', emptyPlace], ['locked', lockedPlace]]) {
    const bare = await start(where, { within: 60000 });
    await pictures(browser, { [name]: '/' }, bare.innerUrl.replace(/\?.*$/, ''));
    await bare.stop();
  }
  if (forDocs && only.length === 0) for (const file of readdirSync(images).filter((name) => name.endsWith('.png') && !written.has(name))) wrong(`docs/images/${file}: no view is called so`);
} finally {
  await browser.close();
  for (const where of [filledPlace, emptyPlace, lockedPlace]) where.remove();
}
