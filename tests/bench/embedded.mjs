// What the embedded default (SQLite, one process) reaches. Each measure gives rows for table.mjs.
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, sleep, until } from '../lib/seismo.mjs';
import { benchPlace, cpuSeconds, forgetPeak, inPlace, lag, load, loadedFor, median, memory, stored, untilNoLag, untilQuiet, untilStored, withRoles } from './probe.mjs';
import { mb, ms, thousands } from './table.mjs';

// ---- at rest ----

async function atRest(roles) {
  return inPlace(benchPlace(), (where) => withRoles(roles, where, async (seismo) => {
    await sleep(1500);
    return memory(seismo.pid).now;
  }));
}

async function measureRest() {
  const starts = [];
  await inPlace(benchPlace(), async (where) => {
    for (let i = 0; i < 7; i++) await withRoles('all', where, async (seismo) => starts.push(seismo.readyMs));
  });
  const all = await atRest('all'), each = [];
  for (const roles of ['ingest', 'index', 'rollup', 'detect', 'live']) each.push(`${roles} ${mb(await atRest(roles))}`);
  return [
    { key: 'start', figure: 'process start to ready', measured: `${median(starts).toFixed(0)} ms`, note: 'median of 7, seen from outside, to 10 ms' },
    { key: 'rest', figure: 'memory at rest, all roles', goal: '≤ 20 MB', measured: mb(all), met: all <= 20, note: each.join(', ') },
  ];
}

// ---- all roles at once ----

const warmUp = async (seismo) => {
  await load(seismo.publicUrl, { seconds: 1 });
  await untilQuiet(seismo);
};

async function burst(seismo) {
  await warmUp(seismo);
  forgetPeak(seismo.pid);
  const before = cpuSeconds(seismo.pid), storedBefore = await stored(seismo), began = performance.now();
  const sent = await loadedFor(seismo, { seconds: 5, connections: 32 });
  await untilStored(seismo, storedBefore + sent.events);
  const seconds = (performance.now() - began) / 1000, cpu = cpuSeconds(seismo.pid) - before;
  return { sent, seconds, cpu, peak: memory(seismo.pid).peak };
}

function burstRows({ sent, seconds, cpu, peak }) {
  return [
    { key: 'burst', figure: 'embedded, all roles: burst of 5 s accepted, events per CPU-second', goal: '≥ 500 k', met: sent.perCpu >= 500e3,
      measured: thousands(sent.perCpu), note: `${thousands(sent.perSecond)} events/s, ${thousands(sent.requests / sent.seconds)} requests/s; the other roles work meanwhile and their CPU is counted` },
    { key: 'sustained', figure: 'embedded, all roles: until all of it is visible, events per CPU-second', goal: '≥ 150 k', met: sent.events / cpu >= 150e3,
      measured: thousands(sent.events / cpu), note: `${thousands(sent.events / seconds)} events/s; the last was stored ${(seconds - sent.seconds).toFixed(1)} s after the burst` },
    { key: 'memory-load', figure: 'embedded, all roles: memory under that load', goal: '≤ 64 MB', met: peak <= 64, measured: mb(peak), note: 'peak' },
  ];
}

async function acknowledgement(seismo, connections, rate = 0) {
  await untilQuiet(seismo);
  const sent = await loadedFor(seismo, { seconds: 4, connections, ...(rate && { rate }) });
  const { p50, p99, p999, max } = sent.latency_us;
  const how = rate ? `${thousands(rate)} requests/s, open loop` : `${connections} connection${connections > 1 ? 's' : ''}`;
  const isGoal = connections === 32 && !rate;
  return {
    key: `ack-${connections}${rate ? '-open' : ''}`, figure: `embedded, all roles: acknowledgement p50 / p99, ${how}`, goal: isGoal ? 'p99 ≤ 10 ms, with fsync' : '',
    met: isGoal ? p99 <= 10000 : null, measured: `${ms(p50)} / ${ms(p99)}`, note: `p99.9 ${ms(p999)}, longest ${ms(max)}; ${thousands(sent.requests / sent.seconds)} requests/s`,
  };
}

const measureAll = () => inPlace(benchPlace(), (where) => withRoles('all', where, async (seismo) => {
  const rows = burstRows(await burst(seismo));
  for (const connections of [1, 32, 256]) rows.push(await acknowledgement(seismo, connections));
  rows.push(await acknowledgement(seismo, 32, 2000));
  return rows;
}));

// ---- one role after the other ----

// Also says how many events now wait on the bus.
async function ingestAlone(where) {
  return withRoles('ingest', where, async (seismo) => {
    const first = await load(seismo.publicUrl, { seconds: 1 });
    forgetPeak(seismo.pid);
    const sent = await loadedFor(seismo, { seconds: 5, connections: 32 });
    return { events: first.events + sent.events, row: {
      key: 'ingest', figure: 'embedded, role ingest alone: events per CPU-second', goal: '≥ 500 k', met: sent.perCpu >= 500e3, measured: thousands(sent.perCpu),
      note: `${thousands(sent.requests / sent.seconds)} requests/s, p99 ${ms(sent.latency_us.p99)}, peak ${mb(memory(seismo.pid).peak)}` } };
  });
}

// A role that starts now reads what waits on the bus: all CPU of its life until it is done, the start included.
async function drained(where, events, { role, figure, goal, isDone }) {
  return withRoles(role, where, async (seismo) => {
    const began = performance.now();
    await isDone(seismo, events);
    const perCpu = events / cpuSeconds(seismo.pid);
    return { key: `${role}-alone`, figure, goal: goal ? `≥ ${thousands(goal)}` : '', met: goal ? perCpu >= goal : null, measured: thousands(perCpu),
      note: `${thousands(events)} events in ${((performance.now() - began) / 1000).toFixed(1)} s, peak ${mb(memory(seismo.pid).peak)}` };
  });
}

// The lag is known once the role has its partitions.
async function untilRolledUp(seismo) {
  await until('the lag is known', async () => (await lag(seismo, 'rollup')) > 0, { within: 10000, every: 5 });
  await untilNoLag(seismo, 'rollup');
}

const measureRoles = () => inPlace(benchPlace(), async (where) => {
  const { row, events } = await ingestAlone(where);
  return [
    row,
    await drained(where, events, { role: 'index', figure: 'embedded, role index alone: documents per CPU-second', isDone: untilStored }),
    await drained(where, events, { role: 'rollup', figure: 'role rollup alone: events per CPU-second', goal: 2e6, isDone: untilRolledUp }),
  ];
});

// ---- single rooms ----

// Programs of tests/bench/*_bench.c with their arguments. They tell a line `NAME  N ns an event` for each step and one `NAME ...: N M ...`
// of events per CPU-second, or a line `NAME: ... N us CPU a record` of ten events.
const rooms = [
  ['validate'],
  ['rollup'],
  ['bus', 'sqlite', join(root, 'var/bench/tmp/bus.db')],
  ['bus', 'spool', join(root, 'var/bench/tmp/spool.db')],
];

function measureRooms() {
  execFileSync('ninja', ['-C', join(root, 'build'), 'bench'], { stdio: 'ignore' });
  return rooms.flatMap(([name, ...args]) => {
    const { stdout, status } = spawnSync(join(root, `build/bench_${name}`), args, { encoding: 'utf8', timeout: 30000 });
    const rows = roomRows(stdout ?? '');
    return rows.length ? rows : [{ key: `room-${name}`, figure: `bench_${name} ${args.join(' ')}`, measured: 'not measured', note: `exit code ${status}` }];
  });
}

function busRow(line) {
  const [, name, us] = /^([^:]+): .*?([\d.]+) us CPU a record/.exec(line) ?? [];
  return us && { key: `room-bus-${name}`, figure: `bus, ${name}: events per CPU-second`, measured: thousands(1e7 / Number(us)), note: line.slice(name.length + 2) };
}

const roomGoals = { 'validate + enrich': 2e6, 'rollup, first stage': 2e6 };

function roomRows(text) {
  const lines = text.split('\n'), buses = lines.map(busRow).filter(Boolean);
  if (buses.length) return buses;
  const stages = lines.map((line) => /^(first stage|both stages)\s.*?([\d.]+) M events/.exec(line)).filter(Boolean);
  if (stages.length) return stages.map(([line, name, millions]) => roomRow(`rollup, ${name}`, millions, line.slice(name.length).trim()));
  const steps = lines.map((line) => /^(\S.*?)\s{2,}([\d.]+) ns an event/.exec(line)).filter(Boolean).map(([, name, ns]) => `${name} ${ns} ns`);
  return lines.filter((line) => !line.includes(' ns an event')).map((line) => /^(\S[^:]*?)(?: without \w+)?: ([\d.]+) M\b(.*)/.exec(line)).filter(Boolean)
    .map(([, name, millions, rest]) => roomRow(name, millions, [...steps, rest.replace(/^[,\s]+/, '')].filter(Boolean).join(', ')));
}

function roomRow(name, millions, note) {
  const perCpu = Number(millions) * 1e6, goal = roomGoals[name];
  return { key: `room-${name}`, figure: `${name}: events per CPU-second`, goal: goal ? `≥ ${thousands(goal)}` : '', met: goal ? perCpu >= goal : null, measured: thousands(perCpu), note };
}

export async function prepare() {
  return {
    measures: [['rest', measureRest], ['all roles', measureAll], ['roles apart', measureRoles], ['single rooms', async () => measureRooms()]],
    close() {},
  };
}
