#!/usr/bin/env node
// The plainest road: one beacon in, 202, its documents out, within two seconds of receipt, on the live page's API too.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { beacon, binary, exported, metric, onStack, place, post, root, start, until } from '../lib/seismo.mjs';

test('a beacon of every kind becomes documents with stable ids and names', async () => {
  const where = place();
  const seismo = await start(where);
  try {
    const example = JSON.parse(readFileSync(join(root, 'schemas/examples/beacon/valid/all_kinds.json'), 'utf8'));
    const shift = Date.now() - example.sent;
    example.sent += shift;
    for (const event of example.events) event.at += shift;

    const began = Date.now();
    const answer = await post(seismo.publicUrl, example, { headers: { origin: 'http://shop.test' } });
    assert.equal(answer.status, 202, answer.text);
    assert.deepEqual(answer.json, { accepted: example.events.length, rejected: [] });
    assert.equal(answer.headers.get('access-control-allow-origin'), 'http://shop.test');

    const documents = await until('documents', async () => {
      const all = await exported(where, ['--session', example.session]);
      return all.length === example.events.length && all;
    }, { within: onStack ? 10000 : 2500 });
    const seen = Date.now() - began;
    console.log(`# visible after ${seen} ms`);

    const byKind = (kind) => documents.filter((document) => document['event.action'] === kind);
    const [page] = byKind('page');
    assert.equal(page['service.name'], 'shop');
    assert.equal(page['session.id'], example.session);
    assert.equal(page['user.id'], 'u-17');
    assert.equal(page['seismo.duration_ms'], 412.5);
    assert.equal(page['seismo.phase.dom_ms'], 180);
    assert.equal(Date.parse(page['@timestamp']), Math.trunc(example.events[0].at));
    const calls = byKind('api');
    assert.deepEqual(calls.map((call) => call['http.response.status_code']), [200, 500, 200]);
    assert.equal(calls[0]['seismo.route'], 'GET /api/products/:id');
    assert.deepEqual(['redirect', 'dns', 'connect', 'request', 'response'].map((phase) => calls[2][`seismo.phase.${phase}_ms`]), [0, 1.5, 12.5, 20, 1.2]);
    assert.equal(byKind('click')[0]['seismo.click.name'], 'Add to cart');
    assert.match(byKind('error')[0]['error.code'], /^E-[0-9A-HJKMNP-TV-Z]{8}$/);
    const vitals = Object.fromEntries(byKind('vital').map((vital) => [vital['seismo.vital.name'], vital]));
    const parts = (vital, ...names) => names.map((name) => vitals[vital][`seismo.vital.${name}`]);
    assert.deepEqual(parts('LCP', 'resource', 'ttfb_ms', 'load_delay_ms', 'load_time_ms', 'render_delay_ms'), ['http://127.0.0.1:3000/hero.avif', 100, 50, 600, 50]);
    assert.deepEqual(parts('INP', 'interaction', 'input_delay_ms', 'processing_ms', 'presentation_ms', 'script', 'invoker'),
      ['pointerup', 20, 200, 20, 'http://127.0.0.1:3000/shop.js', 'BUTTON#buy.onclick']);
    assert.deepEqual(parts('CLS', 'shift', 'target'), [0.15, '#banner']);
    const [bought] = byKind('event'), [mark] = byKind('mark'), [measure] = byKind('measure');
    assert.deepEqual([bought['seismo.event.name'], bought['seismo.event.value'], bought['seismo.event.props']], ['purchase', 19.9, { currency: 'EUR', items: 3, first: true }]);
    assert.deepEqual([mark['seismo.mark.name'], mark['seismo.mark.value_ms'], measure['seismo.measure.name'], measure['seismo.duration_ms']], ['hero shown', 640.5, 'search', 81.25]);
    for (const document of documents) assert.deepEqual(document.labels, { plan: 'gold', 'tenant.id': 't-1' });
    assert.deepEqual(documents.filter((document) => document['event.original']).map((document) => document['event.action']), ['purchase'], 'all the rest is known');
    const [other] = byKind('purchase');
    assert.match(other['event.original'], /"amount":19\.9/, 'what is not known is kept');

    const timeline = await (await fetch(`${seismo.innerUrl}/api/session?id=${example.session}`)).json();
    assert.ok(JSON.stringify(timeline).includes('Add to cart'));
    const told = timeline.rows.find((row) => row.kind === 'event');
    assert.deepEqual([told.event, told.worth, told.props, timeline.about.labels], ['purchase', 19.9, { currency: 'EUR', items: 3, first: true }, example.labels]);
    assert.deepEqual(timeline.rows.filter((row) => row.kind === 'vital').map((row) => row.parts), [undefined, undefined,
      { resource: 'http://127.0.0.1:3000/hero.avif', ttfb: 100, load_delay: 50, load_time: 600, render_delay: 50 },
      { interaction: 'pointerup', input_delay: 20, processing: 200, presentation: 20, script: 'http://127.0.0.1:3000/shop.js', invoker: 'BUTTON#buy.onclick' }, { shift: 0.15 }]);
    const business = await until('the business event and its session', async () => {
      const answer = await (await fetch(`${seismo.innerUrl}/api/business?range=5m`)).json();
      return answer.rows?.length && answer.sessions && answer;
    }, { within: 60000, every: 300 });
    const { last, ...row } = business.rows[0];
    assert.deepEqual([business.count, business.sessions, business.converted, business.conversion, business.more, business.all], [1, 1, 1, 1, false, 1]);
    assert.deepEqual(row, { name: 'purchase', count: 1, sessions: 1, conversion: 1, value: 19.9, service: 'shop', page: '/product/:id', session: example.session });
    assert.equal(Date.parse(last), Math.trunc(example.events.find((event) => event.kind === 'event').at));
    assert.equal(await metric(seismo.innerUrl, 'seismo_beacons_accepted_total'), 1);
    assert.equal(await metric(seismo.innerUrl, 'seismo_events_accepted_total'), example.events.length);
    await until('stored counter', async () => (await metric(seismo.innerUrl, 'seismo_events_stored_total')) === example.events.length);
  } finally {
    await seismo.stop();
    where.remove();
  }
});

test('the same beacon again, and again after a restart, changes nothing', async () => {
  const where = place();
  const one = beacon();
  let seismo = await start(where);
  try {
    for (let i = 0; i < 3; i++) assert.equal((await post(seismo.publicUrl, { ...one, sent: Date.now() })).status, 202);
    await until('documents', async () => (await exported(where)).length === one.events.length);
    await seismo.stop();
    seismo = await start(where);
    assert.equal((await post(seismo.publicUrl, { ...one, sent: Date.now() })).status, 202);
    const second = beacon();
    assert.equal((await post(seismo.publicUrl, second)).status, 202);
    await until('the second beacon', async () => (await exported(where, ['--session', second.session])).length === second.events.length);
    assert.equal((await exported(where)).length, one.events.length + second.events.length);
  } finally {
    await seismo.stop();
    where.remove();
  }
});

test('a stop loses nothing that was acknowledged', async () => {
  const where = place();
  const sent = [];
  const seismo = await start(where);
  let going = true;
  const load = Array.from({ length: 8 }, async () => {
    while (going) {
      const next = beacon();
      const answer = await post(seismo.publicUrl, next).catch(() => null);
      if (answer?.status === 202) sent.push(next);
    }
  });
  await until('some load', () => sent.length > 200);
  await seismo.stop();
  going = false;
  await Promise.all(load);
  const again = await start(where);
  try {
    await until('every acknowledged event once', async () => {
      const documents = await exported(where);
      const sessions = new Map();
      for (const document of documents) sessions.set(document['session.id'], (sessions.get(document['session.id']) ?? 0) + 1);
      return sent.every((each) => sessions.get(each.session) === each.events.length) ? true : `${documents.length} documents of ${sent.length} beacons`.length === 0;
    }, { within: 20000, every: 300 });
  } finally {
    await again.stop();
    where.remove();
  }
});

test('a person at a terminal is shown the tag, one address, and that it is ready', async () => {
  const where = place({ environment: { SEISMO_BUS_KIND: 'sqlite', SEISMO_STORE_KIND: 'sqlite' } });
  const child = spawn('script', ['-qefc', `exec ${binary} run`, '/dev/null'], { env: { PATH: process.env.PATH, ...where.environment }, stdio: ['ignore', 'pipe', 'ignore'] });
  const end = new Promise((resolve) => child.on('exit', resolve));
  let shown = '';
  child.stdout.on('data', (data) => (shown += data));
  try {
    await until('ready', () => /^ready$/m.test(shown), { within: 60000 }).catch((error) => assert.fail(`${error.message}: ${shown}`));
    const [tag, page, ready, ...rest] = shown.split('\r\n').filter((line) => line && !/^\d{4}-|^\{/.test(line)); // but for the log
    assert.match(tag, /^tag <script async crossorigin src="http:\/\/127\.0\.0\.1:\d+\/seismo\.js" data-key="demo" data-service="shop"><\/script>$/);
    assert.match(page, /^live page http:\/\/127\.0\.0\.1:\d+\/$/);
    assert.deepEqual([ready, ...rest], ['ready'], shown);
    for (const address of [/src="([^"]+)"/.exec(tag)[1], page.slice('live page '.length)]) assert.equal((await fetch(address)).status, 200, address);
  } finally {
    child.kill('SIGTERM');
    await end;
    where.remove();
  }
});
