#!/usr/bin/env node
// only: stack
// long: yes
// SIGTERM while Kafka and Elasticsearch are away, in each way of being away, under load: the collector ends by itself, soon and with 0,
// and what it had acknowledged is stored and counted once when they are back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { broker, door } from '../lib/away.mjs';
import { startLoad } from '../lib/load.mjs';
import { command, metric, place, sleep, start } from '../lib/seismo.mjs';
import { settled } from '../lib/settled.mjs';

const endsWithin = 20000; // drain.deadline_ms and two seconds; the rest is for a busy machine

const ways = [ // Kafka, Elasticsearch, how long they are away before SIGTERM, ms
  { kafka: 'SIGSTOP', elastic: 'silent', ms: 300 }, // nothing has been noticed yet
  { kafka: 'SIGSTOP', elastic: 'silent', ms: 5000 },
  { kafka: 'SIGSTOP', elastic: 'open', ms: 2500 },
  { kafka: 'SIGKILL', elastic: 'refusing', ms: 2500 },
];

test('SIGTERM while both are away', { timeout: 240000 }, async (t) => {
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
  load = startLoad(() => (seismo.isRunning() ? seismo.publicUrl : null), { perSecond: 60, timeoutMs: 10000 });
  for (const way of ways) {
    await sleep(2000);
    kafka.signal(way.kafka);
    elastic.set(way.elastic);
    await sleep(way.ms);
    const began = Date.now();
    await seismo.stop();
    const took = Date.now() - began;
    console.log(`# Kafka ${way.kafka}, Elasticsearch ${way.elastic} for ${way.ms} ms: it ended within ${took} ms`);
    assert.ok(took < endsWithin, `it took ${took} ms\n${seismo.log()}`);
    elastic.set('open');
    await (way.kafka === 'SIGSTOP' ? kafka.signal('SIGCONT') : kafka.again());
    load.newLife();
    seismo = await start(where, { within: 40000 });
  }
  await sleep(1000);
  await load.stop();
  await settled(where, seismo, load, { within: 90000 });
  assert.equal(await metric(seismo.innerUrl, 'seismo_bus_lost_total'), 0);
  await seismo.stop();
});
