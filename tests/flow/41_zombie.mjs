#!/usr/bin/env node
// only: stack
// long: yes
// An owner that is stopped (SIGSTOP) for longer than its session and wakes up (SIGCONT) when others have its partitions: first
// the one that merges, detects and tells, in the middle of an alert, then one that counts. It changes nothing any more: each
// turn of the alert is told once, and what is stored is counted once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slack } from '../fakes/slack.mjs';
import { everythingIsCounted } from '../lib/equal.mjs';
import { id, metric, place, post, sleep, start, until } from '../lib/seismo.mjs';

const sleeping = 11000; // longer than a session (6 s) and the join of the others

test('an owner that was stopped for too long changes nothing', { timeout: 300000 }, async (t) => {
  const fake = await slack();
  const where = place({ environment: {
    SEISMO_SLACK_WEBHOOK: fake.url, SEISMO_DETECT_OPEN_MS: '10s', SEISMO_DETECT_QUIET_MS: '10s', SEISMO_DETECT_YOUNG_MS: '1m',
    SEISMO_DETECT_MIN_SESSIONS: '2', SEISMO_ROLLUP_CLOSE_WAIT_MS: '30s', SEISMO_LISTEN_INNER_URL: 'http://seismo.test',
    SEISMO_KAFKA_PROPERTIES: 'session.timeout.ms=6000,heartbeat.interval.ms=500',
  } });
  const running = [];
  const up = async (role, n) => {
    const process = await start(where, { args: ['--roles', role], environment: { SEISMO_DATA_DIR: `${where.folder}/${role}-${n}` }, within: 60000 });
    running.push(Object.assign(process, { name: `${role}-${n}` }));
    return process;
  };
  let going = true, slow = false, visitors = [];
  t.after(async () => {
    going = false;
    await Promise.all(running.map((process) => process.kill()));
    await fake.close();
    where.remove();
  });
  const ingest = await up('ingest', 1);
  await up('index', 1);
  const rollups = [await up('rollup', 1), await up('rollup', 2)], detects = [await up('detect', 1), await up('detect', 2)];

  const began = Date.now(), seconds = () => Math.round((Date.now() - began) / 1000);
  let events = 0;
  const visitor = async () => {
    const session = id('s');
    while (going) {
      const duration = (slow ? 1400 : 60) + Math.random() * 40, at = Date.now();
      const answer = await post(ingest.publicUrl, {
        id: id('b'), service: 'shop', environment: 'test', session, sent: at,
        events: [
          { kind: 'api', at: at - duration, page: '/checkout', url: '/api/checkout', method: 'POST', status: 200, duration, initiator: 'fetch' },
          { kind: 'api', at: at - 30, page: '/', url: '/api/products', method: 'GET', status: 200, duration: 20 + Math.random() * 20, initiator: 'fetch' },
        ],
      });
      assert.equal(answer.status, 202, answer.text);
      events += 2;
      await sleep(250 + Math.random() * 200);
    }
  };
  const load = Promise.all((visitors = Array.from({ length: 6 }, visitor)));
  const passes = (ms) => Promise.race([sleep(ms), load.then(() => assert.fail('the load has ended'))]);
  const log = () => running.map((process) => `--- ${process.name}\n${process.log().split('\n').slice(-25).join('\n')}`).join('\n');
  const stop = (process) => process.isRunning() && globalThis.process.kill(process.pid, 'SIGSTOP');
  const wake = (process) => process.isRunning() && globalThis.process.kill(process.pid, 'SIGCONT');
  const ownerOf = async (list) => (await Promise.all(list.map(async (each) => [await metric(each.innerUrl, 'seismo_series'), each]))).sort((a, b) => b[0] - a[0])[0][1];

  await passes(30000);
  assert.deepEqual(fake.messages, [], 'nothing is said of ordinary traffic');
  slow = true;
  await until('the message that it is slow', () => fake.messages[0], { within: 60000 }).catch((error) => assert.fail(`${error.message}\n${log()}`));
  const first = await ownerOf(detects);
  console.log(`# after ${seconds()} s ${first.name} has told; it is stopped`);
  stop(first);
  slow = false;
  await passes(sleeping);
  wake(first);
  console.log(`# after ${seconds()} s it wakes up`);
  await until('the message that it is over', () => fake.messages[1], { within: 90000 }).catch((error) => assert.fail(`${error.message}\n${log()}`));
  console.log(`# after ${seconds()} s it is over`);
  const second = await ownerOf(detects.filter((each) => each !== first));
  stop(second);
  stop(rollups[0]);
  await passes(sleeping);
  wake(rollups[0]);
  await passes(5000);
  wake(second);
  await passes(5000);
  going = false;
  await load;
  console.log(`# after ${seconds()} s the load ends`);
  const late = async () => (await Promise.all(running.map((each) => metric(each.innerUrl, 'seismo_rollup_late_total')))).reduce((sum, n) => sum + n, 0);
  const { counted, late: lost } = await everythingIsCounted(where, { events, late, log });
  console.log(`# ${events} events stored once, ${counted} counted in windows, ${lost} late, ${fake.messages.length} messages`);
  assert.equal(lost, 0, log());
  assert.equal(fake.messages.length, 2, JSON.stringify(fake.messages.slice(2)));
  assert.match(JSON.stringify(fake.messages[1]), /[Rr]esolved|over|[Rr]ecovered/);
  assert.deepEqual(fake.problems, [], 'Slack would have refused');
  for (const process of running) assert.ok(process.isRunning(), `${process.name} runs`);
});
