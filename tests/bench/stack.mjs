// What the distributed kind of parts reaches: a real Kafka and Elasticsearch, one role at a time, so that its CPU time and memory are its own.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { metric, root, sleep, until } from '../lib/seismo.mjs';
import { benchPlace, cpuSeconds, forgetPeak, lag, load, loadedFor, memory, stored, withRoles } from './probe.mjs';
import { mb, ms, thousands } from './table.mjs';

const sustainedSeconds = 60;

// ---- the parts ----

// Kafka and Elasticsearch of our own in a folder that every user may reach; or those named in the environment.
export function startStack() {
  if (process.env.KAFKA_BROKERS && process.env.ELASTIC_URL) return { close() {}, kafkaPid: null, kafkaFolder: null };
  const folder = mkdtempSync('/tmp/seismo-bench.');
  chmodSync(folder, 0o755);
  const up = (name) => execFileSync(join(root, 'tests/stack', name), [join(folder, name)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim().split(' ')[1];
  const close = () => {
    execFileSync(join(root, 'tests/stack/down'), [join(folder, 'kafka-up'), join(folder, 'es-up')], { stdio: 'ignore' });
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    process.env.KAFKA_BROKERS = up('kafka-up');
    process.env.ELASTIC_URL = `http://${up('es-up')}`;
  } catch (error) {
    close();
    throw error;
  }
  return { close, kafkaFolder: join(folder, 'kafka-up/kafka-data'), kafkaPid: Number(readFileSync(join(folder, 'kafka-up/kafka.pid'), 'utf8')) };
}

export const onStack = (environment = {}) => benchPlace({
  SEISMO_BUS_KIND: 'kafka', SEISMO_KAFKA_BROKERS: process.env.KAFKA_BROKERS, SEISMO_BUS_PREFIX: `bench${process.pid}x${(places += 1)}`,
  SEISMO_STORE_KIND: 'elastic', SEISMO_ELASTIC_URL: process.env.ELASTIC_URL, SEISMO_STORE_NAMESPACE: `bench${process.pid}x${places}`, ...environment,
});
let places = 0;

// ---- ingest ----

const ingestGoal = 800e3;

// Sixty seconds of full load, with the first five told apart.
async function measureIngest(where) {
  return withRoles('ingest', where, async (seismo) => {
    const first = await load(seismo.publicUrl, { seconds: 5, connections: 64 }); // the broker's Java warms up too
    forgetPeak(seismo.pid);
    const before = cpuSeconds(seismo.pid), seconds = [];
    const sent = await loadedFor(seismo, { seconds: sustainedSeconds, connections: 64 },
      (second) => seconds.push({ events: second.events, p99: second.latency_us.p99, cpu: cpuSeconds(seismo.pid) - before }));
    where.accepted = first.events + sent.events;
    return ingestRows(sent, seconds, memory(seismo.pid));
  });
}

function ingestRows(sent, seconds, { peak }) {
  const sum = (list) => list.reduce((total, second) => total + second.events, 0);
  const first = seconds.slice(0, 5), last = seconds.slice(-5), firstCpu = sum(first) / first.at(-1).cpu;
  const lastCpu = sum(last) / (last.at(-1).cpu - seconds.at(-6).cpu), { p50, p99, p999 } = sent.latency_us;
  return [
    { key: 'kafka-first', figure: 'ingest → Kafka, 202 after acks=all, first 5 s: events per CPU-second', goal: '≥ 800 k', met: firstCpu >= ingestGoal, measured: thousands(firstCpu),
      note: `${thousands(sum(first) / 5)} events/s` },
    { key: 'kafka-sustained', figure: 'the same, sustained for 60 s', goal: 'no worse', met: sent.perCpu >= firstCpu * 0.95, measured: thousands(sent.perCpu),
      note: `${thousands(sent.perSecond)} events/s; last 5 s ${thousands(lastCpu)} per CPU-second; p50 ${ms(p50)}, p99 ${ms(p99)}, p99.9 ${ms(p999)}; ${refusals(sent)}` },
    { key: 'kafka-memory', figure: 'role ingest, memory under that load', goal: '≤ 64 MB', met: peak <= 64, measured: mb(peak), note: 'peak' },
  ];
}

function refusals({ refused, errors }) {
  const parts = Object.entries(refused).map(([status, n]) => `${n} × ${status}`);
  if (errors) parts.push(`${errors} cut off`);
  return parts.length ? parts.join(', ') : 'nothing refused';
}

async function measureAcknowledgement(where) {
  return withRoles('ingest', where, async (seismo) => {
    const rows = [];
    for (const connections of [1, 32, 256]) {
      const sent = await loadedFor(seismo, { seconds: 4, connections });
      const { p50, p99, p999 } = sent.latency_us;
      rows.push({ key: `kafka-ack-${connections}`, figure: `ingest → Kafka: acknowledgement p50 / p99, ${connections} connection${connections > 1 ? 's' : ''}`, goal: connections === 32 ? 'p99 ≤ 10 ms' : '',
        met: connections === 32 ? p99 <= 10000 : null, measured: `${ms(p50)} / ${ms(p99)}`, note: `p99.9 ${ms(p999)}; ${thousands(sent.requests / sent.seconds)} requests/s` });
    }
    return rows;
  });
}

// ---- Kafka away ----

async function measureSpool(kafkaPid) {
  if (!kafkaPid) return [{ key: 'spool', figure: 'spool with Kafka away, requests/s', measured: 'not measured', note: 'the broker is not ours to stop' }];
  const where = onStack();
  try {
    return await withRoles('ingest', where, (seismo) => spoolRows(seismo, kafkaPid));
  } finally {
    where.remove();
  }
}

async function spoolRows(seismo, kafkaPid) {
  const there = await loadedFor(seismo, { seconds: 5, connections: 64 });
  process.kill(kafkaPid, 'SIGSTOP');
  let away;
  try {
    await load(seismo.publicUrl, { seconds: 10, connections: 64 }); // until it has noticed
    away = await loadedFor(seismo, { seconds: 5, connections: 64 });
  } finally {
    process.kill(kafkaPid, 'SIGCONT');
  }
  const began = performance.now(), bytes = await metric(seismo.innerUrl, 'seismo_spool_bytes');
  await until('the spool is empty', async () => (await metric(seismo.innerUrl, 'seismo_spool_bytes')) === 0, { within: 60000, every: 100 });
  const perSecond = away.acknowledged / away.seconds, there1 = there.acknowledged / there.seconds;
  return [{ key: 'spool', figure: 'spool with Kafka away, requests/s', goal: '≥ 40 k, or 80 % of those with Kafka there', met: perSecond >= 40e3 || perSecond >= 0.8 * there1, measured: thousands(perSecond),
    note: `${thousands(there1)} with Kafka there; ${thousands(away.perCpu)} events per CPU-second, p99 ${ms(away.latency_us.p99)}, ${refusals(away)}; ${mb(bytes / 1e6)} drained in ${((performance.now() - began) / 1000).toFixed(1)} s` }];
}

// ---- the readers ----

// What a role does in some seconds of a bus that is always ahead of it: from its third second on.
async function steady(where, roles, seconds, count, settings) {
  Object.assign(where.environment, settings);
  return withRoles(roles, where, async (seismo) => {
    await until('work has begun', async () => (await count(seismo)) > 0, { within: 30000 });
    await sleep(2000);
    forgetPeak(seismo.pid);
    const cpu = cpuSeconds(seismo.pid), before = await count(seismo), began = performance.now();
    await sleep(seconds * 1000);
    const done = (await count(seismo)) - before, spent = cpuSeconds(seismo.pid) - cpu, took = (performance.now() - began) / 1000;
    return { perCpu: done / spent, perSecond: done / took, peak: memory(seismo.pid).peak };
  });
}

async function indexRow(where, kind, settings, goal) {
  const { perCpu, perSecond, peak } = await steady(where, 'index', 15, stored, settings);
  return { key: `elastic-${kind}`, figure: `Kafka → Elasticsearch, ${kind}: documents per CPU-second`, goal: `≥ ${thousands(goal)}, ≤ 64 MB`, met: perCpu >= goal && peak <= 64, measured: `${thousands(perCpu)}, ${mb(peak)}`,
    note: `${thousands(perSecond)} documents/s (the node's limit here)` };
}

async function measureIndex(where) {
  return [await indexRow(where, 'plain', {}, 400e3), await indexRow(where, 'compressed', { SEISMO_ELASTIC_COMPRESS: 'true' }, 200e3)];
}

// All that ingest has left, from the start of the role to its end.
async function measureRollup(where) {
  return withRoles('rollup', where, async (seismo) => {
    const began = performance.now();
    await until('the lag is known', async () => (await lag(seismo, 'rollup')) > 0, { within: 20000, every: 5 });
    await until('no lag', async () => (await lag(seismo, 'rollup')) === 0, { within: 60000, every: 50 });
    const perCpu = where.accepted / cpuSeconds(seismo.pid), { peak } = memory(seismo.pid), seconds = (performance.now() - began) / 1000;
    return [{ key: 'kafka-rollup', figure: 'Kafka → rollup: events per CPU-second', goal: '≥ 2.00 M, ≤ 64 MB', met: perCpu >= 2e6 && peak <= 64, measured: `${thousands(perCpu)}, ${mb(peak)}`,
      note: `${thousands(where.accepted)} events in ${seconds.toFixed(1)} s` }];
  });
}

export async function prepare() {
  const stack = startStack(), where = onStack();
  return {
    measures: [
      ['ingest into Kafka, 60 s', () => measureIngest(where)],
      ['Kafka into Elasticsearch', () => measureIndex(where)],
      ['rollup from Kafka', () => measureRollup(where)],
      ['acknowledgement', () => measureAcknowledgement(where)],
      ['Kafka away', () => measureSpool(stack.kafkaPid)],
    ],
    close() {
      where.remove();
      stack.close();
    },
  };
}
