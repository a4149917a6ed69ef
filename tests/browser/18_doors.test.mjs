// only: embedded
// Who is not let in, or not any more, is told so by a page that leads on: after reset-access, with a wrong token, at an address that is none.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../lib/axe.mjs';
import { openBrowser } from '../lib/browser.mjs';
import { command, place, start } from '../lib/seismo.mjs';

let where, seismo, browser, base;

const here = (link) => link.replace(/\/\/[^:/]+:/, '//127.0.0.1:'); // the link names this machine's own address

async function enter(context, link) {
  const page = await context.newPage();
  await page.goto(base + new URL(link.trim()).pathname + new URL(link.trim()).search);
  await page.getByRole('button').click();
  await page.locator('#main:not([aria-busy]) > *').first().waitFor();
  return page;
}

before(async () => {
  where = place({ environment: { SEISMO_LISTEN_INNER: '0.0.0.0:0', SEISMO_INNER_TOKEN: 'a-token-of-some-length' } });
  seismo = await start(where, { within: 60000 });
  base = new URL(here(seismo.innerUrl)).origin;
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await seismo?.kill();
  where?.remove();
});

const link = async (name) => (await command(where, [name])).stdout;

test('a page whose access is ended says so and how to get in again, and goes on once it is', async () => {
  const context = await browser.newContext({ locale: 'en-GB', reducedMotion: 'reduce' }), page = await enter(context, await link('access'));
  await page.getByTestId('empty').waitFor();
  const again = await link('reset-access'), locked = page.getByTestId('locked');
  await locked.getByRole('heading', { name: 'Your access has ended' }).waitFor({ timeout: 30000 });
  assert.match(await locked.innerText(), /seismo access/);
  assert.equal(await locked.getAttribute('role'), 'alert');
  assert.match(await page.title(), /Who are you\?/);
  await page.locator('#token').fill('half a tok');
  await page.waitForResponse((answer) => answer.url().includes('/api/status') && answer.status() === 401);
  await page.waitForTimeout(500);
  assert.equal(await page.locator('#token').inputValue(), 'half a tok', 'what is being typed stays');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'token');
  await accessible(page, 'ended');
  await enter(context, again);
  await page.getByTestId('empty').waitFor({ timeout: 30000 });
  await context.close();
});

test('a wrong token is told by a page that leads back, also in German', async () => {
  for (const [locale, says, leads] of [['en-GB', 'This is not the token that is set here', 'To the live page'], ['de-DE', 'Das ist nicht das Token, das hier gilt', 'Zur Live-Seite']]) {
    const context = await browser.newContext({ locale }), page = await context.newPage();
    await page.goto(base);
    await page.locator('#token').fill('not-the-token-of-this');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: says }).waitFor();
    assert.match(await page.locator('main').innerText(), /SE-1304.*seismo access/);
    await page.getByRole('link', { name: leads }).click();
    await page.locator('#token').fill('a-token-of-some-length');
    await page.keyboard.press('Enter');
    await page.getByTestId('empty').waitFor();
    await context.close();
  }
});

test('an address that is none is a page with a way on, for those let in and for others; programs get JSON', async () => {
  const context = await browser.newContext({ locale: 'en-GB' }), page = await context.newPage();
  const outside = await page.goto(`${base}/nothing`);
  assert.equal(outside.status(), 401);
  await page.getByRole('heading', { name: 'This is only for those who have come in' }).waitFor();
  await (await enter(context, await link('access'))).close();
  assert.equal((await page.goto(`${base}/nothing`)).status(), 404);
  await page.getByRole('heading', { name: 'There is nothing at this address' }).waitFor();
  assert.match(await page.locator('main').innerText(), /SE-1301/);
  await accessible(page, 'nowhere');
  await page.getByRole('link', { name: 'To the live page' }).click();
  await page.getByTestId('empty').waitFor();
  const bearer = { authorization: 'Bearer a-token-of-some-length' };
  for (const headers of [bearer, { ...bearer, accept: 'application/json' }]) {
    const answer = await fetch(`${base}/nothing`, { headers });
    assert.equal(answer.status, 404);
    assert.equal((await answer.json()).code, 'SE-1301');
  }
  await context.close();
});
