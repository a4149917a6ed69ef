// docker-compose.yml: every service is confined and watched, reached from this machine alone, and of the versions that the tests' stack runs.
// Brought up it is by tests/tools/compose.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url).pathname;
const read = (path) => readFileSync(join(root, path), 'utf8');
const [, body] = /^services:\n(.*?)^volumes:/ms.exec(read('docker-compose.yml'));
const services = body.split(/^ {2}(?=[\w-]+:$)/m).slice(1).map((text) => ({ name: /^[\w-]+/.exec(text)[0], text }));
const imageOf = (name) => /^ {4}image: \S+:(\S+)$/m.exec(services.find((each) => each.name === name).text)[1];

test('no service has more rights than it needs, and each says how it is', () => {
  assert.ok(services.length >= 13);
  for (const { name, text } of services) {
    const [, frame] = /^ {4}<<: \*(\w+)$/m.exec(text) ?? assert.fail(`${name} is not confined`);
    if (frame === 'confined') for (const line of ['mem_limit:', 'healthcheck:']) assert.ok(text.includes(`\n    ${line}`), `${name} has no ${line}`);
    else assert.ok(['seismo', 'spooling', 'ingest'].includes(frame), name);
    assert.doesNotMatch(text, /privileged|cap_add|network_mode|docker\.sock/, name);
  }
});

test('a role that hands records to Kafka has a spool that outlives its container', () => {
  for (const name of ['ingest-1', 'ingest-2', 'index', 'rollup', 'detect']) {
    const { text } = services.find((each) => each.name === name);
    assert.match(text, new RegExp(`^ {6}- ${name}:/var/lib/seismo$`, 'm'));
    assert.match(text, /<<: \*(spooling|ingest)$/m);
  }
});

test('what is published is published on this machine', () => {
  const published = [...body.matchAll(/^ {6}- (\S+:\d+)$/gm)].map(([, port]) => port);
  assert.ok(published.length >= 5);
  for (const port of published) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/);
});

test('its versions are those that are tested', () => {
  assert.equal(imageOf('kafka'), /KAFKA_VERSION:-([\d.]+)/.exec(read('tests/stack/kafka-up'))[1]);
  for (const name of ['elasticsearch', 'kibana']) assert.equal(imageOf(name), /^nodes=\(\n {2}"([\d.]+) /m.exec(read('tests/stack/es-up'))[1], name);
});

test('the image names the version that is built', () => {
  assert.equal(/^ARG VERSION=(.*)$/m.exec(read('deploy/Dockerfile'))[1], /^project\(seismo VERSION ([\d.]+)/m.exec(read('CMakeLists.txt'))[1]);
});
