#!/usr/bin/env node
// only: embedded
// A network that delays, cuts requests and answers in the middle, and leaves connections open and silent. Repeats that come of it are
// stored and counted once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wire } from '../fakes/wire.mjs';
import { startLoad } from '../lib/load.mjs';
import { metric, place, sleep, start, until } from '../lib/seismo.mjs';
import { settled } from '../lib/settled.mjs';
import { dice } from '../lib/visitors.mjs';

const seconds = Number(process.env.SEISMO_TEST_SECONDS ?? 10);
const seed = Number(process.env.SEISMO_TEST_SEED ?? Date.now() % 1e9);

test(`${seconds} s of a bad network, seed ${seed}`, { timeout: 90000 + seconds * 1000 }, async (t) => {
  const where = place();
  const seismo = await start(where);
  const between = await wire(() => seismo.publicUrl, dice(seed), { delayMs: 120, cutRequest: 0.3, cutAnswer: 0.3, silent: 0.1 });
  const load = startLoad(() => between.url, { perSecond: 250, connections: 24, timeoutMs: 1500, seed });
  t.after(async () => {
    await load.stop({ within: 0 });
    await between.close();
    await seismo.kill();
    where.remove();
  });
  await sleep(seconds * 1000);
  between.heal();
  between.cutAll();
  await load.stop();
  console.log(`# ${JSON.stringify(between.counts)}`);
  for (const kind of ['cutRequest', 'cutAnswer', 'silent', 'reset']) assert.ok(between.counts[kind] > 2, `${kind} happened: ${JSON.stringify(between.counts)}`);
  await settled(where, seismo, load);
  assert.ok((await metric(seismo.innerUrl, 'seismo_rollup_repeats_total')) > 0, 'there were repeats');
  await between.close();
  await until('connections are closed', async () => (await metric(seismo.innerUrl, 'seismo_connections', 'listener="public"')) === 0, { within: 40000 });
  await seismo.stop();
});
