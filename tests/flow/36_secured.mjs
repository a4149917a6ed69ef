#!/usr/bin/env node
// only: stack
// An Elasticsearch of its own with its security on: a certificate of a private CA, a password, API keys with no more than the rights of
// docs/store.md. What is wrong is refused with its code and named, and a key that is taken away stops documents, not beacons.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { changesRollOver } from '../lib/templates.mjs';
import { beacon, command, exported, id, place, post, root, start, until } from '../lib/seismo.mjs';

const run = promisify(execFile);
const dir = mkdtempSync(join(tmpdir(), 'seismo-secured-'));
const password = id(), ca = join(dir, 'es-config/ca.crt');
const where = place();
let url, port;

before(async () => {
  chmodSync(dir, 0o755);
  const { stdout } = await run(join(root, 'tests/stack/es-up'), [dir], { timeout: 150000, env: { ...process.env, ES_PASSWORD: password, ES_HEAP: '700m' } });
  port = Number(/^elasticsearch 127\.0\.0\.1:(\d+)$/m.exec(stdout)[1]);
  url = `https://127.0.0.1:${port}`;
  Object.assign(where.environment, { SEISMO_BUS_KIND: 'sqlite', SEISMO_STORE_KIND: 'elastic', SEISMO_ELASTIC_URL: url, SEISMO_STORE_NAMESPACE: where.name, SEISMO_ELASTIC_CA_FILE: ca });
}, { timeout: 160000 });

after(async () => {
  await run(join(root, 'tests/stack/down'), [dir], { timeout: 60000 });
  rmSync(dir, { recursive: true, force: true });
  where.remove();
});

const byPassword = { SEISMO_ELASTIC_USER: 'seismo', SEISMO_ELASTIC_PASSWORD: password };
const byKey = (key) => ({ SEISMO_ELASTIC_API_KEY: key });
const setup = (environment) => command(where, ['setup'], { environment });

// As the superuser.
function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const bytes = body ? JSON.stringify(body) : '';
    const headers = { 'content-length': Buffer.byteLength(bytes), authorization: `Basic ${Buffer.from(`seismo:${password}`).toString('base64')}`, 'content-type': 'application/json' };
    const request = https.request(url + path, { method, headers, ca: readFileSync(ca) }, (answer) => {
      let text = '';
      answer.on('data', (data) => (text += data));
      answer.on('end', () => (answer.statusCode < 300 ? resolve(JSON.parse(text)) : reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`))));
    });
    request.on('error', reject);
    request.end(bytes);
  });
}

const streams = ['logs-seismo.*', 'metrics-seismo.*'];
const makeKey = (name, cluster, index) => call('POST', '/_security/api_key', { name, role_descriptors: { [name]: { cluster, index } } });
const setupKey = () => makeKey('setup', ['manage_index_templates'], [{ names: [...streams, 'seismo-state-*'], privileges: ['manage'] }]);
const runKey = () => makeKey('run', [], [
  { names: streams, privileges: ['create_doc', 'read', 'auto_configure', 'view_index_metadata', 'maintenance', 'delete', 'monitor'] },
  { names: ['seismo-state-*'], privileges: ['read', 'index', 'create'] },
]);

test('what is wrong is refused and named', async () => {
  const wrong = [
    ['no credentials', {}, 'SE-3104', /status 401/],
    ['a wrong password', { ...byPassword, SEISMO_ELASTIC_PASSWORD: 'not it' }, 'SE-3104', /status 401/],
    ['a key that does not exist', byKey(Buffer.from('nobody:nothing').toString('base64')), 'SE-3104', /status 401/],
    ['a CA that is not known', { ...byPassword, SEISMO_ELASTIC_CA_FILE: '' }, 'SE-5001', /certificate is not trusted/],
    ['a certificate of another host', { ...byPassword, SEISMO_ELASTIC_URL: `https://localhost:${port}` }, 'SE-5001', /certificate is not trusted/],
    ['clear text to a TLS port', { ...byPassword, SEISMO_ELASTIC_URL: `http://127.0.0.1:${port}` }, 'SE-', /elastic/],
  ];
  for (const [what, environment, code, reason] of wrong) {
    const { code: exit, stderr } = await setup(environment);
    assert.equal(exit, 1, `${what}: ${stderr}`);
    assert.ok(stderr.includes(`seismo setup: ${code}`), `${what}: ${stderr}`);
    assert.match(stderr, reason, what);
    for (const secret of [password, 'not it', 'bm9ib2R5']) assert.ok(!stderr.includes(secret), `${what}: no secret is printed`);
  }
});

// The real node behind a certificate whose CA was valid for a day in 2020.
test('an expired CA is refused', async (t) => {
  const at = (name) => join(dir, name);
  const openssl = (...args) => run('faketime', ['2020-01-01 00:00:00', 'openssl', ...args]);
  await openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', at('old-ca.key'), '-out', at('old-ca.crt'), '-days', '1', '-subj', '/CN=Expired');
  await openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', at('old.key'), '-out', at('old.csr'), '-subj', '/CN=127.0.0.1');
  writeFileSync(at('old.ext'), 'subjectAltName=IP:127.0.0.1');
  await openssl('x509', '-req', '-in', at('old.csr'), '-CA', at('old-ca.crt'), '-CAkey', at('old-ca.key'), '-CAcreateserial', '-days', '30000', '-extfile', at('old.ext'), '-out', at('old.crt'));
  const server = tls.createServer({ key: readFileSync(at('old.key')), cert: readFileSync(at('old.crt')) }, (inside) => {
    const outside = tls.connect({ port, host: '127.0.0.1', ca: readFileSync(ca) });
    for (const [from, to] of [[inside, outside], [outside, inside]]) {
      from.on('error', () => to.destroy());
      from.pipe(to);
    }
  });
  server.on('tlsClientError', () => {});
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { code, stderr } = await setup({ ...byPassword, SEISMO_ELASTIC_URL: `https://127.0.0.1:${server.address().port}`, SEISMO_ELASTIC_CA_FILE: at('old-ca.crt') });
  assert.equal(code, 1, stderr);
  assert.match(stderr, /SE-5001.*certificate is not trusted/);
});

test('an API key with the rights of docs/store.md sets up, another one runs; what is taken away stops documents and not beacons', { timeout: 170000 }, async (t) => {
  const first = await setupKey(), second = await runKey();
  const made = await setup(byKey(first.encoded));
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /5 of 5 templates installed/);
  where.isSetUp = true;

  const seismo = await start(where, { environment: byKey(second.encoded), within: 60000 });
  t.after(() => seismo.kill());
  const deliver = async () => {
    const sent = beacon();
    assert.equal((await post(seismo.publicUrl, sent)).status, 202);
    return sent;
  };
  const arrived = (sent, environment) => until('the documents', async () => {
    const result = await command(where, ['export', '--session', sent.session], { environment });
    assert.equal(result.code, 0, result.stderr);
    return result.stdout.split('\n').filter(Boolean).length === sent.events.length;
  }, { within: 60000, every: 300 }).catch((error) => assert.fail(`${error.message}\n${seismo.log()}`));
  await arrived(await deliver(), byPassword);
  await arrived(await deliver(), byKey(second.encoded));

  await call('DELETE', '/_security/api_key', { ids: [second.id] });
  const held = await deliver();
  const said = await until('readiness says so', async () => {
    const answer = await fetch(`${seismo.innerUrl}/readyz`);
    return answer.status === 503 && answer.json();
  }, { within: 60000 });
  assert.match(said.parts.store.reason, /SE-3104/);
  assert.match(seismo.log(), /SE-3104/);
  assert.equal((await fetch(`${seismo.publicUrl}/readyz`)).status, 200, 'ready for beacons: the bus holds them');
  await deliver();
  await seismo.stop();
  assert.ok(!seismo.log().includes(second.encoded) && !seismo.log().includes(password), 'no secret is logged');

  const again = await start(where, { environment: byPassword, within: 60000 });
  t.after(() => again.kill());
  const after = await exportedOnceThere(held);
  assert.equal(after, held.events.length);
  await again.stop();
  await changesRollOver(call, where.name, () => setup(byKey(first.encoded)));
});

async function exportedOnceThere(sent) {
  const reader = { ...where, environment: { ...where.environment, ...byPassword } };
  return until('what was held', async () => (await exported(reader, ['--session', sent.session])).length, { within: 60000, every: 300 });
}
