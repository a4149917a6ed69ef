#!/usr/bin/env node
// only: embedded
// Behind a balancer that speaks the PROXY protocol, with TLS: who the client is, who may speak, and a certificate replaced while it runs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { beacon, exported, metric, place, start, until } from '../lib/seismo.mjs';

let where, seismo, port;
function certificate(name) {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
    '-keyout', join(where.folder, 'key.pem'), '-out', join(where.folder, 'certificate.pem')], { stdio: 'pipe' });
}
before(async () => {
  where = place();
  certificate('first.test');
  Object.assign(where.environment, {
    SEISMO_LISTEN_PROXY_PROTOCOL: 'required', SEISMO_INGEST_TRUSTED_PROXIES: '127.0.0.0/8',
    SEISMO_LISTEN_TLS_CERTIFICATE: join(where.folder, 'certificate.pem'), SEISMO_LISTEN_TLS_KEY: join(where.folder, 'key.pem'),
  });
  seismo = await start(where);
  port = Number(new URL(seismo.publicUrl).port);
});
after(async () => {
  await seismo.stop();
  where.remove();
});

const v1 = (address) => `PROXY TCP4 ${address} 127.0.0.1 4711 443\r\n`;
function v2(address) {
  const head = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, 12 + 7]);
  const tlv = Buffer.from([0x05, 0, 4, 1, 2, 3, 4]); // a unique id, to be skipped
  return Buffer.concat([head, Buffer.from([...address.split('.').map(Number), 127, 0, 0, 1, 0, 80, 1, 187]), tlv]);
}

// One connection: the header, a handshake, a request. { status, name, alpn }.
function talk(header, request, options = {}) {
  return new Promise((resolve) => {
    const result = { status: 0 };
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.write(header);
      const secure = tls.connect({ socket, rejectUnauthorized: false, ...options }, () => {
        result.name = secure.getPeerCertificate().subject?.CN;
        result.alpn = secure.alpnProtocol;
        secure.write(request);
      });
      let answer = '';
      secure.on('data', (data) => {
        answer += data;
        result.status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0);
        secure.end();
      });
      secure.on('error', () => {});
      secure.on('close', () => resolve(result));
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(result));
    setTimeout(() => socket.destroy(), 15000).unref();
  });
}

function posting(one) {
  const body = JSON.stringify(one);
  return `POST /in/v1?k=demo HTTP/1.1\r\nHost: a\r\nOrigin: http://shop.test\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

test('the address that is printed says https', () => assert.match(seismo.publicUrl, /^https:/));

test('the client is whom the header names', async () => {
  for (const [header, expected] of [[v1('203.0.113.7'), '203.0.113.0'], [v2('198.51.100.7'), '198.51.100.0'], ['PROXY UNKNOWN\r\n', '127.0.0.0']]) {
    const one = beacon({}, 1);
    assert.equal((await talk(header, posting(one))).status, 202);
    const [document] = await until('the document', async () => {
      const all = await exported(where, ['--session', one.session]);
      return all.length === 1 && all;
    });
    assert.ok(JSON.stringify(document).includes(`"${expected}"`), JSON.stringify(document));
  }
});

test('without a header, or with a wrong one, the connection is closed and counted', async () => {
  assert.equal((await talk('', posting(beacon()))).status, 0);
  assert.equal((await talk('PROXY TCP4 1.2.3 4 5 6\r\n', posting(beacon()))).status, 0);
  await until('counted', async () => (await metric(seismo.innerUrl, 'seismo_connections_turned_away_total', 'proxy_header')) === 2);
});

test('HTTP/2 is not chosen', async () => {
  const result = await talk(v1('203.0.113.7'), posting(beacon()), { ALPNProtocols: ['h2', 'http/1.1'] });
  assert.deepEqual([result.status, result.alpn], [202, 'http/1.1']);
});

test('SIGHUP takes over a new certificate, and keeps the old one when the new one is wrong', async () => {
  const name = async () => (await talk(v1('203.0.113.7'), posting(beacon()))).name;
  assert.equal(await name(), 'first.test');
  certificate('second.test');
  assert.equal(await name(), 'first.test');
  process.kill(seismo.pid, 'SIGHUP');
  await until('the second certificate', async () => (await name()) === 'second.test');
  writeFileSync(join(where.folder, 'certificate.pem'), 'rubbish');
  process.kill(seismo.pid, 'SIGHUP');
  await until('the failure', async () => (await metric(seismo.innerUrl, 'seismo_config_reload_failures_total')) === 1);
  assert.match(seismo.log(), /SE-4008.*SE-4006.*certificate\.pem/);
  assert.equal(await name(), 'second.test');
  assert.equal(await metric(seismo.innerUrl, 'seismo_config_last_reload_successful'), 0);
});
