#!/usr/bin/env node
// only: stack
// Prometheus' rules and Grafana's dashboard ask for nothing that /metrics does not have: each name that they use stands in a scrape of
// an instance with all roles that has just begun; rules do what they are to by promtool; panels have units.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { blocksOf } from '../lib/docs.mjs';
import { beacon, metric, place, post, root, start, until } from '../lib/seismo.mjs';

const read = (path) => readFileSync(join(root, path), 'utf8');
const promtool = (args, input) => execFileSync('promtool', args, { cwd: root, encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] });

const rules = read('deploy/prometheus/seismo.rules.yml');
const recorded = [...rules.matchAll(/^ +- record: (\S+)$/gm)].map(([, name]) => name);
const dashboard = JSON.parse(read('deploy/grafana/seismo.json'));
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const namesIn = (text) => [...text.matchAll(/(?<![\w:])(?:seismo|process)_[a-z_]+(?![\w:])/g)].map(([name]) => name);

test('every metric that is asked for is there', { timeout: 120000 }, async (t) => {
  const where = place({ environment: { SEISMO_SLACK_WEBHOOK: 'http://127.0.0.1:9/', SEISMO_WATCH_HEARTBEAT_URL: 'http://127.0.0.1:9/' } });
  const seismo = await start(where);
  t.after(async () => {
    await seismo.kill();
    where.remove();
  });
  assert.equal((await post(seismo.publicUrl, beacon())).status, 202);
  await until('it is stored and in a series', async () => (await metric(seismo.innerUrl, 'seismo_series')) > 0 && (await metric(seismo.innerUrl, 'seismo_events_stored_total')) > 0, { within: 60000 });
  const scrape = await (await fetch(`${seismo.innerUrl}/metrics`)).text();
  const known = new Set([...scrape.matchAll(/^([a-z_]+)[ {]/gm)].map(([, name]) => name));
  const exprs = [...rules.matchAll(/^ +expr: ?((?:.*\n)(?: {10,}.*\n)*)/gm)].map(([, expr]) => expr);
  assert.ok(exprs.length > 15 && panels.length > 15, `${exprs.length} expressions, ${panels.length} panels`);
  const asked = new Set([...exprs, ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)), ...dashboard.templating.list.map(({ definition = '' }) => definition)].flatMap(namesIn));
  assert.ok(asked.size > 20, `${asked.size} names`);
  assert.deepEqual([...asked].filter((name) => !known.has(name)), [], 'not in the scrape');
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
