#!/usr/bin/env node
// only: stack
// long: yes
// OpenSearch as the store: `seismo setup` installs what the node has, says what it left out, changes nothing the second time, and never
// touches what is not ours; a beacon becomes documents once, also when it comes again. The dashboards' panels find documents there as well.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { fill, quickAlerts } from '../kibana/fill.mjs';
import { checkPanels } from '../kibana/panels.mjs';
import { changesRollOver } from '../lib/templates.mjs';
import { beacon, command, exported, metric, place, post, root, start, until } from '../lib/seismo.mjs';

const run = promisify(execFile);

test('setup twice and a beacon, on OpenSearch', { timeout: 400000 }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'seismo-opensearch-')), where = place();
  let seismo = null;
  chmodSync(dir, 0o755);
  t.after(async () => {
    await seismo?.kill();
    await run(join(root, 'tests/stack/down'), [dir], { timeout: 60000 });
    rmSync(dir, { recursive: true, force: true });
    where.remove();
  });
  const up = await run(join(root, 'tests/stack/os-up'), [dir], { timeout: 160000, env: { ...process.env, ES_HEAP: '700m' } });
  const url = `http://${/^opensearch (\S+)$/m.exec(up.stdout)[1]}`;
  Object.assign(where.environment, { SEISMO_BUS_KIND: 'sqlite', SEISMO_STORE_KIND: 'elastic', SEISMO_ELASTIC_URL: url, SEISMO_STORE_NAMESPACE: where.name });
  const call = async (method, path, body) => {
    const answer = await fetch(url + path, { method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
    return answer.json();
  };
  const inUse = async () => ({
    templates: (await call('GET', '/_index_template')).index_templates.sort((a, b) => (a.name < b.name ? -1 : 1)),
    cluster: (await call('GET', '/_cluster/state/metadata')).metadata.cluster_uuid,
    version: (await call('GET', '/_cluster/state/version')).version,
  });

  await call('PUT', '/_index_template/theirs', { index_patterns: ['theirs-*'], template: { settings: { number_of_shards: 2 } } });
  const theirs = (await inUse()).templates.find(({ name }) => name === 'theirs');
  const first = await command(where, ['setup']);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /\(opensearch \d+\.\d+\.\d+\): 5 of 5 templates installed/);
  assert.match(first.stdout, /left out: the retention, since the node has no data stream lifecycle/);
  where.isSetUp = true;
  const made = await inUse();
  assert.deepEqual(made.templates.map(({ name }) => name), ['seismo-alerts', 'seismo-events', 'seismo-health', 'seismo-rejects', 'seismo-rollups', 'theirs']);
  assert.deepEqual(made.templates.at(-1), theirs);

  seismo = await start(where, { within: 60000 });
  // More than a page, and all of one time.
  const sent = beacon({}, 600), more = beacon({ session: sent.session }, 600);
  for (const event of [...sent.events, ...more.events]) event.at = sent.events[0].at;
  for (const one of [sent, more, sent]) assert.equal((await post(seismo.publicUrl, one)).status, 202);
  const documents = await until('the documents', async () => {
    const all = await exported(where, ['--session', sent.session]);
    return all.length === 1200 && all;
  }, { within: 60000, every: 300 }).catch((error) => assert.fail(`${error.message}\n${seismo.log()}`));
  assert.equal(documents[0]['service.name'], 'shop');
  await until('both are done with', async () => (await metric(seismo.innerUrl, 'seismo_bus_lag', 'index', 1)) === 0, { within: 60000 });
  await call('POST', `/logs-seismo.events-${where.name}/_refresh`);
  assert.equal((await exported(where, ['--session', sent.session])).length, 1200, 'once, though one came twice');

  const gone = beacon({ session: 'session-gone', user: { id: 'somebody-to-forget' } }, 5), unnamed = beacon({ session: 'session-gone' }, 2);
  for (const one of [gone, unnamed]) assert.equal((await post(seismo.publicUrl, one)).status, 202);
  await until('theirs', async () => (await exported(where, ['--session', 'session-gone'])).length === 7, { within: 60000, every: 300 });
  const forgotten = await command(where, ['forget', '--user', 'somebody-to-forget']);
  assert.equal(forgotten.code, 0, forgotten.stderr);
  assert.match(forgotten.stdout, /: 7 events of 1 sessions and 0 rejects removed/);
  assert.equal((await exported(where, ['--session', 'session-gone'])).length, 0);
  assert.equal((await exported(where, ['--session', sent.session])).length, 1200, 'others stay');
  await seismo.stop();

  const before = await inUse();
  const second = await command(where, ['setup']);
  assert.equal(second.code, 0, second.stderr);
  assert.match(second.stdout, /: 0 of 5 templates installed, the others are as they should be; left out: the retention/);
  assert.deepEqual(await inUse(), before, 'not even the version of the cluster\'s state has moved');

  await changesRollOver(call, where.name, () => command(where, ['setup']));

  const other = { SEISMO_DATA_DIR: join(where.folder, 'other'), SEISMO_STORE_NAMESPACE: `${where.name}other` };
  seismo = await start(where, { within: 60000, environment: { ...quickAlerts, ...other } });
  await fill(seismo, call, other.SEISMO_STORE_NAMESPACE).catch((error) => assert.fail(`${error.message}\n${seismo.log()}`));
  assert.deepEqual((await checkPanels(call, other.SEISMO_STORE_NAMESPACE)).problems, []);
});
