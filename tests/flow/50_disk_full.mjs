#!/usr/bin/env node
// only: embedded
// The disk is full under load: first all of it, then only the store's. The test runs itself in a mount namespace of its own, on small tmpfs.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startLoad } from '../lib/load.mjs';
import { beacon, metric, place, post, sleep, start, until } from '../lib/seismo.mjs';
import { settled } from '../lib/settled.mjs';

if (!process.env.SEISMO_TEST_MOUNTS) {
  const namespaces = process.getuid() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
  const run = spawnSync('unshare', [...namespaces, process.execPath, fileURLToPath(import.meta.url)], { stdio: 'inherit', env: { ...process.env, SEISMO_TEST_MOUNTS: 'yes' } });
  if (run.error) console.error(`unshare: ${run.error.message}`);
  process.exit(run.status ?? 1);
}

const mount = (...args) => execFileSync('mount', args);
const small = (path, size) => mount('-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', path);
const grow = (path, size) => mount('-o', `remount,size=${size}`, path);

async function begin(t, size, which) {
  const where = place();
  const path = which === 'all' ? where.folder : `${where.folder}/store`;
  mkdirSync(path, { recursive: true });
  small(path, size);
  const seismo = await start(where);
  const load = startLoad(() => seismo.publicUrl, { perSecond: 300, connections: 16, backOffMs: 200 });
  t.after(async () => {
    await load.stop({ within: 0 });
    await seismo.kill();
    spawnSync('umount', ['-l', path]);
    where.remove();
  });
  return { where, seismo, load, path };
}

// A refusal with its headers. Room may have come meanwhile: then the beacon goes into the ledger with the others.
async function refusal(seismo, load) {
  const sent = beacon({}, 1);
  const answer = await post(seismo.publicUrl, sent);
  if (answer.status === 503) return answer;
  assert.equal(answer.status, 202, answer.text);
  load.entries.set(sent.id, { id: sent.id, beacon: sent, wrong: new Set(), state: 'acknowledged', accepted: 1, answers: [202], copies: 1 });
  const life = load.lives.at(-1);
  life.beacons++;
  life.events++;
  return null;
}

const answers = (load, status) => load.lives.at(-1).statuses[status] ?? 0;

test('no room at all: refused with 503, nothing acknowledged is lost, and it goes on by itself', { timeout: 100000 }, async (t) => {
  const { where, seismo, load, path } = await begin(t, '6m', 'all');
  await until('beacons are refused', () => answers(load, 503) > 20, { within: 40000 });
  const answer = await until('503', () => refusal(seismo, load), { within: 20000 });
  assert.ok(Number(answer.headers.get('retry-after')) >= 1, 'Retry-After');
  assert.match(answer.json.code, /^SE-\d{4}$/);
  await until('readiness says so', async () => (await fetch(`${seismo.publicUrl}/readyz`)).status === 503, { within: 10000 });
  assert.equal((await fetch(`${seismo.publicUrl}/healthz`)).status, 200, 'alive all the same');
  const linesBefore = seismo.log().split('\n').length;
  await sleep(3000);
  assert.ok(seismo.log().split('\n').length - linesBefore < 60, `the log is limited:\n${seismo.log().slice(-4000)}`);
  assert.ok(load.acknowledged() > 50, load.summary());
  grow(path, '512m');
  await until('ready again', async () => (await fetch(`${seismo.publicUrl}/readyz`)).status === 200, { within: 30000 });
  const before = load.acknowledged();
  await until('beacons are accepted again', () => load.acknowledged() > before + 50, { within: 30000 });
  await load.stop();
  await settled(where, seismo, load);
  assert.doesNotMatch(seismo.log(), /SE-3202/, 'nothing is damaged');
  await seismo.stop();
});

test('no room for the store: the bus holds, and it is stored when there is', { timeout: 100000 }, async (t) => {
  const { where, seismo, load, path } = await begin(t, '3m', 'store');
  await until('the store is full', () => /store SE-2003|store SE-3102/.test(seismo.log()), { within: 40000 });
  const before = load.acknowledged();
  await until('beacons are acknowledged all the same', () => load.acknowledged() > before + 100, { within: 20000 });
  await until('they wait on the bus', async () => (await metric(seismo.innerUrl, 'seismo_bus_lag', 'index')) > 0, { within: 10000 });
  assert.equal((await fetch(`${seismo.publicUrl}/readyz`)).status, 200, 'ready for beacons');
  grow(path, '512m');
  await load.stop();
  await settled(where, seismo, load);
  assert.doesNotMatch(seismo.log(), /SE-3202/, 'nothing is damaged');
  await seismo.stop();
});
