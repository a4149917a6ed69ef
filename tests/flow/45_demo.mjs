#!/usr/bin/env node
// Sample data: a day of it in seconds, seen everywhere, nobody alerted; and all of it gone again, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beacon, command, exported, place, post, start, until } from '../lib/seismo.mjs';

const embedded = { environment: { SEISMO_BUS_KIND: 'sqlite', SEISMO_STORE_KIND: 'sqlite' } };
const json = async (url) => (await fetch(url)).json();
const isSample = (document) => document['service.name'] === 'sample';

async function run(where, args) {
  const result = await command(where, args);
  assert.equal(result.code, 0, result.stderr);
  return result.stdout;
}

// How many events the windows of one width count, by kind.
async function counted(where, width) {
  const kinds = {};
  for (const line of (await run(where, ['export', '--service', 'sample', '--windows', String(width)])).trim().split('\n').filter(Boolean)) {
    const window = JSON.parse(line);
    if (window['seismo.rollup.name'] === '*') continue; // the service as a whole
    const kind = window['seismo.rollup.kind'];
    kinds[kind] = (kinds[kind] ?? 0) + window['seismo.rollup.events'];
  }
  return kinds;
}

test('a day of sample data is filled in, agrees with its windows, and goes again', async () => {
  const where = place(embedded);
  try {
    const before = await start(where);
    assert.equal((await post(before.publicUrl, beacon({}, 3), { headers: { origin: 'http://shop.test' } })).status, 202);
    await until('the real events', async () => (await exported(where)).length === 3, { within: 30000 });
    const refused = await command(where, ['demo']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /SE-3101.*stop Seismo first/);
    await before.stop();

    const said = Number(/^(\d+) sample events/.exec(await run(where, ['demo']))[1]);
    assert.ok(said >= 20000 && said <= 60000, `${said} events`);
    const more = Number(/^(\d+) sample events/.exec(await run(where, ['demo', '--sessions', '3400']))[1]);
    assert.ok(more > 1.7 * said && more < 2.3 * said, `${more} events of twice the sessions`);
    for (const wrong of ['0', '-1', '2000001', 'many', '']) assert.equal((await command(where, ['demo', '--sessions', wrong])).code, 64, wrong);
    assert.match(await run(where, ['demo']), /sample events/, 'again');
    const documents = (await exported(where)).filter(isSample);
    assert.ok(Math.abs(documents.length - said) < said / 10, `${documents.length} of ${said}: the second call replaced the first`);
    const raw = {};
    for (const document of documents) raw[document['event.action']] = (raw[document['event.action']] ?? 0) + (document['seismo.click.count'] ?? 1);
    for (const kind of ['event', 'mark', 'measure']) {
      assert.ok(raw[kind] > 0, kind);
      delete raw[kind]; // of which there are no windows
    }
    assert.ok(documents.every((document) => document.labels?.plan), 'labels');
    const sorted = (kinds) => Object.fromEntries(Object.entries(kinds).sort());
    assert.deepEqual(sorted(await counted(where, 60)), sorted(raw));
    assert.deepEqual(sorted(await counted(where, 10)), sorted(raw));
    const times = documents.map((document) => Date.parse(document['@timestamp']));
    assert.ok(times.reduce((a, b) => Math.max(a, b)) - times.reduce((a, b) => Math.min(a, b)) > 23 * 3600000);

    const seismo = await start(where);
    const overview = await json(`${seismo.innerUrl}/api/overview?range=24h&service=sample`);
    assert.ok(overview.totals.loads > 1000, JSON.stringify(overview.totals));
    const business = await json(`${seismo.innerUrl}/api/business?range=24h&service=sample`);
    assert.deepEqual(business.rows.map((row) => row.name).sort(), ['added to cart', 'purchase', 'sign-up']);
    assert.ok(business.rows.every((row) => row.conversion > 0 && row.conversion < 1) && business.rows.some((row) => row.value > 1000), JSON.stringify(business.rows));
    const status = await json(`${seismo.innerUrl}/api/status`);
    assert.ok(status.scopes.some((scope) => scope.service === 'sample'), JSON.stringify(status.scopes));
    const { 'session.id': session } = documents[100];
    assert.ok(JSON.stringify(await json(`${seismo.innerUrl}/api/session?id=${session}`)).includes('/api/'));
    assert.deepEqual((await json(`${seismo.innerUrl}/api/alerts?limit=100`)).rows, []);
    await seismo.stop();

    await run(where, ['demo', '--remove']);
    assert.deepEqual((await exported(where)).map((document) => document['service.name']), ['shop', 'shop', 'shop']);
    for (const width of [10, 60]) assert.deepEqual(await counted(where, width), {});
    const after = await start(where);
    assert.ok(!(await (await fetch(`${after.innerUrl}/api/status`)).text()).includes('"sample"'));
    assert.equal((await post(after.publicUrl, beacon({ session: 's-after-remove' }, 2), { headers: { origin: 'http://shop.test' } })).status, 202);
    await until('new events, by session', async () => (await exported(where, ['--session', 's-after-remove'])).length === 2, { within: 30000 });
    await after.stop();
  } finally {
    where.remove();
  }
});

test('an application of that name is never taken for the sample', async () => {
  const where = place({ ...embedded, applications: [{ name: 'sample', keys: ['mine'], origins: ['*'] }] });
  try {
    for (const args of [['demo'], ['demo', '--remove']]) {
      const result = await command(where, args);
      assert.equal(result.code, 78);
      assert.match(result.stderr, /SE-4001.*sample/);
    }
  } finally {
    where.remove();
  }
});
