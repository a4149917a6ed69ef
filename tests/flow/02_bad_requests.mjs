#!/usr/bin/env node
// Everything that a request can have wrong: each gets its code, nothing falls over, what is right beside it goes on.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { beacon, exported, metric, place, post, sleep, start, until } from '../lib/seismo.mjs';

let where, seismo;
before(async () => {
  where = place({ applications: [
    { name: 'shop', keys: ['demo', 'next-key'], services: ['shop'], origins: ['https://shop.example', 'https://*.shop.example'] },
    { name: 'server', keys: ['server-key'], origins: [], server_clients: true },
  ] });
  seismo = await start(where);
});
after(async () => {
  await seismo.stop();
  where.remove();
});

const origin = { origin: 'https://shop.example' };
const send = (body, options = {}) => post(seismo.publicUrl, body, { ...options, headers: { ...origin, ...options.headers } });
const refused = (answer, status, code) => {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.json?.code, code, answer.text);
  assert.ok(answer.json.error && answer.json.help, answer.text);
};

const bodies = [
  ['not JSON', 'hello', 400, 'SE-1001'],
  ['cut short', JSON.stringify(beacon()).slice(0, -20), 400, 'SE-1001'],
  ['nested a thousand deep', `{"id":"abcdefgh","service":"shop","session":"abcdefgh","sent":1,"events":${'['.repeat(1000)}${']'.repeat(1000)}}`, 400, null],
  ['a huge number', JSON.stringify(beacon()).replace(/"sent":\d+/, '"sent":1e999'), 400, null],
  ['a wrong type', { ...beacon(), service: 7 }, 400, 'SE-1006'],
  ['an array', '[]', 400, null],
  ['no events', { ...beacon(), events: [] }, 400, 'SE-1011'],
  ['no id', { ...beacon(), id: undefined }, 400, 'SE-1005'],
  ['not UTF-8', Buffer.concat([Buffer.from('{"id":"abcdefgh'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]), 400, null],
  ['an empty body', '', 400, 'SE-1106'],
  ['another service', { ...beacon(), service: 'bank' }, 400, 'SE-1014'],
];
for (const [name, body, status, code] of bodies)
  test(`refused as a whole: ${name}`, async () => {
    const answer = await send(body);
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.json.code, /^SE-1\d\d\d$/);
    if (code) assert.equal(answer.json.code, code, answer.text);
    assert.equal(answer.headers.get('access-control-allow-origin'), 'https://shop.example', 'the page may read why');
  });

test('a wrong event is refused alone', async () => {
  const one = beacon({}, 3), counted = await metric(seismo.innerUrl, 'seismo_rejects_total', 'reason="field_range"');
  one.events[1].duration = -5;
  const answer = await send(one);
  assert.equal(answer.status, 202, answer.text);
  assert.equal(answer.json.accepted, 2);
  assert.equal(answer.json.rejected[0].index, 1);
  assert.equal(answer.json.rejected[0].code, 'SE-1007');
  assert.equal(await metric(seismo.innerUrl, 'seismo_rejects_total', 'reason="field_range"'), counted + 1, 'and counted once');
  const documents = await until('two documents', async () => {
    const all = await exported(where, ['--session', one.session]);
    return all.length === 2 && all;
  });
  assert.deepEqual(documents.map((document) => document['seismo.duration_ms']), [20, 22]);
});

test('keys and origins', async () => {
  refused(await send(beacon(), { key: null }), 401, 'SE-1201');
  refused(await send(beacon(), { key: 'wrong' }), 403, 'SE-1202');
  refused(await send(beacon(), { headers: { origin: 'https://evil.example' } }), 403, 'SE-1203');
  refused(await send(beacon(), { headers: { origin: 'https://shop.example.evil.example' } }), 403, 'SE-1203');
  refused(await post(seismo.publicUrl, beacon()), 403, 'SE-1204');
  assert.equal((await send(beacon(), { headers: { origin: 'https://www.shop.example' } })).status, 202);
  assert.equal((await send(beacon(), { key: 'next-key' })).status, 202, 'the other key during a rotation');
  assert.equal((await post(seismo.publicUrl, beacon({ service: 'batch' }), { key: 'server-key' })).status, 202);
});

test('addresses, methods, types', async () => {
  const get = async (path, options) => {
    const answer = await fetch(`${seismo.publicUrl}${path}`, options);
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };
  assert.equal((await get('/healthz')).status, 200);
  assert.equal((await get('/readyz')).status, 200);
  assert.equal((await get('/nowhere')).status, 404);
  assert.equal((await get('/in/v1?k=demo')).status, 405);
  assert.equal((await send(beacon(), { headers: { 'content-type': 'image/png' } })).status, 415);
  assert.equal((await send(beacon(), { headers: { 'content-encoding': 'br' } })).status, 415);
  const preflight = await get('/in/v1?k=demo', { method: 'OPTIONS', headers: { ...origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' } });
  assert.ok([200, 204].includes(preflight.status));
  assert.equal(preflight.headers.get('access-control-allow-origin'), 'https://shop.example');
  const agent = await get('/seismo.js');
  assert.equal(agent.status, 200);
  assert.match(agent.headers.get('content-type'), /javascript/);
  assert.match(agent.text, /sendBeacon/);
});

test('gzip, by header and by its magic bytes', async () => {
  for (const headers of [{ 'content-encoding': 'gzip' }, {}]) {
    const one = beacon();
    assert.equal((await send(gzipSync(JSON.stringify(one)), { headers })).status, 202);
    await until('documents', async () => (await exported(where, ['--session', one.session])).length === 3);
  }
  refused(await send(gzipSync(JSON.stringify(beacon())).subarray(0, 60)), 400, 'SE-1103');
});

test('bodies over the limit', async () => {
  const big = beacon();
  big.events[0].page = '/' + 'x'.repeat(300 * 1024);
  const answer = await send(big);
  assert.equal(answer.status, 413);
  assert.equal((await send(gzipSync(JSON.stringify(big)))).status !== 413, true, 'small on the wire, 300 kB inflated: refused for its length, not its size');
});

const residentKilobytes = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${seismo.pid}/status`, 'utf8'))[1]);
const peakKilobytes = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${seismo.pid}/status`, 'utf8'))[1]);

test('a gzip bomb of 200 MB is refused and costs less than 4 MiB', async () => {
  await send(gzipSync(JSON.stringify(beacon()))); // what a first request allocates is not the bomb's
  const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024, 0x20), { level: 9 });
  assert.ok(bomb.length < 256 * 1024);
  const before = Math.max(residentKilobytes(), peakKilobytes());
  for (let i = 0; i < 5; i++) {
    const answer = await send(bomb);
    refused(answer, 413, 'SE-1102');
  }
  const grown = peakKilobytes() - before;
  console.log(`# peak memory grew by ${grown} kB`);
  const most = process.env.SEISMO_TEST_SANITIZED ? 65536 : 4096; // the sanitizer keeps what was freed
  assert.ok(grown < most, `peak memory grew by ${grown} kB`);
});

const raw = (bytes) => new Promise((resolve) => {
  const socket = net.connect(new URL(seismo.publicUrl).port, '127.0.0.1', () => socket.write(bytes));
  let text = '';
  socket.on('data', (data) => (text += data));
  socket.on('error', () => resolve(text));
  socket.on('close', () => resolve(text));
  setTimeout(() => socket.destroy(), 1500);
});

test('bytes that are no HTTP/1.1', async () => {
  assert.ok(!(await raw('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).includes('HTTP/2'));
  await raw('\x00\x01\x02garbage\r\n\r\n');
  await raw('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n').then((text) => assert.ok(!text.startsWith('HTTP/1.1 101')));
  assert.equal((await send(beacon())).status, 202);
});

test('a thousand clients that hang up mid-way', async () => {
  const body = JSON.stringify(beacon());
  await Promise.all(Array.from({ length: 1000 }, async (_, i) => {
    const socket = net.connect(new URL(seismo.publicUrl).port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`POST /in/v1?k=demo HTTP/1.1\r\nHost: a\r\nOrigin: https://shop.example\r\nContent-Length: ${body.length}\r\n\r\n${i % 2 ? body : body.slice(0, 50)}`);
    await sleep(5 + (i % 10));
    socket.destroy();
  }));
  assert.equal((await send(beacon())).status, 202);
});

test('a clock a year off is corrected', async () => {
  for (const year of [-1, 1]) {
    const shift = year * 365 * 86400000;
    const one = beacon();
    one.sent += shift;
    for (const event of one.events) event.at += shift;
    const began = Date.now();
    assert.equal((await send(one)).status, 202);
    const documents = await until('documents', async () => {
      const all = await exported(where, ['--session', one.session]);
      return all.length === 3 && all;
    });
    for (const document of documents)
      assert.ok(Math.abs(Date.parse(document['@timestamp']) - began) < 5000, `${document['@timestamp']} is not about now`);
  }
});

test('secrets are not stored', async () => {
  const one = beacon();
  one.events[0].url = '/api/login?token=s3cr3tvalue&mail=jane.doe%40example.com';
  one.events.push({ kind: 'error', at: Date.now(), page: '/', message: 'no account for jane.doe@example.com with card 4111 1111 1111 1111', type: 'Error' });
  assert.equal((await send(one)).status, 202);
  const documents = await until('documents', async () => {
    const all = await exported(where, ['--session', one.session]);
    return all.length === 4 && all;
  });
  const text = JSON.stringify(documents);
  for (const secret of ['s3cr3tvalue', 'jane.doe@example.com', '4111 1111 1111 1111']) assert.ok(!text.includes(secret), secret);
});

test('refusals are counted by their reason', async () => {
  assert.ok((await metric(seismo.innerUrl, 'seismo_rejects_total', 'reason="bad_json"')) >= 2);
  assert.ok((await metric(seismo.innerUrl, 'seismo_rejects_total', 'reason="unknown_key"')) >= 1);
  assert.ok((await metric(seismo.innerUrl, 'seismo_rejects_total', 'reason="inflated_too_large"')) >= 5);
});

test('the inner listener checks Host and Origin', async () => {
  const port = Number(new URL(seismo.innerUrl).port);
  const ask = (headers) => new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port, path: '/api/status', headers }, (response) => { response.resume(); resolve(response.statusCode); }).on('error', reject);
  });
  assert.equal(await ask({}), 200);
  assert.equal(await ask({ host: `localhost:${port}` }), 200);
  assert.equal(await ask({ host: 'rebound.example' }), 403);
  assert.equal(await ask({ origin: 'https://evil.example' }), 403);
});
