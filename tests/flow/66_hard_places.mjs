#!/usr/bin/env node
// only: embedded
// Places in which an operator can put a collector: stopped and continued, its folder gone, taken twice or read-only, no file left to open.
// What is acknowledged stays true, and what is not possible is said.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { startLoad } from '../lib/load.mjs';
import { beacon, begin, exported, place, post, sleep, start, until } from '../lib/seismo.mjs';
import { settled } from '../lib/settled.mjs';

async function collector(t, options) {
  const where = place(), seismo = await start(where, options);
  t.after(async () => {
    await seismo.kill();
    where.remove();
  });
  return { where, seismo };
}

test('SIGSTOP for six seconds, then SIGCONT', { timeout: 60000 }, async (t) => {
  const { where, seismo } = await collector(t);
  const load = startLoad(() => seismo.publicUrl, { perSecond: 150, timeoutMs: 2500 });
  t.after(() => load.stop({ within: 0 }));
  await sleep(1500);
  seismo.signal('SIGSTOP');
  await sleep(6000);
  seismo.signal('SIGCONT');
  await sleep(1500);
  await load.stop();
  await settled(where, seismo, load);
  await seismo.stop();
});

test('what a newer release wrote waits for it with all that follows, and /readyz says why', { timeout: 60000 }, async (t) => {
  const where = place(), events = async () => (await exported(where)).length;
  t.after(() => where.remove());
  const before = await start(where);
  assert.equal((await post(before.publicUrl, beacon())).status, 202);
  await until('stored', async () => (await events()) === 3);
  await before.stop();
  const bus = (sql) => execFileSync('sqlite3', [join(where.folder, 'bus.db'), sql], { encoding: 'utf8' }).trim();
  const [table] = bus("SELECT name FROM sqlite_master WHERE name LIKE 'events%'").split('\n').filter((name) => Number(bus(`SELECT count(*) FROM "${name}"`)));
  bus(`INSERT INTO "${table}" SELECT position + 1, published_ms, bytes, CAST(substr(value, 1, 2) || x'63' || substr(value, 4) AS BLOB) FROM "${table}" ORDER BY position DESC LIMIT 1`);

  const older = await start(where);
  t.after(() => older.kill());
  const told = await until('it says so', async () => {
    const answer = await fetch(`${older.innerUrl}/readyz`), parts = (await answer.json()).parts;
    return answer.status === 503 && !parts.index.ready && !parts.rollup.ready && parts;
  });
  assert.match(`${told.index.reason} ${told.rollup.reason}`, /newer release.*SE-3201.*SE-3201/);
  assert.equal((await fetch(`${older.publicUrl}/readyz`)).status, 200, 'what comes in is still kept');
  assert.equal((await post(older.publicUrl, beacon())).status, 202);
  await sleep(1500);
  assert.equal(await events(), 3, 'nothing is stepped over');
  await older.stop();

  bus(`UPDATE "${table}" SET value = CAST(substr(value, 1, 2) || x'01' || substr(value, 4) AS BLOB) WHERE substr(value, 3, 1) = x'63'`); // as if it could be read
  const newer = await start(where);
  t.after(() => newer.kill());
  await until('all of it', async () => (await events()) === 6, { within: 15000 });
  await newer.stop();
});

test('the data folder is removed: no beacon is acknowledged into nowhere', { timeout: 60000 }, async (t) => {
  const { where, seismo } = await collector(t);
  assert.equal((await post(seismo.publicUrl, beacon())).status, 202);
  rmSync(where.folder, { recursive: true });
  const answer = await post(seismo.publicUrl, beacon());
  assert.equal(answer.status, 503, answer.text);
  assert.ok(answer.headers.get('retry-after'));
  assert.equal((await fetch(`${seismo.publicUrl}/readyz`)).status, 503);
  assert.match(seismo.log(), /bus\.db was removed/);
  await seismo.stop();
  const again = await start(where);
  t.after(() => again.kill());
  const one = beacon();
  assert.equal((await post(again.publicUrl, one)).status, 202);
  await until('it begins anew', async () => (await exported(where)).length === one.events.length, { within: 15000 });
  await again.stop();
});

test('the store\'s folder is removed: what comes then is stored', { timeout: 60000 }, async (t) => {
  const { where, seismo } = await collector(t);
  assert.equal((await post(seismo.publicUrl, beacon())).status, 202);
  await until('stored', async () => (await exported(where)).length === 3);
  rmSync(join(where.folder, 'store'), { recursive: true });
  const load = startLoad(() => seismo.publicUrl, { perSecond: 100 });
  t.after(() => load.stop({ within: 0 }));
  await sleep(2000);
  await load.stop();
  await settled(where, seismo, load, { metrics: false, rollup: false });
  await seismo.stop();
});

test('a second collector on the same folder does not start, the first goes on', { timeout: 30000 }, async (t) => {
  const { where, seismo } = await collector(t);
  const second = begin(where);
  await assert.rejects(second.ready, /SE-3001.*another process has it open/s);
  assert.equal((await second.end).code, 1);
  assert.equal((await post(seismo.publicUrl, beacon())).status, 202);
  await seismo.stop();
});

test('a folder of somebody else: who owns it and what to type is said, and nothing is begun', { timeout: 60000 }, async (t) => {
  const top = mkdtempSync('/tmp/seismo-owner.'), asRoot = process.getuid() === 0;
  t.after(() => rmSync(top, { recursive: true }));
  // Root without its rights is a user as any other; who is not root has closed folders of its own.
  const prefix = asRoot ? ['setpriv', '--bounding-set=-all'] : [];
  const closed = join(top, 'closed'), mixed = join(top, 'mixed'), database = join(mixed, 'bus.db');
  for (const folder of [closed, mixed]) mkdirSync(folder);
  writeFileSync(database, '', { mode: 0o000 });
  chmodSync(closed, 0o500);
  if (asRoot) for (const path of [closed, database]) chownSync(path, 65534, 65534);
  const refused = async (folder, where, remedy) => {
    const seismo = begin({ environment: { SEISMO_DATA_DIR: folder } }, { prefix });
    await assert.rejects(seismo.ready);
    assert.equal((await seismo.end).code, 78, seismo.log());
    const us = `${process.getuid()}:${process.getgid()}`;
    assert.match(seismo.log(), new RegExp(`SE-4010 .*data_dir: ${where} belongs to \\d+:\\d+, and this runs as ${us}: ${remedy} ${folder}\n`));
  };
  const [user, group] = [process.getuid(), process.getgid()];
  await refused(closed, closed, `chown -R ${user}:${group}`);
  await refused(join(closed, 'a', 'b'), closed, `install -d -o ${user} -g ${group}`);
  await refused(mixed, database, `chown -R ${user}:${group}`);
});

test('64 files, and a hundred connections that do nothing', { timeout: 60000 }, async (t) => {
  const { where, seismo } = await collector(t, { prefix: ['prlimit', '--nofile=64'] });
  const idle = Array.from({ length: 100 }, () => net.connect(new URL(seismo.publicUrl).port, '127.0.0.1').on('error', () => {}));
  await until('that it is full is said', () => seismo.log().includes('SE-4004'), { within: 10000 });
  await sleep(1000);
  assert.ok(seismo.log().split('SE-4004').length < 20, 'and not said without end');
  for (const socket of idle) socket.destroy();
  const load = startLoad(() => seismo.publicUrl, { perSecond: 150, connections: 12 });
  t.after(() => load.stop({ within: 0 }));
  await sleep(2000);
  await load.stop();
  await settled(where, seismo, load);
  await seismo.stop();
  assert.ok(existsSync(where.folder));
});

test('too few files to start: it says so by its code, or starts', { timeout: 60000 }, async () => {
  for (const files of [16, 20, 24, 26]) {
    const where = place(), seismo = begin(where, { prefix: ['prlimit', `--nofile=${files}:${files}`] });
    const isReady = await seismo.ready.then(() => true, () => false);
    await seismo.kill();
    where.remove();
    assert.ok(isReady || /seismo.*SE-(4004|3101|3001)/.test(seismo.log()), `${files} files: no code:\n${seismo.log()}`);
  }
});

test('too little memory: it says so, whether it can end in order or not', { timeout: 60000 }, async () => {
  for (const megabytes of [80, 90, 120, 150, 200]) {
    const where = place(), seismo = begin(where, { prefix: ['prlimit', `--as=${megabytes * 1000000}`] });
    const isReady = await seismo.ready.then(() => true, () => false);
    await sleep(100);
    await seismo.kill();
    where.remove();
    console.log(`# ${megabytes} MB: ${isReady ? 'ready' : seismo.log().trim().split('\n').at(-1)}`);
    assert.ok(isReady || /memory|cannot allocate|shared librar/i.test(seismo.log()), `${megabytes} MB: not a word of why:\n${seismo.log()}`);
  }
});
