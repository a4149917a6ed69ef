#!/usr/bin/env node
// only: stack
// A Kafka of its own that takes clients by TLS and SASL alone, as managed ones do: what is wrong is refused with SE-3004 and spooled, what is
// right works, from the environment, from a file and in the configuration, and no secret is printed.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { beacon, command, exported, id, metric, place, post, root, start, until } from '../lib/seismo.mjs';

const run = promisify(execFile);
const dir = mkdtempSync(join(tmpdir(), 'seismo-kafka-secured-'));
const password = id('geheim'), wrong = id('falsch'), ca = join(dir, 'kafka-tls/ca.crt');
let brokers;

before(async () => {
  const { stdout } = await run(join(root, 'tests/stack/kafka-up'), [dir], { timeout: 150000, env: { ...process.env, KAFKA_PASSWORD: password } });
  brokers = /^kafka (127\.0\.0\.1:\d+)$/m.exec(stdout)[1];
}, { timeout: 160000 });

after(async () => {
  await run(join(root, 'tests/stack/down'), [dir], { timeout: 60000 });
  rmSync(dir, { recursive: true, force: true });
});

const properties = (changes = {}) => Object.entries({
  'security.protocol': 'SASL_SSL', 'ssl.ca.location': ca, 'sasl.mechanism': 'PLAIN', 'sasl.username': 'seismo', 'sasl.password': password, ...changes,
}).filter(([, value]) => value !== null).map(([name, value]) => `${name}=${value}`);

const secured = (list, settings = {}) => place({
  environment: { SEISMO_BUS_KIND: 'kafka', SEISMO_KAFKA_BROKERS: brokers, SEISMO_STORE_KIND: 'sqlite', SEISMO_BUS_PREFIX: id('t').replace(/[^a-z0-9]/gi, ''),
    ...(list && { SEISMO_KAFKA_PROPERTIES: JSON.stringify(list) }), ...settings },
});

const holdsNoSecret = (text, what) => {
  for (const secret of [password, wrong]) assert.ok(!text.includes(secret), `${what}: no secret is printed: ${text}`);
};

const mistakes = [
  ['a wrong password', { 'sasl.password': wrong }],
  ['a mechanism that is off', { 'sasl.mechanism': 'SCRAM-SHA-512' }],
  ['a CA that is not known', { 'ssl.ca.location': null }],
];

for (const [what, changes] of mistakes)
  test(`${what}: setup says so, and beacons wait in the spool`, { timeout: 90000 }, async (t) => {
    const where = secured(properties(changes));
    t.after(() => where.remove());
    const { code, stderr } = await command(where, ['setup']);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /SE-3004/, stderr);
    holdsNoSecret(stderr, what);
    where.isSetUp = true;
    const seismo = await start(where, { args: ['--roles', 'ingest'] });
    t.after(() => seismo.kill());
    assert.equal((await post(seismo.publicUrl, beacon())).status, 202);
    await until('SE-3004', () => /SE-3004/.test(seismo.log()), { within: 20000 }).catch(() => assert.fail(seismo.log()));
    await until('it waits', async () => (await metric(seismo.innerUrl, 'seismo_spool_records')) > 0);
    await seismo.stop();
    holdsNoSecret(seismo.log(), what);
    // With the right ones it goes on.
    where.environment.SEISMO_KAFKA_PROPERTIES = JSON.stringify(properties());
    const made = await command(where, ['setup']);
    assert.equal(made.code, 0, made.stderr);
    const right = await start(where);
    t.after(() => right.kill());
    await until('stored', async () => (await exported(where)).length === 3, { within: 30000, every: 300 }).catch(() => assert.fail(right.log()));
    await right.stop();
    holdsNoSecret(right.log(), what);
  });

test('properties that are no properties are named without their values', { timeout: 60000 }, async (t) => {
  for (const [entry, says] of [[`sasl.passwort=${wrong}`, /"sasl\.passwort" is unknown/], [`ssl.ca.location=${join(dir, 'nowhere.pem')}`, /nowhere\.pem/], [`security.protocol=${wrong}`, /"security\.protocol"/], [wrong, /name=value/]]) {
    const where = secured([...properties(), entry]);
    t.after(() => where.remove());
    for (const args of [['setup'], ['run']]) {
      const { code, stdout, stderr } = await command(where, args);
      assert.ok([1, 78].includes(code), `${entry}: ${code} ${stderr}`);
      assert.match(stderr, /SE-\d{4}/);
      assert.match(stderr, says);
      holdsNoSecret(stdout + stderr, entry);
    }
  }
});

for (const [what, make] of [
  ['a file of the environment', (list, path) => { writeFileSync(path, JSON.stringify(list), { mode: 0o600 }); return { SEISMO_KAFKA_PROPERTIES_FILE: path }; }],
  ['a file of one entry a line', (list, path) => { writeFileSync(path, list.map((each) => `- ${each}\n`).join(''), { mode: 0o600 }); return { SEISMO_KAFKA_PROPERTIES_FILE: path }; }],
  ['a configuration file', (list, path) => { writeFileSync(path, `kafka:\n  properties:\n${list.map((each) => `    - ${each}\n`).join('')}`, { mode: 0o600 }); return { SEISMO_CONFIG: path }; }],
])
  test(`all of it from ${what}, and what is printed at log level debug`, { timeout: 90000 }, async (t) => {
    const path = join(dir, id('properties')), settings = make(properties(), path);
    const where = secured(null, { ...settings, SEISMO_LOG_LEVEL: 'debug' });
    t.after(() => where.remove());
    const args = settings.SEISMO_CONFIG ? ['--config', path] : [];
    delete where.environment.SEISMO_CONFIG;
    chmodSync(path, 0o600);
    const made = await command(where, ['setup', ...args]);
    assert.equal(made.code, 0, made.stderr);
    where.isSetUp = true;
    const seismo = await start(where, { args });
    t.after(() => seismo.kill());
    assert.equal((await post(seismo.publicUrl, beacon())).status, 202);
    await until('stored', async () => (await exported(where)).length === 3, { within: 30000, every: 300 }).catch(() => assert.fail(seismo.log()));
    const shown = await command(where, ['check-config', ...args]);
    assert.equal(shown.code, 0, shown.stderr);
    await seismo.stop();
    holdsNoSecret(seismo.log() + made.stdout + made.stderr + shown.stdout + shown.stderr, what);
  });
