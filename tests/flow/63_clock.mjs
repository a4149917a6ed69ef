#!/usr/bin/env node
// only: embedded
// The collector's clock is wrong: an hour off at the start, set right and wrong while it works, past midnight while it is killed. Nothing is
// lost or doubled, and the times of the events follow the collector's clock as the clock correction says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lyingClock } from '../lib/clock.mjs';
import { startLoad } from '../lib/load.mjs';
import { place, sleep, start } from '../lib/seismo.mjs';
import { settled } from '../lib/settled.mjs';

const rounds = Number(process.env.SEISMO_TEST_ROUNDS ?? 3);
const hour = 3600000, day = 24 * hour;

// Runs steps(seismo, clock, load) under load; the windows of clocks that jump are flow 42's.
async function underLoad(t, firstAhead, steps) {
  const where = place(), clock = lyingClock(firstAhead);
  const run = { seismo: await start(where, { environment: clock.environment }) };
  const load = startLoad(() => (run.seismo.isRunning() ? run.seismo.publicUrl : null), { perSecond: 200 });
  t.after(async () => {
    await load.stop({ within: 0 });
    await run.seismo.kill();
    clock.remove();
    where.remove();
  });
  run.restart = async () => {
    await run.seismo.kill();
    load.newLife();
    run.seismo = await start(where, { environment: clock.environment });
  };
  await steps(run, clock);
  await load.stop();
  const { documents } = await settled(where, run.seismo, load, { rollup: false });
  await run.seismo.stop();
  return documents;
}

for (const [name, ahead] of [['an hour ahead', hour], ['an hour behind', -hour], ['a day behind', -day]])
  test(`${name} at the start`, { timeout: 60000 }, async (t) => {
    const documents = await underLoad(t, ahead, () => sleep(2000));
    const now = Date.now();
    for (const document of documents)
      assert.ok(Math.abs(Date.parse(document['@timestamp']) - ahead - now) < 60000, `${document['@timestamp']} is the collector's now`);
  });

test('jumps while it works, and a kill after each', { timeout: 90000 }, async (t) => {
  await underLoad(t, 0, async (run, clock) => {
    for (const ahead of [hour, 0, -hour, 0, 20 * 60000, 0]) {
      await sleep(1000);
      clock.set(ahead);
      await sleep(700);
      await run.restart();
    }
    await sleep(500);
  });
});

for (let round = 1; round <= rounds; round++)
  test(`killed around midnight, ${round}`, { timeout: 60000 }, async (t) => {
    const documents = await underLoad(t, Math.ceil(Date.now() / day) * day - Date.now() - 1500, async (run) => {
      await sleep(1000 + Math.random() * 1000);
      await run.restart();
      await sleep(1500);
    });
    const days = new Set(documents.map((document) => document['event.ingested'].slice(0, 10)));
    assert.equal(days.size, 2, `files of two days: ${[...days]}`);
  });
