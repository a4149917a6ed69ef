#!/usr/bin/env node
// profile.mjs [BEACONS]: where the instructions of a beacon go, room by room, on the ways of ingest, index and rollup (embedded parts).
// Each role runs under callgrind; what it spends without beacons is left out. A room's share is its own functions and what they call
// in libraries; h2o's own work belongs to serve, and the kernel's time is not seen. Prints a Markdown table
// and keeps it for `./run bench --write`.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { binary, root, sleep, until } from '../lib/seismo.mjs';
import { benchPlace, lag, load, stored } from './probe.mjs';

const beacons = Number(process.argv[2] ?? 3000);
const folder = join(root, 'var/bench/profile');

// ---- callgrind's output: who spends, who calls ----

// Functions as { file, object, self, calls: [{ to, cost }] }, read from one dump (format: valgrind manual, callgrind-format).
function readDump(path) {
  const names = { fn: {}, file: {}, object: {} }, functions = new Map();
  const name = (kind, text) => {
    const [, id, rest] = /^\((\d+)\)(?: (.*))?$/.exec(text) ?? [null, text, text];
    return rest === undefined ? names[kind][id] : (names[kind][id] = rest);
  };
  const find = (object, file, fn) => {
    const key = `${object}\n${file}\n${fn}`;
    return functions.get(key) ?? functions.set(key, { object, file, fn, self: 0, calls: [] }).get(key);
  };
  let object = '', file = '', current = null, to = {}, isCall = false;
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const match = /^(ob|fl|fi|fe|fn|cob|cfi|cfl|cfn|calls)=(.*)$/.exec(line);
    if (match) {
      const [, what, text] = match;
      if (what === 'ob') object = name('object', text);
      else if (what === 'fl') file = name('file', text);
      else if (what === 'fn') { current = find(object, file, name('fn', text)); to = {}; }
      else if (what === 'fi' || what === 'fe') name('file', text);
      else if (what === 'cob') to.object = name('object', text);
      else if (what === 'cfi' || what === 'cfl') to.file = name('file', text);
      else if (what === 'cfn') to.fn = name('fn', text);
      else if (what === 'calls') isCall = true;
    } else if (/^[+\-*\d]/.test(line) && current) {
      const cost = Number(line.split(' ')[1] ?? 0);
      if (isCall) {
        current.calls.push({ to: find(to.object ?? object, to.file ?? file, to.fn), cost });
        to = {};
        isCall = false;
      } else current.self += cost;
    }
  }
  return [...functions.values()];
}

const roomOf = ({ file }) => /\/?collector\/(?:([a-z]+)\/)?[^/]+$/.exec(file) && (/collector\/([a-z]+)\//.exec(file)?.[1] ?? 'main');

function rooms(functions) {
  const sums = {};
  const add = (room, cost) => (sums[room] = (sums[room] ?? 0) + cost);
  for (const one of functions) {
    const room = roomOf(one);
    if (room) add(room, one.self);
    for (const { to, cost } of one.calls) {
      const called = roomOf(to);
      if (room && !called) add(room, cost);
      if (!room && called && /h2o/.test(one.object)) add('serve', -cost);
    }
  }
  return sums;
}

// ---- one role under callgrind ----

const control = (pid, option) => spawnSync('callgrind_control', [option, String(pid)], { encoding: 'utf8' });

async function profiled(where, role, work) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const child = spawn('valgrind', ['--tool=callgrind', '--separate-threads=no', '--compress-strings=yes', `--callgrind-out-file=${folder}/out.%p`, binary, 'run', '--roles', role],
    { env: { ...process.env, ...where.environment }, stdio: ['ignore', 'pipe', 'ignore'] });
  let out = '';
  child.stdout.on('data', (data) => (out += data));
  const end = new Promise((resolve) => child.on('exit', resolve));
  try {
    await until('ready', () => /^ready$/m.test(out), { within: 60000 });
    const address = (name) => new RegExp(`^${name} (http://\\S+?)/?$`, 'm').exec(out)?.[1];
    const seismo = { pid: child.pid, publicUrl: address('listening public'), innerUrl: address('live page') ?? address('listening inner') };
    await work(seismo, () => control(child.pid, '--zero'));
    control(child.pid, '--dump');
  } finally {
    child.kill('SIGTERM');
    await end;
  }
  const dump = readdirSync(folder).filter((name) => /\.1$/.test(name))[0];
  return rooms(readDump(join(folder, dump)));
}

const ways = {
  ingest: async (seismo, zero) => {
    await load(seismo.publicUrl, { requests: 300, connections: 8 });
    zero();
    await load(seismo.publicUrl, { requests: beacons, connections: 8 });
  },
  index: (seismo) => until('stored', async () => (await stored(seismo)) >= beacons * 10, { within: 300000, every: 500 }),
  rollup: async (seismo) => {
    await until('lag', async () => (await lag(seismo, 'rollup')) > 0, { within: 60000, every: 20 });
    await until('no lag', async () => (await lag(seismo, 'rollup')) === 0, { within: 300000, every: 500 });
    await sleep(1500);
  },
};

// What a role spends with nothing to do: its start, its end, and looking around in between.
async function idle(role) {
  const empty = benchPlace();
  try {
    return await profiled(empty, role, () => sleep(2000));
  } finally {
    empty.remove();
  }
}

const where = benchPlace();
try {
  const table = [];
  for (const [way, work] of Object.entries(ways)) {
    const sums = await profiled(where, way, work), before = way === 'ingest' ? {} : await idle(way);
    for (const room of Object.keys(sums)) sums[room] = Math.max(0, sums[room] - (before[room] ?? 0));
    const total = Object.values(sums).reduce((a, b) => a + b, 0);
    const parts = Object.entries(sums).sort((a, b) => b[1] - a[1]).filter(([, cost]) => cost > total / 200)
      .map(([room, cost]) => `${room} ${((100 * cost) / total).toFixed(0)} %`);
    table.push(`| ${way} | ${(total / beacons / 1000).toFixed(1)} k | ${parts.join(', ')} |`);
  }
  const text = ['| way | instructions a beacon of ten events | of them |', '|---|---|---|', ...table].join('\n');
  writeFileSync(join(root, 'var/bench/profile.md'), `${text}\n`);
  console.log(text);
} finally {
  where.remove();
}
