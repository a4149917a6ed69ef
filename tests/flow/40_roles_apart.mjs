#!/usr/bin/env node
// only: stack
// Every role in processes of its own, two of each, on a real Kafka and Elasticsearch, with load through both ingests: each is
// restarted in turn, then killed at random (SEISMO_TEST_ROUNDS times, default 4). What is acknowledged is stored once and counted once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { everythingIsCounted } from '../lib/equal.mjs';
import { beacon, metric, place, post, sleep, start, until } from '../lib/seismo.mjs';

const rounds = Number(process.env.SEISMO_TEST_ROUNDS ?? 4);
const roles = ['ingest', 'index', 'rollup', 'detect'];
const clients = 8;

test('two of each role, restarted in turn and killed at random', { timeout: 170000 + rounds * 40000 }, async (t) => {
  const where = place({ environment: { SEISMO_ROLLUP_CLOSE_WAIT_MS: '30s', SEISMO_LOG_LEVEL: 'info' } });
  const running = new Map(); // "index-1" -> process
  const past = []; // of those that ended by themselves or were stopped: seismo_rollup_late_total
  const up = async (name) => {
    const role = name.split('-')[0];
    running.set(name, await start(where, { args: ['--roles', role], environment: { SEISMO_DATA_DIR: `${where.folder}/${name}` }, within: 60000 }));
  };
  const lateOf = (process) => metric(process.innerUrl, 'seismo_rollup_late_total').catch(() => 0);
  const down = async (name, how) => {
    const process = running.get(name);
    past.push(await lateOf(process));
    await process[how]();
  };
  t.after(async () => {
    going = false;
    await Promise.all([...running.values()].map((process) => process.kill()));
    where.remove();
  });
  for (const role of roles) for (const n of [1, 2]) await up(`${role}-${n}`);
  await up('live-1');

  let going = true;
  const acknowledged = new Map(), unsure = [];
  const client = async (number) => {
    for (let turn = number; going; turn++) {
      const next = unsure.pop() ?? beacon({}, 1 + Math.floor(Math.random() * 6));
      const ingest = running.get(`ingest-${1 + (turn % 2)}`);
      const answer = await post(ingest.publicUrl, { ...next, sent: Date.now() }).catch(() => null);
      if (answer?.status === 202) {
        acknowledged.set(next.id, next.events.length);
      } else {
        assert.ok(!answer || answer.status === 503, `unexpected ${answer?.status} ${answer?.text}`);
        unsure.push(next);
      }
      await sleep(20);
    }
  };
  const load = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  await sleep(3000);

  for (const role of roles) {
    for (const n of [1, 2]) {
      await down(`${role}-${n}`, 'stop');
      await up(`${role}-${n}`);
    }
    console.log(`# ${role}: restarted in turn, ${acknowledged.size} beacons so far`);
  }
  for (let round = 0; round < rounds; round++) {
    const name = `${roles[Math.floor(Math.random() * roles.length)]}-${1 + Math.floor(Math.random() * 2)}`;
    await sleep(500 + Math.random() * 2500);
    await down(name, 'kill');
    await sleep(Math.random() * 2000);
    await up(name);
    console.log(`# ${name}: killed and back, ${acknowledged.size} beacons so far`);
  }
  await sleep(2000);
  going = false;
  await load;
  for (const each of unsure) {
    const answer = await post(running.get('ingest-1').publicUrl, { ...each, sent: Date.now() });
    assert.equal(answer.status, 202, answer.text);
    acknowledged.set(each.id, each.events.length);
  }

  const expected = [...acknowledged.values()].reduce((sum, n) => sum + n, 0);
  const late = async () => (await Promise.all([...running.values()].map(lateOf))).concat(past).reduce((sum, n) => sum + n, 0);
  const log = () => [...running].map(([name, process]) => `--- ${name}\n${process.log().split('\n').slice(-25).join('\n')}`).join('\n');
  const { counted, late: lost } = await everythingIsCounted(where, { events: expected, late, log });
  console.log(`# ${acknowledged.size} beacons, ${expected} events stored once, ${counted} counted in windows, ${lost} late`);
  assert.equal(lost, 0, 'nobody was late');
  for (const [name, process] of running) {
    assert.ok(process.isRunning(), `${name} runs`);
    if (/^(index|rollup)/.test(name)) await until(`${name}: no lag`, async () => (await metric(process.innerUrl, 'seismo_bus_lag', '', null)) === 0, { within: 30000, every: 500 });
  }
  const live = running.get('live-1');
  const status = await (await fetch(`${live.innerUrl}/api/status`)).json();
  assert.equal(status.open_windows, false);
  assert.equal((await fetch(`${running.get('ingest-1').innerUrl}/api/status`)).status, 404);
  assert.equal((await fetch(`${running.get('rollup-1').innerUrl}/readyz`)).status, 200);
  assert.ok((await fetch(`${live.innerUrl}/api/overview`)).ok, 'the page shows what is stored');
});
