// only: embedded
// An error's stack on the live page: as it stands in the source, and the one that came a click away.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openBrowser } from '../lib/browser.mjs';
import { beacon, command, place, post, root, start, until } from '../lib/seismo.mjs';

const stack = 'TypeError: no product\n    at e (https://shop.test/main.js:3:3)\n    at https://shop.test/main.js:1:1';
let where, seismo, browser, code;

before(async () => {
  where = place();
  const map = join(where.folder, 'main.js.map');
  writeFileSync(map, JSON.stringify({ version: 3, sources: ['src/cart.ts', 'src/shop.ts'], names: ['addItem'], mappings: 'AASIA,Q,QCPJ;;EDSO' }));
  const uploaded = await command(where, ['sourcemap', 'upload', '--release', '1.4.2', map]);
  assert.equal(uploaded.code, 0, uploaded.stderr);
  seismo = await start(where, { within: 60000 });
  const event = { kind: 'error', at: Date.now() - 1000, page: '/cart', type: 'TypeError', message: 'no product', stack, source: 'error' };
  assert.equal((await post(seismo.publicUrl, beacon({ version: '1.4.2', session: 'session-with-maps', events: [event] }), { headers: { origin: 'http://shop.test' } })).status, 202);
  code = await until('the error', async () => (await (await fetch(`${seismo.innerUrl}/api/session?id=session-with-maps`)).json()).rows?.[0]?.code, { within: 120000 });
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await seismo?.stop();
  where?.remove();
});

for (const [view, query] of [['error', () => `code=${code}&view=error`], ['session', () => 'view=session&id=session-with-maps']])
  test(`the stack of the ${view} view`, async () => {
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
    page.setDefaultTimeout(60000);
    page.on('pageerror', (error) => assert.fail(`an error on the page: ${error.message}`));
    await page.goto(`${seismo.innerUrl}/?${query()}`);
    const original = page.getByText('at addItem (src/cart.ts:12:8)');
    await original.waitFor({ state: 'attached' });
    if (view === 'session') await page.locator('details[data-key=stack] > summary').click();
    await original.waitFor();
    const raw = page.locator('details[data-key=raw] pre');
    assert.equal(await raw.isVisible(), false);
    await page.locator('details[data-key=raw] > summary').click();
    await raw.waitFor();
    assert.equal(await raw.textContent(), stack);
    mkdirSync(join(root, 'var/screenshots'), { recursive: true });
    await page.screenshot({ path: join(root, `var/screenshots/sourcemaps-${view}.png`) });
  });
