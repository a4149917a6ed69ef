// A card number and an e-mail address go wherever a page can let them slip: typed into fields, in addresses of pages and calls, in
// messages of errors, in names of buttons, in the title, in events of the page's own. They must be nowhere: not in what leaves the
// browser, and, sent past the agent straight to the collector, not in the store, the bus, the log, the API or the page.
// A harmless word goes the same ways and must be found wherever they are looked for, so that looking proves something.
import { gunzipSync } from 'node:zlib';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openBrowser, openShop } from '../lib/browser.mjs';
import { beacon, exported, onStack, place, post, start, until } from '../lib/seismo.mjs';

const control = 'marzipankartoffel';
const mail = 'c.anary+visitor@mail-of-canaries.example';
const cards = ['5555 5555 5555 4444', '5555555555554444', '5555-5555-5555-4444', '5555\u00a05555\u00a05555\u00a04444'];

// As they may be written down: as they are, escaped for addresses, in base64 at each of three offsets, without their signs.
function spellings() {
  const plain = [mail, 'mail-of-canaries', '5555555555554444', ...cards];
  const base64 = (text) => [0, 1, 2].map((pad) => Buffer.from('x'.repeat(pad) + text).toString('base64').slice(pad ? 4 : 0, -4)).filter((part) => part.length > 12);
  return [...new Set([...plain, ...plain.map(encodeURIComponent), ...plain.map((text) => encodeURIComponent(text).replaceAll('%20', '+')), ...base64(mail), ...base64('5555555555554444')])];
}
const canaries = spellings().map((text) => text.toLowerCase());
const slips = (text) => canaries.filter((canary) => text.toLowerCase().includes(canary));
function assertClean(text, where) {
  const found = slips(text);
  const at = found.length ? text.toLowerCase().indexOf(found[0]) : 0;
  assert.deepEqual(found, [], `${where}: …${text.slice(Math.max(0, at - 120), at + 80)}…`);
}

/** What was sent, as a text: the agent packs what is long. */
const unpacked = (body) => (body?.[0] === 0x1f ? gunzipSync(body) : body ?? '').toString();

let where, seismo, shop, browser, page;
const sent = [];

before(async () => {
  where = place({ applications: [{ name: 'shop', keys: ['demo'], services: ['shop'], origins: ['*'], server_clients: true }], environment: { SEISMO_LOG_LEVEL: 'debug' } });
  seismo = await start(where);
  shop = await openShop(seismo.publicUrl, seismo.innerUrl);
  browser = await openBrowser();
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.on('request', (request) => {
    if (request.url().startsWith(seismo.publicUrl)) sent.push(`${request.url()}\n${unpacked(request.postDataBuffer())}`);
  });
});
after(async () => {
  await browser?.close();
  await shop?.stop();
  await seismo?.stop();
  where?.remove();
});

const errorOf = async (mark) => (await exported(where)).find((document) => document['event.action'] === 'error' && document['error.message']?.includes(mark));
const arrives = (mark) => until(`the error with ${mark}`, () => errorOf(mark), { within: 30000, every: 300 });

test('nothing typed, named, thrown or addressed leaves the browser', async () => {
  await page.goto(`${shop.url}/checkout`);
  await page.locator('input[name=mail]').fill(mail);
  await page.locator('input[name=card]').pressSequentially(cards[0]);
  await page.locator('input[name=card]').click();
  await page.locator('#checkout').click();
  for (const card of cards)
    await page.evaluate(async ([secret, address, word]) => {
      const q = encodeURIComponent;
      document.title = `${word}: ${secret} of ${address}`;
      history.pushState({}, '', `/account/${q(address)}?mail=${q(address)}&card=${q(secret)}#/${q(secret)}?mail=${q(address)}`);
      await fetch(`/api/${word}/${q(address)}/${q(secret)}?mail=${address}&card=${secret}`, { method: 'POST', body: secret }).catch(() => {});
      const xhr = new XMLHttpRequest();
      xhr.open('GET', `/api/by-card/${secret}/${address}`);
      xhr.send();
      for (const text of [`${word} ${secret}`, `${word} for ${address}`, `${'long '.repeat(23)}${secret} ${address}`]) {
        const button = document.createElement('button');
        button.textContent = text;
        document.body.append(button);
        button.click();
        button.setAttribute('aria-label', text);
        button.click();
        button.remove();
      }
      setTimeout(() => { throw new Error(`${word}: card ${secret} of ${address} refused`); });
      Promise.reject(new TypeError(`${word} {"card":"${secret}","mail":"${address}"}`));
      console.error(word, secret, address);
      window.seismo?.('event', 'order', { note: `${word} ${secret}`, to: address });
    }, [card, mail, control]);
  await arrives(control);
  await page.close({ runBeforeUnload: true });
  const all = sent.join('\n');
  assert.ok(all.includes(control), 'the harmless word was sent');
  assertClean(all, 'what the browser sent');
});

test('what is sent past the agent is taken out before anything is written', async () => {
  const events = cards.map((card) => ({
    kind: 'error', at: Date.now() - 50, page: `/account/${encodeURIComponent(mail)}`, message: `second ${control}: card ${card} of ${mail}`, type: 'Error',
    stack: `Error: ${card}\n    at pay (https://shop.test/app.js?mail=${encodeURIComponent(mail)}&card=${encodeURIComponent(card)}:1:2)`, source: 'error',
  }));
  const clicks = cards.map((card) => ({ kind: 'click', at: Date.now() - 40, page: '/cart', selector: '#pay', name: `Pay with ${card} as ${mail}` }));
  const answer = await post(seismo.publicUrl, beacon({ events: [...events, ...clicks] }), { headers: { referer: `https://shop.test/${encodeURIComponent(mail)}` } });
  assert.equal(answer.status, 202);
  await arrives(`second ${control}`);
});

test('neither the answers nor the page show them', async () => {
  const text = JSON.stringify(await exported(where));
  assert.ok(text.includes(control));
  assertClean(text, 'seismo export');
  const error = await errorOf(`second ${control}`);
  for (const path of ['overview', 'errors', 'sessions', 'clicks', 'rejects', 'status', `session?id=${error['session.id']}`, `find?q=${control}`])
    assertClean(await (await fetch(`${seismo.innerUrl}/api/${path}`)).text(), `/api/${path}`);
  const live = await browser.newPage();
  await live.goto(`${seismo.innerUrl}/?session=${error['session.id']}`);
  await live.getByText(new RegExp(`second ${control}`)).first().waitFor({ timeout: 30000 });
  assertClean(await live.content(), 'the page of the session');
  await live.close();
});

test('neither the log nor a file of the store or the bus holds them', async () => {
  assertClean(seismo.log(), 'the log');
  const files = readdirSync(where.folder, { recursive: true }).map((name) => join(where.folder, name)).filter((path) => statSync(path).isFile());
  const contents = files.map((path) => [path, readFileSync(path).toString('latin1')]);
  for (const [path, text] of contents) assertClean(text, path);
  if (onStack) return; // Kafka and Elasticsearch keep it elsewhere; what Elasticsearch has was exported
  for (const kind of [/events-.*\.db/, /bus\.db/])
    assert.ok(contents.some(([path, text]) => kind.test(path) && text.includes(control)), `the harmless word is found in ${kind}, so the others would be`);
});
