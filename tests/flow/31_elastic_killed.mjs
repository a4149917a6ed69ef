#!/usr/bin/env node
// only: stack
// long: yes
// An Elasticsearch of its own that is killed under load and comes back; meanwhile the collector is restarted, and so starts without it.
// Beacons are acknowledged all the same, and in the end each event is stored, and stored once.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { beacon, exported, metric, place, post, root, sleep, start, until } from '../lib/seismo.mjs';

const run = promisify(execFile);

async function elastic() {
  const dir = mkdtempSync(join(tmpdir(), 'seismo-elastic-'));
  chmodSync(dir, 0o755);
  const up = async (port = 0) => {
    const { stdout } = await run(join(root, 'tests/stack/es-up'), [dir, String(port)], { timeout: 300000, env: { ...process.env, ES_HEAP: '512m' } });
    return /^elasticsearch (\S+)$/m.exec(stdout)[1];
  };
  const address = await up();
  const kill = () => {
    try {
      process.kill(-Number(readFileSync(join(dir, 'es.pid'), 'utf8')), 'SIGKILL'); // the launcher and its node
    } catch {
      // it has ended
    }
  };
  return {
    url: `http://${address}`, kill,
    again: () => up(address.split(':')[1]),
    end: async () => {
      kill();
      await sleep(1000);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

test('nothing is lost or doubled when Elasticsearch is killed', { timeout: 600000 }, async (t) => {
  const node = await elastic();
  const where = place();
  Object.assign(where.environment, { SEISMO_STORE_KIND: 'elastic', SEISMO_ELASTIC_URL: node.url, SEISMO_STORE_NAMESPACE: where.name, SEISMO_DRAIN_DEADLINE_MS: '2s' });
  let seismo = await start(where, { within: 60000 });
  const acknowledged = new Map(), unsure = []; // id -> events; sent and not answered: sent again with the same id
  let going = true;
  t.after(async () => {
    going = false;
    await seismo.kill();
    await node.end();
    where.remove();
  });
  const load = Promise.all(Array.from({ length: 4 }, async () => {
    while (going || unsure.length) {
      const next = unsure.pop() ?? beacon({}, 3);
      const answer = await post(seismo.publicUrl, { ...next, sent: Date.now() }).catch(() => null);
      if (answer?.status === 202) acknowledged.set(next.id, 3);
      else unsure.push(next);
      assert.ok(!answer || answer.status === 202 || answer.status === 503, answer?.text);
      await sleep(answer ? 50 : 200);
    }
  }));
  const passes = (ms) => Promise.race([sleep(ms), load.then(() => assert.fail('the load has ended'))]);

  await until('documents arrive', async () => (await metric(seismo.innerUrl, 'seismo_events_stored_total')) > 100, { within: 60000 });
  node.kill();
  const before = acknowledged.size;
  await passes(3000);
  assert.ok(acknowledged.size > before + 10, 'beacons are taken without it');
  await seismo.stop();
  seismo = await start(where, { within: 60000 });
  await passes(2000);
  await node.again();
  await until('documents arrive again', async () => (await metric(seismo.innerUrl, 'seismo_events_stored_total')) > 0, { within: 60000 });
  going = false;
  await load;
  await until('the lag is gone', async () => (await metric(seismo.innerUrl, 'seismo_bus_lag', 'index', null)) === 0, { within: 90000, every: 200 });
  const expected = acknowledged.size * 3;
  let documents = [];
  await until('every event is stored', async () => (documents = await exported(where)).length >= expected, { within: 20000, every: 1000 })
    .catch(() => assert.fail(`${documents.length} documents, ${expected} acknowledged\n${seismo.log().slice(-3000)}`));
  assert.equal(new Set(documents.map((each) => `${each['seismo.beacon.id']}-${each['seismo.beacon.index']}`)).size, documents.length, 'none twice');
  assert.equal(documents.length, expected, 'nothing but what was acknowledged');
  console.log(`# ${acknowledged.size} beacons, ${documents.length} documents`);
  await seismo.stop();
});
