#!/usr/bin/env node
// only: stack
// Every panel of every dashboard against a real Elasticsearch and the documents of a run: its fields are there with the types that it claims,
// and the query that Kibana would send finds something. So do choices, links and drill-downs. What is drawn, only a real Kibana shows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fill, quickAlerts } from '../kibana/fill.mjs';
import { checkPanels } from '../kibana/panels.mjs';
import { command, place, start } from '../lib/seismo.mjs';

test('no panel is empty', { timeout: 300000 }, async (t) => {
  const where = place({ environment: { ...quickAlerts, SEISMO_BUS_KIND: 'sqlite' } }), url = process.env.ELASTIC_URL;
  const call = async (method, path, body) => {
    const answer = await fetch(url + path, { method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${(await answer.clone().text()).slice(0, 300)}`);
    return answer.json();
  };
  let seismo = null;
  t.after(async () => {
    await seismo?.kill();
    where.remove();
  });
  assert.equal((await command(where, ['setup'])).code, 0);
  where.isSetUp = true;
  seismo = await start(where, { within: 60000 });
  await fill(seismo, call, where.name).catch((error) => assert.fail(`${error.message}\n${seismo.log()}`));
  const { problems, panels } = await checkPanels(call, where.name);
  assert.deepEqual(problems, []);
  assert.ok(panels > 80, `${panels} panels were asked`);
});
