#!/usr/bin/env node
// only: embedded
// alone: yes
// Six hundred clients that send their header or body a byte at a time: neighbours are served, the slow ones are closed in time, memory stays.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { beacon, metric, place, post, sleep, start, until } from '../lib/seismo.mjs';

const SLOW = 600, TIMEOUT_MS = 4000;
let where, seismo, slow = [], closed = 0;
before(async () => {
  where = place({ environment: { SEISMO_INGEST_REQUEST_TIMEOUT_MS: String(TIMEOUT_MS) } });
  seismo = await start(where);
});
after(async () => {
  for (const one of slow) one.socket.destroy();
  await seismo.stop();
  where.remove();
});

const residentKilobytes = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${seismo.pid}/status`, 'utf8'))[1]);

function dribble(i) {
  const socket = net.connect(new URL(seismo.publicUrl).port, '127.0.0.1');
  const head = 'POST /in/v1?k=demo HTTP/1.1\r\nHost: a\r\nOrigin: http://shop.test\r\nContent-Length: 100000\r\n';
  const bytes = i % 2 ? `${head}\r\n${'x'.repeat(1000)}` : `${head}X-Slow: ${'y'.repeat(1000)}`;
  let at = i % 2 ? head.length + 2 : 1;
  const one = { socket, began: Date.now(), took: null };
  socket.on('error', () => {});
  socket.on('data', () => {});
  socket.on('close', () => {
    clearInterval(timer);
    one.took = Date.now() - one.began;
    closed++;
  });
  socket.on('connect', () => socket.write(bytes.slice(0, at)));
  const timer = setInterval(() => { if (socket.writable) socket.write(bytes.slice(at, ++at)); }, 200);
  return one;
}

test('neighbours are served while hundreds are slow', async () => {
  for (let i = 0; i < 20; i++) await post(seismo.publicUrl, beacon());
  const before = residentKilobytes();
  slow = Array.from({ length: SLOW }, (_, i) => dribble(i));
  await until('all slow ones are connected', async () => (await metric(seismo.innerUrl, 'seismo_connections', 'public')) >= SLOW, { every: 10 });
  const times = [];
  for (let i = 0; i < 100; i++) {
    const began = Date.now();
    assert.equal((await post(seismo.publicUrl, beacon())).status, 202);
    times.push(Date.now() - began);
    await sleep(5);
  }
  times.sort((a, b) => a - b);
  const grown = residentKilobytes() - before;
  console.log(`# ${SLOW} slow clients: median ${times[50]} ms, slowest ${times[99]} ms, memory grew by ${grown} kB`);
  assert.ok(times[50] < 500, `median ${times[50]} ms`);
  assert.ok(grown < 64 * 1024, `memory grew by ${grown} kB`);
});

test('the slow ones are closed in time, although they never stop to send', async () => {
  await until('all are closed', () => closed === SLOW, { within: 45000 });
  const longest = Math.max(...slow.map((one) => one.took));
  console.log(`# closed after at most ${longest} ms`);
  assert.ok(longest < TIMEOUT_MS + 30000);
  assert.ok((await metric(seismo.innerUrl, 'seismo_connections', 'public')) < 20);
  assert.equal((await post(seismo.publicUrl, beacon())).status, 202);
});
