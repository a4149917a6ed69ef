#!/usr/bin/env node
// only: stack
// Kafka and Elasticsearch away at once under load, in each order of their return, and the collector killed meanwhile: beacons are
// acknowledged all the time, and in the end each is stored once and counted once. SEISMO_TEST_ROUNDS: how often.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { broker, door } from '../lib/away.mjs';
import { startLoad } from '../lib/load.mjs';
import { command, metric, place, sleep, start, until } from '../lib/seismo.mjs';
import { settled } from '../lib/settled.mjs';
import { dice } from '../lib/visitors.mjs';

const rounds = Number(process.env.SEISMO_TEST_ROUNDS ?? 1);
const seed = Number(process.env.SEISMO_TEST_SEED ?? Date.now() % 1e9);
const roll = dice(seed);

test(`both away, ${rounds} times, seed ${seed}`, { timeout: 170000 + rounds * 60000 }, async (t) => {
  assert.ok(process.env.ELASTIC_URL, 'ELASTIC_URL names a real Elasticsearch');
  const kafka = await broker(), elastic = await door(process.env.ELASTIC_URL), where = place();
  let seismo = null, load = null;
  t.after(async () => {
    await load?.stop({ within: 0 });
    await seismo?.kill();
    await kafka.end();
    await elastic.close();
    where.remove();
  });
  Object.assign(where.environment, {
    SEISMO_BUS_KIND: 'kafka', SEISMO_KAFKA_BROKERS: kafka.address, SEISMO_BUS_PREFIX: where.name,
    SEISMO_STORE_KIND: 'elastic', SEISMO_ELASTIC_URL: elastic.url, SEISMO_STORE_NAMESPACE: where.name,
  });
  const made = await command(where, ['setup']);
  assert.equal(made.code, 0, made.stderr);
  where.isSetUp = true;
  seismo = await start(where);
  load = startLoad(() => (seismo.isRunning() ? seismo.publicUrl : null), { perSecond: 100, timeoutMs: 10000 });
  const began = Date.now();
  const say = (what) => console.log(`# ${((Date.now() - began) / 1000).toFixed(1)} s: ${what}`);
  const takes = async (what, ms) => {
    const before = load.acknowledged();
    await sleep(ms);
    const n = load.acknowledged() - before;
    say(`${what}: ${n} beacons in ${Math.round(ms)} ms`);
    assert.ok(n > ms / 100, `${what}: only ${n} beacons acknowledged in ${ms} ms; ${load.summary()}\n${seismo.log()}`);
  };
  const restart = async (end) => {
    await end();
    load.newLife();
    seismo = await start(where, { within: 40000 });
  };
  await until('a broker that has just begun takes beacons', () => load.acknowledged() > 100, { within: 40000 });
  say('both there');

  for (let round = 0; round < rounds; round++) {
    const dies = roll() < 0.5; // Kafka: it stands still, or it is killed
    kafka.signal(dies ? 'SIGKILL' : 'SIGSTOP');
    elastic.set(roll() < 0.5 ? 'refusing' : 'silent');
    await takes('both away', 4000 + roll() * 2000);
    assert.ok((await metric(seismo.innerUrl, 'seismo_spool_records')) > 0, 'records wait in the spool');
    await restart(roll() < 0.5 ? () => seismo.kill() : () => seismo.stop());
    say('restarted');
    await takes('away as it starts', 3000);
    const back = [async () => elastic.set('open'), async () => (dies ? kafka.again() : kafka.signal('SIGCONT'))];
    for (const one of roll() < 0.5 ? back : back.reverse()) {
      await one();
      await takes('one of them back', 1500 + roll() * 1500);
      if (roll() < 0.5) await restart(() => seismo.kill());
    }
    await until('the spool is empty', async () => (await metric(seismo.innerUrl, 'seismo_spool_records')) === 0, { within: 60000, every: 200 }).catch((error) => assert.fail(`${error.message}\n${seismo.log()}`));
  }
  say('the spool is empty');
  await load.stop();
  await settled(where, seismo, load, { within: 90000 });
  assert.equal(await metric(seismo.innerUrl, 'seismo_bus_lost_total'), 0);
  await seismo.stop();
});
