#!/usr/bin/env node
// only: embedded
// The disk goes bad under load: read-only, calls that fail with EIO, syncs that take long. What was acknowledged is there afterwards, what is
// refused is told by its code, and the collector goes on by itself when the disk is well again.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { badDisk, broken, fine, halfRead, rarely, readOnly, slow, unreadable, unsyncable, unwritable } from '../lib/bad_disk.mjs';
import { startLoad } from '../lib/load.mjs';
import { place, sleep, start, until } from '../lib/seismo.mjs';
import { settled } from '../lib/settled.mjs';

async function begin(t, below) {
  const where = place(), disk = badDisk(join(where.folder, below));
  const run = { where, disk, seismo: await start(where, { environment: disk.environment }) };
  run.load = startLoad(() => (run.seismo.isRunning() ? run.seismo.publicUrl : null), { perSecond: 200, backOffMs: 200 });
  t.after(async () => {
    await run.load.stop({ within: 0 });
    await run.seismo.kill();
    disk.remove();
    where.remove();
  });
  await until('beacons are accepted', () => run.load.acknowledged() > 50);
  run.restart = async (meanwhile = () => {}) => {
    await run.seismo.kill();
    run.load.newLife();
    meanwhile();
    run.seismo = await start(where, { environment: disk.environment });
  };
  return run;
}

const answers = (load, status) => load.lives.at(-1).statuses[status] ?? 0;

async function heal({ where, seismo, load, disk }) {
  const before = load.acknowledged();
  disk.set(fine);
  await until('beacons are accepted again', () => load.acknowledged() > before + 50, { within: 20000 });
  await until('ready again', async () => (await fetch(`${seismo.publicUrl}/readyz`)).status === 200, { within: 20000 });
  await load.stop();
  await settled(where, seismo, load);
  await seismo.stop();
}

// What the store reads is in its memory for as long as this takes.
const faults = [
  ['read-only', readOnly, ['', 'store']], ['no write succeeds', unwritable, ['']], ['no sync succeeds', unsyncable, ['', 'store']],
  ['no read succeeds', unreadable, ['']], ['only the beginning of each file can be read', halfRead, ['', 'bus.db']], ['nothing succeeds', broken, ['', 'store']],
];

for (const [name, orders, places] of faults)
  for (const below of places)
    test(`${name} for a while: ${below || 'everything'}`, { timeout: 90000 }, async (t) => {
      const run = await begin(t, below), { seismo, load, disk } = run;
      disk.set(orders);
      if (below !== 'store' && !orders.read) await until('beacons are refused', () => answers(load, 503) > 20, { within: 20000 });
      const lines = seismo.log().split('\n').length;
      await sleep(2000);
      assert.ok(seismo.isRunning(), seismo.log());
      assert.ok(seismo.log().split('\n').length - lines < 60, `the log is limited:\n${seismo.log().slice(-4000)}`);
      assert.match(seismo.log(), /SE-\d{4}/, 'it is said');
      await heal(run);
      assert.doesNotMatch(seismo.log(), /set aside/, 'nothing is taken for damaged');
    });

test('a call in twenty fails', { timeout: 90000 }, async (t) => {
  const run = await begin(t, '');
  run.disk.set(rarely(broken, 20));
  await sleep(5000);
  await heal(run);
});

test('killed while syncs fail', { timeout: 90000 }, async (t) => {
  const run = await begin(t, '');
  for (const orders of [unsyncable, readOnly]) {
    run.disk.set(orders);
    await sleep(1000);
    run.disk.set(fine);
    await run.restart();
    await sleep(500);
  }
  await heal(run);
});

test('a sync takes a second', { timeout: 120000 }, async (t) => {
  const run = await begin(t, ''), { seismo, load } = run;
  run.disk.set(slow(1000));
  const before = load.acknowledged();
  await sleep(8000);
  assert.ok(load.acknowledged() > before, load.summary());
  assert.equal((await fetch(`${seismo.publicUrl}/healthz`)).status, 200);
  await heal(run);
});
