#!/usr/bin/env node
// only: embedded
// `seismo setup --kibana`: what goes over the wire, against a stand-in for Kibana. That the dashboards draw, only a real one can say.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { openKibana } from '../fakes/kibana.mjs';
import { command, place, root } from '../lib/seismo.mjs';

const where = place();
test.after(() => where.remove());

async function open(t, options) {
  const kibana = await openKibana(options);
  t.after(() => kibana.close());
  const setup = (args = [], environment = {}) => command(where, ['setup', '--kibana', kibana.url, ...args], { environment });
  return { kibana, setup };
}
const imports = (kibana) => kibana.calls.filter((call) => call.includes('_import')).length;

test('the first time imports, the second changes nothing and says so', async (t) => {
  const { kibana, setup } = await open(t);
  const first = await setup();
  assert.equal(first.code, 0, first.stderr);
  const objects = kibana.objects.get('default'), dashboards = [...objects.values()].filter(({ type }) => type === 'dashboard');
  assert.match(first.stdout, new RegExp(`^kibana ${kibana.url}, version 8\\.12\\.2: ${dashboards.length} dashboards \\(${objects.size} objects\\) imported`, 'm'));
  const before = JSON.stringify([...objects]);
  const second = await setup();
  assert.equal(second.code, 0, second.stderr);
  assert.match(second.stdout, /are as they should be, nothing was changed/);
  assert.equal(imports(kibana), 1);

  // Theirs, beside ours, is never written; what is missing or of another release comes back.
  objects.set('dashboard:theirs', { type: 'dashboard', id: 'theirs', attributes: { title: 'Theirs' }, references: [] });
  objects.delete('lens:seismo-overview-p1');
  const overview = objects.get('dashboard:seismo-overview');
  objects.set('dashboard:seismo-overview', { ...overview, attributes: { ...overview.attributes, description: 'Older. (Seismo 0000000000000000)' } });
  const third = await setup();
  assert.match(third.stdout, /imported; 1 objects were missing, 1 dashboards were of another release/);
  assert.equal(objects.get('dashboard:theirs').attributes.title, 'Theirs');
  objects.delete('dashboard:theirs');
  assert.equal(JSON.stringify([...objects].sort()), JSON.stringify(JSON.parse(before).sort()), 'all is as after the first time');
});

test('a dashboard under our id that is not ours stays as it is', async (t) => {
  const { kibana, setup } = await open(t);
  kibana.objects.set('default', new Map([['dashboard:seismo-pages', { type: 'dashboard', id: 'seismo-pages', attributes: { title: 'Mine', description: '' }, references: [] }]]));
  const { code, stderr } = await setup();
  assert.equal(code, 1);
  assert.match(stderr, /SE-5201.*seismo-pages is not of Seismo's making/);
  assert.equal(imports(kibana), 0);
});

test('a space has ids of its own, and every reference and link stays within it', async (t) => {
  const { kibana, setup } = await open(t);
  const done = await setup(['--space', 'support']);
  assert.equal(done.code, 0, done.stderr);
  assert.ok(kibana.calls.every((call) => call.includes(' /s/support/api/')), kibana.calls.join('\n'));
  const objects = kibana.objects.get('support');
  for (const { id, references, attributes } of objects.values()) {
    assert.ok(id.startsWith('seismo-support-'), id);
    for (const { type, id: other } of references) assert.ok(objects.has(`${type}:${other}`), `${id} refers to ${type}:${other}`);
    assert.ok(!/seismo-(?!support-)/.test(JSON.stringify(attributes)), `${id} names what is of another space`);
  }
  assert.match((await setup(['--space', 'support'])).stdout, /nothing was changed/);
});

test('user and password or a key are sent, and never printed', async (t) => {
  const key = 'c2VjcmV0OmtleQ==', password = 'pass-w0rd';
  const basic = `Basic ${Buffer.from(`ada:${password}`).toString('base64')}`;
  for (const [authorization, right, wrong] of [
    [basic, { SEISMO_KIBANA_USER: 'ada', SEISMO_KIBANA_PASSWORD: password }, { SEISMO_KIBANA_USER: 'ada', SEISMO_KIBANA_PASSWORD: `${password}-not` }],
    [`ApiKey ${key}`, { SEISMO_KIBANA_API_KEY: key }, { SEISMO_KIBANA_API_KEY: `${key}not` }],
  ]) {
    const { setup } = await open(t, { authorization });
    const good = await setup([], right), bad = await setup([], wrong);
    assert.equal(good.code, 0, good.stderr);
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /SE-5202.*status 401/);
    for (const { stdout, stderr } of [good, bad]) for (const secret of [key, password, basic.slice(6)]) assert.ok(!(stdout + stderr).includes(secret));
  }
});

test('what Kibana refuses is named', async (t) => {
  const { kibana, setup } = await open(t);
  const only = (part, answer) => (request) => (request.url.includes(part) ? answer : null);
  const failed = { success: false, successCount: 0, errors: [{ type: 'lens', id: 'seismo-api-p1', error: { type: 'missing_references' } }] };
  const cases = [
    [only('_import', [200, failed]), /SE-5201.*1 objects were not imported, as lens seismo-api-p1: missing_references/],
    [only('_import', [500, { statusCode: 500, error: 'Internal Server Error' }]), /SE-5201.*importing the dashboards: status 500/],
    [only('_import', [403, { statusCode: 403, message: 'Unable to bulk_create dashboard' }]), /SE-5202.*status 403.*privilege/],
    [only('status', [503, 'Kibana server is not ready yet']), /SE-5201.*not ready yet/],
    [only('status', [200, { version: { number: '7.17.3' } }]), /SE-5201.*version 7\.17\.3 is too old/],
    [only('status', [200, '<html>hello</html>']), /SE-5201.*no Kibana/],
  ];
  for (const [answer, expected] of cases) {
    kibana.answer = answer;
    const { code, stderr } = await setup();
    assert.equal(code, 1, stderr);
    assert.match(stderr, expected);
  }
  // Serverless has no _bulk_get: everything is imported each time.
  kibana.answer = only('_bulk_get', [404, { statusCode: 404 }]);
  for (let i = 0; i < 2; i++) assert.match((await setup()).stdout, /dashboards \(\d+ objects\) imported$/m);
});

test('addresses and options that are wrong are refused before anything is called', async () => {
  const run = (...args) => command(where, ['setup', ...args]);
  const secret = await run('--kibana', 'http://ada:secret@127.0.0.1:5601');
  assert.match(secret.stderr, /SE-4001.*no user or password in the address/);
  assert.ok(!secret.stderr.includes('secret'));
  assert.match((await run('--kibana', 'kibana:5601')).stderr, /SE-4001/);
  assert.match((await run('--kibana', 'http://127.0.0.1:9', '--space', '../x')).stderr, /SE-4001.*space/);
  assert.match((await run('--kibana', 'http://127.0.0.1:9')).stderr, /SE-5001/);
  for (const args of [['--kibana'], ['--space', 'x'], ['--what']]) assert.equal((await run(...args)).code, 64);
});

test('drawing without a Kibana is said loudly and is no success', () => {
  const { status, stderr } = spawnSync(join(root, 'tests/kibana/draw'), { encoding: 'utf8' });
  assert.equal(status, 2);
  assert.match(stderr, /NOT RUN: no Kibana was given/);
});
