#!/usr/bin/env node
// only: stack
// long: yes
// One ingest of two is taken away for good while Kafka is away, with acknowledged beacons in its folder. `seismo drain` on that folder, as
// docs/deploy.md says, brings all of them, each once, and then says that the folder may go. Before, and in other folders, it says that it may not.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { broker } from '../lib/away.mjs';
import { startLoad } from '../lib/load.mjs';
import { binary, command, exported, metric, place, sleep, start, until } from '../lib/seismo.mjs';
import { settled } from '../lib/settled.mjs';

test('the spool of an instance that is no more', { timeout: 300000 }, async (t) => {
  assert.ok(process.env.ELASTIC_URL, 'ELASTIC_URL names a real Elasticsearch');
  const kafka = await broker(), where = place();
  const running = [];
  let load = null;
  t.after(async () => {
    await load?.stop({ within: 0 });
    await Promise.all(running.map((process) => process.kill()));
    await kafka.end();
    where.remove();
  });
  Object.assign(where.environment, {
    SEISMO_BUS_KIND: 'kafka', SEISMO_KAFKA_BROKERS: kafka.address, SEISMO_BUS_PREFIX: where.name,
    SEISMO_STORE_KIND: 'elastic', SEISMO_ELASTIC_URL: process.env.ELASTIC_URL, SEISMO_STORE_NAMESPACE: where.name,
  });
  const made = await command(where, ['setup']);
  assert.equal(made.code, 0, made.stderr);
  where.isSetUp = true;
  const at = (folder) => ({ SEISMO_DATA_DIR: `${where.folder}/${folder}` });
  const up = async (folder, roles) => {
    const one = await start(where, { args: ['--roles', roles], environment: at(folder), within: 60000 });
    running.push(one);
    return one;
  };
  const drain = (folder) => command(where, ['drain'], { environment: at(folder) });
  const rest = await up('rest', 'index,rollup,detect,live');
  const stays = await up('stays', 'ingest'), goes = await up('goes', 'ingest');
  let turn = 0;
  load = startLoad(() => (goes.isRunning() && turn++ % 2 ? goes : stays).publicUrl, { perSecond: 100, timeoutMs: 10000 });
  await until('both take beacons', async () => (await metric(stays.innerUrl, 'seismo_beacons_accepted_total')) > 50 && (await metric(goes.innerUrl, 'seismo_beacons_accepted_total')) > 50, { within: 30000 });

  kafka.signal('SIGKILL');
  await until('beacons wait at the one that goes', async () => (await metric(goes.innerUrl, 'seismo_spool_records')) > 100, { within: 30000 });
  const inUse = await drain('goes');
  assert.equal(inUse.code, 1);
  assert.match(inUse.stderr, /^seismo drain: SE-3001 .*\/goes: a process runs there/m);
  await goes.stop();
  await sleep(1000);

  // Kafka is away still: it waits, and when it is told to end, it says that the folder may not go.
  const waits = spawn(binary, ['drain'], { env: { ...process.env, ...where.environment, ...at('goes') } });
  let said = '';
  waits.stderr.on('data', (data) => (said += data));
  const ended = new Promise((resolve) => waits.on('exit', resolve));
  await sleep(4000);
  assert.equal(waits.exitCode, null, said);
  waits.kill('SIGTERM');
  assert.equal(await ended, 1);
  const left = Number(/SE-2001 .* (\d+) records and 0 spools .* still wait/.exec(said)?.[1]);
  assert.ok(left > 100, said);

  await kafka.again();
  await until('the one that stays has nothing to bring any more', async () => (await metric(stays.innerUrl, 'seismo_spool_records')) === 0, { within: 60000 }).catch((error) => assert.fail(`${error.message}\n${stays.log()}`));
  await load.stop();
  const acknowledged = load.list('acknowledged').reduce((sum, entry) => sum + entry.accepted, 0);
  await until('lag is back at 0', async () => (await metric(rest.innerUrl, 'seismo_bus_lag', 'group="index"', NaN)) === 0, { within: 120000, every: 200 }).catch((error) => assert.fail(`${error.message}\n${rest.log()}`));
  const before = await exported(where);
  assert.ok(before.length < acknowledged, `${before.length} documents, ${acknowledged} events acknowledged: none were left behind`);

  const brought = await drain('goes');
  assert.equal(brought.code, 0, brought.stderr);
  assert.equal(Number(/^(\d+) records were brought to Kafka; none waits any more in .*\/goes$/m.exec(brought.stdout)?.[1]), left, brought.stdout);
  console.log(`# ${acknowledged - before.length} of ${acknowledged} events were left behind; ${brought.stdout.trim()}`);
  await settled(where, rest, load, { instances: [rest, stays], metrics: false, within: 90000 });

  const again = await drain('goes');
  assert.deepEqual([again.code, again.stdout.slice(0, 9)], [0, '0 records'], again.stderr);
  mkdirSync(`${where.folder}/other`);
  for (const folder of ['other', 'no-such']) {
    const other = await drain(folder);
    assert.equal(other.code, 1);
    assert.match(other.stderr, /SE-3203 .* no instance on Kafka has kept its spool in/);
  }
  assert.deepEqual(readdirSync(where.folder).filter((name) => name === 'no-such'), [], 'nothing is made where a name is wrong');
  // What is damaged is no empty spool: neither when it is found, nor later.
  mkdirSync(`${where.folder}/damaged`);
  writeFileSync(`${where.folder}/damaged/spool.db`, 'no database '.repeat(1000));
  for (let i = 0; i < 2; i++) {
    const damaged = await drain('damaged');
    assert.equal(damaged.code, 1, damaged.stdout);
    assert.match(damaged.stderr, /^seismo drain: SE-3202 .* 1 spools of this folder were put aside/m);
  }
  const embedded = await command(where, ['drain'], { environment: { ...at('goes'), SEISMO_BUS_KIND: 'sqlite' } });
  assert.equal(embedded.code, 78, embedded.stderr);
  await stays.stop();
  await rest.stop();
});
