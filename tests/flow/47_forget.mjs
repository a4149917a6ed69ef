#!/usr/bin/env node
// `seismo forget`: a user goes from the store of a Seismo that runs, with whole sessions and nobody else's events; what the bus still holds
// of them does not come back; neither files nor logs say who it was.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { beacon, command, exported, id, metric, onStack, place, post, start, until } from '../lib/seismo.mjs';

const WAIT = { within: 60000, every: 200 };
const origin = { headers: { origin: 'http://shop.test' } };
const counts = (text) => /store \w+: (\d+) events of (\d+) sessions and (\d+) rejects/.exec(text)?.slice(1).map(Number);

async function send(seismo, session, user, n, more = {}) {
  const body = beacon({ session, labels: { account: user ?? 'none' }, ...(user && { user: { id: user } }) }, n);
  assert.equal((await post(seismo.publicUrl, body, { ...origin, ...more })).status, 202);
}

async function forget(where, args) {
  const result = await command(where, ['forget', ...args]);
  assert.equal(result.code, 0, result.stderr);
  return result;
}

// How many events of each session are stored, as soon as there are so many in all.
async function stored(where, total) {
  const documents = await until(`${total} events`, async () => {
    const all = await exported(where);
    return all.length === total && all;
  }, WAIT);
  const sessions = {};
  for (const document of documents) sessions[document['session.id']] = (sessions[document['session.id']] ?? 0) + 1;
  return { sessions, text: JSON.stringify(documents) };
}

function filesWith(folder, text) {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .map((entry) => join(entry.path, entry.name)).filter((name) => readFileSync(name).includes(text));
}

test('a user goes, others stay, while Seismo runs', { timeout: 170000 }, async (t) => {
  const where = place(), gone = id('canary-'), other = id('other-');
  let seismo = null;
  t.after(async () => {
    await seismo?.kill();
    where.remove();
  });
  seismo = await start(where);
  await send(seismo, 'session-first', undefined, 2); // before the login
  await send(seismo, 'session-first', gone, 3);
  await send(seismo, 'session-second', gone, 4);
  await send(seismo, 'session-second', other, 1); // logged in afterwards in the same tab
  await send(seismo, 'session-other', other, 5);
  await send(seismo, 'session-nobody', undefined, 6);
  const before = await stored(where, 21);
  assert.ok(before.text.includes(gone));

  const trial = await forget(where, ['--user', gone, '--dry-run']);
  assert.deepEqual(counts(trial.stdout), [9, 2, 0], trial.stdout);
  assert.match(trial.stdout, /would be removed/);
  await stored(where, 21);

  const done = await forget(where, ['--user', gone]);
  assert.deepEqual(counts(done.stdout), [9, 2, 0], done.stdout);
  assert.match(done.stderr, /a user \([0-9a-f]{12}\) was to be forgotten: 9 events of 2 sessions and 0 rejects are removed/);
  const after = await stored(where, 12);
  assert.deepEqual(after.sessions, { 'session-second': 1, 'session-other': 5, 'session-nobody': 6 });
  assert.ok(!after.text.includes(gone));
  assert.ok(!(done.stdout + done.stderr + trial.stderr + seismo.log()).includes(gone), 'who it was is said nowhere');
  if (!onStack) {
    assert.deepEqual(filesWith(join(where.folder, 'store'), gone), [], 'in no byte of the store');
    assert.notDeepEqual(filesWith(join(where.folder, 'store'), other), [], 'where the search finds who is there');
  }
  const answer = await until('the page to say so', async () => {
    const response = await fetch(`${seismo.innerUrl}/api/session?user=${gone}`);
    return response.status === 404 && response;
  }, WAIT);
  assert.equal((await answer.json()).code, 'SE-3203');
  assert.equal((await fetch(`${seismo.innerUrl}/api/session?user=${other}`)).status, 200);

  assert.match((await forget(where, ['--user', gone])).stdout, /nothing of this user is stored/);
  await send(seismo, 'session-again', gone, 2); // somebody who comes back is a user like any other
  assert.equal((await stored(where, 14)).sessions['session-again'], 2);
});

test('what the bus still holds does not bring the user back', { timeout: 170000 }, async (t) => {
  const where = place(), gone = id('canary-');
  let seismo = null;
  t.after(async () => {
    await seismo?.kill();
    where.remove();
  });
  seismo = await start(where, { args: ['--roles', 'ingest'] });
  await send(seismo, 'session-gone', gone, 3);
  await send(seismo, 'session-stays', undefined, 4);
  await seismo.stop();
  assert.match((await forget(where, ['--user', gone])).stdout, /nothing of this user is stored/);
  seismo = await start(where);
  const { sessions } = await stored(where, 4);
  assert.deepEqual(sessions, { 'session-stays': 4 });
  await until('the other three to be counted', async () => (await metric(seismo.innerUrl, 'seismo_forgotten_total')) === 3, WAIT);
  assert.match(seismo.log(), /users were forgotten \(1 marks\)/);
  assert.equal((await stored(where, 4)).sessions['session-gone'], undefined);
});

test('of one application only', { timeout: 170000 }, async (t) => {
  const application = (name) => ({ name, keys: [name], services: ['shop'], origins: ['http://shop.test'] });
  const where = place({ applications: [application('one'), application('two')] }), gone = id('canary-');
  let seismo = null;
  t.after(async () => {
    await seismo?.kill();
    where.remove();
  });
  seismo = await start(where);
  await send(seismo, 'session-one', gone, 2, { key: 'one' });
  await send(seismo, 'session-two', gone, 3, { key: 'two' });
  await stored(where, 5);
  assert.deepEqual(counts((await forget(where, ['--application', 'one', '--user', gone])).stdout), [2, 1, 0]);
  assert.deepEqual((await stored(where, 3)).sessions, { 'session-two': 3 });
});

test('usage', async (t) => {
  const where = place();
  t.after(() => where.remove());
  for (const args of [[], ['--user'], ['--application', 'x'], ['--user', 'x', '--all']]) {
    const result = await command(where, ['forget', ...args]);
    assert.equal(result.code, 64, JSON.stringify(args));
    assert.match(result.stderr, /usage: seismo forget/);
  }
});
