#!/usr/bin/env node
// only: embedded
// Ten thousand clients that reset at any moment of their request, while a neighbour is served: nothing falls over, every connection is given
// back, and what was accepted is stored, each event once.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { beacon, exported, metric, place, post, sleep, start, until } from '../lib/seismo.mjs';

const CLIENTS = 10000, AT_ONCE = 100;
let where, seismo;
before(async () => {
  where = place();
  seismo = await start(where);
});
after(async () => {
  await seismo.stop();
  where.remove();
});

function abort(port) {
  return new Promise((resolve) => {
    const body = JSON.stringify(beacon({}, 2));
    const request = `POST /in/v1?k=demo HTTP/1.1\r\nHost: a\r\nOrigin: http://shop.test\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.on('close', resolve);
    socket.on('data', () => {});
    socket.on('connect', () => {
      const kind = Math.random();
      socket.write(kind < 0.4 ? request.slice(0, 1 + Math.floor(Math.random() * request.length)) : request);
      const leave = () => (Math.random() < 0.7 ? socket.resetAndDestroy() : socket.destroy());
      if (kind < 0.6) setImmediate(leave);
      else setTimeout(leave, Math.random() * 6);
    });
  });
}

test('ten thousand aborted requests', async () => {
  const port = new URL(seismo.publicUrl).port;
  let left = CLIENTS, neighbours = 0, over = false;
  const neighbour = (async () => {
    while (!over) {
      assert.equal((await post(seismo.publicUrl, beacon({ session: 'neighbour-1' }, 1))).status, 202);
      neighbours++;
      await sleep(5);
    }
  })();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => { while (left-- > 0) await abort(port); }));
  over = true;
  await neighbour;
  assert.ok(neighbours > 10, `${neighbours} neighbours were served`);
  console.log(`# ${neighbours} neighbours served meanwhile`);
  assert.ok(seismo.isRunning());
});

test('every connection is given back', async () => {
  await until('no connection but our own', async () => (await metric(seismo.innerUrl, 'seismo_connections', 'public')) <= 2, { within: 45000 });
});

test('what was accepted is stored, each event once', async () => {
  const accepted = await metric(seismo.innerUrl, 'seismo_events_accepted_total');
  assert.ok(accepted > 1000, `${accepted} events`);
  const documents = await until('as many documents as accepted events', async () => {
    const all = await exported(where);
    return all.length >= accepted && all;
  }, { within: 30000, every: 500 });
  assert.equal(documents.length, accepted);
});
