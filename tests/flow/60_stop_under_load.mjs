#!/usr/bin/env node
// SIGTERM under load: who is connected is told by "Connection: close", later ones are refused, nothing acknowledged is lost, and the
// collector has ended by itself. Then once more with SIGTERM twice.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startLoad } from '../lib/load.mjs';
import { metric, onStack, place, sleep, start, until } from '../lib/seismo.mjs';
import { settled } from '../lib/settled.mjs';

const rounds = Number(process.env.SEISMO_TEST_ROUNDS ?? (onStack ? 2 : 4));

test(`${rounds} stops under load`, { timeout: 60000 + rounds * 40000 }, async (t) => {
  const where = place({ environment: { SEISMO_DRAIN_GRACE_MS: '500' } });
  let seismo = await start(where), stopping = false, told = 0;
  const load = startLoad(() => (seismo.isRunning() ? seismo.publicUrl : null), {
    perSecond: 300,
    answered: (answer) => {
      if (stopping && answer.status === 202 && answer.headers.connection === 'close') told++;
    },
  });
  t.after(async () => {
    await load.stop({ within: 0 });
    await seismo.kill();
    where.remove();
  });
  for (let round = 0; round < rounds; round++) {
    await sleep(700 + Math.random() * 500);
    const before = told, url = seismo.publicUrl;
    stopping = true;
    seismo.signal('SIGTERM');
    await until('not ready any more', async () => (await fetch(`${url}/readyz`).catch(() => ({ status: 503 }))).status === 503);
    if (round % 2) seismo.signal('SIGTERM');
    await until('it ends by itself', () => !seismo.isRunning(), { within: 30000 });
    assert.deepEqual(await seismo.end, { code: 0, signal: null }, seismo.log());
    await assert.rejects(fetch(`${url}/healthz`), 'later ones are refused');
    stopping = false;
    assert.ok(told > before, `answers after SIGTERM say that the connection ends\n${load.summary()}`);
    load.newLife();
    seismo = await start(where);
  }
  await sleep(500);
  await load.stop();
  const refused = load.lives.reduce((sum, life) => sum + (life.statuses[503] ?? 0), 0);
  console.log(`# ${told} answers told of the end, ${refused} were 503`);
  await settled(where, seismo, load);
  assert.equal(await metric(seismo.innerUrl, 'seismo_bus_lost_total'), 0);
  await seismo.stop();
});
