#!/usr/bin/env node
// only: stack
// long: yes
// A Kafka of its own that stops, is killed and comes back, under load: beacons are acknowledged all the same, by the spool, and in the end
// each is stored, and stored once. Also when the collector is killed while it spools, and when Kafka is away as it starts.
// SEISMO_TEST_AWAY_MS: how long Kafka stands still (20 s).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { beacon, command, exported, metric, place, post, root, sleep, start, until } from '../lib/seismo.mjs';

const awayMs = Number(process.env.SEISMO_TEST_AWAY_MS ?? 20000);
const clients = 8;
const run = promisify(execFile);

async function kafka() {
  const dir = mkdtempSync(join(tmpdir(), 'seismo-kafka-'));
  chmodSync(dir, 0o755);
  const up = async (port = 0) => {
    const { stdout } = await run(join(root, 'tests/stack/kafka-up'), [dir, String(port)], { timeout: 120000 });
    return /^kafka (\S+)$/m.exec(stdout)[1];
  };
  const address = await up();
  const signal = (name) => process.kill(Number(readFileSync(join(dir, 'kafka.pid'), 'utf8')), name);
  return {
    address, signal,
    again: () => up(address.split(':')[1]),
    end: async () => {
      try {
        signal('SIGKILL');
      } catch {
        // it has ended
      }
      await sleep(500);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

test('nothing is lost or doubled while Kafka is away', { timeout: 240000 + awayMs }, async (t) => {
  const broker = await kafka();
  const where = place();
  Object.assign(where.environment, {
    SEISMO_BUS_KIND: 'kafka', SEISMO_KAFKA_BROKERS: broker.address, SEISMO_BUS_PREFIX: where.name, SEISMO_STORE_KIND: 'sqlite',
  });
  const acknowledged = new Map(); // session -> events
  const unsure = []; // sent, never answered: sent again with the same id, as the agent does
  const refused = {}; // status -> how often
  let going = true, seismo = null;
  t.after(async () => {
    going = false;
    await seismo?.kill();
    await broker.end();
    where.remove();
  });
  const made = await command(where, ['setup']);
  assert.equal(made.code, 0, made.stderr);
  where.isSetUp = true;
  seismo = await start(where);

  const client = async () => {
    while (going) {
      const next = unsure.pop() ?? beacon({}, 1 + Math.floor(Math.random() * 5));
      const answer = await post(seismo.publicUrl, { ...next, sent: Date.now() }).catch(() => null);
      if (answer?.status === 202) {
        acknowledged.set(next.session, next.events.length);
      } else {
        if (answer) refused[answer.status] = (refused[answer.status] ?? 0) + 1;
        unsure.push(next);
        await sleep(20);
      }
      await sleep(5);
    }
  };
  const during = Promise.all(Array.from({ length: clients }, client));
  const spool = () => metric(seismo.innerUrl, 'seismo_spool_records');
  const grows = async (what, ms) => {
    const before = acknowledged.size;
    await sleep(ms);
    const n = acknowledged.size - before;
    console.log(`# ${what}: ${n} beacons in ${ms} ms, ${await spool()} records in the spool`);
    assert.ok(n > ms / 500, `${what}: only ${n} beacons in ${ms} ms\n${seismo.log()}`);
  };
  const empty = (what) => until(`${what}: the spool is empty`, async () => (await spool()) === 0 && (await metric(seismo.innerUrl, 'seismo_spool_bytes')) < 1e6,
    { within: 60000, every: 200 }).catch((error) => assert.fail(`${error.message}\n${seismo.log()}`));

  await grows('Kafka is there', 2000);
  await empty('at first'); // a broker that has just begun may take its time on a busy machine

  broker.signal('SIGSTOP');
  await grows('Kafka stands still', awayMs);
  assert.ok((await spool()) > 0, 'records wait in the spool');
  assert.ok((await metric(seismo.innerUrl, 'seismo_spool_age_seconds')) >= awayMs / 1000 - 5, 'the age of the oldest is shown');
  assert.equal((await fetch(`${seismo.publicUrl}/readyz`)).status, 200, 'ready: there is room in the spool');
  broker.signal('SIGCONT');
  await empty('after the standstill');
  await grows('Kafka is back', 1000);

  broker.signal('SIGKILL');
  await grows('Kafka was killed', 4000);
  await broker.again();
  await empty('after the kill');

  broker.signal('SIGSTOP');
  await grows('Kafka stands still again', 4000);
  await seismo.kill();
  seismo = await start(where);
  assert.ok((await spool()) > 0, 'what was acknowledged is in the spool after a kill');
  await grows('Kafka is away at the start', 3000);
  broker.signal('SIGCONT');
  await empty('after the start without Kafka');
  await grows('all is well', 1000);

  going = false;
  await during;
  for (const each of unsure) {
    const answer = await post(seismo.publicUrl, { ...each, sent: Date.now() });
    assert.equal(answer.status, 202, answer.text);
    acknowledged.set(each.session, each.events.length);
  }
  assert.deepEqual(refused, {}, 'nobody was sent away');
  const expected = [...acknowledged.values()].reduce((sum, n) => sum + n, 0);
  let documents = [];
  await until('every acknowledged event stored', async () => {
    documents = await exported(where);
    return documents.length >= expected && (await metric(seismo.innerUrl, 'seismo_bus_lag', 'index', null)) === 0;
  }, { within: 60000, every: 500 }).catch(() => assert.fail(`${documents.length} documents, ${expected} were acknowledged\n${seismo.log()}`));
  console.log(`# ${acknowledged.size} beacons, ${expected} events, ${documents.length} documents`);
  const stored = new Map();
  for (const document of documents) stored.set(document['session.id'], (stored.get(document['session.id']) ?? 0) + 1);
  for (const [session, n] of acknowledged) assert.equal(stored.get(session), n, `session ${session}`);
  assert.equal(documents.length, expected, 'nothing more than was acknowledged');
  assert.equal(await metric(seismo.innerUrl, 'seismo_rejects_total'), 0);
  await seismo.stop();
});
