#!/usr/bin/env node
// only: embedded
// The wall clock leaps an hour ahead, then an hour back, and is soon set right each time, under load. No window closes early or is
// dropped, none holds an event twice, and every event that was received by the right clock is counted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lyingClock } from '../lib/clock.mjs';
import { countDocuments, countWindows, windows } from '../lib/equal.mjs';
import { beacon, exported, metric, place, post, sleep, start, until } from '../lib/seismo.mjs';

const hour = 3600000;

test('windows of a clock that leaps', { timeout: 120000 }, async (t) => {
  const clock = lyingClock(0);
  const where = place({ environment: { ...clock.environment, SEISMO_ROLLUP_CLOSE_WAIT_MS: '60s' } }); // believed after a third of it
  const seismo = await start(where);
  let going = true, events = 0;
  t.after(async () => {
    going = false;
    await seismo.kill();
    clock.remove();
    where.remove();
  });
  const load = Promise.all(Array.from({ length: 4 }, async () => {
    while (going) {
      const next = beacon({ sent: Date.now() + clock.ahead() }, 3);
      for (const event of next.events) event.at += clock.ahead();
      let answer = null; // a connection may go when the clock leaps: sent again, as the agent does
      for (let tries = 0; !answer && tries < 20; tries++) answer = await post(seismo.publicUrl, next).catch(() => sleep(50));
      assert.equal(answer?.status, 202, answer?.text);
      events += next.events.length;
      await sleep(40);
    }
  }));
  const passes = (ms) => Promise.race([sleep(ms), load.then(() => assert.fail('the load has ended'))]);
  await passes(3000);
  for (const ahead of [hour, -hour]) {
    clock.set(ahead);
    await passes(5000);
    clock.set(0);
    await passes(3000);
  }
  going = false;
  await load;
  const near = (counts) => new Map([...counts].filter(([key]) => Math.abs(Number(key.split(' ')[2]) - Date.now()) < hour / 2));
  const sum = (counts) => [...counts.values()].reduce((all, n) => all + n, 0);
  let raw = new Map(), rolled = new Map();
  const say = () => `${JSON.stringify([[...raw], [...rolled]])}\n${seismo.log()}`;
  await until('what the right clock has seen is counted', async () => {
    const documents = await exported(where);
    raw = countDocuments(documents);
    rolled = countWindows(await windows(where));
    return documents.length === events && sum(near(rolled)) >= sum(near(raw));
  }, { within: 90000, every: 1000 }).catch((error) => assert.fail(`${error.message.slice(0, 200)}\n${say()}`));
  const late = await metric(seismo.innerUrl, 'seismo_rollup_late_total');
  console.log(`# ${events} events, ${sum(near(raw))} by the right clock, ${sum(near(rolled))} of them counted, ${late} late, ${sum(rolled)} counted in all`);
  assert.deepEqual([...near(rolled)].sort(), [...near(raw)].sort(), `minute by minute\n${say()}`);
  for (const [key, n] of rolled) assert.ok(n <= (raw.get(key) ?? 0), `${key}: ${n} counted, ${raw.get(key) ?? 0} stored`);
});
