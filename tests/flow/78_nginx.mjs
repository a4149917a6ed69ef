#!/usr/bin/env node
// only: embedded
// deploy/nginx/seismo.conf in a real nginx before two collectors: TLS and HTTP/2 in front, the client's own address behind, nobody else's
// word for it; packed, large and slow bodies; one collector stopped and nginx reloaded under load, and nobody gets anything but 202.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { freePorts } from '../lib/ports.mjs';
import { beacon, exported, place, root, sleep, start, until } from '../lib/seismo.mjs';

let first, second, where, other, nginx, port, log = '';

// The recipe with this machine's ports and a certificate of its own.
function recipe(folder, collectors) {
  const text = readFileSync(join(root, 'deploy/nginx/seismo.conf'), 'utf8')
    .replace(/listen 443 ssl http2;/, `listen 127.0.0.1:${port} ssl http2;`).replace(/ *listen \[::\].*\n/, '')
    .replace('10.0.0.11:8080', collectors[0]).replace('10.0.0.12:8080', collectors[1]).replaceAll('/etc/ssl/rum.example', folder);
  assert.ok(!/10\.0\.0\.|etc\/ssl/.test(text));
  return `user root; daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr info;\nevents {}\nhttp { access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;\n` +
    `fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;\n${text}\n}\n`;
}

before(async () => {
  const environment = { SEISMO_INGEST_TRUSTED_PROXIES: '127.0.0.1/32', SEISMO_DRAIN_GRACE_MS: '1500' };
  [where, other] = [place({ environment }), place({ environment })];
  [first, second] = [await start(where), await start(other)];
  [port] = await freePorts(1);
  const folder = join(where.folder, 'nginx');
  mkdirSync(folder);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=rum.example', '-keyout', join(folder, 'key.pem'), '-out', join(folder, 'fullchain.pem')], { stdio: 'pipe' });
  writeFileSync(join(folder, 'nginx.conf'), recipe(folder, [first, second].map(({ publicUrl }) => new URL(publicUrl).host)));
  nginx = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: ['ignore', 'ignore', 'pipe'] });
  nginx.stderr.on('data', (data) => (log += data));
  process.on('exit', () => nginx.kill('SIGKILL'));
  await until('nginx answers', async () => (await ask({ ':path': '/seismo.js' })).status === 200, { within: 30000 }).catch((error) => assert.fail(`${error.message}\n${log}`));
});
after(async () => {
  if (nginx) await new Promise((resolve) => { nginx.on('exit', resolve); nginx.kill('SIGQUIT'); });
  for (const each of [first, second]) if (each?.isRunning()) await each.stop();
  for (const each of [where, other]) each?.remove();
});

// One request over HTTP/2 on a connection of its own. A status of 0: the connection was cut.
function ask(headers, body, { pieces = [body], everyMs = 0 } = {}) {
  return new Promise((resolve) => {
    const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, servername: 'rum.example' });
    const end = (answer) => { session.close(); resolve(answer); };
    session.on('error', (error) => end({ status: 0, why: error.message }));
    const request = session.request({ ':authority': 'rum.example', ...headers });
    let status = 0, text = '';
    request.on('response', (answer) => (status = answer[':status']));
    request.on('data', (data) => (text += data));
    request.on('error', (error) => end({ status: 0, why: error.message }));
    request.on('end', () => end({ status, text }));
    (async () => {
      for (const piece of pieces) if (piece) { request.write(piece); if (everyMs) await sleep(everyMs); }
      request.end();
    })();
  });
}
const send = (one, more = {}, how) => ask({ ':method': 'POST', ':path': '/in/v1?k=demo', 'content-type': 'text/plain', origin: 'http://shop.test', ...more }, typeof one === 'object' && !Buffer.isBuffer(one) ? JSON.stringify(one) : one, how);
const stored = async () => [...(await exported(where)), ...(await exported(other))];
const ofBeacon = (id) => until(`beacon ${id}`, async () => (await stored()).filter((each) => each['seismo.beacon.id'] === id).length > 0 && (await stored()).filter((each) => each['seismo.beacon.id'] === id), { within: 20000, every: 200 });

test('a client is known by its own address, whatever it says of itself', async () => {
  const one = beacon({}, 1);
  const answer = await send(one, { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.9' });
  assert.equal(answer.status, 202, answer.text ?? answer.why);
  const [document] = await ofBeacon(one.id);
  assert.doesNotMatch(JSON.stringify(document), /203\.0\.113/);
  assert.equal((await ask({ ':path': '/metrics' })).status, 404, 'nothing else is passed on');
});

test('packed, slow and large bodies', async () => {
  const packed = beacon({}, 2), slow = beacon({}, 2);
  assert.equal((await send(gzipSync(JSON.stringify(packed)))).status, 202, 'packed');
  const text = JSON.stringify(slow);
  assert.equal((await send(text, {}, { pieces: text.match(/[^]{1,200}/g), everyMs: 100 })).status, 202, 'slow');
  assert.equal((await ofBeacon(packed.id)).length, 2);
  assert.equal((await ofBeacon(slow.id)).length, 2);
  const large = await send(JSON.stringify(beacon({ filler: 'x'.repeat(300000) }, 1)));
  assert.equal(large.status, 413);
  assert.match(large.text, /SE-\d{4}/, 'refused by the collector, with its code');
});

test('nginx is reloaded and one collector stops under load: nobody notices', async () => {
  let going = true;
  const statuses = {};
  const clients = Promise.all(Array.from({ length: 4 }, async () => {
    while (going) {
      /* What HTTP/2 refuses was not begun and is sent again, as browsers do (RFC 9113, 8.7). */
      const one = beacon({}, 1), first = await send(one), { status, why } = /REFUSED_STREAM/.test(first.why) ? await send(one) : first;
      statuses[why ?? status] = (statuses[why ?? status] ?? 0) + 1;
    }
  }));
  await sleep(500);
  nginx.kill('SIGHUP');
  await sleep(1000);
  await second.stop();
  await sleep(1000);
  going = false;
  await clients;
  assert.deepEqual(Object.keys(statuses), ['202'], JSON.stringify(statuses) + log.slice(-2000));
  assert.ok(statuses[202] > 20, JSON.stringify(statuses));
});
