// only: embedded
// The live page by keyboard alone: what Tab reaches works by Enter or Space, a dialog keeps its keys to itself, and what is drawn anew takes
// nobody's place away.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser } from '../lib/browser.mjs';
import { id, place, post, start, until } from '../lib/seismo.mjs';

let where, seismo, browser;

async function visit(kind, name, n = 1, more = {}, key = 'demo') {
  const events = Array.from({ length: n }, (_, i) => ({ kind, at: Date.now() - 100 + i, page: name, url: `https://shop.test${name}`, title: name, duration: 480, ...more }));
  const session = id('s'), answer = await post(seismo.publicUrl, { id: id('b'), service: 'shop', session, user: { id: 'user-1' }, sent: Date.now(), events }, { key });
  assert.equal(answer.status, 202, answer.text);
  return session;
}

async function open(path) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
  page.on('pageerror', (error) => assert.fail(`an error on the page: ${error.message}`));
  await page.goto(seismo.innerUrl + path);
  await page.locator('#main:not([aria-busy]) > *').first().waitFor();
  return page;
}

const total = async (page) => Number.parseInt(await page.locator('.lane-views .lane-total').innerText(), 10);
const focused = (page) => page.evaluate(() => (document.activeElement === document.body ? '' : document.activeElement.closest('[data-name]')?.dataset.name ?? document.activeElement.id));

before(async () => {
  where = place({ applications: ['demo', 'other'].map((name) => ({ name, keys: [name], services: ['shop'], origins: ['*'], server_clients: true })) });
  seismo = await start(where, { within: 60000 });
  for (const [name, n] of [['/first', 5], ['/second', 4], ['/third', 3]]) await visit('page', name, n);
  await visit('page', '/second', 1, {}, 'other');
  for (const key of ['demo', 'other']) await visit('error', '/first', 1, { type: 'TypeError', message: 'x is undefined', stack: 'TypeError: x is undefined\n    at buy (https://shop.test/a.js:1:2)' }, key);
  await until('all of it is counted', async () => (await (await fetch(`${seismo.innerUrl}/api/overview`)).json()).totals.loads === 13, { within: 60000 });
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await seismo?.kill();
  where?.remove();
});

test('who stands on a row stays there when rows change places', async () => {
  const page = await open('/'), names = () => page.locator('[data-testid=pages] tbody tr').evaluateAll((all) => all.map(({ dataset }) => dataset.name));
  assert.deepEqual((await names()).slice(0, 3), ['/first', '/second', '/third']);
  await page.locator('[data-testid=pages] [data-name="/second"] a').first().focus();
  await visit('page', '/second', 4);
  await until('the second is first', async () => (await names())[0] === '/second');
  assert.equal(await focused(page), '/second');
  await visit('page', '/third', 12);
  await until('the third is first', async () => (await names())[0] === '/third');
  assert.equal(await focused(page), '/second');
  await visit('page', '/first', 30);
  await until('the first is first again', async () => (await names())[0] === '/first');
  assert.equal(await focused(page), '/second');
  await page.close();
});

test('what two applications call by one name are two rows, also when they are drawn again', async () => {
  for (const view of ['pages', 'errors']) {
    const page = await open('/'), rows = () => page.locator(`[data-testid=${view}] tbody tr`).evaluateAll((all) => all.map(({ dataset }) => dataset.name).sort());
    const lists = await open(`/?view=${view}`), listed = () => lists.locator('[data-testid=list] tbody tr').evaluateAll((all) => all.map(({ dataset }) => dataset.name).sort());
    const was = await rows(), now = await total(page);
    assert.ok(was.length > new Set(was).size, `${view}: ${was}`);
    await visit('page', '/third');
    await until('it is drawn again', async () => (await total(page)) > now);
    assert.deepEqual(await rows(), was);
    await until('the list is drawn again', async () => (await lists.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => name.includes('/api/overview')).length)) > 1);
    await lists.waitForTimeout(500);
    assert.deepEqual(await listed(), was);
    await Promise.all([page.close(), lists.close()]);
  }
});

test('the dialog of keys keeps its keys: Escape closes it and leads nowhere', async () => {
  const page = await open('/?view=alerts');
  await page.keyboard.press('?');
  await page.getByTestId('keys').waitFor();
  await page.keyboard.press('t');
  await page.keyboard.press('x');
  await page.keyboard.press('Escape');
  await until('the dialog to go', async () => (await page.getByTestId('keys').count()) === 0);
  assert.equal(new URL(page.url()).search, '?view=alerts');
  await page.keyboard.press('Escape');
  await page.locator('#main[data-view=overview]').waitFor();
  await page.close();
});

test('a switch is worked by Space as by Enter, and keeps the focus', async () => {
  const page = await open('/?view=sessions'), knob = page.getByRole('switch');
  await knob.focus();
  for (const [key, is] of [['Space', 'true'], ['Space', 'false'], ['Enter', 'true']]) {
    await page.keyboard.press(key);
    await until(`${key}: ${is}`, async () => (await knob.getAttribute('aria-checked')) === is);
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('role')), 'switch');
  }
  assert.equal(await page.evaluate(() => scrollY), 0);
  await page.close();
});

const views = async () => {
  const { rows } = await (await fetch(`${seismo.innerUrl}/api/sessions`)).json(), errors = (await (await fetch(`${seismo.innerUrl}/api/overview`)).json()).errors.rows;
  return ['/', '/?tables=1', '/?view=pages', '/?view=sessions', '/?view=errors', '/?view=alerts', '/?view=deploys', '/?view=business', '/?view=self', `/?view=session&id=${rows[0].id}`, '/?view=user&user=user-1',
    `/?view=error&code=${errors[0].code}`, '/?view=series&kind=page&name=%2Ffirst', '/?view=series&kind=vital&name=*&detail=LCP'];
};

test('Tab reaches every control of every view once, in the order of the page, and each shows that it has the focus', async () => {
  for (const path of await views()) {
    const page = await open(path);
    await page.keyboard.press('p'); // nothing comes or goes on the way
    const wanted = await page.evaluate(() => {
      const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary, textarea')].filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled);
      all.forEach((one, i) => { one.tabbed = i; });
      return all.map((one) => `${one.tagName} ${one.textContent || one.id}`);
    });
    await page.locator('body').evaluate(() => { document.activeElement.blur(); getSelection().removeAllRanges(); });
    const reached = [], bare = [];
    for (let i = 0; i < wanted.length + 30 && reached.length < wanted.length; i++) {
      await page.keyboard.press('Tab');
      const [at, shows] = await page.evaluate(() => {
        const one = document.activeElement, style = getComputedStyle(one);
        return [one.tabbed, style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) > 0];
      });
      if (at === undefined) continue;
      reached.push(at);
      if (!shows) bare.push(wanted[at]);
    }
    assert.deepEqual(reached.map((i) => wanted[i]), wanted, path);
    assert.deepEqual(bare, [], path);
    await page.close();
  }
});
