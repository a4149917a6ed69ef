#!/usr/bin/env node
// only: stack
// `seismo setup` on topics that exist: what differs is told with its code, nothing is changed, the exit code says what it is asked to say.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { command, place } from '../lib/seismo.mjs';

const differences = (result) => result.stdout.split('\n').filter((line) => line.includes('SE-3005'));

test('topics that differ are told, and left as they are', async (t) => {
  const where = place({ environment: { SEISMO_BUS_PARTITIONS: '2', SEISMO_KAFKA_RETENTION_MS: '2h', SEISMO_KAFKA_MIN_INSYNC_REPLICAS: '1' } });
  t.after(() => where.remove());

  const made = await command(where, ['setup', '--strict']);
  assert.equal(made.code, 0, made.stdout + made.stderr);
  const again = await command(where, ['setup', '--strict']);
  assert.equal(again.code, 0, again.stdout + again.stderr);
  assert.deepEqual(differences(again), [], 'what was just made is as wanted');

  const other = { environment: { SEISMO_BUS_PARTITIONS: '3', SEISMO_KAFKA_RETENTION_MS: '4h', SEISMO_KAFKA_REPLICATION: '1' } };
  for (const round of [1, 2]) {
    const told = await command(where, ['setup'], other);
    assert.equal(told.code, 0, told.stderr);
    const lines = differences(told);
    assert.equal(lines.length, 8, `round ${round}: two differences for each of four topics, as nothing was changed\n${told.stdout}`);
    const events = lines.filter((line) => line.includes(`topic ${where.name}.events: `));
    assert.match(events[0], /partitions is 2, wanted is 3/);
    assert.match(events[1], /retention\.ms is 7200000, wanted is 14400000/);
  }
  const strict = await command(where, ['setup', '--strict'], other);
  assert.equal(strict.code, 1);
  assert.match(strict.stdout, /^store elastic: ready/m, 'the store is set up all the same');
  assert.equal((await command(where, ['setup', '--what'])).code, 64);
});
