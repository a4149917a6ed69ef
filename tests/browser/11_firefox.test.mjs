// The agent in Firefox: what Firefox can tell arrives, what it cannot tell is absent, and the page hears nothing of it.
// only: embedded
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openFirefox } from '../lib/firefox.mjs';
import { root, until as poll } from '../lib/seismo.mjs';
import { openStage } from '../lib/stage.mjs';

const body = `<h1>A page with enough text to be painted</h1>
<button id="fine">Buy</button><p id="answer"></p>
<button id="dead">Nothing</button> <button id="rage">Never</button> <button id="fails">Fails</button>
<p><a id="away" href="/next?key=journey">Next</a></p>
<script>
  fine.onclick = () => { const end = performance.now() + 60; while (performance.now() < end); answer.textContent += 'ok '; };
  fails.onclick = () => { answer.textContent += 'ouch '; throw new Error('from a click'); };
</script>`;

let stage, firefox;
before(async () => {
  const file = (name, type = 'text/javascript') => ({ text: readFileSync(join(root, 'tests/lib/harm', name), 'utf8'), headers: { 'content-type': type } });
  stage = await openStage({
    '/': { body }, '/next': { body: '<p>Next</p>', attributes: 'data-flush=600000' },
    '/world': file('world.html', 'text/html'), '/worlds.js': file('worlds.js'), '/probe.js': file('probe.js'),
  });
  firefox = await openFirefox();
});
after(async () => {
  await firefox?.close();
  stage?.close();
});

const until = (matches, what) => stage.event('journey', matches, what);

test('Firefox: a journey arrives, with what is told as the page is left', async () => {
  const tab = await firefox.open();
  await tab.go(`${stage.site}/?key=journey`);
  const load = await until((one) => one.kind === 'page', 'the load');
  for (const phase of ['duration', 'request', 'response', 'dom', 'load']) assert.ok(load[phase] >= 0, `${phase} in ${JSON.stringify(load)}`);

  await tab.click('#fine');
  await tab.click('#dead');
  const dead = await until((one) => one.kind === 'click' && one.name === 'Nothing', 'the dead click');
  for (let i = 0; i < 4; i++) await tab.click('#rage');
  await tab.click('#fails');
  const rage = await until((one) => one.name === 'Never', 'the rage clicks');
  const fails = await until((one) => one.name === 'Fails', 'the click that failed');
  const fine = await until((one) => one.name === 'Buy', 'the click');
  assert.deepEqual([fine.selector, fine.role, fine.flags], ['#fine', 'button', undefined]);
  assert.deepEqual([dead.flags, fails.flags], ['dead', 'error']);
  assert.match(rage.flags, /^rage\b/);
  assert.equal(rage.count, 4);

  await tab.run(async () => {
    await (await fetch('/api/200')).text();
    await (await fetch('/api/500')).text();
    await new Promise((resolve) => {
      const xhr = new XMLHttpRequest();
      xhr.onloadend = resolve;
      xhr.open('POST', '/api/404');
      xhr.send('x');
    });
    history.pushState({}, '', '/basket?key=journey');
    document.querySelector('#answer').textContent += 'routed';
    setTimeout(() => { throw new TypeError('uncaught'); });
    Promise.reject(new RangeError('rejected'));
  });
  for (const [url, status, initiator] of [['/api/200', 200, 'fetch'], ['/api/500', 500, 'fetch'], ['/api/404', 404, 'xhr']]) {
    const call = await until((one) => one.url === url, url);
    assert.deepEqual([call.status, call.initiator], [status, initiator]);
    assert.ok(call.duration > 0);
  }
  assert.equal((await until((one) => one.kind === 'route', 'the route')).page, '/basket');
  const uncaught = await until((one) => one.message === 'uncaught', 'the error');
  assert.deepEqual([uncaught.type, uncaught.source], ['TypeError', 'error']);
  assert.match(uncaught.stack, /:\d+:\d+/);
  assert.equal((await until((one) => one.message === 'rejected', 'the rejection')).source, 'rejection');

  /* Since Firefox 144. */
  const tellsInteractions = await tab.run(() => 'interactionId' in PerformanceEventTiming.prototype);
  const words = tab.told.map(({ text }) => text).sort();
  await tab.click('#away');
  assert.equal((await until((one) => one.name === 'Next', 'the click that leaves')).flags, undefined);
  const vital = (name) => until((one) => one.kind === 'vital' && one.name === name, name);
  await vital('TTFB');
  await vital('FCP');
  assert.ok((await vital('LCP')).target);
  if (tellsInteractions) {
    const { value, target } = await vital('INP');
    assert.ok(value >= 56, `INP ${value}`);
    assert.equal(target, '#fine');
  }

  assert.deepEqual(stage.events('journey').filter((one) => one.name === 'CLS'), []);
  /* The page's own errors and nothing else. */
  assert.deepEqual(words, ['Error: from a click', 'RangeError: rejected', 'TypeError: uncaught']);
  assert.deepEqual(tab.told.length, words.length);
});

/* Under load Firefox now and then ends a tab's process before its beacon is out, which no page can help. */
test('Firefox: the last word of a closed tab arrives', async () => {
  const keys = ['one', 'two', 'three', 'four'];
  for (const key of keys) {
    const tab = await firefox.open();
    await tab.go(`${stage.site}/next?key=${key}`);
    await tab.run(() => { window.seismo('event', 'last-word'); });
    await tab.close();
  }
  const told = (key) => stage.events(key).some((one) => one.kind === 'page') && stage.events(key).some((one) => [one.kind, one.name].includes('last-word'));
  await poll('a closed tab', () => keys.some(told), { within: 40000 });
});

test('Firefox: whatever the page does with its browser gives the same answers with the agent as without', async () => {
  const answersOf = async (query) => {
    const tab = await firefox.open();
    await tab.go(`${stage.site}/world?world=untouched${query}`);
    const answers = await tab.run(() => harm.probe());
    const told = await tab.run(() => [...harm.told].sort());
    await tab.close();
    return { answers, told };
  };
  assert.deepEqual(await answersOf('&key=world'), await answersOf(''));
});
