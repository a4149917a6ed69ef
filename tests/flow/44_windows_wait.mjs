#!/usr/bin/env node
// only: stack
// long: yes
// Kafka stands still for longer than windows wait, under load, with rollup and detect in processes of their own: what is accepted
// meanwhile comes late through the spool, and is counted all the same. An ingest that is killed is waited for only so long.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { everythingIsCounted, windows } from '../lib/equal.mjs';
import { beacon, metric, place, post, root, sleep, start, until } from '../lib/seismo.mjs';

const run = promisify(execFile);
const waitMs = 10000, awayMs = 25000;

test('a cluster that was away costs no counts', { timeout: 240000 }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'seismo-kafka-'));
  chmodSync(dir, 0o755);
  const { stdout } = await run(join(root, 'tests/stack/kafka-up'), [dir, '0'], { timeout: 120000 });
  const kafka = Number(readFileSync(join(dir, 'kafka.pid'), 'utf8'));
  const where = place({ environment: { SEISMO_ROLLUP_CLOSE_WAIT_MS: `${waitMs}ms` } });
  where.environment.SEISMO_KAFKA_BROKERS = /^kafka (\S+)$/m.exec(stdout)[1];
  const running = [];
  let going = true;
  t.after(async () => {
    going = false;
    await Promise.all(running.map((each) => each.kill()));
    try { process.kill(kafka, 'SIGCONT'); } catch { /* it has ended */ }
    await run(join(root, 'tests/stack/down'), [dir]).catch(() => {});
    rmSync(dir, { recursive: true, force: true });
    where.remove();
  });
  for (const [name, roles] of [['a', 'ingest,index,live'], ['b', 'ingest'], ['c', 'rollup'], ['d', 'detect']])
    running.push(await start(where, { args: ['--roles', roles], environment: { SEISMO_DATA_DIR: `${where.folder}/${name}` }, within: 60000 }));
  const [first, second] = running;
  const log = () => running.map((each) => each.log().split('\n').slice(-15).join('\n')).join('\n---\n');
  const late = async () => (await Promise.all(running.map((each) => each.isRunning() ? metric(each.innerUrl, 'seismo_rollup_late_total') : 0))).reduce((sum, n) => sum + n, 0);

  let events = 0;
  const client = async (ingest) => {
    while (going) {
      const next = beacon({}, 1 + Math.floor(Math.random() * 5));
      const answer = await post(ingest.publicUrl, next);
      assert.equal(answer.status, 202, answer.text);
      events += next.events.length;
      await sleep(50);
    }
  };
  const load = Promise.all([first, first, first, second, second].map(client));
  const passes = (ms) => Promise.race([sleep(ms), load.then(() => assert.fail('the load has ended'))]);
  await passes(8000);
  process.kill(kafka, 'SIGSTOP');
  await passes(awayMs);
  process.kill(kafka, 'SIGCONT');
  await passes(8000);
  going = false;
  await load;
  const { counted, late: lost } = await everythingIsCounted(where, { events, late, log });
  console.log(`# ${events} events stored once, ${counted} counted in windows, ${lost} late`);
  assert.equal(lost, 0, log());
  const before = await windows(where, 10);
  assert.ok(before.every((each) => !each['seismo.rollup.incomplete']), 'nobody had vanished');

  // One ingest is killed and does not come back: windows close, and say that they are incomplete.
  await second.kill();
  const next = beacon({}, 4);
  assert.equal((await post(first.publicUrl, next)).status, 202);
  const closed = await until('the window of after', async () => (await windows(where, 10)).find((each) => !before.some((old) => old['@timestamp'] >= each['@timestamp'])), { within: 60000, every: 1000 })
    .catch((error) => assert.fail(`${error.message.slice(0, 300)}\n${log()}`));
  assert.equal(closed['seismo.rollup.incomplete'], true);
});
