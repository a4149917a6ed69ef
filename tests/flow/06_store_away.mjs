#!/usr/bin/env node
// only: stack
// Elasticsearch out of reach for 20 s under load: beacons are acknowledged all the same, and when it is back each event is
// stored, and stored once. Its address is a door of the test's own that can be shut. Without KAFKA_BROKERS the bus is the embedded one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { door } from '../lib/away.mjs';
import { beacon, exported, metric, place, post, sleep, start, until } from '../lib/seismo.mjs';

const awayMs = 20000;
const clients = 8;

test('nothing is lost or doubled while Elasticsearch is away', { timeout: 170000 }, async (t) => {
  assert.ok(process.env.ELASTIC_URL, 'ELASTIC_URL names a real Elasticsearch');
  const elastic = await door(process.env.ELASTIC_URL);
  const where = place();
  Object.assign(where.environment, { SEISMO_STORE_KIND: 'elastic', SEISMO_ELASTIC_URL: elastic.url, SEISMO_STORE_NAMESPACE: where.name });
  const acknowledged = new Map(); // session -> events
  const seismo = await start(where);
  let going = true, away = false, acknowledgedAway = 0;
  t.after(async () => {
    going = false;
    await seismo.kill();
    await elastic.close();
    where.remove();
  });

  const load = Array.from({ length: clients }, async () => {
    while (going) {
      const next = beacon({}, 1 + Math.floor(Math.random() * 5));
      const sentAway = away;
      const answer = await post(seismo.publicUrl, next);
      assert.equal(answer.status, 202, answer.text);
      acknowledged.set(next.session, next.events.length);
      acknowledgedAway += sentAway && away;
      await sleep(20);
    }
  });
  const during = Promise.all(load); // fails at once when a beacon is refused
  const passes = (ms) => Promise.race([sleep(ms), during.then(() => assert.fail('the load has ended'))]);

  await until('documents arrive', async () => (await metric(seismo.innerUrl, 'seismo_events_stored_total')) > 0, { within: 30000 });
  away = true;
  elastic.set('refusing');
  await passes(awayMs / 2);
  elastic.set('silent');
  await passes(awayMs / 2);
  assert.equal((await fetch(`${seismo.publicUrl}/readyz`)).status, 200, 'ready for beacons: the bus holds them');
  assert.ok((await metric(seismo.innerUrl, 'seismo_bus_lag', 'index')) > 0, 'they wait on the bus');
  away = false;
  elastic.set('open');
  await passes(2000);
  going = false;
  await during;
  assert.ok(acknowledgedAway > 200, `${acknowledgedAway} beacons were acknowledged meanwhile`);

  const expected = [...acknowledged.values()].reduce((sum, n) => sum + n, 0);
  await until('the lag is gone', async () => (await metric(seismo.innerUrl, 'seismo_bus_lag', 'index', null)) === 0, { within: 60000, every: 500 })
    .catch((error) => assert.fail(`${error.message}\n${seismo.log()}`));
  let documents;
  await until('every acknowledged event stored', async () => {
    documents = await exported(where);
    return documents.length >= expected;
  }, { within: 20000, every: 1000 }).catch(() => assert.fail(`${documents.length} documents, ${expected} were acknowledged\n${seismo.log()}`));
  console.log(`# ${acknowledged.size} beacons, ${acknowledgedAway} of them while it was away, ${expected} events, ${documents.length} documents`);

  const stored = new Map();
  for (const document of documents) stored.set(document['session.id'], (stored.get(document['session.id']) ?? 0) + 1);
  for (const [session, n] of acknowledged) assert.equal(stored.get(session), n, `session ${session}`);
  assert.equal(documents.length, expected, 'nothing more than was acknowledged');
  const ids = new Set(documents.map((each) => `${each['seismo.beacon.id']}/${each['url.full']}`));
  assert.equal(ids.size, documents.length, 'no document twice');
  assert.equal(await metric(seismo.innerUrl, 'seismo_rejects_total'), 0, 'nothing was refused');
  await seismo.stop();
});
