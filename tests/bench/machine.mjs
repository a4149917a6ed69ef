// On what was measured.
import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';

function version(name) {
  try {
    return execFileSync('pkg-config', ['--modversion', name], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

// Milliseconds to make 4 KiB durable at the end of a file, where the data of the measurements will lie.
function fsyncMs() {
  const folder = mkdtempSync(join(tmpdir(), 'fsync-'));
  const file = openSync(join(folder, 'file'), 'w');
  const block = Buffer.alloc(4096, 1), times = [];
  for (let i = 0; i < 300; i++) {
    writeSync(file, block);
    const began = performance.now();
    fdatasyncSync(file);
    times.push(performance.now() - began);
  }
  closeSync(file);
  rmSync(folder, { recursive: true });
  times.sort((a, b) => a - b);
  return { p50: times[150], p99: times[296] };
}

function distribution() {
  try {
    return /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))[1];
  } catch {
    return process.platform;
  }
}

export function describeMachine() {
  const libraries = { libh2o: 'libh2o-evloop', librdkafka: 'rdkafka', SQLite: 'sqlite3', simdjson: 'simdjson', libcurl: 'libcurl', OpenSSL: 'openssl', zlib: 'zlib' };
  return {
    cpu: cpus()[0].model, cores: cpus().length, memoryGb: Math.round(totalmem() / 2 ** 30), kernel: release(), distribution: distribution(), fsyncMs: fsyncMs(),
    commit: (() => { try { return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(); } catch { return 'unknown'; } })(),
    when: new Date().toISOString().slice(0, 16).replace('T', ' '),
    libraries: Object.fromEntries(Object.entries(libraries).map(([name, pc]) => [name, version(pc)])),
  };
}

export function machineText(machine) {
  const libraries = Object.entries(machine.libraries).map(([name, number]) => `${name} ${number}`).join(', ');
  return `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGb} GB, ${machine.distribution}, kernel ${machine.kernel}; `
    + `a 4 KiB write is durable after ${machine.fsyncMs.p50.toFixed(2)} ms (p99 ${machine.fsyncMs.p99.toFixed(2)}); ${libraries}; `
    + `commit ${machine.commit}, ${machine.when} UTC.`;
}
