#!/usr/bin/env node
// only: embedded
// The backup of docs/deploy.md, word for word, taken while beacons come in, and its restore: nothing acknowledged before it is missing,
// nothing is there twice, and what comes in afterwards is stored.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { blocksOf } from '../lib/docs.mjs';
import { beacon, exported, place, post, root, start, until } from '../lib/seismo.mjs';

const run = promisify(execFile);
const [backup, restore] = blocksOf(join(root, 'docs/deploy.md')).filter(({ mark }) => mark.includes('73_backup'));

test('what was acknowledged before the copy is in it once, and it goes on from there', async () => {
  const where = place(), other = place();
  const copy = join(where.folder, 'copy');
  const shell = ({ code }, folder) => run('bash', ['-euc', code], { env: { ...process.env, SEISMO_DATA_DIR: folder, SEISMO_BACKUP: copy } });
  const send = async (seismo) => {
    const one = beacon({}, 2);
    const answer = await post(seismo.publicUrl, one, { headers: { origin: 'http://shop.test' } });
    assert.equal(answer.status, 202, answer.text);
    return one.session;
  };
  let seismo = await start(where), stops = false;
  try {
    const before = [];
    for (let i = 0; i < 200; i++) before.push(await send(seismo));
    const load = (async () => {
      while (!stops) await send(seismo);
    })();
    try {
      await shell(backup, where.folder);
    } finally {
      stops = true;
      await load;
    }
    await seismo.stop();
    await shell(restore, other.folder);
    seismo = await start(other);
    const after = await send(seismo);
    const documents = await until('all of them', async () => {
      const all = await exported(other);
      const sessions = new Set(all.map((document) => document['session.id']));
      return [...before, after].every((session) => sessions.has(session)) && all;
    }, { within: 60000, every: 500 });
    const counts = new Map();
    for (const { 'session.id': session } of documents) counts.set(session, (counts.get(session) ?? 0) + 1);
    assert.deepEqual([...new Set(counts.values())], [2], 'each beacon has its two events once');
    await seismo.stop();
  } finally {
    where.remove();
    other.remove();
  }
});
