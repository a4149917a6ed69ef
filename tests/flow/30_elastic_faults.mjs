#!/usr/bin/env node
// only: stack
// Elasticsearch under load, one fault after the other: busy, a proxy's page instead of an answer, answers lost on the way back, gone,
// read-only as the disk watermark makes it, one field that its mapping does not take, rolled over between two deliveries of the same
// beacons. Afterwards documents + rejects = accepted events, and none twice; one that hangs does not hold up SIGTERM. Its address is a door of the test's own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elasticDoor } from '../fakes/elastic_door.mjs';
import { beacon, exported, metric, place, post, sleep, start, until } from '../lib/seismo.mjs';

const clients = 4;
const faultMs = 2500;

test('each fault of Elasticsearch, and nothing is lost or doubled', { timeout: 240000 }, async (t) => {
  assert.ok(process.env.ELASTIC_URL, 'ELASTIC_URL names a real Elasticsearch');
  const real = process.env.ELASTIC_URL;
  const door = await elasticDoor(real);
  const where = place();
  Object.assign(where.environment, { SEISMO_STORE_KIND: 'elastic', SEISMO_ELASTIC_URL: door.url, SEISMO_STORE_NAMESPACE: where.name, SEISMO_DRAIN_DEADLINE_MS: '2s' });
  const events = `logs-seismo.events-${where.name}`, template = `${where.name}-wrong`;
  const call = async (method, path, body) => {
    const answer = await fetch(`${real}${path}`, { method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  };
  const rollOver = () => call('POST', `/${events}/_rollover`);

  const sent = new Map(); // beacon id -> beacon, acknowledged
  const seismo = await start(where);
  let going = true;
  t.after(async () => {
    going = false;
    await seismo.kill();
    await door.close();
    await fetch(`${real}/_index_template/${template}`, { method: 'DELETE' });
    where.remove();
  });

  // One event in five is a click, which has a field of its own to be wrong.
  const make = () => {
    const next = beacon({}, 5);
    const { at, page } = next.events[0];
    next.events[0] = { kind: 'click', at, page, selector: '#buy' };
    return next;
  };
  const deliver = async (next) => {
    const answer = await post(seismo.publicUrl, { ...next, sent: Date.now() });
    assert.equal(answer.status, 202, answer.text);
    sent.set(next.id, next);
  };
  const load = Promise.all(Array.from({ length: clients }, async () => {
    while (going) {
      await deliver(make());
      await sleep(20);
    }
  }));
  const passes = (ms) => Promise.race([sleep(ms), load.then(() => assert.fail('the load has ended'))]);
  const stored = () => metric(seismo.innerUrl, 'seismo_events_stored_total');
  const goesOn = async (what) => {
    const before = await stored();
    await until(`${what}: documents are stored again`, async () => (await stored()) > before, { within: 60000, every: 100 })
      .catch((error) => assert.fail(`${error.message}\n${seismo.log().split('\n').slice(-30).join('\n')}`));
    console.log(`# ${what}: over, ${sent.size} beacons so far`);
  };
  await until('documents arrive', async () => (await stored()) > 0, { within: 30000 });

  for (const fault of ['busy', 'page', 'lost', 'refusing', 'silent']) {
    door.set(fault);
    await passes(faultMs);
    assert.ok((await metric(seismo.innerUrl, 'seismo_bus_lag', 'index')) > 0, `${fault}: they wait on the bus`);
    if (fault !== 'silent' && fault !== 'refusing') assert.ok(door.met[fault] > 0, `${fault}: it was met`);
    if (fault === 'silent') door.set('refusing'); // ends the calls that hang
    door.set('open');
    await goesOn(fault);
  }

  await call('PUT', `/${events}/_settings`, { 'index.blocks.read_only_allow_delete': true });
  await passes(faultMs);
  assert.match(seismo.log(), /cluster_block_exception/);
  await call('PUT', `/${events}/_settings`, { 'index.blocks.read_only_allow_delete': null });
  await goesOn('read-only');

  // The same beacons again after the stream has rolled over, before anyone can know.
  const again = Array.from({ length: 20 }, make);
  for (const each of again) await deliver(each);
  const which = { query: { terms: { 'seismo.beacon.id': again.map((each) => each.id) } } };
  await until('they are stored', async () => (await call('POST', `/${events}/_count`, which)).count === again.length * 5, { within: 30000 });
  await rollOver();
  for (const each of again) await deliver(each);
  await goesOn('rollover between two deliveries');

  // A template of somebody else that makes an object of a string.
  await call('PUT', `/_index_template/${template}`, {
    index_patterns: [events], priority: 9000, data_stream: {},
    template: { mappings: { dynamic: false, properties: { '@timestamp': { type: 'date' }, 'seismo.click.selector': { properties: { x: { type: 'keyword' } } } } } },
  });
  await rollOver();
  await until('rejects come', async () => (await metric(seismo.innerUrl, 'seismo_rejects_total')) > 20, { within: 30000 });
  await goesOn('one field refused');
  assert.equal(await metric(seismo.innerUrl, 'seismo_index_paused'), 0, 'one document in five is no burst');
  await call('DELETE', `/_index_template/${template}`);
  await rollOver();
  going = false;
  await load;

  await until('the lag is gone', async () => (await metric(seismo.innerUrl, 'seismo_bus_lag', 'index', null)) === 0, { within: 60000, every: 200 });
  const accepted = sent.size * 5, refused = await metric(seismo.innerUrl, 'seismo_rejects_total');
  await call('POST', `/*-seismo.*-${where.name}/_refresh`);
  const rejects = await call('GET', `/logs-seismo.rejects-${where.name}/_search?size=10000&_source=seismo.reject,event.original`);
  const told = rejects.hits.hits.map((hit) => hit._source['seismo.reject']);
  const sum = told.reduce((n, each) => n + each.refused, 0);
  assert.ok(told.every((each) => /document_parsing_exception/.test(each.reason)), JSON.stringify(told[0]));
  assert.equal(sum, refused, 'reject documents and the metric agree');
  const documents = await exported(where);
  console.log(`# ${sent.size} beacons, ${accepted} events, ${documents.length} documents, ${refused} refused`);
  const seen = new Map();
  for (const each of documents) seen.set(each['seismo.beacon.id'], (seen.get(each['seismo.beacon.id']) ?? new Set()).add(each['seismo.beacon.index']));
  const distinct = [...seen.values()].reduce((n, each) => n + each.size, 0);
  assert.equal(documents.length, distinct, 'none twice');
  assert.equal(documents.length + refused, accepted, 'documents + rejects = accepted');
  for (const id of seen.keys()) assert.ok(sent.has(id), 'nothing that was not sent');
  for (const each of again) assert.equal(seen.get(each.id)?.size, 5, 'those that came twice are there');
  assert.ok((await stored()) <= documents.length, 'what an answer that was lost has stored counts as a repeat, nothing twice');

  // One that hangs does not hold up the end for longer than the deadline.
  door.set('silent');
  await deliver(make());
  await sleep(1500);
  const began = Date.now();
  await seismo.stop();
  assert.ok(Date.now() - began < 20000, `${Date.now() - began} ms to stop`);
});
