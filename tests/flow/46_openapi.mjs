#!/usr/bin/env node
// The live page's API is what schemas/live-api.json says: every route of the code stands there and nothing else does, and what a real
// Seismo with sample data answers is of the stated shape, refusals too.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Ajv from 'ajv/dist/2020.js';
import { command, place, root, start, until } from '../lib/seismo.mjs';

const api = JSON.parse(readFileSync(join(root, 'schemas/live-api.json'), 'utf8'));
const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema(api, 'api');

// One validator for a place in the document, so that its references are found.
function validator(...steps) {
  const pointer = steps.map((step) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
  return ajv.getSchema(`api#/${pointer}`);
}

// [method, path] of every route that the C source names.
function routes() {
  const folder = join(root, 'collector/live');
  const source = readdirSync(folder).filter((name) => name.endsWith('.c')).map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
  const table = (name) => [...new RegExp(`${name}\\[\\] = \\{(.*?)\\n\\};`, 's').exec(source)[1].matchAll(/\{"(\/[^"]+)",/g)].map((found) => found[1]);
  const known = [...table('answers').map((path) => ['get', path]), ...table('changes').map((path) => ['post', path])];
  const named = new Set([...source.matchAll(/slice_is\([^"]*"(\/api\/[^"]+)"/g)].map((found) => found[1]));
  const uploads = [...source.matchAll(/#define LIVE_UPLOAD_PATH "([^"]+)"/g)].map((found) => ['put', found[1]]);
  return [...known, ...uploads, ...[...named].map((path) => ['get', path])];
}

const documented = () => Object.entries(api.paths).flatMap(([path, item]) => Object.keys(item).map((method) => [method, path]));
const sorted = (pairs) => pairs.map((pair) => pair.join(' ')).sort();

let where, seismo, samples;
const embedded = { environment: { SEISMO_BUS_KIND: 'sqlite', SEISMO_STORE_KIND: 'sqlite' } };
const fill = (example) => example.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(samples[name]));

before(async () => {
  where = place(embedded);
  const filled = await command(where, ['demo']);
  assert.equal(filled.code, 0, filled.stderr);
  const documents = (await command(where, ['export'])).stdout.trim().split('\n').map((line) => JSON.parse(line));
  const of = (field) => documents.find((document) => document[field])?.[field];
  samples = { session: of('session.id'), user: of('user.id'), error: of('error.grouping_key') ?? of('error.code') };
  seismo = await start(where);
});
after(async () => {
  await seismo?.stop();
  where?.remove();
});

function check(validate, answer, what) {
  assert.ok(validate, `${what}: the document has no schema for it`);
  assert.ok(validate(answer), `${what}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(answer).slice(0, 500)}`);
}

test('every route is in the document, and nothing else is', () => {
  const found = routes();
  assert.ok(found.length >= 16, JSON.stringify(found));
  assert.deepEqual(sorted(documented()), sorted([...found, ['get', '/api/openapi.json']]));
});

test('every parameter and field says what it is', () => {
  (function look(value, at) {
    if (!value || typeof value !== 'object') return;
    if (value.properties) for (const [name, field] of Object.entries(value.properties)) assert.ok(field.$ref || field.description || field.type === 'object', `${at}.${name} has no description`);
    if (value.in === 'query') assert.ok(value.description && value.schema, at);
    for (const [name, child] of Object.entries(value)) look(child, `${at}.${name}`);
  })(api, 'api');
});

test('what is answered is what the document says', async () => {
  for (const [path, item] of Object.entries(api.paths)) {
    const { get } = item;
    if (!get || path === '/api/live') continue;
    assert.equal(get.parameters?.length ? typeof (get['x-example'] ?? '') : 'string', 'string', path);
    const address = path + fill(get['x-example'] ?? '');
    const response = await fetch(seismo.innerUrl + address);
    assert.equal(response.status, 200, `${address}: ${await response.clone().text()}`);
    const answer = await response.json();
    check(validator('paths', path, 'get', 'responses', '200', 'content', 'application/json', 'schema'), answer, address);
  }
  assert.deepEqual(await (await fetch(`${seismo.innerUrl}/api/openapi.json`)).json(), api);
});

test('the rows that matter are looked at, not only empty lists', async () => {
  const json = async (address) => (await fetch(seismo.innerUrl + fill(address))).json();
  const overview = await json('/api/overview?range=24h');
  for (const list of [overview.vitals, overview.pages.rows, overview.apis.rows, overview.errors.rows]) assert.ok(list.length, JSON.stringify(overview));
  for (const path of ['/api/sessions', '/api/session', '/api/errors', '/api/clicks', '/api/business']) assert.ok((await json(path + api.paths[path].get['x-example'])).rows.length, path);
});

test('what is changed is answered as the document says, and bodies of the stated form are taken', async () => {
  const { post } = api.paths['/api/deploys'];
  check(validator('paths', '/api/deploys', 'post', 'requestBody', 'content', 'application/json', 'schema'), post['x-example'], 'the example');
  const response = await fetch(`${seismo.innerUrl}/api/deploys`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(post['x-example']) });
  assert.equal(response.status, 200);
  check(validator('components', 'schemas', 'changed'), await response.json(), 'deploys');
  const rows = await until('the mark', async () => { // answers are kept for up to a second
    const answer = await (await fetch(`${seismo.innerUrl}/api/deploys`)).json();
    return answer.rows.length && answer;
  }, { within: 30000 });
  check(validator('paths', '/api/deploys', 'get', 'responses', '200', 'content', 'application/json', 'schema'), rows, 'deploys');
});

test('refusals are of one shape, with a status that the document names', async () => {
  const isError = validator('components', 'schemas', 'error');
  const wrong = { '/api/overview?range=7h': 400, '/api/overview?limit=0': 400, '/api/errors': 400, '/api/session?id=nobody': 404, '/api/find?id=nobody': 404 };
  for (const [address, status] of Object.entries(wrong)) {
    const response = await fetch(seismo.innerUrl + address);
    assert.equal(response.status, status, address);
    assert.ok(api.paths[address.split('?')[0]].get.responses[status], `${address}: ${status} is not named`);
    check(isError, await response.json(), address);
  }
  for (const [path, item] of Object.entries(api.paths)) {
    if (!item.post) continue;
    const say = (type, body) => fetch(seismo.innerUrl + path, { method: 'POST', headers: { 'content-type': type }, body });
    for (const [response, status] of [[await say('text/plain', '{}'), 415], [await say('application/json', '[]'), 400]]) {
      assert.equal(response.status, status, path);
      assert.ok(item.post.responses[status], `${path}: ${status} is not named`);
      check(isError, await response.json(), path);
    }
  }
});

// A shape that fits everything would make the tests above worthless.
test('a wrong answer does not fit', () => {
  const validate = validator('paths', '/api/find', 'get', 'responses', '200', 'content', 'application/json', 'schema');
  for (const answer of [{}, { kind: 'cat', id: 'x' }, { kind: 'user', id: 1 }]) assert.ok(!validate(answer), JSON.stringify(answer));
});
