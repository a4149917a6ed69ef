#!/usr/bin/env node
// only: stack
// Prometheus' rules and Grafana's dashboard ask for nothing that /metrics does not have: each name and label that they use stands in a scrape
// of an instance with all roles that has just begun, and what is taken of it fits its type; the scrape is as the text format wants it; rules
// do what they are to by promtool; panels have units.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { blocksOf } from '../lib/docs.mjs';
import { readMetrics } from '../lib/prometheus.mjs';
import { beacon, metric, place, post, root, start, until } from '../lib/seismo.mjs';

const read = (path) => readFileSync(join(root, path), 'utf8');
const promtool = (args, input) => execFileSync('promtool', args, { cwd: root, encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] });

const rules = read('deploy/prometheus/seismo.rules.yml');
const recorded = [...rules.matchAll(/^ +- record: (\S+)$/gm)].map(([, name]) => name);
const dashboard = JSON.parse(read('deploy/grafana/seismo.json'));
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const namesIn = (text) => [...text.matchAll(/(?<![\w:])(?:seismo|process)_[a-z_]+(?![\w:])/g)].map(([name]) => name);

// What an expression takes of a metric that does not fit its type, and labels that it does not have.
function misfits(expr, families) {
  const found = [];
  const own = namesIn(expr).filter((name) => families.has(name)), labels = new Set(['job', 'instance', ...own.flatMap((name) => families.get(name).labels)]);
  for (const [, fn, name] of expr.matchAll(/\b(i?rate|increase|resets|i?delta|deriv|predict_linear)\(\s*((?:seismo|process)_[a-z_]+)/g)) {
    const wanted = /rate|increase|resets/.test(fn) ? 'counter' : 'gauge';
    if (families.get(name)?.type !== wanted) found.push(`${fn}(${name}) wants a ${wanted}`);
  }
  for (const [, name, matchers] of expr.matchAll(/((?:seismo|process)_[a-z_]+)\{([^}]*)\}/g))
    for (const [, label] of matchers.matchAll(/([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)/g))
      if (!['job', 'instance', ...(families.get(name)?.labels ?? [])].includes(label)) found.push(`${name} has no label ${label}`);
  for (const [, list] of own.length ? expr.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g) : [])
    for (const label of list.split(',').map((each) => each.trim()).filter(Boolean)) if (!labels.has(label)) found.push(`no label ${label} in: ${expr.trim()}`);
  return found;
}

test('every metric that is asked for is there', { timeout: 120000 }, async (t) => {
  const named = 'shop "one" \\ two\t€';
  const where = place({ applications: [{ name: named, keys: ['demo'], services: ['shop'], origins: ['http://shop.test'], server_clients: true }], environment: { SEISMO_SLACK_WEBHOOK: 'http://127.0.0.1:9/', SEISMO_WATCH_HEARTBEAT_URL: 'http://127.0.0.1:9/' } });
  const seismo = await start(where);
  t.after(async () => {
    await seismo.kill();
    where.remove();
  });
  assert.equal((await post(seismo.publicUrl, beacon())).status, 202);
  await until('it is stored and in a series', async () => (await metric(seismo.innerUrl, 'seismo_series')) > 0 && (await metric(seismo.innerUrl, 'seismo_events_stored_total')) > 0, { within: 60000 });
  const answer = await fetch(`${seismo.innerUrl}/metrics`), scrape = await answer.text();
  assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const families = readMetrics(scrape), known = new Set(families.keys());
  assert.deepEqual(families.get('seismo_series').samples.map(({ labels }) => labels), [{ application: named }]);
  const exprs = [...rules.matchAll(/^ +expr: ?((?:.*\n)(?: {10,}.*\n)*)/gm)].map(([, expr]) => expr);
  assert.ok(exprs.length > 15 && panels.length > 15, `${exprs.length} expressions, ${panels.length} panels`);
  const asked = new Set([...exprs, ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)), ...dashboard.templating.list.map(({ definition = '' }) => definition)].flatMap(namesIn));
  assert.ok(asked.size > 20, `${asked.size} names`);
  assert.deepEqual([...asked].filter((name) => !known.has(name)), [], 'not in the scrape');
  assert.deepEqual([...exprs, ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))].flatMap((expr) => misfits(expr, families)), []);
  assert.equal((await post(seismo.publicUrl, '{', {})).status, 400);
  assert.equal((await post(seismo.publicUrl, beacon(), { key: 'other' })).status, 403);
  const later = readMetrics(await (await fetch(`${seismo.innerUrl}/metrics`)).text());
  for (const [name, { type, samples }] of families)
    for (const { labels, value } of type === 'counter' ? samples : []) {
      const now = later.get(name)?.samples.find((one) => JSON.stringify(one.labels) === JSON.stringify(labels));
      assert.ok(now?.value >= value, `${name} ${JSON.stringify(labels)}: ${value}, then ${now?.value}`);
    }
  promtool(['check', 'metrics'], scrape); // the text is well formed, and names are as Prometheus wants them
  await seismo.stop();
});

test('the rules are right, and do what their cases say', () => {
  promtool(['check', 'rules', '--lint=all', 'deploy/prometheus/seismo.rules.yml']);
  promtool(['test', 'rules', 'tests/cases/prometheus/seismo.test.yml']);
  const folder = mkdtempSync(join(tmpdir(), 'seismo-rules-'));
  try {
    const block = blocksOf(join(root, 'docs/operate.md')).find(({ mark }) => mark === 'file: prometheus.yml');
    writeFileSync(join(folder, 'prometheus.yml'), block.code);
    writeFileSync(join(folder, 'seismo.rules.yml'), rules);
    promtool(['check', 'config', join(folder, 'prometheus.yml')]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const runbooks = [...rules.matchAll(/^ +runbook: (\S+)$/gm)].map(([, path]) => path);
  assert.equal(runbooks.length, [...rules.matchAll(/- alert: /g)].length, 'each alert has its runbook');
  assert.deepEqual(runbooks.filter((path) => !existsSync(join(root, path))), []);
  for (const name of recorded) assert.match(name, /^seismo:[a-z_]+:[a-z0-9]+$/);
});

test('each panel says what it is measured in, and what it is', () => {
  const ids = new Set(dashboard.panels.map(({ id }) => id));
  assert.equal(ids.size, dashboard.panels.length);
  for (const { title, description, fieldConfig, targets, gridPos } of panels) {
    assert.ok(title && description, title);
    assert.match(fieldConfig.defaults.unit, /^(short|ops|reqps|bytes|s|ms|percentunit)$/, title);
    assert.ok(targets.length > 0 && targets.every(({ expr, legendFormat }) => expr && legendFormat), title);
    assert.ok(gridPos.x + gridPos.w <= 24, title);
  }
});
