#!/usr/bin/env node
// only: embedded
// The bus is full of records that nobody has read: beacons hear 503 with Retry-After and readiness is bad, nothing acknowledged is lost.
// Once readers run again they catch up, although they have to write into the full bus, and beacons are taken again.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startLoad } from '../lib/load.mjs';
import { place, sleep, start, until } from '../lib/seismo.mjs';
import { settled } from '../lib/settled.mjs';
import { crowd } from '../lib/visitors.mjs';

const mebi = 1024 * 1024;

// Beacons of about 20 kB, so that the smallest bus there can be is full within seconds.
function heavyCrowd() {
  const visitors = crowd({ most: 10 });
  return { ...visitors, next: () => {
    const one = visitors.next();
    if (one.beacon.events[0]) one.beacon.events[0] = { ...one.beacon.events[0], ballast: Array.from({ length: 2000 }, () => visitors.roll().toString(36).slice(2, 12)).join(' ') };
    return one;
  } };
}

test('full, and empty again', { timeout: 150000 }, async (t) => {
  const where = place({ environment: { SEISMO_BUS_MAX_FILE_BYTES: '16MiB', SEISMO_BUS_RETENTION_MS: '1h' } });
  let seismo = await start(where, { args: ['--roles', 'ingest'] });
  const load = startLoad(() => (seismo.isRunning() ? seismo.publicUrl : null), { perSecond: 80, source: heavyCrowd() });
  t.after(async () => {
    await load.stop({ within: 0 });
    await seismo.kill();
    where.remove();
  });
  await until('beacons are refused', () => (load.lives.at(-1).statuses[503] ?? 0) > 20, { within: 60000 }).catch((error) => assert.fail(`${error.message}\n${load.summary()}\n${seismo.log()}`));
  assert.equal((await fetch(`${seismo.publicUrl}/readyz`)).status, 503, 'not ready');
  assert.equal((await fetch(`${seismo.publicUrl}/healthz`)).status, 200, 'and alive');
  const bytes = ['bus.db', 'bus.db-wal'].reduce((sum, name) => sum + (statSync(join(where.folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
  assert.ok(bytes < 20 * mebi, `${bytes} bytes on disk`);
  console.log(`# full with ${load.acknowledged()} beacons, ${(bytes / mebi).toFixed(1)} MiB on disk`);

  await seismo.kill();
  load.newLife();
  seismo = await start(where);
  const began = Date.now();
  await until('the first is taken again', () => load.lives.at(-1).statuses[202], { within: 60000 });
  console.log(`# taken again ${Date.now() - began} ms after the start`);
  await until('beacons are taken again', () => (load.lives.at(-1).statuses[202] ?? 0) > 300, { within: 60000 }).catch((error) => assert.fail(`${error.message}\n${load.summary()}\n${seismo.log()}`));
  await until('ready', async () => (await fetch(`${seismo.publicUrl}/readyz`)).status === 200, { within: 20000 });
  await sleep(500);
  await load.stop();
  await settled(where, seismo, load);
  await seismo.stop();
});
