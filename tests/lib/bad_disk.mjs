// A disk that goes bad below a folder while the collector works (bad_disk.c).
import { execFileSync } from 'node:child_process';
import { mkdtempSync, openSync, writeSync, closeSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { EIO, EROFS } = constants.errno;
const source = fileURLToPath(new URL('bad_disk.c', import.meta.url));

export const fine = {};
export const readOnly = { write: EROFS, sync: EROFS, name: EROFS };
export const broken = { write: EIO, sync: EIO, read: EIO, name: EIO };
export const unreadable = { read: EIO };
export const halfRead = { read: EIO, readFrom: 65536 };
export const unwritable = { write: EIO };
export const unsyncable = { sync: EIO };
export const slow = (ms) => ({ syncWaitMs: ms });
export const rarely = (orders, oneIn) => ({ ...orders, oneIn });

// { environment for the collector, set(orders), remove() }
export function badDisk(folder) {
  const home = mkdtempSync(join(tmpdir(), 'seismo-disk-')), library = join(home, 'bad_disk.so'), path = join(home, 'orders');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, source, '-ldl']);
  const file = openSync(path, 'w');
  const set = ({ write = 0, sync = 0, read = 0, name = 0, syncWaitMs = 0, oneIn = 0, readFrom = 0 }) => writeSync(file, Buffer.from(Int32Array.of(write, sync, read, name, syncWaitMs * 1000, oneIn, readFrom).buffer), 0, 28, 0);
  set(fine);
  return {
    environment: { LD_PRELOAD: library, BAD_DISK_ORDERS: path, BAD_DISK_FOLDER: folder },
    set,
    remove() {
      closeSync(file);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
