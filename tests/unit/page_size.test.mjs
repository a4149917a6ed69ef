// The live page is there at once, also over a thin line: all its files together, compressed as they are served, well below the 300 kB that
// were promised.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

test('the files of the live page are at most 100 kB', () => {
  const folder = fileURLToPath(new URL('../../collector/live/page/dist/', import.meta.url));
  const sizes = readdirSync(folder).map((name) => [name, gzipSync(readFileSync(folder + name), { level: 9 }).length]);
  const sum = sizes.reduce((all, [, size]) => all + size, 0);
  assert.ok(sum > 20000, 'they were built');
  assert.ok(sum <= 100000, `${sum}: ${sizes.join('; ')}`);
});
