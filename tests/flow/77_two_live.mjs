#!/usr/bin/env node
// Two live pages on one store behind a load balancer, beside the instance that does the rest: what people do in one is seen in the other,
// streams of both tell what comes in, and a session that one began opens the other. Embedded all three share one folder.
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { test } from 'node:test';
import { beacon, begin, id, onStack, place, post, start, until } from '../lib/seismo.mjs';

const within = 60000;
const SLOW = '/api/checkout';

/* Each request to the next of them, as a load balancer does that keeps nobody at one instance. */
async function balancer() {
  const behind = [];
  let turn = 0;
  const server = createServer((asked, answer) => {
    const { hostname, port } = new URL(behind[turn++ % behind.length]);
    const passed = request({ hostname, port, path: asked.url, method: asked.method, headers: asked.headers }, (got) => {
      answer.writeHead(got.statusCode, { ...got.headers, 'x-instance': port });
      answer.flushHeaders();
      got.on('error', () => answer.destroy()).pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    answer.on('close', () => passed.destroy());
    asked.pipe(passed);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, behind, close: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }) };
}

function visit(seismo, at, duration) {
  return Promise.all(Array.from({ length: 6 }, (_, i) => post(seismo.publicUrl, {
    id: id('b'), service: 'shop', version: '1.4.2', environment: 'test', session: `session-of-visitor-${i}`, user: { id: `user-${i}` }, sent: Date.now(),
    events: [0, 1].map((n) => ({ kind: 'api', at: at + n * 100, page: '/checkout', view: 'view-0001-abcd', url: SLOW, method: 'POST', status: 200, duration: duration * (0.9 + ((i + n) % 5) / 25), initiator: 'fetch' })),
  })));
}

/* What a stream has said so far. */
function listen(url, headers) {
  const stream = { text: '', instance: '' };
  const asked = request(`${url}/api/live`, { headers: { ...headers, accept: 'text/event-stream' } }, (answer) => {
    stream.instance = answer.headers['x-instance'];
    answer.setEncoding('utf8').on('data', (data) => (stream.text += data)).on('error', () => {});
  });
  asked.on('error', () => {}).end();
  stream.close = () => asked.destroy();
  stream.changes = () => stream.text.match(/^event: change$/gm)?.length ?? 0;
  return stream;
}

test('two live pages behind a load balancer are one', { timeout: 240000 }, async () => {
  const front = await balancer(), token = 'a-token-of-some-length';
  const where = place({ environment: {
    SEISMO_INNER_TOKEN: token, SEISMO_LISTEN_INNER_URL: front.url, SEISMO_DETECT_OPEN_MS: '10s', SEISMO_DETECT_QUIET_MS: '10m', SEISMO_DETECT_YOUNG_MS: '1m',
    SEISMO_DETECT_MIN_SESSIONS: '2', SEISMO_ROLLUP_CLOSE_WAIT_MS: '20s',
  } });
  const all = [], streams = [];
  let going = true, visitors;
  try {
    const folder = (name) => (onStack ? { SEISMO_DATA_DIR: `${where.folder}/${name}` } : {});
    const main = await start(where, { within });
    all.push(main);
    for (const name of ['left', 'right']) all.push(await start(where, { args: ['--roles', 'live'], environment: folder(name), within }));
    front.behind.push(all[1].innerUrl, all[2].innerUrl);

    // A session that the token began at one of them is good at both.
    const entered = await fetch(`${front.url}/?token=${token}`, { redirect: 'manual' });
    const cookie = entered.headers.get('set-cookie').split(';')[0], headers = { cookie };
    const seen = new Set();
    for (let i = 0; i < 4; i++) await until('both know the session', async () => {
      const answer = await fetch(`${front.url}/api/status`, { headers });
      seen.add(answer.headers.get('x-instance'));
      return answer.status === 200;
    }, { within });
    assert.equal(seen.size, 2);

    for (let i = 0; i < 2; i++) streams.push(listen(front.url, headers));
    await until('a stream of each', () => streams.every(({ instance }) => instance), { within });
    assert.equal(new Set(streams.map(({ instance }) => instance)).size, 2);
    const quiet = streams.map((stream) => stream.changes());

    const now = Date.now();
    for (let at = now - 420000; at < now - 60000; at += 5000) await visit(main, at, 80);
    for (let at = now - 60000; at < now; at += 5000) await visit(main, at, 1500);
    visitors = (async () => { while (going) { await visit(main, Date.now(), 1500).catch(() => null); await new Promise((resolve) => setTimeout(resolve, 1000)); } })();
    await until('both streams tell of it', () => streams.every((stream, i) => stream.changes() > quiet[i]), { within });

    const asked = async (instance) => (await fetch(`${instance.innerUrl}/api/alerts`, { headers: { authorization: `Bearer ${token}` } })).json();
    const [, left, right] = all;
    const alert = await until('the alert at the one', async () => (await asked(left)).rows[0], { within: 120000, every: 200 });
    await until('and at the other', async () => (await asked(right)).rows[0]?.id === alert.id, { within });
    const tell = async (path, body) => {
      const answer = await fetch(`${front.url}/api/alerts/${path}`, { method: 'POST', headers: { cookie, origin: front.url, 'content-type': 'application/json' }, body: JSON.stringify(body) });
      assert.equal(answer.status, 200, await answer.text());
      return answer.headers.get('x-instance');
    };
    const everywhere = (what, so) => until(what, async () => (await Promise.all(all.map(asked))).every(so), { within });
    await tell('acknowledge', { id: alert.id, by: 'Ada' });
    await everywhere('acknowledged everywhere', ({ rows }) => rows.find((row) => row.id === alert.id)?.acknowledged?.by === 'Ada');
    await tell('silence', { id: alert.id, by: 'Ada', minutes: 60, reason: 'known' });
    await everywhere('silenced everywhere', ({ silences }) => silences.length === 1);
    const [silence] = (await asked(right)).silences;
    await tell('unsilence', { id: silence.id, by: 'Bob' });
    await everywhere('ended everywhere', ({ silences }) => silences.length === 0);

    // One of the two goes: the other goes on, and its stream too.
    await right.stop();
    front.behind.pop();
    const stayed = streams.find(({ instance }) => instance === new URL(left.innerUrl).port), before = stayed.changes();
    await until('the other\'s stream goes on', () => stayed.changes() > before, { within });
    assert.equal((await fetch(`${front.url}/api/status`, { headers })).status, 200);
  } finally {
    going = false;
    await visitors;
    for (const stream of streams) stream.close();
    for (const seismo of all) if (seismo.isRunning()) await seismo.kill();
    await front.close();
    where.remove();
  }
});

test('a second instance that would take beacons in on the same folder says that there is one', async () => {
  const where = place({ environment: { SEISMO_BUS_KIND: 'sqlite', SEISMO_STORE_KIND: 'sqlite' } });
  const first = await start(where, { within });
  const second = begin(where);
  try {
    await assert.rejects(second.ready);
    assert.match(second.log(), /SE-3001.*bus\.db: another process has it open/);
    assert.equal((await post(first.publicUrl, beacon({}, 1))).status, 202);
  } finally {
    for (const seismo of [first, second]) if (seismo.isRunning()) await seismo.kill();
    where.remove();
  }
});
