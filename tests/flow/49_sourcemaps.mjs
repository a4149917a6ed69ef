#!/usr/bin/env node
// Source maps: uploaded by the command, an error's minified stack is shown as it stands in the source, and no map is ever served.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { buildSync } from 'esbuild';
import { beacon, command, place, post, start, until } from '../lib/seismo.mjs';

const embedded = { environment: { SEISMO_BUS_KIND: 'sqlite', SEISMO_STORE_KIND: 'sqlite' } };
const from = { headers: { origin: 'http://shop.test' } };
const sources = {
  'cart.ts': 'export class Cart {\n  items: string[] = [];\n  addProduct(name: string | null) {\n    if (name === null) throw new TypeError("no product");\n    this.items.push(name);\n  }\n}\n',
  'shop.ts': 'import { Cart } from "./cart";\nconst cart = new Cart();\nexport function buyEverything() {\n  for (const name of ["a", null]) cart.addProduct(name);\n}\n(globalThis as any).buy = () => buyEverything();\n',
};

// A real build, minified, with its map: [folder, script, map].
function build(folder) {
  mkdirSync(join(folder, 'dist/assets'), { recursive: true });
  for (const [name, text] of Object.entries(sources)) writeFileSync(join(folder, name), text);
  buildSync({ entryPoints: [join(folder, 'shop.ts')], bundle: true, minify: true, sourcemap: true, outfile: join(folder, 'dist/assets/shop.js'), logLevel: 'silent' });
  return [join(folder, 'dist'), readFileSync(join(folder, 'dist/assets/shop.js'), 'utf8'), JSON.parse(readFileSync(join(folder, 'dist/assets/shop.js.map'), 'utf8'))];
}

// Every place of the script at which the map, as Node reads it, knows the source: { line, column, source, from, fromColumn }, from 1.
function places(script, map) {
  const entries = new SourceMap(map), found = [];
  for (let column = 1; column <= script.split('\n')[0].length; column++) {
    const entry = entries.findEntry(0, column - 1);
    found.push({ column, source: map.sources.find((name) => entry.originalSource?.endsWith(name)), line: entry.originalLine + 1, fromColumn: entry.originalColumn + 1 });
  }
  return found;
}

const stackOf = (columns) => ['TypeError: no product', ...columns.map((column) => `    at https://shop.test/assets/shop.js?v=7:1:${column}`)].join('\n');
const error = (at, stack) => ({ kind: 'error', at, page: '/cart', type: 'TypeError', message: 'no product', stack, source: 'error' });

test('an error is shown as it stands in the source', async () => {
  const where = place(embedded);
  const [folder, script, map] = build(where.folder);
  const all = places(script, map);
  let seismo;
  try {
    const uploaded = await command(where, ['sourcemap', 'upload', '--release', '1.4.2', folder]);
    assert.equal(uploaded.code, 0, uploaded.stderr);
    assert.match(uploaded.stdout, /^\/assets\/shop\.js <- .*shop\.js\.map\n1 source maps kept for release 1\.4\.2\n$/);

    seismo = await start(where, { within: 60000 });
    const now = Date.now(), session = 'session-with-maps';
    const stacks = [];
    for (let i = 0; i < all.length; i += 50) stacks.push(all.slice(i, i + 50));
    assert.equal((await post(seismo.publicUrl, beacon({ version: '1.4.2', session, events: stacks.map((some, i) => error(now - 1000 + i, stackOf(some.map(({ column }) => column)))) }), from)).status, 202);
    assert.equal((await post(seismo.publicUrl, beacon({ version: '1.4.3', session: 'session-without', events: [error(now, stackOf([40]))] }), from)).status, 202);
    const ask = async (path) => (await fetch(seismo.innerUrl + path)).json();
    const { rows } = await until('both sessions', async () => {
      const answer = await ask(`/api/session?id=${session}`);
      return answer.rows?.length === stacks.length && (await ask('/api/session?id=session-without')).rows && answer;
    }, { within: 60000 });
    // every place that Node's own reader knows, and none that it does not
    for (const [i, some] of stacks.entries()) {
      const lines = rows[i].resolved.split('\n');
      assert.equal(lines[0], 'TypeError: no product');
      for (const [j, { column, source, line, fromColumn }] of some.entries()) {
        if (source) assert.ok(lines[j + 1].endsWith(`${source}:${line}:${fromColumn}`) || lines[j + 1].endsWith(`${source}:${line}:${fromColumn})`), `column ${column}: ${lines[j + 1]}, not ${source}:${line}:${fromColumn}`);
        else assert.match(lines[j + 1], /shop\.js/);
      }
    }
    assert.ok(all.filter(({ source }) => source).length > 50);
    assert.equal(rows[0].stack, stackOf(stacks[0].map(({ column }) => column)), 'the stack that came stays');
    const [other] = (await ask('/api/session?id=session-without')).rows;
    assert.equal(other.resolved, undefined, 'no maps were kept for this release');

    const answer = await ask(`/api/errors?code=${rows[0].code}`);
    assert.ok(answer.rows.some((row) => row.version === '1.4.2' && /\.ts:\d+:\d+/.test(row.resolved)), JSON.stringify(answer.rows));
    assert.ok(answer.rows.some((row) => row.version === '1.4.3' && row.stack && !row.resolved));

    // where maps are, nobody gets them from a listener
    const digest = readdirSync(join(where.folder, 'sourcemaps/maps'))[0];
    for (const url of [seismo.publicUrl, seismo.innerUrl])
      for (const path of ['/assets/shop.js.map', `/maps/${digest}`, `/sourcemaps/maps/${digest}`, `/../sourcemaps/maps/${digest}`, `/%2e%2e/sourcemaps/maps/${digest}`, `/api/sourcemaps/${digest}`]) {
        const reply = await fetch(url + path), text = await reply.text();
        assert.ok(reply.status >= 400, `${url}${path}: ${reply.status}`);
        assert.ok(!text.includes('mappings'), path);
      }
  } finally {
    await seismo?.stop();
    where.remove();
  }
});

test('maps are sent from a machine that does not reach the folder', async () => {
  const token = 'a-token-of-many-letters';
  const where = place({ environment: { ...embedded.environment, SEISMO_INNER_TOKEN: token, SEISMO_SOURCEMAPS_UPLOAD_BYTES: '1000000' } });
  const [folder, script, map] = build(where.folder);
  const bytes = readFileSync(join(folder, 'assets/shop.js.map'));
  const maps = () => (existsSync(join(where.folder, 'sourcemaps/maps')) ? readdirSync(join(where.folder, 'sourcemaps/maps')) : []);
  let seismo;
  try {
    seismo = await start(where, { within: 60000 });
    const send = (args) => command({ environment: {} }, ['sourcemap', 'upload', '--release', 'shop@1/2 \u00e4', '--url', seismo.innerUrl, ...args, folder]);
    const refused = await send(['--token', 'another-token-of-letters']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /answered 401/);
    assert.ok(!refused.stderr.includes('another-token'));
    const put = (body, headers = {}, query = 'release=1&path=/a.js') => fetch(`${seismo.innerUrl}/api/sourcemaps?${query}`, { method: 'PUT', headers: { authorization: `Bearer ${token}`, ...headers }, body });
    const wrong = [[bytes, { authorization: '' }, 401], [bytes, { origin: 'http://elsewhere.test' }, 403], ['{"version":3}', {}, 400], [bytes, { 'content-encoding': 'gzip' }, 400], [gzipSync(Buffer.alloc(70_000_000, ' ')), { 'content-encoding': 'gzip' }, 400], [Buffer.alloc(1_200_000, ' '), {}, 413]];
    for (const [body, headers, status] of wrong) assert.equal((await put(body, headers)).status, status, `${status}`);
    assert.equal((await put(bytes, {}, 'path=/a.js')).status, 400, 'no release');
    assert.equal((await fetch(`${seismo.publicUrl}/api/sourcemaps?release=1&path=/a.js`, { method: 'PUT', body: bytes })).status, 404);
    assert.deepEqual(maps(), [], 'none of them was kept');

    for (let twice = 0; twice < 2; twice++) {
      const sent = await send(['--token', token]);
      assert.equal(sent.code, 0, sent.stderr);
      assert.match(sent.stdout, /^\/assets\/shop\.js <- .*shop\.js\.map\n1 source maps sent for release shop@1\/2 \u00e4\n$/);
      assert.equal(maps().length, 1);
    }
    const { column, source, line } = places(script, map).find((at) => at.source);
    assert.equal((await post(seismo.publicUrl, beacon({ version: 'shop@1/2 \u00e4', session: 'session-sent', events: [error(Date.now(), stackOf([column]))] }), from)).status, 202);
    const ask = async (path) => (await fetch(seismo.innerUrl + path, { headers: { authorization: `Bearer ${token}` } })).json();
    const [row] = await until('the session', async () => (await ask('/api/session?id=session-sent')).rows, { within: 60000 });
    assert.match(row.resolved, new RegExp(`${source}:${line}:`));
    assert.equal((await fetch(`${seismo.innerUrl}/api/sourcemaps?release=1&path=/a.js`, { headers: { authorization: `Bearer ${token}` } })).status, 404, 'none is given back');
  } finally {
    await seismo?.stop();
    where.remove();
  }
});

test('what cannot be used is said and not kept', async () => {
  const where = place(embedded);
  try {
    writeFileSync(join(where.folder, 'a.js'), 'x\n//# sourceMappingURL=a.bad.map\n');
    writeFileSync(join(where.folder, 'a.bad.map'), '{"version":3,"sources":[],"names":[],"mappings":"AAAA"}');
    const bad = await command(where, ['sourcemap', 'upload', '--release', '1', join(where.folder, 'a.js')]);
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /SE-3202.*a\.bad\.map: its mappings are wrong/);
    const none = await command(where, ['sourcemap', 'upload', '--release', '1', join(where.folder, 'b.js')]);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /SE-3203.*no script with a map/);
    assert.equal((await command(where, ['sourcemap', 'upload', where.folder])).code, 64, 'no release');
  } finally {
    where.remove();
  }
});
