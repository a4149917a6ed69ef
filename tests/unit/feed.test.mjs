// When the live page asks again. What stands around it in a browser is made of a few lines here; the clock is the real one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from 'esbuild';

const { outputFiles } = await build({ entryPoints: [new URL('../../collector/live/page/src/lib/feed.ts', import.meta.url).pathname], bundle: true, write: false, format: 'esm' });
const waits = [];
globalThis.window = { setTimeout: (then, ms) => (waits.push(ms), setTimeout(then, ms)), setInterval: (...all) => setInterval(...all).unref() };
globalThis.document = { hidden: false, addEventListener() {} };
globalThis.EventSource = class { addEventListener() {} close() {} };
const { startFeed } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test('a view that is chosen while an answer is on its way is asked for next', async () => {
  let asked = 0, answer;
  const feed = startFeed(() => new Promise((resolve) => { asked++; answer = () => resolve(true); }), () => {});
  assert.equal(asked, 1);
  feed.now();
  assert.equal(asked, 1, 'never two at a time');
  await sleep(30);
  answer();
  for (let i = 0; i < 300 && asked < 2; i++) await sleep(10);
  assert.equal(asked, 2);
  assert.ok(waits.every((ms) => ms < 60000), `it would have waited ${waits} ms`); // past 2^31 a browser takes any other number
  answer();
});
