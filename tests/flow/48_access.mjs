#!/usr/bin/env node
// Who may read a live page that other machines reach: one link once, sessions that end, the token for programs, a proxy's word; and no
// secret in any log.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { begin, command, place, start, until } from '../lib/seismo.mjs';

/* As the address is found: the first of IPv4 that is not loopback. */
const ownAddress = () => Object.values(networkInterfaces()).flat().find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';

const open = { SEISMO_LISTEN_INNER: '0.0.0.0:0' };
const token = 'a-token-of-some-length';
const within = 30000;

// fetch may set neither Host nor Origin.
function ask(url, { method = 'GET', headers = {}, body = '' } = {}) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers: { connection: 'close', ...headers, ...(body && { 'content-length': Buffer.byteLength(body) }) } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (data) => (text += data)).on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
    });
    asked.on('error', reject).end(body);
  });
}

const here = (url) => url.replace(/\/\/[^:/]+:/, '//127.0.0.1:'); // the link names this machine's own address
const baseOf = (link) => new URL(here(link)).origin;
const secretOf = (link) => new URL(link).searchParams.get('once');
const sessionOf = (answer) => /^(seismo_access=[0-9a-f]{64});/.exec(answer.headers['set-cookie']?.[0] ?? '')?.[1];

function use(link, headers = {}) {
  return ask(`${baseOf(link)}/enter`, { method: 'POST', body: `once=${secretOf(link)}`, headers: { 'content-type': 'application/x-www-form-urlencoded', origin: baseOf(link), ...headers } });
}

async function linkBy(where, name) {
  const { code, stdout, stderr } = await command(where, [name]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^http:\/\/\S+\/enter\?once=[0-9a-f]{64}\n$/);
  return stdout.trim();
}

test('a one-time link opens the page once, and reset-access ends all', async () => {
  const where = place({ environment: open });
  const secrets = [];
  let seismo = await start(where);
  try {
    const link = seismo.innerUrl, base = baseOf(link), status = `${base}/api/status`;
    secrets.push(secretOf(link));
    assert.match(link, /\/enter\?once=[0-9a-f]{64}$/);
    const refused = await ask(status);
    assert.equal(refused.status, 401);
    assert.equal(JSON.parse(refused.text).code, 'SE-1304');
    assert.match(refused.text, /seismo access/);
    assert.equal((await ask(`${base}/metrics`)).status, 401);
    assert.equal((await ask(`${base}/readyz`)).status, 200);

    for (let i = 0; i < 2; i++) {
      const looked = await ask(here(link));
      assert.equal(looked.status, 200);
      assert.match(looked.text, /<form method="post" action="\/enter">/);
    }
    assert.equal((await use(link, { origin: 'http://evil.example' })).status, 403);
    const entered = await use(link);
    assert.equal(entered.status, 303, entered.text);
    const cookie = sessionOf(entered);
    secrets.push(cookie.split('=')[1]);
    assert.match(entered.headers['set-cookie'][0], /; HttpOnly; SameSite=Strict; Max-Age=2592000$/);
    assert.equal((await ask(status, { headers: { cookie } })).status, 200);
    const again = await use(link);
    assert.equal(again.status, 401);
    assert.match(again.text, /SE-1306.*seismo access/s);

    // Rebinding, and pages of other origins, with a session that is good.
    const rebound = await ask(status, { headers: { cookie, host: `evil.example:${new URL(base).port}` } });
    assert.equal(rebound.status, 403);
    assert.equal(JSON.parse(rebound.text).code, 'SE-1305');
    const json = { cookie, 'content-type': 'application/json' };
    for (const path of ['/api/deploys', '/api/alerts/acknowledge', '/api/alerts/silence', '/api/alerts/unsilence']) {
      const answer = await ask(base + path, { method: 'POST', body: '{"name":"1.0"}', headers: { ...json, origin: 'http://evil.example' } });
      assert.equal(answer.status, 403, path);
      assert.equal(JSON.parse(answer.text).code, 'SE-1304');
    }
    assert.equal((await ask(`${base}/api/deploys`, { method: 'POST', body: '{"name":"1.0"}', headers: { ...json, origin: base } })).status, 200);
    assert.equal((await ask(`${base}/api/deploys`, { method: 'POST', body: '{"name":"1.0"}', headers: { 'content-type': 'application/json' } })).status, 401);

    const unused = await linkBy(where, 'access'), fresh = await linkBy(where, 'reset-access');
    secrets.push(secretOf(unused), secretOf(fresh));
    assert.equal(baseOf(fresh), base, 'where it listens, also when it chose its port itself');
    await until('the session ends', async () => (await ask(status, { headers: { cookie } })).status === 401, { within });
    assert.equal((await use(unused)).status, 401);
    const second = sessionOf(await use(fresh));
    assert.equal((await ask(status, { headers: { cookie: second } })).status, 200);
    let log = seismo.log();
    await seismo.stop();

    // Stopped, it is the same.
    const stopped = await linkBy(where, 'reset-access');
    seismo = await start(where);
    const next = baseOf(seismo.innerUrl);
    assert.equal((await ask(`${next}/api/status`, { headers: { cookie: second } })).status, 401);
    const third = sessionOf(await use(`${next}/enter?once=${secretOf(stopped)}`));
    assert.equal((await ask(`${next}/api/status`, { headers: { cookie: third } })).status, 200);
    secrets.push(secretOf(stopped), secretOf(seismo.innerUrl), second.split('=')[1], third.split('=')[1]);
    await seismo.stop();
    log += seismo.log();
    assert.match(log, /a one-time link was used from 127\.0\.0\.1/);
    for (const secret of secrets) assert.ok(!log.includes(secret.slice(0, 12)), 'no secret is in the log');
  } finally {
    if (seismo.isRunning()) await seismo.kill();
    where.remove();
  }
});

test('the token is for programs, and begins sessions that reset-access ends', async () => {
  const where = place({ environment: { ...open, SEISMO_INNER_TOKEN: token } });
  const seismo = await start(where);
  try {
    assert.match(seismo.innerUrl, /^http:\/\/[\d.]+:\d+$/, 'no link is printed when there is another way in');
    assert.equal(new URL(seismo.innerUrl).hostname, ownAddress(), 'an address that other machines reach');
    const base = baseOf(seismo.innerUrl);
    assert.equal((await ask(`${base}/metrics`)).status, 401);
    assert.equal((await ask(`${base}/metrics`, { headers: { authorization: `Bearer ${token}` } })).status, 200);
    const cookie = sessionOf(await ask(`${base}/?token=${token}`));
    assert.equal((await ask(`${base}/api/status`, { headers: { cookie } })).status, 200);
    await linkBy(where, 'reset-access');
    await until('the session ends', async () => (await ask(`${base}/api/status`, { headers: { cookie } })).status === 401, { within });
    assert.equal((await ask(`${base}/metrics`, { headers: { authorization: `Bearer ${token}` } })).status, 200);
    await seismo.stop();
    assert.ok(!seismo.log().includes(token));
  } finally {
    if (seismo.isRunning()) await seismo.kill();
    where.remove();
  }
});

test('a proxy that is trusted names who asks; others name nobody', async () => {
  const settings = { ...open, SEISMO_INNER_TRUSTED_USER_HEADER: 'X-Forwarded-User' };
  for (const [proxies, status] of [['192.0.2.0/24', 401], ['192.0.2.0/24,127.0.0.1', 200]]) {
    const where = place({ environment: { ...settings, SEISMO_INNER_TRUSTED_PROXIES: proxies } });
    const seismo = await start(where);
    try {
      const headers = { 'x-forwarded-user': 'ada@shop.test' }, base = baseOf(seismo.innerUrl);
      assert.equal((await ask(`${base}/api/status`, { headers })).status, status);
      assert.equal((await ask(`${base}/api/status`)).status, 401);
      if (status === 200) {
        await ask(`${base}/api/session?user=u-17`, { headers });
        const marked = await ask(`${base}/api/deploys`, { method: 'POST', body: '{"name":"2.0","by":"eve"}', headers: { ...headers, 'content-type': 'application/json' } });
        assert.equal(marked.status, 200, marked.text);
        await until('both are in the log', () => /timeline of user 'u-17' was opened by 'ada@shop\.test' from 127/.test(seismo.log()) && /deploy '2\.0' was marked by 'ada@shop\.test'/.test(seismo.log()), { within });
      }
      await seismo.stop();
    } finally {
      if (seismo.isRunning()) await seismo.kill();
      where.remove();
    }
  }
});

test('one address that holds connections open locks nobody out', async (t) => {
  const where = place({ environment: { ...open, SEISMO_INNER_TOKEN: token } });
  const seismo = await start(where), { port } = new URL(seismo.innerUrl), sockets = [];
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await seismo.kill();
    where.remove();
  });
  for (let i = 0; i < (ownAddress() === '127.0.0.1' ? 200 : 600); i++)
    sockets.push(connect(port, ownAddress()).on('error', () => {}));
  await Promise.all(sockets.map((socket) => new Promise((done) => socket.once('connect', done).once('close', done))));
  for (let i = 0; i < 20; i++) {
    const answer = await ask(`http://127.0.0.1:${port}/metrics`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 200);
  }
});

test('off loopback without a way in it does not start', async () => {
  const where = place({ environment: { ...open, SEISMO_ROLES: 'index' } });
  const seismo = begin(where);
  try {
    await assert.rejects(seismo.ready);
    assert.match(seismo.log(), /SE-4003.*inner\.token/);
  } finally {
    if (seismo.isRunning()) await seismo.kill();
    where.remove();
  }
});
