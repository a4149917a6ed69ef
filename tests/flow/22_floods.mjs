#!/usr/bin/env node
// only: embedded
// One address and one key that flood: they are told to wait, their neighbours notice nothing. HTTP/2 is not to be had.
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { beacon, metric, place, post, start } from '../lib/seismo.mjs';

let where, seismo;
before(async () => {
  where = place({
    applications: ['shop', 'blog'].map((name) => ({ name, keys: [name], origins: ['*'], server_clients: true })),
    environment: {
      SEISMO_INGEST_TRUSTED_PROXIES: '127.0.0.0/8',
      SEISMO_INGEST_ADDRESS_REQUESTS: '20', SEISMO_INGEST_ADDRESS_REQUESTS_BURST: '50',
      SEISMO_INGEST_KEY_REQUESTS: '10', SEISMO_INGEST_KEY_REQUESTS_BURST: '200',
    },
  });
  seismo = await start(where);
});
after(async () => {
  await seismo.stop();
  where.remove();
});

const from = (address, key = 'shop') => post(seismo.publicUrl, beacon({}, 1), { key, headers: { 'x-forwarded-for': address } });

test('an address that floods is told to wait, its neighbours are not', async () => {
  const flood = Array.from({ length: 600 }, () => from('203.0.113.9'));
  const neighbours = Array.from({ length: 40 }, (_, i) => from(`198.51.100.${i}`));
  const statuses = (await Promise.all(flood)).map((answer) => answer.status);
  for (const answer of await Promise.all(neighbours)) assert.equal(answer.status, 202);
  const taken = statuses.filter((status) => status === 202).length, waits = statuses.filter((status) => status === 429).length;
  console.log(`# of 600: ${taken} taken, ${waits} told to wait`);
  assert.equal(taken + waits, 600);
  assert.ok(taken >= 50 && taken < 500, `${taken} taken`);
  const answer = await from('203.0.113.9, 127.0.0.1');
  if (answer.status === 429) {
    assert.equal(answer.json.code, 'SE-1205');
    assert.ok(Number(answer.headers.get('retry-after')) >= 1);
  }
  assert.equal(await metric(seismo.innerUrl, 'seismo_rejects_total', 'reason="rate_address"'), waits + (answer.status === 429 ? 1 : 0));
});

test('a key that floods is told to wait, another is not', async () => {
  const flood = await Promise.all(Array.from({ length: 800 }, (_, i) => from(`192.0.2.${i % 250}`, 'blog')));
  const waiting = flood.filter((answer) => answer.json?.code === 'SE-1206');
  assert.ok(waiting.length > 0, 'nobody was told to wait');
  assert.ok(waiting.every((answer) => answer.status === 429 && Number(answer.headers.get('retry-after')) >= 1));
  assert.equal((await from('198.51.100.200', 'shop')).status, 202);
});

test('HTTP/2: the preface is cut off, the upgrade is not heard', async () => {
  const port = new URL(seismo.publicUrl).port;
  await new Promise((resolve, reject) => {
    const session = http2.connect(seismo.publicUrl);
    session.on('connect', () => {});
    const stream = session.request({ ':path': '/healthz' });
    stream.on('response', () => reject(new Error('answered over HTTP/2')));
    stream.on('error', resolve);
    session.on('error', resolve);
    session.on('close', resolve);
  });
  const answer = await new Promise((resolve, reject) => {
    http.get({ port, host: '127.0.0.1', path: '/healthz', headers: { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAARAAAAAAAIAAAAA' } },
      (response) => { response.resume(); resolve(response); }).on('upgrade', () => reject(new Error('upgraded'))).on('error', reject);
  });
  assert.equal(answer.statusCode, 200);
  assert.equal(answer.httpVersion, '1.1');
});

const raw = (text) => new Promise((resolve) => {
  let answer = '';
  const socket = net.connect(new URL(seismo.publicUrl).port, '127.0.0.1', () => socket.write(text));
  socket.on('data', (data) => (answer += data));
  socket.on('error', () => resolve(answer));
  socket.on('close', () => resolve(answer));
  setTimeout(() => socket.destroy(), 10000).unref();
});

test('heads that two readers could take differently are refused and their connection closed', async () => {
  const body = JSON.stringify(beacon({}, 1)), length = `Content-Length: ${body.length}`;
  const heads = [
    `Host: a\r\n${length}\r\nTransfer-Encoding: chunked\r\n`, `Host: a\r\n${length}\r\n${length}\r\n`, `Host: a\n${length}\r\n`,
    `Host: a\r\nX-A: b\r\n c\r\n${length}\r\n`, `${length}\r\n`, `Host: a\r\nHost: b\r\n${length}\r\n`,
  ];
  for (const head of heads) {
    const answer = await raw(`POST /in/v1?k=shop HTTP/1.1\r\n${head}\r\n${head.includes('chunked') ? '0\r\n\r\n' : body}`);
    assert.match(answer, /^HTTP\/1\.1 400 /, JSON.stringify(head));
  }
});
