// What the agent must reach, a test for each figure, in real Chromium: on the journey that tests/bench/agents goes with the agents of others
// too, with the settings that everybody has, and on pages that are left, killed or used a thousand times.
// only: embedded
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { agents, scriptOf } from '../bench/agents/agents.mjs';
import { go, html, names, secrets } from '../bench/agents/journey.mjs';
import { openCollector, openSite } from '../bench/agents/servers.mjs';
import { openBrowser } from '../lib/browser.mjs';
import { dice, secretAddress, secretText, shows } from '../lib/secrets.mjs';
import { sleep, until } from '../lib/seismo.mjs';
import { openStage } from '../lib/stage.mjs';
import { clickOften, heapOf, heapSnapshot } from '../lib/heap.mjs';

const FLUSH_MS = 10000; // the default
const WAYS = 10;
const WAIT = { within: 40000, every: 50 };

/* Left by a person: it has shifted, and a click on it was slow. The browser tells of both when it has painted them. */
const LEFT = `<div id=top></div><h1>Big words</h1><button id=slow onclick="for (const t = performance.now(); performance.now() - t < 100;);">Slow</button><script>
  var seen = { shifts: 0, clicks: 0 };
  addEventListener('pageshow', ({ persisted }) => (seen.kept = persisted));
  addEventListener('pagehide', () => (seen.kept = undefined));
  new PerformanceObserver((list) => (seen.shifts += list.getEntries().filter((one) => !one.hadRecentInput).length)).observe({ type: 'layout-shift', buffered: true });
  new PerformanceObserver((list) => (seen.clicks += list.getEntries().filter((one) => one.name === 'click').length)).observe({ type: 'event', durationThreshold: 40 });
  var shift = () => (document.querySelector('#top').style.height = (document.querySelector('#top').offsetHeight + 120) + 'px');
</script>{{tag}}`;
const EARLY = `<script>var done = 0, end = () => done++;
  fetch('/api/early-fetch').then((one) => one.text()).then(end);
  var xhr = new XMLHttpRequest(); xhr.open('POST', '/api/early-xhr'); xhr.onloadend = end; xhr.send('x');</script>`;
/* Each click makes the button anew, every other one calls. */
const WORK = `<div id=host><button>0</button></div><script>
  var clicks = 0, calls = 0;
  document.querySelector('#host').onclick = ({ currentTarget }) => {
    currentTarget.innerHTML = '<button>' + ++clicks + '</button>';
    if (clicks % 2) fetch('/api/echo?n=' + clicks).then((one) => one.text()).then(() => calls++);
  };
</script>{{tag}}`;
const page = (text) => ({ text: `<!doctype html><html lang="en"><title>Figures</title><body>${text}`, headers: { 'cache-control': 'max-age=0' } });

let stage, browser, journey;
before(async () => {
  stage = await openStage({
    '/left': { ...page(LEFT), attributes: '' }, '/away': page('away'), '/early': page(EARLY), '/kept': { ...page('{{tag}}'), attributes: 'data-flush=500' },
    '/strict': { ...page('{{tag}}'), headers: { 'content-security-policy': "img-src 'none'" } }, '/work': { ...page(WORK), attributes: 'data-flush=500' }, '/secrets': { ...page('<main></main>{{tag}}'), attributes: 'data-flush=500' },
  });
  browser = await openBrowser({ ignoreDefaultArgs: ['--disable-back-forward-cache'] });
  /* Beside the other tests: most of it is waiting. */
  journey = goJourney();
  journey.catch(() => {});
});
after(async () => {
  await browser?.close();
  stage?.close();
});

/** The journey once: what was sent, and the events in it. */
async function goJourney() {
  const script = await scriptOf('seismo');
  const collector = await openCollector(() => script);
  const site = await openSite(() => html(collector.url, `<script src="${collector.url}/agent.js" ${agents.seismo.attributes(collector.url)}></script>`));
  const beacons = () => collector.sent.filter((one) => !one.preflight).map((one) => JSON.parse(one.text.slice(one.text.indexOf('\n'))));
  const events = () => beacons().flatMap((one) => one.events);
  const context = await browser.newContext();
  try {
    const visitor = await context.newPage();
    const began = Date.now();
    await visitor.goto(`${site.url}/?token=${secrets.token}`, { waitUntil: 'load' });
    await go(visitor, 0);
    await until('the last word of the journey', () => events().some((one) => one.source === 'console'), WAIT);
    const lasted = Date.now() - began;
    await visitor.goto('about:blank');
    await until('the vitals', () => events().some((one) => one.name === 'INP'), WAIT);
    await context.close();
    return { sent: collector.sent, events: events(), lasted, text: collector.sent.map((one) => one.text).join('\n') };
  } finally {
    site.close();
    collector.close();
  }
}

/** `work` with a page of a new visitor. */
async function alone(work) {
  const context = await browser.newContext();
  try {
    return await work(await context.newPage());
  } finally {
    await context.close();
  }
}

const visit = async (visitor, path, key) => {
  await visitor.goto(`${stage.site}${path}?key=${key}`, { waitUntil: 'load' });
  if (key) await visitor.waitForFunction(() => window.seismo?.started);
};

/** A page used a thousand times: what its heap has grown by since the first two hundred, bytes, and the nodes that it keeps. */
async function workAThousandTimes(key) {
  return alone(async (visitor) => {
    const client = await visitor.context().newCDPSession(visitor);
    await visit(visitor, '/work', key);
    let done = 0;
    const work = async (times) => {
      await clickOften(visitor, client, '#host button', times);
      done += times;
      await visitor.waitForFunction((n) => clicks === n && calls === n / 2, done);
      return heapOf(client);
    };
    const kept = async () => (await heapSnapshot(client)).filter((one) => one.detached).map((one) => one.name);
    const warm = await work(200);
    const grown = (await work(800)) - warm;
    /* The last clicks are still being judged, and the browser has told of the last frame. */
    const none = () => kept().then((list) => (list.length ? undefined : list));
    return { grown, kept: await until('no node is kept', none, { within: 15000, every: 500 }).catch(kept) };
  });
}

test('calls from before the agent has loaded too', async () => {
  const calls = await alone(async (visitor) => {
    await visit(visitor, '/early', '');
    await visitor.waitForFunction(() => window.done === 2);
    await visitor.evaluate((tag) => {
      const script = Object.assign(document.createElement('script'), { src: /src="([^"]*)/.exec(tag)[1] });
      Object.assign(script.dataset, { key: 'early', flush: '500' });
      document.body.append(script);
    }, stage.tag('early'));
    for (const name of ['fetch', 'xhr']) await stage.event('early', (one) => one.url === `/api/early-${name}`);
    return stage.events('early').filter((one) => one.kind === 'api');
  });
  assert.deepEqual(calls.map((one) => [one.initiator, one.status, typeof one.request]).sort(), [['fetch', 404, 'number'], ['xhr', 404, 'number']]);
});

test('what the Content Security Policy has stopped, and what the Reporting API tells', () => alone(async (visitor) => {
  await visit(visitor, '/strict', 'strict');
  /* A synchronous call is deprecated. */
  await visitor.evaluate(() => { new Image().src = '/picture.png'; const xhr = new XMLHttpRequest(); xhr.open('GET', '/api/200', false); xhr.send(); });
  for (const source of ['csp', 'report']) await stage.event('strict', (one) => one.source === source);
}));

/* Each leaves the page as a person does. */
const LEAVING = {
  navigation: (visitor) => visitor.goto(`${stage.site}/away`),
  'tab hidden': (visitor) => visitor.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: true, configurable: true });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  }),
  'tab closed': (visitor) => Promise.all([visitor.waitForEvent('close'), visitor.close({ runBeforeUnload: true })]),
  async 'back from the back/forward cache, and away again'(visitor) {
    await visitor.goto(`${stage.site}/away`);
    await visitor.evaluate(() => history.back());
    await visitor.waitForURL('**/left?*', { waitUntil: 'commit' });
    await visitor.waitForFunction(() => window.seen?.kept !== undefined);
    /* It is for the browser to say which pages it keeps. */
    if (!await visitor.evaluate(() => seen.kept)) return false;
    await use(visitor);
    await visitor.goto(`${stage.site}/away`);
  },
};

/* For the nth time. */
async function use(visitor) {
  /* A page that is slow to tell of a shift makes more than one, also before it is left: counted is from here on. */
  const { shifts, clicks } = await visitor.evaluate(() => ({ ...seen }));
  /* What shifts within half a second of a click is the click's, and does not count. */
  await visitor.evaluate((count) => { const timer = setInterval(() => (seen.shifts <= count ? shift() : clearInterval(timer)), 100); }, shifts);
  await visitor.waitForFunction((count) => seen.shifts > count, shifts);
  await visitor.click('#slow');
  await visitor.waitForFunction((count) => seen.clicks > count, clicks);
}

describe(`INP and CLS arrive ${WAYS} times of ${WAYS}`, { concurrency: true }, () => {
  for (const [way, leave] of Object.entries(LEAVING)) test(way, () => alone(async (first) => {
    const context = first.context();
    const from = /cache/.test(way) ? 'back-forward-cache' : 'navigate';
    for (let i = 0, left = WAYS; left > 0; i++) {
      const visitor = first.isClosed() ? await context.newPage() : first;
      const key = `${way.replace(/\W/g, '')}${i}`;
      await visit(visitor, '/left', key);
      await use(visitor);
      assert.ok(i < 3 * WAYS, 'the browser hardly keeps a page');
      if (await leave(visitor) === false) continue;
      left--;
      const came = (name) => stage.event(key, (one) => one.name === name && one.navigation === from && one.value > 0, `${name} ${i}`);
      const [inp] = await Promise.all(['INP', 'CLS'].map(came));
      assert.ok(inp.value >= 90, `INP ${inp.value}`);
    }
  }));
});

test('of a renderer that is killed all but the last flush interval has arrived', () => alone(async (visitor) => {
  await visit(visitor, '/kept', 'killed');
  await visitor.evaluate(() => { let n = 0; setInterval(() => seismo('mark', `m${n++}`), 20); });
  const marks = () => stage.events('killed').filter((one) => one.kind === 'mark').sort((a, b) => a.at - b.at);
  await until('some flushes', () => marks().length > 100, WAIT);
  const client = await visitor.context().newCDPSession(visitor);
  const crashed = new Promise((resolve) => visitor.once('crash', resolve));
  const killed = Date.now();
  client.send('Page.crash').catch(() => {});
  await crashed;
  await sleep(500);
  const came = marks();
  came.forEach(({ name }, i) => assert.equal(name, `m${i}`, 'none is missing'));
  /* A flush takes half a second here; the rest is for a machine that has other things to do. */
  assert.ok(killed - came.at(-1).at < 3000, `the last that came was made ${killed - came.at(-1).at} ms before`);
}));

test('secrets: none of the journey, none of a hundred drawn by a seed', async () => {
  const { text } = await journey;
  for (const [kind, secret] of Object.entries(secrets)) assert.ok(!text.includes(secret) && !text.includes(encodeURIComponent(secret)), kind);
  const d = dice(6);
  /* The agent leaves rare signs between digits to the collector: docs/privacy.md. */
  const rare = ({ secret, text = '', address = '' }) => /\d[\s-]{1,2}$/.test(text.slice(0, text.indexOf(secret))) || /[\u2009\u2011\u2013\u202f]|(?:\d+\D+){4}\d/.test(secret) || /%E2%80/i.test(address);
  const drawn = (draw) => { for (;;) { const one = draw(d); if (!rare(one)) return one; } };
  const texts = Array.from({ length: 50 }, () => drawn(secretText));
  const addresses = Array.from({ length: 50 }, () => drawn(secretAddress));
  await alone(async (visitor) => {
    await visit(visitor, '/secrets', 'secrets');
    await visitor.evaluate(async ([words, urls]) => {
      for (const [i, text] of words.entries()) {
        const button = Object.assign(document.createElement('button'), { textContent: text, id: `b${'abcdefghij'[i % 10]}${'abcdefghij'[Math.floor(i / 10)]}` });
        document.querySelector('main').append(button);
        setTimeout(() => { throw new Error(text); });
        seismo('event', 'bought', { note: text });
      }
      for (const url of urls) {
        fetch(url).catch(() => {});
        history.pushState({}, '', new URL(url, location).pathname + new URL(url, location).search + new URL(url, location).hash);
      }
    }, [texts.map((one) => one.text), addresses.map((one) => one.address)]);
    for (const button of await visitor.locator('button').all()) await button.click({ force: true });
    await visitor.evaluate(() => seismo('event', 'end'));
    await visitor.evaluate(() => seismo('flush'));
    await stage.own('secrets', 'end');
  });
  const all = stage.events('secrets');
  assert.ok(all.filter((one) => one.kind === 'click').length >= 45, 'the clicks are there');
  const sent = JSON.stringify(all).replaceAll('[redacted]', '\0');
  for (const one of [...texts, ...addresses]) assert.equal(shows(sent, one.secret), undefined, JSON.stringify(one));
});
test('the journey: a request for each flush and one at its end, 4 kB in all, no preflight', async () => {
  const { sent, lasted } = await journey;
  const posts = sent.filter((one) => !one.preflight);
  const bytes = posts.reduce((sum, one) => sum + one.bytes, 0);
  console.log(`# ${posts.length} requests, ${bytes} bytes in ${lasted} ms`);
  /* On a machine that takes its time over the journey it is flushed once more. */
  const flushes = Math.floor(lasted / FLUSH_MS);
  assert.ok(posts.length <= 1 + flushes, `${posts.length} requests in ${lasted} ms`);
  assert.ok(bytes <= 4000 + 800 * Math.max(flushes - 1, 0), `${bytes} bytes`);
  assert.equal(sent.length, posts.length, 'no preflight');
});

test('the journey: 20 of 20 clicks and the one that fails, all flags right', async () => {
  const { events } = await journey;
  const clicks = {};
  for (const { kind, name, count = 1, flags } of events) if (kind === 'click') clicks[name] = [(clicks[name]?.[0] ?? 0) + count, flags?.replace('dead,error', 'error')];
  /* What throws and then calls may have been judged before. */
  const once = names.clicks.filter((name) => name !== 'Nothing' && name !== 'Slow');
  assert.deepEqual(clicks, { ...Object.fromEntries(once.map((name) => [name, [1, undefined]])), Nothing: [4, 'rage,dead'], Slow: [2, undefined], 'Pay for [redacted]': [1, 'error'] });
});

test('the journey: 21 of 21 calls with status and phases', async () => {
  const { events } = await journey;
  const calls = events.filter((one) => one.kind === 'api');
  const statusOf = (name) => ({ 'call-15': 500, 'call-16': 404 })[name] ?? 200;
  assert.deepEqual(calls.map((one) => [one.url.slice(5, 12), one.status]).sort(), names.calls.map((name) => [name, statusOf(name)]));
  for (const call of calls) for (const phase of ['connect', 'request', 'response']) assert.equal(typeof call[phase], 'number', `${phase} of ${call.url}`);
});

test('the journey: each route, error, rejection and word on the console', async () => {
  const { events } = await journey;
  assert.deepEqual(events.filter((one) => one.kind === 'route').map((one) => one.page), names.routes);
  const errors = events.filter((one) => one.kind === 'error').map((one) => [one.source, one.message]).sort();
  assert.deepEqual(errors, [
    ['console', 'console boom'], ['error', 'first boom for [redacted] with [redacted]'], ['error', 'second boom at /x?token=[redacted]'], ['rejection', 'rejected boom'],
  ]);
});

test('the heap after 1,000 clicks and 500 calls: flat, no node of the page is kept', async () => {
  const [without, { grown: all, kept }] = await Promise.all(['', 'work'].map(workAThousandTimes));
  const grown = all - without.grown;
  console.log(`# ${grown} bytes more than the page alone`);
  assert.deepEqual(kept, []);
  assert.ok(grown < 300_000, `${grown} bytes`);
});
