// only: embedded
// Without any other host: Seismo, the demo shop and the browser in a network namespace that has nothing but its loopback. Every view is
// drawn, in both languages, the shop's visit arrives, and nothing was even asked of another host. The test runs itself in there.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openBrowser, openShop } from '../lib/browser.mjs';
import { command, exported, place, start, until } from '../lib/seismo.mjs';

const alone = 'ip link set lo up';

function enter() {
  const probe = spawnSync('unshare', ['--net', 'sh', '-c', alone], { encoding: 'utf8' });
  if (probe.status === 0) {
    const run = spawnSync('unshare', ['--net', 'sh', '-c', `${alone} && exec "$0" "$1"`, process.execPath, fileURLToPath(import.meta.url)], { stdio: 'inherit', env: { ...process.env, KAFKA_BROKERS: '', ELASTIC_URL: '', SEISMO_TEST_ALONE: 'yes' } });
    process.exit(run.status ?? 1);
  }
  console.log(`# NOT ALONE: a network namespace wants root; only what the browser asks for is looked at: ${probe.error?.message ?? probe.stderr.trim()}`);
}
if (!process.env.SEISMO_TEST_ALONE) enter();

let where, seismo, shop, browser, views;
const foreign = [], failed = [];

const ask = async (path) => (await fetch(seismo.innerUrl + path)).json();

async function open(locale) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale });
  context.on('request', (request) => {
    if (!/^(?:http:\/\/127\.0\.0\.1:|data:|blob:)/.test(request.url())) foreign.push(request.url());
  });
  context.on('requestfailed', (request) => {
    /* what is still under way when a page is left */
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') failed.push(`${request.url()} ${request.failure()?.errorText}`);
  });
  return context.newPage();
}

before(async () => {
  where = place({
    applications: [{ name: 'shop', keys: ['demo'], services: ['shop'], origins: ['*'] }],
    environment: { SEISMO_BUS_KIND: 'sqlite', SEISMO_STORE_KIND: 'sqlite' },
  });
  const demo = await command(where, ['demo']);
  assert.equal(demo.code, 0, demo.stderr);
  seismo = await start(where, { within: 60000 });
  shop = await openShop(seismo.publicUrl, seismo.innerUrl);
  browser = await openBrowser();
  const day = 'application=sample&range=24h', { errors, pages } = await ask(`/api/overview?${day}`), { rows } = await ask(`/api/sessions?${day}&limit=24`);
  const told = rows.find((row) => row.user);
  views = {
    overview: `/?${day}`, compared: `/?${day}&compare=1`, tables: `/?${day}&tables=1`, page: `/?view=series&kind=page&name=${encodeURIComponent(pages.rows[0].name)}&${day}`,
    vital: `/?view=series&kind=vital&name=*&detail=LCP&${day}`, error: `/?view=error&code=${errors.rows[0].code}&${day}`, session: `/?view=session&id=${told.id}`,
    user: `/?view=user&user=${encodeURIComponent(told.user)}`, alerts: '/?view=alerts', deploys: `/?view=deploys&${day}`, self: '/?view=self', empty: '/?application=none',
  };
});
after(async () => {
  await browser?.close();
  await shop?.stop();
  await seismo?.stop();
  where?.remove();
});

if (process.env.SEISMO_TEST_ALONE)
  test('there is no way out of here', async () => {
    await assert.rejects(fetch('http://192.0.2.1:8080/'), (error) => /ENETUNREACH|EHOSTUNREACH/.test(error.cause?.code));
  });

for (const locale of ['en-GB', 'de-DE'])
  test(`every view is drawn, ${locale}`, async () => {
    const page = await open(locale);
    page.on('pageerror', (error) => failed.push(error.message));
    for (const [name, path] of Object.entries(views)) {
      await page.goto(seismo.innerUrl + path);
      await page.locator('#main:not([aria-busy]) > *').first().waitFor({ timeout: 30000 });
      assert.ok((await page.locator('#main').innerText()).length > 20, name);
      assert.equal(await page.locator('html').getAttribute('lang'), locale.slice(0, 2));
    }
    await page.context().close();
  });

test('a visit of the shop arrives', async () => {
  const page = await open('en-GB');
  await page.goto(`${shop.url}/`);
  await page.locator('.product').first().click();
  await page.locator('#add').click();
  await until('the click', async () => (await exported(where, ['--service', 'shop'])).find((document) => document['event.action'] === 'click'), { within: 30000, every: 300 });
  await page.context().close();
});

test('nothing was asked of another host, and nothing failed', () => {
  assert.deepEqual(foreign, []);
  assert.deepEqual(failed, []);
});
