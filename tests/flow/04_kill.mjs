#!/usr/bin/env node
// kill -9 under load, twenty times (SEISMO_TEST_KILLS): each acknowledged event is stored, and stored once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beacon, exported, metric, place, post, sleep, start, until } from '../lib/seismo.mjs';

const kills = Number(process.env.SEISMO_TEST_KILLS ?? 20);
const clients = 16;

test(`${kills} kills under load: nothing acknowledged is lost or doubled`, { timeout: 170000 }, async (t) => {
  const where = place();
  const acknowledged = new Map(); // session -> events
  const unsure = []; // sent, never answered: sent again with the same id, as the agent does
  let seismo = await start(where);
  let going = true, url = seismo.publicUrl;
  t.after(async () => {
    going = false;
    await seismo.kill();
    where.remove();
  });

  const client = async () => {
    while (going) {
      const next = unsure.pop() ?? beacon({}, 1 + Math.floor(Math.random() * 5));
      const answer = await post(url, { ...next, sent: Date.now() }).catch(() => null);
      if (answer?.status === 202) {
        assert.equal(answer.json.accepted, next.events.length);
        acknowledged.set(next.session, next.events.length);
      } else {
        assert.ok(!answer || answer.status === 503, `unexpected ${answer?.status} ${answer?.text}`);
        unsure.push(next);
        await sleep(20);
      }
    }
  };
  const load = Array.from({ length: clients }, client);
  for (let i = 0; i < kills; i++) {
    await sleep(150 + Math.random() * 700);
    await seismo.kill();
    seismo = await start(where);
    url = seismo.publicUrl;
  }
  await sleep(300);
  going = false;
  await Promise.all(load);
  for (const each of unsure) {
    const answer = await post(url, { ...each, sent: Date.now() });
    assert.equal(answer.status, 202, answer.text);
    acknowledged.set(each.session, each.events.length);
  }

  const expected = [...acknowledged.values()].reduce((sum, n) => sum + n, 0);
  let documents;
  await until('every acknowledged event stored', async () => {
    documents = await exported(where);
    return documents.length >= expected;
  }, { within: 60000, every: 500 }).catch(() => assert.fail(`${documents.length} documents, ${expected} were acknowledged\n${seismo.log()}`));
  await until('the lag is gone', async () => (await metric(seismo.innerUrl, 'seismo_bus_lag', 'index')) === 0, { within: 30000 });
  documents = await exported(where);
  console.log(`# ${acknowledged.size} beacons, ${expected} events, ${documents.length} documents over ${kills} kills`);

  const stored = new Map();
  const ids = new Set();
  for (const document of documents) {
    stored.set(document['session.id'], (stored.get(document['session.id']) ?? 0) + 1);
    ids.add(`${document['seismo.beacon.id']}/${document['url.full']}/${document['@timestamp']}`);
  }
  for (const [session, n] of acknowledged) assert.equal(stored.get(session), n, `session ${session}`);
  assert.equal(documents.length, expected, 'nothing more than was acknowledged');
  assert.equal(ids.size, documents.length, 'no document twice');
  assert.ok(expected > kills * 20, 'there was load');
  await seismo.stop();
});
