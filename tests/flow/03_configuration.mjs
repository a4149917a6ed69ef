#!/usr/bin/env node
// only: embedded
// A wrong configuration is refused with file, line, column and the nearest right name; exit codes are those of sysexits.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { beacon, command, place, post, root, start } from '../lib/seismo.mjs';

const where = place();
const check = (yaml, environment = {}) => {
  const file = join(where.folder, 'seismo.yaml');
  writeFileSync(file, yaml);
  return command({ environment }, ['check-config', '--config', file]);
};

const wrong = [
  ['an unknown key', 'listen:\n  publc: 127.0.0.1:1\n', /seismo\.yaml:2:3: unknown key 'listen\.publc'; did you mean 'listen\.public'\?/],
  ['a wrong type', 'listen:\n  loops: many\n', /seismo\.yaml:2:10: listen\.loops: expected a whole number, found 'many'/],
  ['out of range', 'listen:\n  loops: 9000\n', /seismo\.yaml:2:10: listen\.loops: expected 1 to \d+/],
  ['not YAML', 'listen: [1, 2\nx: }\n', /seismo\.yaml:\d+:\d+: not YAML/],
  ['a mapping where a value belongs', 'listen:\n  public: {a: 1}\n', /seismo\.yaml:2:11: listen\.public: expected one value, found a mapping/],
  ['an application without a key', 'applications:\n  - name: shop\n    origins: ["*"]\n', /seismo\.yaml:2:5: application shop: it has no keys/],
  ['a misspelt member', 'applications:\n  - nmae: shop\n', /unknown key 'applications\.nmae'; did you mean name/],
  ['a key twice', 'applications:\n  - {name: a, keys: [k], origins: ["*"]}\n  - {name: b, keys: [k], origins: ["*"]}\n', /a key is empty or belongs to another application/],
];
for (const [name, yaml, message] of wrong)
  test(name, async () => {
    const result = await check(yaml);
    assert.equal(result.code, 78, result.stderr);
    assert.match(result.stderr, message);
    assert.match(result.stderr, /SE-4001/);
  });

const contradictions = [
  ['a role that there is not', 'roles: ingest,indx\n', /seismo\.yaml:1:\d+: roles names something else than ingest/],
  ['PROXY protocol of nobody', 'listen:\n  proxy_protocol: required\n', /seismo\.yaml:2:\d+: listen\.proxy_protocol is required and ingest\.trusted_proxies names nobody/],
  ['half a certificate', 'listen:\n  tls_certificate: /x.pem\n', /tls_key belong together/],
  ['an open inner listener', 'roles: ingest,index\nlisten:\n  inner: 0.0.0.0:8081\n', /inner\.token is needed/],
  ['a name that nobody may give', 'inner:\n  trusted_user_header: x-forwarded-user\n', /inner\.trusted_proxies only, which names nobody/],
  ['Kafka nowhere', 'bus:\n  kind: kafka\n', /kafka\.brokers is empty/],
  ['Elasticsearch nowhere', 'store:\n  kind: elastic\n', /elastic\.url and elastic\.cloud_id are empty/],
  ['more in sync than copies', 'kafka:\n  replication: 2\n  min_insync_replicas: 3\n', /no record would be taken/],
  ['half a login', 'elastic:\n  user: seismo\n', /elastic\.password belong together/],
  ['a country header of nobody', 'ingest:\n  country_header: cf-ipcountry\n', /warning: SE-4001: \S+seismo\.yaml:2:\d+: ingest\.country_header is believed/],
  ['brokers that are not used', 'kafka:\n  brokers: k:9092\n', /warning: .*bus\.kind is not kafka/],
  ['an address that is not used', 'elastic:\n  url: http://e:9200\n', /warning: .*store\.kind is not elastic/],
  ['a password in clear text', 'store:\n  kind: elastic\nelastic:\n  url: http://e:9200\n  api_key: x\n', /warning: .*in clear text/],
  ['two logins', 'store:\n  kind: elastic\nelastic:\n  url: https://e:9200\n  api_key: x\n  user: u\n  password: p\n', /warning: .*the key is used/],
];
for (const [name, yaml, message] of contradictions)
  test(`a contradiction: ${name}`, async () => {
    const result = await check(yaml);
    assert.match(result.stderr, message);
    assert.match(result.stderr, /SE-4001/);
    assert.equal(result.code, result.stderr.includes('warning') ? 0 : 78, result.stderr);
  });

test('Kafka without brokers starts nothing', async () => {
  for (const args of [['run'], ['run', '--roles', 'ingest'], ['setup']]) {
    const result = await command(where, args, { environment: { SEISMO_BUS_KIND: 'kafka' } });
    assert.equal(result.code, 78, `${args}: ${result.stderr}`);
    assert.match(result.stderr, /SE-4001 .*kafka\.brokers is empty/);
    assert.doesNotMatch(result.stderr, /spool/);
  }
});

test('what is the same with what it needs is no contradiction', async () => {
  const result = await check('listen:\n  proxy_protocol: required\ningest:\n  trusted_proxies: [10.0.0.0/8]\n  country_header: cf-ipcountry\nbus:\n  kind: kafka\nkafka:\n  brokers: k:9092\nstore:\n  kind: elastic\nelastic:\n  url: http://127.0.0.1:9200\n  user: u\n  password: p\n');
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stderr, '');
});

test('a right one, with durations, sizes, environment and a secret out of a file', async () => {
  const secret = join(where.folder, 'webhook');
  writeFileSync(secret, 'https://hooks.slack.example/services/T/B/x\n');
  const file = join(where.folder, 'right.yaml');
  writeFileSync(file, `detect:\n  open_ms: 20s\ningest:\n  max_body: 128KiB\nslack:\n  webhook_file: ${secret}\napplications:\n  - {name: shop, keys: [k], origins: ["*"]}\n`);
  const result = await command({ environment: { SEISMO_LISTEN_LOOPS: '3' } }, ['check-config', '--print', '--config', file]);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stdout, /^detect\.open_ms: 20000/m);
  assert.match(result.stdout, /^ingest\.max_body: 131072/m);
  assert.match(result.stdout, /^listen\.loops: 3 .*SEISMO_LISTEN_LOOPS/m);
  assert.match(result.stdout, /^slack\.webhook: \*\*\*/m);
  assert.ok(!result.stdout.includes('hooks.slack'), 'a secret is never printed');
});

test('the demo\'s file is right', async () => {
  const result = await command({ environment: {} }, ['check-config', '--config', join(root, 'demo/seismo.yaml')]);
  assert.equal(result.code, 0, result.stderr);
});

test('wrong words on the command line', async () => {
  assert.equal((await command({ environment: {} }, [])).code, 64);
  assert.equal((await command({ environment: {} }, ['runn'])).code, 64);
  assert.equal((await command({ environment: {} }, ['run', '--roles', 'ingest,nonsense'])).code, 64);
  assert.equal((await command({ environment: {} }, ['export', '--since', 'yesterday'])).code, 64);
  assert.equal((await command({ environment: {} }, ['check-config', '--config', '/nonexistent'])).code, 78);
  const version = await command({ environment: {} }, ['--version']);
  assert.match(version.stdout, /^seismo \d+\.\d+\.\d+\n$/);
  assert.equal((await command({ environment: {} }, ['version'])).stdout, version.stdout);
});

test('listening beyond this machine wants applications, and a token where there is no page', async () => {
  const open = { ...where.environment, SEISMO_APPLICATIONS: '[]' };
  let result = await command({ environment: { ...open, SEISMO_LISTEN_PUBLIC: '0.0.0.0:0' } }, ['run']);
  assert.equal(result.code, 78, result.stderr);
  result = await command({ environment: { ...where.environment, SEISMO_ROLES: 'index', SEISMO_LISTEN_INNER: '0.0.0.0:0' } }, ['run']);
  assert.notEqual(result.code, 0);
  assert.match(result.stderr, /token/);
});

test('with no file and no settings it runs, and says how to use it', async () => {
  const plain = place();
  plain.environment = { SEISMO_DATA_DIR: plain.folder, SEISMO_LISTEN_PUBLIC: '127.0.0.1:0', SEISMO_LISTEN_INNER: '127.0.0.1:0' };
  const began = process.hrtime.bigint();
  const seismo = await start(plain);
  console.log(`# ready after ${Number(process.hrtime.bigint() - began) / 1e6} ms`);
  const health = () => command({ environment: { ...plain.environment, SEISMO_LISTEN_INNER: new URL(seismo.innerUrl).host } }, ['health']);
  assert.deepEqual([(await health()).code, (await health()).stderr], [0, '']);
  await seismo.stop();
  const gone = await health();
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /SE-\d{4} .*readyz: no connection/);
  plain.remove();
  where.remove();
});

test('codes: one line in, exactly one out, whatever the bytes', async () => {
  const input = Buffer.concat([Buffer.from('user 17 not found\nuser 4711 not found\n\n'), Buffer.from([0xff, 0x00, 0x0a]), Buffer.from('{"level":"error","message":"disk full"}\nlast without an end')]);
  const result = await command({ environment: {} }, ['code'], { input });
  const lines = result.stdout.split('\n').slice(0, -1);
  assert.equal(lines.length, 6);
  for (const line of lines) assert.match(line, /^E-[0-9A-HJKMNP-TV-Z]{8}$/);
  assert.equal(lines[0], lines[1]);
  assert.equal((await command({ environment: {} }, ['code'], { input })).stdout, result.stdout);
});

test('listeners on IPv6: the addresses that it prints answer', { timeout: 60000 }, async () => {
  const six = place({ environment: { SEISMO_LISTEN_PUBLIC: '[::1]:0', SEISMO_LISTEN_INNER: '[::1]:0' } }), seismo = await start(six);
  try {
    assert.match(`${seismo.publicUrl} ${seismo.innerUrl}`, /^http:\/\/\[::1\]:\d+ http:\/\/\[::1\]:\d+$/);
    assert.equal((await post(seismo.publicUrl, beacon())).status, 202);
    assert.equal((await fetch(`${seismo.innerUrl}/readyz`)).status, 200);
  } finally {
    await seismo.stop();
    six.remove();
  }
});
