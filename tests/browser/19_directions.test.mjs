// only: embedded
// Names in Hebrew and Arabic, with marks that turn direction, and very long ones: each stands by itself, in every view, and nothing scrolls
// sideways on a phone or at 200 % zoom.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser } from '../lib/browser.mjs';
import { id, place, post, start, until } from '../lib/seismo.mjs';

const hebrew = 'עמוד התשלום', names = [`/${hebrew} (2)`, '/صفحة المنتجات', `/${'long'.repeat(60)}`, '/x\u202egnp.exe'];
let where, seismo, browser, views;

before(async () => {
  where = place();
  seismo = await start(where, { within: 60000 });
  for (const [i, page] of names.entries()) {
    const at = Date.now() - 1000, event = (kind, more) => ({ kind, at, page, ...more });
    const answer = await post(seismo.publicUrl, { id: id('b'), service: 'shop', session: id('s'), user: { id: i % 2 ? `مستخدم ${i}` : `משתמש ${i}!` }, sent: Date.now(), events: [
      event('page', { url: `https://shop.test${encodeURI(page)}`, title: `${hebrew}!`, duration: 480 }), event('api', { method: 'POST', url: `/api${page}`, status: i % 2 ? 500 : 200, duration: 300 }),
      event('click', { name: `${hebrew}!`, selector: 'main > button', role: hebrew, flags: 'dead' }), event('event', { name: `${hebrew} 5`, value: 5 }),
      event('error', { type: 'TypeError', message: `${hebrew} (7) x`, stack: 'TypeError: x\n    at buy (https://shop.test/a.js:1:2)' })] });
    assert.equal(answer.status, 202, answer.text);
  }
  const ask = async (path) => (await fetch(seismo.innerUrl + path)).json();
  await until('all is counted', async () => (await ask('/api/overview')).totals.loads === names.length, { within: 60000 });
  const { rows } = await ask('/api/sessions'), { errors, pages, apis } = await ask('/api/overview'), series = (kind, { name }) => `/?view=series&kind=${kind}&name=${encodeURIComponent(name)}`;
  views = ['/', '/?view=pages', '/?view=apis', '/?view=errors', '/?view=sessions', '/?view=business', `/?view=error&code=${errors.rows[0].code}`, ...rows.map((row) => `/?view=session&id=${row.id}`),
    `/?view=user&user=${encodeURIComponent(rows[0].user)}`, ...pages.rows.map((row) => series('page', row)), ...apis.rows.map((row) => series('api', row))];
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await seismo?.kill();
  where?.remove();
});

async function open(path, width, height) {
  const page = await browser.newPage({ viewport: { width, height }, reducedMotion: 'reduce' });
  await page.goto(seismo.innerUrl + path);
  await page.locator('#main:not([aria-busy]) > *').first().waitFor();
  if (path === '/') await page.locator('[data-testid=clicks] tbody tr').first().waitFor();
  return page;
}

test('no name turns the direction of its neighbours', async () => {
  for (const path of views) {
    const page = await open(path, 1280, 900);
    const [bare, together, marks] = await page.evaluate(() => {
      const shown = [...document.querySelectorAll('#header *, #main *')].filter((one) => !one.closest('.unseen, option')), turned = /[\u0590-\u06ff]/;
      return [
        shown.filter((one) => !one.closest('bdi, [dir=auto]') && [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && turned.test(node.nodeValue))).map((one) => one.textContent),
        shown.filter((one) => [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && turned.test(node.nodeValue) && node.nodeValue.includes(' · '))).map((one) => one.textContent),
        /[\u202a-\u202e\u2066-\u2069]/.test(document.body.innerText),
      ];
    });
    assert.deepEqual({ bare, together, marks }, { bare: [], together: [], marks: false }, path);
    await page.close();
  }
});

test('a click that went wrong has its page left of its selector, whatever the page is called', async () => {
  const page = await open('/', 1280, 900);
  const [first, second] = await page.locator('[data-testid=clicks] tbody tr').first().locator('.muted [dir=auto]').all();
  assert.ok((await first.boundingBox()).x < (await second.boundingBox()).x);
  await page.close();
});

test('nothing scrolls sideways on a phone or at 200 % zoom', async () => {
  for (const [width, height] of [[320, 700], [640, 450]])
    for (const path of views) {
      const page = await open(path, width, height);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, `${path} at ${width} px`);
      await page.close();
    }
});
