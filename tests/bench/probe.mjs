// What the measurements share: the program under measurement with its CPU time and memory, and the load against it.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, metric, place, root, sleep, start, until } from '../lib/seismo.mjs';

// CPU-seconds of all threads so far, those that have ended among them; to 10 ms.
export function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

// Resident memory in MB, now and at most since forgetPeak.
export function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? NaN) / 1024;
  return { now: read('VmRSS'), peak: read('VmHWM') };
}
export const forgetPeak = (pid) => writeFileSync(`/proc/${pid}/clear_refs`, '5');

// Rate limits are for strangers; all of this load comes from one address.
export const benchPlace = (environment = {}) => place({ environment: { SEISMO_LOG_LEVEL: 'warn', ...environment } });

async function setUp(where) {
  if (where.environment.SEISMO_BUS_KIND !== 'kafka' || where.isSetUp) return;
  const made = await command(where, ['setup']);
  if (made.code !== 0) throw new Error(`seismo setup: ${made.stderr}`);
  where.isSetUp = true;
}

// The program with some roles, and the milliseconds until it said that it was ready.
async function startRoles(where, roles) {
  await setUp(where);
  const began = performance.now();
  const seismo = await start(where, { args: ['--roles', roles], within: 20000 });
  return Object.assign(seismo, { readyMs: performance.now() - began });
}

// Runs body with the program, which is stopped behind it.
export async function withRoles(roles, where, body) {
  const seismo = await startRoles(where, roles);
  try {
    return await body(seismo);
  } finally {
    await seismo.stop();
  }
}

// Runs body with a place, whose data is removed behind it.
export async function inPlace(where, body) {
  try {
    return await body(where);
  } finally {
    where.remove();
  }
}

// Runs the load generator to its end and gives what it printed; `each` gets its report of every second.
export function load(url, options = {}, each = null) {
  const args = Object.entries(options).flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, String(value)]));
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, 'tests/bench/load'), [...args, ...(each ? ['--progress'] : []), url], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '', err = '', seen = 0;
    child.stdout.on('data', (data) => (out += data));
    child.stderr.on('data', (data) => {
      err += data;
      for (let end; each && (end = err.indexOf('\n', seen)) >= 0; seen = end + 1) each(JSON.parse(err.slice(seen, end)));
    });
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`load ended with ${code}: ${err}`))));
  });
}

// The load with what it cost: { ...load, cpu, perSecond, perCpu } in acknowledged events.
export async function loadedFor(seismo, options, each = null) {
  const before = cpuSeconds(seismo.pid);
  const sent = await load(seismo.publicUrl, options, each);
  const cpu = cpuSeconds(seismo.pid) - before;
  return { ...sent, cpu, perSecond: sent.events / sent.seconds, perCpu: sent.events / cpu };
}

export const stored = (seismo) => metric(seismo.innerUrl, 'seismo_events_stored_total');
export const lag = (seismo, group) => metric(seismo.innerUrl, 'seismo_bus_lag', `group="${group}"`);

// Waits until this process has stored so many events.
export const untilStored = (seismo, events, within = 60000) =>
  until(`${events} events stored`, async () => (await stored(seismo)) >= events, { within, every: 20 });
export const untilNoLag = (seismo, group, within = 60000) =>
  until(`no lag of ${group}`, async () => (await lag(seismo, group)) === 0, { within, every: 20 });

// Nothing is under way any more, so that the next measurement pays for itself alone.
export async function untilQuiet(seismo, within = 60000) {
  await until('quiet', async () => {
    const before = cpuSeconds(seismo.pid);
    await sleep(500);
    return cpuSeconds(seismo.pid) - before <= 0.03;
  }, { within, every: 10 });
}

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
