// A collector whose wall clock lies (libfaketime); its steady clock stays right, as it does when an operator sets the time.
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const library = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu'].map((folder) => `${folder}/faketime/libfaketimeMT.so.1`).find(existsSync);

// { environment for the collector, set(ms ahead of the true time), ahead(), remove() }
export function lyingClock(ms = 0) {
  if (!library) throw new Error('libfaketime is missing; ./run test --all installs it');
  const folder = mkdtempSync(join(tmpdir(), 'seismo-clock-')), file = join(folder, 'ahead');
  let now = ms;
  const set = (next) => {
    now = next;
    writeFileSync(`${file}.new`, `${next < 0 ? '-' : '+'}${Math.abs(next / 1000).toFixed(3)}\n`);
    renameSync(`${file}.new`, file);
  };
  set(ms);
  return {
    environment: { LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1' },
    set,
    ahead: () => now,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
