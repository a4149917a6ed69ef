#!/usr/bin/env node
// only: embedded
// Keys rotated by SIGHUP under load: no request is lost, a wrong file changes nothing, what needs a restart is named.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { beacon, metric, place, post, start, until } from '../lib/seismo.mjs';

let where, seismo, file;
const configure = (keys, more = '', own = '') => writeFileSync(file, `${more}\napplications:\n  - name: shop\n    keys: [${keys}]\n    services: [shop]\n    origins: ["http://shop.test"]\n    server_clients: true\n${own}`);
before(async () => {
  where = place({ environment: { SEISMO_APPLICATIONS: undefined } });
  file = join(where.folder, 'seismo.yaml');
  configure('old');
  seismo = await start(where, { args: ['--config', file] });
});
after(async () => {
  await seismo.stop();
  where.remove();
});

const send = (key) => post(seismo.publicUrl, beacon({}, 1), { key });
const reloads = () => metric(seismo.innerUrl, 'seismo_config_reloads_total');
async function reload() {
  const before = await reloads();
  process.kill(seismo.pid, 'SIGHUP');
  await until('the reload', async () => (await reloads()) === before + 1);
}

test('a key gives way to the next while pages send', async () => {
  let over = false, sent = 0, key = 'old';
  const load = Array.from({ length: 8 }, async () => {
    while (!over) {
      const answer = await send(key);
      assert.equal(answer.status, 202, `${key}: ${answer.text}`);
      sent++;
    }
  });
  assert.equal((await send('new')).status, 403);
  configure('old, new');
  await reload();
  assert.equal((await send('new')).status, 202);
  for (let i = 0; i < 20; i++) await reload();
  key = 'new';
  over = true;
  await Promise.all(load);
  configure('new');
  await reload();
  assert.equal((await send('old')).status, 403);
  assert.equal((await send('new')).status, 202);
  console.log(`# ${sent} requests through 21 reloads, none refused`);
  assert.ok(sent > 50);
});

test('a wrong file changes nothing and is said with its place', async () => {
  configure('next', 'log:\n  level: debug\ningest:\n  address_request: 3');
  process.kill(seismo.pid, 'SIGHUP');
  await until('the failure', async () => (await metric(seismo.innerUrl, 'seismo_config_reload_failures_total')) === 1);
  assert.match(seismo.log(), /SE-4008.*seismo\.yaml:4:3: unknown key 'ingest\.address_request'; did you mean 'ingest\.address_requests'/);
  configure('next', 'ingest:\n  trusted_proxies: [10.0.0.1/8]');
  process.kill(seismo.pid, 'SIGHUP');
  await until('the next failure', async () => (await metric(seismo.innerUrl, 'seismo_config_reload_failures_total')) === 2);
  assert.match(seismo.log(), /SE-4008.*seismo\.yaml:2:\d+: ingest\.trusted_proxies: .*'10\.0\.0\.1\/8'/);
  assert.equal(await metric(seismo.innerUrl, 'seismo_config_last_reload_successful'), 0);
  assert.equal((await send('next')).status, 403);
  assert.equal((await send('new')).status, 202);
});

test('what agents are told changes with a reload', async () => {
  assert.deepEqual((await send('new')).json, { accepted: 1, rejected: [] });
  configure('new', '', '    rate: 0.25\n    stop: true\n    wait: 30\n');
  await reload();
  assert.deepEqual((await send('new')).json, { accepted: 1, rejected: [], rate: 0.25, stop: true, wait: 30 });
  const mixed = beacon({}, 1);
  const { json } = await post(seismo.publicUrl, { ...mixed, events: [...mixed.events, { kind: 'click' }] }, { key: 'new' });
  assert.deepEqual(json, { accepted: 1, rejected: [{ index: mixed.events.length, code: 'SE-1005', field: 'at' }], rate: 0.25, stop: true, wait: 30 });
  configure('new');
  await reload();
  assert.deepEqual((await send('new')).json, { accepted: 1, rejected: [] });
});

test('limits are taken over, and what needs a restart is named', async () => {
  configure('new', 'ingest:\n  trusted_proxies: [127.0.0.0/8]\n  address_requests: 1\n  address_requests_burst: 1\n  max_body: 128KiB');
  await reload();
  assert.equal(await metric(seismo.innerUrl, 'seismo_config_last_reload_successful'), 1);
  assert.match(seismo.log(), /SE-4009.*seismo\.yaml:5:\d+: ingest\.max_body/);
  const from = () => post(seismo.publicUrl, beacon({}, 1), { key: 'new', headers: { 'x-forwarded-for': '203.0.113.9' } });
  const statuses = (await Promise.all([from(), from(), from(), from()])).map((answer) => answer.status);
  assert.ok(statuses.includes(202) && statuses.includes(429), String(statuses));
});
