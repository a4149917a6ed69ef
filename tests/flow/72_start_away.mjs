#!/usr/bin/env node
// only: stack
// Kafka and Elasticsearch are away as a process starts that has never seen them: it takes beacons, says at /readyz what is missing, and
// begins with windows and documents once they are there, without a restart.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { door } from '../lib/away.mjs';
import { beacon, command, exported, place, post, start, until } from '../lib/seismo.mjs';

for (const how of ['refusing', 'silent']) {
  test(`first start while Kafka and Elasticsearch are ${how}`, { timeout: 240000 }, async (t) => {
    const kafka = await door(`http://${process.env.KAFKA_BROKERS}`), elastic = await door(process.env.ELASTIC_URL);
    const where = place();
    let seismo = null;
    t.after(async () => {
      await seismo?.kill();
      await kafka.close();
      await elastic.close();
      where.remove();
    });
    const made = await command(where, ['setup'], { environment: { SEISMO_DATA_DIR: `${where.folder}/setup` } });
    assert.equal(made.code, 0, made.stderr);
    where.isSetUp = true;
    kafka.set(how);
    elastic.set(how);
    Object.assign(where.environment, { SEISMO_KAFKA_BROKERS: new URL(kafka.url).host, SEISMO_ELASTIC_URL: elastic.url });

    const began = Date.now();
    seismo = await start(where, { within: 60000 });
    console.log(`# ready after ${Date.now() - began} ms`);
    const ready = async () => {
      const answer = await fetch(`${seismo.innerUrl}/readyz`);
      return { status: answer.status, ...(await answer.json()) };
    };
    const away = await ready();
    assert.equal(away.status, 503);
    assert.equal(away.code, 'SE-2001');
    assert.equal(away.ready, false);
    assert.equal(away.parts.bus.ready, true, 'the spool has room');
    assert.match(away.parts.bus.reason, /SE-3001/);
    assert.equal(away.parts.store.ready, false);
    for (const part of ['rollup', 'detect']) assert.match(away.parts[part].reason, /partitions .*SE-3001/);
    assert.equal((await fetch(`${seismo.publicUrl}/readyz`)).status, 200, 'ready for beacons');
    const sent = beacon();
    assert.equal((await post(seismo.publicUrl, sent)).status, 202);

    kafka.set('open');
    elastic.set('open');
    await until('all of it is ready', async () => (await ready()).status === 200, { within: 90000 }).catch((error) => assert.fail(`${error.message}\n${seismo.log()}`));
    const all = await until('the documents', async () => {
      const documents = await exported(where, ['--session', sent.session]);
      return documents.length === sent.events.length && documents;
    }, { within: 60000 });
    assert.equal(all.length, 3);
    const { parts } = await until('nothing is told of the bus any more', async () => {
      const now = await ready();
      return !now.parts.bus.reason && now;
    }, { within: 60000 });
    assert.deepEqual(parts, { bus: { ready: true }, store: { ready: true }, index: { ready: true }, rollup: { ready: true }, detect: { ready: true } });
    assert.match(seismo.log(), /rollup and detect have begun/);
    await seismo.stop();
  });
}
