#!/usr/bin/env node
// kill -9 under load at random moments: while it starts, while it works, while it drains after SIGTERM. Each acknowledged event is stored
// once and counted once. Rounds by SEISMO_TEST_ROUNDS.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startLoad } from '../lib/load.mjs';
import { begin, onStack, place, sleep, start } from '../lib/seismo.mjs';
import { settled } from '../lib/settled.mjs';
import { dice } from '../lib/visitors.mjs';

const rounds = Number(process.env.SEISMO_TEST_ROUNDS ?? (onStack ? 2 : 5));
const seed = Number(process.env.SEISMO_TEST_SEED ?? Date.now() % 1e9);
const roll = dice(seed);

// Where in its life it is hit.
const moments = {
  async 'while it starts'(seismo) {
    await sleep(roll() * 60);
  },
  async 'just after it was ready'(seismo) {
    await seismo.ready;
    await sleep(roll() * 30);
  },
  async 'at work'(seismo) {
    await seismo.ready;
    await sleep(200 + roll() * 1800);
  },
  async 'while it drains'(seismo) {
    await seismo.ready;
    await sleep(100 + roll() * 500);
    seismo.signal('SIGTERM');
    await sleep(roll() * 120);
  },
};

test(`${rounds} kills in each of ${Object.keys(moments).length} moments, seed ${seed}`, { timeout: 60000 + rounds * 20000 }, async (t) => {
  const where = place();
  let seismo = await start(where);
  t.after(async () => {
    await load.stop({ within: 0 });
    await seismo.kill();
    where.remove();
  });
  const load = startLoad(() => (seismo.isRunning() ? seismo.publicUrl : null), { perSecond: 250 });
  const done = Object.fromEntries(Object.keys(moments).map((moment) => [moment, 0]));
  await sleep(1000);
  await seismo.kill();
  for (let round = 0; round < rounds; round++)
    for (const moment of Object.keys(moments).sort(() => roll() - 0.5)) {
      load.newLife();
      seismo = begin(where);
      await moments[moment](seismo);
      await seismo.kill();
      done[moment]++;
    }
  load.newLife();
  seismo = await start(where);
  await sleep(500);
  await load.stop();
  assert.ok(load.acknowledged() > rounds * 50, `there was load: ${load.summary()}`);
  const { raw } = await settled(where, seismo, load);
  const slow = Object.values(raw).reduce((sum, kind) => sum + kind.slow, 0);
  console.log(`# kills ${JSON.stringify(done)}; ${slow} events came late by a retry`);
  await seismo.stop();
});
