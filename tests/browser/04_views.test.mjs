// More views of the live page: deploys as marks on every chart, what is behind one page or call, Seismo itself.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { accessible, nothingSerious, screenshots } from '../lib/axe.mjs';
import { openBrowser, reads } from '../lib/browser.mjs';
import { command, id, place, post, start, until } from '../lib/seismo.mjs';

const hostile = '<img src=x onerror="document.title=1">\u202e';
const foreign = [];
let where, seismo, browser;

const ask = async (path) => (await fetch(seismo.innerUrl + path)).json();

/* Four visitors a moment ago: what is older comes too late for its window when the machine is slow. The second half in a new release. */
async function fill() {
  const browsers = ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0'];
  for (let i = 0; i < 40; i++) {
    const at = Date.now() - 1000, slow = i % 4 === 3;
    const phases = { dns: 12, connect: 30, tls: 25, request: slow ? 900 : 120, response: 60, dom: 210, load: 40 };
    const answer = await post(seismo.publicUrl, {
      id: id('b'), service: 'shop', version: i < 20 ? '1.4.2' : hostile, environment: 'test', session: `session-of-visitor-${i % 4}`, user: { id: `user-${i % 4}` }, sent: Date.now(),
      events: [
        { kind: 'page', at, page: '/checkout', view: 'view-0001-abcd', url: 'https://shop.test/checkout', title: 'Checkout', duration: slow ? 1400 : 480 + i, ...phases },
        { kind: 'api', at: at + 100, page: '/checkout', view: 'view-0001-abcd', url: '/api/checkout', method: 'POST', status: i % 9 ? 200 : 500, duration: slow ? 1200 : 100 + 7 * i, initiator: 'fetch' },
      ],
    }, { headers: { 'user-agent': browsers[i % 2] } });
    assert.equal(answer.status, 202, JSON.stringify(answer));
  }
  const click = (name, flags, count) => ({ kind: 'click', at: Date.now() - 1000, page: '/checkout', selector: 'main > button', name, role: 'button', ...(flags && { flags }), ...(count && { count }) });
  const answer = await post(seismo.publicUrl, {
    id: id('b'), service: 'shop', version: '1.4.2', environment: 'test', session: 'session-of-visitor-2', user: { id: 'user-2' }, labels: { plan: hostile }, sent: Date.now(),
    events: [{ kind: 'event', at: Date.now() - 900, page: '/checkout', name: hostile, value: 49.9, props: { [hostile]: true, items: 3 } },
      { kind: 'mark', at: Date.now() - 900, name: 'hero shown', value: 640 }, { kind: 'measure', at: Date.now() - 900, name: 'search', duration: 81 },
      click('Pay', 'rage,dead', 5), click('Pay', 'dead'), click('Buy'), click('Buy', undefined, 3), click(hostile, 'error', 2)],
  });
  assert.equal(answer.status, 202, JSON.stringify(answer));
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

before(async () => {
  mkdirSync(screenshots, { recursive: true });
  where = place();
  seismo = await start(where, { within: 60000 });
  await fill();
  browser = await openBrowser();
  await until('all of it', async () => (await ask('/api/overview?range=30m')).totals.calls === 40 && (await ask('/api/deploys')).rows.length === 2, { within: 120000 });
});
after(async () => {
  await browser?.close();
  await seismo?.stop();
  where?.remove();
});

test('a new release is marked when it is first seen, and people mark what they like; all of it stands on the charts', async () => {
  const page = await open('/?view=deploys');
  assert.equal(await page.locator('[data-testid=deploys] tbody tr').count(), 2);
  await page.locator('[data-testid=deploys]', { hasText: '<img src=x' }).waitFor();
  assert.equal(await page.locator('#main img').count(), 0, 'hostile text stays text');
  const form = page.locator('[data-testid=mark]');
  await form.locator('input[name=name]').fill('by hand');
  await form.locator('input[name=by]').fill('Ada');
  await form.locator('button').click();
  await page.locator('[data-testid=deploys] [data-name="by hand"]', { hasText: 'marked by Ada' }).waitFor();
  const { code, stdout, stderr } = await command(where, ['mark', 'deploy', 'from the command line', '--service', 'shop']);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'marked from the command line\n');
  assert.equal((await command(where, ['mark', 'deploy'])).code, 64);
  await page.goto(`${seismo.innerUrl}/?tables=1`);
  await page.locator('[data-chart=views] table', { hasText: 'deploy from the command line' }).waitFor();
  await reads(page.locator('[data-testid=deploys-line]'), /4 deploys in the last 30 minutes/);
  await seismo.stop();
  seismo = await start(where, { within: 60000 });
  assert.equal((await ask('/api/deploys')).rows.length, 4, 'kept over a restart, and not seen again');
  assert.equal((await ask('/api/deploys?service=other')).rows.length, 1, 'what is marked without a service is of all');
  await page.context().close();
});

test('a page is told by distribution, phases, release and browser, and its slowest sessions; a row filters all', async () => {
  const page = await open('/');
  await page.locator('[data-testid=pages] [data-name="/checkout"] a').first().click();
  await page.locator('[data-testid=spread]').waitFor();
  const counts = await page.locator('.bars .bar').evaluateAll((all) => all.map((bar) => Number(bar.dataset.count)));
  assert.equal(counts.reduce((a, b) => a + b), 40, 'every load stands in one bar');
  assert.equal(counts[counts.length - 1], 10, 'the slow ones stand apart');
  assert.deepEqual(await page.locator('.fall li').evaluateAll((all) => all.map((li) => li.dataset.name)), ['dns', 'connect', 'request', 'response', 'dom', 'load']);
  await reads(page.locator('.fall [data-name=request]'), /1[12]\d ms.*9\d\d ms|1[12]\d ms.*1[12]\d ms/s);
  assert.equal(await page.locator('[data-testid=slowest] tbody tr').first().getAttribute('data-name'), 'session-of-visitor-3');
  await page.locator('[data-testid=releases]', { hasText: '<img src=x' }).waitFor();
  assert.equal(await page.locator('#main img').count(), 0, 'hostile text stays text');
  await page.locator('[data-testid=browsers] [data-name=Firefox] a').click();
  await page.waitForURL((url) => url.searchParams.get('browser') === 'Firefox');
  await page.locator('[data-testid=chosen]', { hasText: '20 events' }).waitFor();
  assert.equal(await page.locator('[data-testid=browsers] li').count(), 1);
  await page.locator('[data-testid=releases] [data-name="1.4.2"] a').click();
  await page.locator('[data-testid=chosen]', { hasText: '10 events' }).waitFor();
  const again = await open(`/${new URL(page.url()).search}`);
  await again.locator('[data-testid=chosen]', { hasText: '10 events' }).waitFor();
  await again.context().close();
  await page.locator('[data-testid=chosen] a').first().click();
  await page.locator('[data-testid=chosen]', { hasText: '20 events' }).waitFor();
  await page.keyboard.press('t');
  await page.locator('[data-testid=spread] table').waitFor();
  await page.keyboard.press('x');
  await page.waitForURL((url) => url.searchParams.get('compare') === '1');
  await page.locator('[data-testid=spread] th', { hasText: 'Before' }).waitFor();
  await page.keyboard.press('t');
  await page.locator('[data-testid=spread] .bars').waitFor();
  await page.locator('[data-testid=slowest] tbody a').first().click();
  await page.locator('[data-testid=timeline]').waitFor();
  await page.context().close();
});

test('clicks that went wrong are counted, and the elements that frustrate most named', async () => {
  const clicks = await until('its clicks', async () => {
    const answer = await ask('/api/clicks?range=30m');
    return answer.count === 12 && answer;
  }, { within: 60000 });
  assert.deepEqual([clicks.frustrated, clicks.flags, clicks.more], [8, { rage: 5, dead: 6, error: 2 }, false]);
  assert.deepEqual(clicks.rows.map(({ name, count, flags }) => [name, count, flags]), [['Pay', 6, { rage: 5, dead: 6 }], [hostile, 2, { error: 2 }]]);
  assert.equal((await ask('/api/clicks?range=30m&environment=other')).count, 0);
  const page = await open('/');
  const shown = page.locator('[data-testid=clicks]');
  await shown.locator('[data-name=Pay]', { hasText: 'rage clicks 5' }).waitFor();
  await reads(shown, /8 of 12 clicks \(67 ?%\)/);
  assert.equal(await page.locator('#main img').count(), 0, 'hostile text stays text');
  await shown.locator('[data-name=Pay] a').click();
  await page.locator('[data-testid=timeline]').waitFor();
  assert.equal(new URL(page.url()).searchParams.get('id'), 'session-of-visitor-2');
  const told = await page.locator('[data-testid=timeline] [data-kind=event]').innerText();
  const asShown = '<img src=x onerror="document.title=1">'; // what turns the direction is not shown
  for (const words of [`event\n${asShown}`, 'Worth: 49.90 · ', ': true', 'items: 3']) assert.ok(told.includes(words), `${words}: ${told}`);
  for (const [kind, name, took] of [['mark', 'hero shown', '640 ms'], ['measure', 'search', '81 ms']]) await page.locator(`[data-testid=timeline] [data-kind=${kind}]`, { hasText: name }).filter({ hasText: took }).waitFor();
  await page.locator('.about', { hasText: `plan: ${asShown}` }).waitFor();
  assert.equal(await page.locator('#main img').count(), 0, 'hostile text stays text');
  await page.screenshot({ path: `${screenshots}/timeline-kinds.png`, fullPage: true });
  await page.context().close();
});

test('business events stand on the overview and in a view of their own, by name, with how many sessions got there', async () => {
  const page = await open('/');
  const card = page.locator('[data-testid=business]');
  await card.locator('tbody tr').waitFor();
  await reads(card, /1 of \d+ sessions \(/);
  await card.locator('h2 a').click();
  await page.locator('#main[data-view=business]:not([aria-busy])').waitFor();
  const row = page.locator('[data-testid=business] tbody tr');
  assert.equal(await row.count(), 1);
  await reads(row, /<img src=x[^]*49\.90/, 'its name as it was sent, its worth');
  assert.equal(await page.locator('#main img').count(), 0, 'hostile text stays text');
  await reads(page.locator('[data-name=Conversion]'), /\d %/);
  await page.keyboard.press('x');
  await page.waitForURL(/compare=1/);
  await row.locator('.delta', { hasText: 'new' }).first().waitFor();
  await row.locator('a').click();
  await page.locator('[data-testid=timeline]').waitFor();
  assert.equal(new URL(page.url()).searchParams.get('id'), 'session-of-visitor-2');
  await page.goto(`${seismo.innerUrl}/?view=business&environment=other`);
  await page.getByText('seismo("event", "purchase"').waitFor();
  await page.context().close();
});

test('Seismo itself: what it takes in, refuses and why, is behind with, and whether its parts are well', async () => {
  const refused = await post(seismo.publicUrl, { id: id('b'), service: 'shop', session: 'session-of-nobody', sent: Date.now(), events: [] }, { key: 'no-such-key' });
  assert.ok(refused.status >= 400, 'a key that is not known is refused');
  const page = await open('/');
  await page.getByRole('link', { name: 'Seismo itself' }).click();
  await page.locator('#main[data-view=self]:not([aria-busy])').waitFor();
  assert.equal(await page.locator('h1').innerText(), 'Something needs a look', 'every part works, and yet a page uses a key that nobody knows');
  assert.ok((await page.locator('[data-testid=parts] [data-ready=true]').count()) >= 4);
  await page.locator('[data-testid=reasons] tbody tr').first().waitFor();
  await reads(page.locator('[data-testid=figures] [data-name=Memory]'), /[1-9]\d* MB/);
  await reads(page.locator('[data-testid=figures] [data-name=Series]'), /of [\d,]+ an application/);
  assert.ok((await page.locator('[data-testid=lag] tbody tr').count()) >= 1);
  await page.locator('[data-testid=rejects]').waitFor();
  await page.context().close();
});

/* Eighteen visitors of one page; six of them are in the new release, and each of those meets the error. */
async function fillErrors() {
  for (let i = 0; i < 18; i++) {
    const isNew = i % 3 === 0, at = Date.now() - 1000, of = { at, page: '/pay', view: 'view-0001-abcd' };
    const answer = await post(seismo.publicUrl, {
      id: id('b'), service: 'shop', version: isNew ? `2 ${hostile}` : '1.4.2', environment: 'test', session: `payer-of-visits-${i}`, sent: Date.now(),
      events: [{ ...of, kind: 'page', url: 'https://shop.test/pay', duration: 300 }, { ...of, kind: 'click', name: 'Pay', selector: 'button' },
        { ...of, kind: 'vital', name: 'LCP', value: isNew ? 4000 : 1000, target: isNew ? hostile : 'main > img', resource: 'https://cdn.test/pictures/hero.avif', ttfb: 200, load_delay: 100, load_time: 600, render_delay: 100 },
        ...(isNew ? [{ ...of, kind: 'error', type: 'TypeError', message: 'payment is undefined', stack: 'TypeError: payment is undefined\n    at pay (https://shop.test/app.js:1:2)' }] : [])],
    });
    assert.equal(answer.status, 202, JSON.stringify(answer));
  }
  return until('its errors', async () => {
    const found = (await ask('/api/overview?range=30m')).errors.rows.find((row) => row.message.startsWith('payment') && row.count === 6)?.code;
    const behind = found && (await ask(`/api/causes?range=30m&name=${encodeURIComponent('/pay')}`)).vitals[0];
    return behind?.count === 18 && (await ask(`/api/errors?code=${found}`)).sessions === 6 && found;
  }, { within: 120000 });
}

let code;
test('an error says with what it comes more often than all traffic does, and a page what lies behind its vitals', async () => {
  code = await fillErrors();
  const page = await open(`/?view=error&code=${code}`), shares = page.locator('[data-testid=shares]');
  const asShown = '<img src=x onerror="document.title=1">';
  await shares.locator('[data-testid=stands-out]', { hasText: asShown }).waitFor();
  await reads(shares.locator('.out'), /100 %[^]*\d+ % of all/, 'the release, and nothing but it');
  await page.keyboard.press('x');
  await shares.locator('.delta').first().waitFor();
  await page.goto(`${seismo.innerUrl}/?view=series&kind=page&name=${encodeURIComponent('/pay')}`);
  const lcp = page.locator('[data-testid=behind-LCP]');
  await lcp.locator('.fall [data-name=load_time]', { hasText: '600 ms' }).waitFor();
  assert.deepEqual(await lcp.locator('[data-testid=elements] li').evaluateAll((all) => all.map((li) => li.textContent.replace(/\s+/g, ' '))), ['main > img67 %1.00 s', `${asShown}\ufffd33 %4.00 s`]);
  await reads(lcp.locator('[data-testid=resources] li'), /^hero\.avif\s+cdn\.test/);
  assert.equal(await page.locator('#main img').count(), 0, 'hostile text stays text');
  await page.keyboard.press('x');
  await lcp.locator('h3 .delta').waitFor();
  await lcp.locator('[data-testid=elements] a').last().click();
  await page.locator('[data-testid=timeline]').waitFor();
  assert.match(new URL(page.url()).searchParams.get('id'), /^payer-of-visits-\d+$/, 'the worst of them');
  await page.context().close();
});

test('all pages, calls, errors and sessions are lists that a head sorts and a box narrows, in the address too; back leads to where one stood', async () => {
  const page = await open('/'), names = () => page.locator('[data-testid=list] tbody tr').evaluateAll((all) => all.map((row) => row.dataset.name));
  await page.locator('[data-testid=pages] h2 a').click();
  await page.locator('#main[data-view=pages]:not([aria-busy])').waitFor();
  assert.deepEqual(await names(), ['/checkout', '/pay'], 'the most frequent first');
  await page.getByRole('columnheader', { name: 'p95' }).getByRole('link').click();
  await page.getByRole('columnheader', { name: 'p95' }).and(page.locator('[aria-sort=descending]')).waitFor();
  await page.getByRole('columnheader', { name: 'p95' }).getByRole('link').click();
  await page.getByRole('columnheader', { name: 'p95' }).and(page.locator('[aria-sort=ascending]')).waitFor();
  assert.deepEqual(await names(), ['/pay', '/checkout']);
  await page.keyboard.press('x');
  await page.locator('[data-testid=list] .delta').first().waitFor();
  await page.locator('#narrow').fill('CHECK');
  await page.locator('[data-testid=list] h2', { hasText: '1 of 2 pages' }).waitFor();
  await page.goto(`${seismo.innerUrl}${new URL(page.url()).search}`);
  await page.locator('[data-testid=list] h2', { hasText: '1 of 2 pages' }).waitFor();
  assert.equal(await page.locator('#narrow').inputValue(), 'CHECK');
  await page.locator('#narrow').fill('no such page');
  await page.getByText('Nothing in the list fits.').waitFor();
  await page.goto(`${seismo.innerUrl}/?view=errors`);
  await page.locator(`[data-testid=list] [data-name="${code}"]`, { hasText: 'payment is undefined' }).waitFor();
  await page.setViewportSize({ width: 1280, height: 320 });
  await page.goto(`${seismo.innerUrl}/?view=sessions`);
  await page.locator('#main[data-view=sessions]:not([aria-busy])').waitFor();
  const all = (await names()).length;
  await page.getByRole('switch', { name: 'Only with trouble' }).click();
  await page.locator('[data-testid=list] h2', { hasText: ` of ${all} sessions` }).waitFor();
  assert.deepEqual((await names()).filter((name) => name.startsWith('payer')).length, 6, 'those who met the error');
  await page.locator('[data-testid=list] [data-name^=payer] a').last().scrollIntoViewIfNeeded();
  const stood = await page.evaluate(() => scrollY);
  assert.ok(stood > 100, `${stood}`);
  await page.locator('[data-testid=list] [data-name^=payer] a').last().click();
  await page.locator('[data-testid=timeline]').waitFor();
  assert.ok(await page.locator('[data-testid=timeline] .moment').count() > 1);
  await page.getByRole('switch', { name: 'Only what went wrong' }).click();
  await page.locator('[data-testid=timeline] [data-kind=page]').waitFor({ state: 'detached' });
  assert.equal(await page.locator('[data-testid=timeline] .moment').count(), 1);
  await page.goBack();
  await page.goBack();
  await page.waitForFunction((y) => Math.abs(scrollY - y) < 3, stood);
  await reads(page.getByTestId('zone'), /^Times are those of \S/);
  await page.context().close();
});

const checkout = encodeURIComponent('/checkout'), call = encodeURIComponent('POST /api/checkout');
const shown = () => ({ overview: '/', 'page-compared': `/?view=series&kind=page&name=${checkout}&compare=1`, page: `/?view=series&kind=page&name=${encodeURIComponent('/pay')}`, error: `/?view=error&code=${code}&compare=1`, call: `/?view=series&kind=api&name=${call}&browser=Firefox`, deploys: '/?view=deploys', business: '/?view=business', apis: '/?view=apis&sort=p99', sessions: '/?view=sessions', self: '/?view=self',
  'page-german': `/?view=series&kind=page&name=${checkout}&lang=de`, 'deploys-german': '/?view=deploys&lang=de', 'self-german': '/?view=self&lang=de' });
for (const colorScheme of ['light', 'dark'])
  test(`axe finds nothing serious, ${colorScheme}, wide and at 320 px; nothing scrolls sideways`, async () => {
    for (const [name, path] of Object.entries(shown())) {
      const page = await open(path, { colorScheme });
      await accessible(page, `${name}-${colorScheme}`);
      await page.context().close();
    }
  });

test('who is not known yet reads the locked page, the link\'s page and its refusal in the browser\'s language', async () => {
  const closed = place({ environment: { SEISMO_INNER_TOKEN: 'a-token-of-some-length' } });
  const locked = await start(closed, { within: 60000 });
  try {
    for (const [locale, words] of [['de-AT', { who: 'Wer sind Sie?', open: 'Öffnen', spent: 'Dieser Link öffnet die Seite nicht' }], ['en-GB', { who: 'Who are you?', open: 'Open', spent: 'This link does not open the page' }]]) {
      const context = await browser.newContext({ locale, viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' }), page = await context.newPage();
      page.setDefaultTimeout(60000);
      await page.goto(locked.innerUrl);
      await page.getByRole('heading', { name: words.who }).waitFor();
      const link = `${locked.innerUrl}${/\/enter\?once=[0-9a-f]+/.exec((await command(closed, ['access'])).stdout)[0]}`; // its port is not a configured one
      await page.goto(link);
      assert.equal(await page.locator('html').getAttribute('lang'), locale.slice(0, 2));
      await accessible(page, `enter-${locale}`);
      await page.getByRole('button', { name: words.open, exact: true }).click();
      await page.locator('[data-testid=empty]').waitFor();
      await page.goto(link);
      await page.getByRole('button', { name: words.open, exact: true }).click();
      await page.getByRole('heading', { name: words.spent }).waitFor();
      await reads(page.locator('main'), /SE-1306/);
      await nothingSerious(page, `refused ${locale}`);
      await context.close();
    }
  } finally {
    await locked.stop();
    closed.remove();
  }
});

test('nothing is asked of another host', () => assert.deepEqual(foreign, []));
