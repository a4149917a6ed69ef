// What an event costs on its way, in bytes and CPU: on the wire, on Kafka's disk, in Elasticsearch, in SQLite, and in each role. docs/sizing.md
// multiplies these. One role at a time, on the same events, so that each one's CPU is its own.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { sleep, until } from '../lib/seismo.mjs';
import { crowd } from '../lib/visitors.mjs';
import { benchPlace, cpuSeconds, inPlace, lag, load, stored, untilQuiet, untilStored, withRoles } from './probe.mjs';
import { onStack, startStack } from './stack.mjs';
import { thousands } from './table.mjs';

const beacons = Number(process.env.SEISMO_BENCH_BEACONS ?? 20000), perBeacon = 10;
const each = (bytes) => `${Math.round(bytes)} B`;
const cpuOf = (us) => `${us.toFixed(1)} µs`;
const us = (seconds, events) => (seconds / events) * 1e6;
const row = (key, figure, value, note) => ({ key, figure, value, measured: key.endsWith('cpu') ? cpuOf(value) : each(value), note });

function bytesIn(folder, wanted = () => true) {
  let sum = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    sum += entry.isDirectory() ? bytesIn(path, wanted) : wanted(path) ? statSync(path).size : 0;
  }
  return sum;
}

// Beacons as visitors of a shop send them, all kinds of events among them.
function measureWire() {
  const source = crowd({ seed: 1 });
  let plain = 0, packed = 0, events = 0;
  for (let i = 0; i < 2000; i++) {
    const { beacon } = source.next(), text = JSON.stringify(beacon);
    plain += Buffer.byteLength(text);
    packed += gzipSync(text).length;
    events += beacon.events.length;
  }
  return [row('wire', 'an event on the wire, packed', packed / events, `${each(plain / events)} as text; ${(events / 2000).toFixed(1)} events in a beacon; headers and TLS come to it`)];
}

const send = (seismo) => load(seismo.publicUrl, { requests: beacons, events: perBeacon, connections: 32, seconds: 120 });

async function measureEmbedded() {
  return inPlace(benchPlace({ SEISMO_BUS_KIND: 'sqlite', SEISMO_STORE_KIND: 'sqlite' }), (where) => withRoles('all', where, async (seismo) => {
    await untilQuiet(seismo);
    const cpu = cpuSeconds(seismo.pid), sent = await send(seismo);
    await untilStored(seismo, sent.events);
    await untilQuiet(seismo);
    const spent = cpuSeconds(seismo.pid) - cpu, events = bytesIn(where.folder, (path) => /events-[\d-]+\.db/.test(path));
    return [
      row('sqlite', 'an event in SQLite, with its indexes', events / sent.events, `${thousands(sent.events)} events in files of a day`),
      row('sqlite-cpu', 'all roles in one process: CPU an event', us(spent, sent.events), 'taken in, stored, counted in windows, judged'),
    ];
  }));
}

async function lagOver(seismo, group) {
  await until(`the lag of ${group} is known`, async () => (await lag(seismo, group)) > 0, { within: 30000, every: 20 });
  await until(`no lag of ${group}`, async () => (await lag(seismo, group)) === 0, { within: 120000, every: 100 });
}

async function measureKafka(where, kafkaFolder, state) {
  const topic = (name) => bytesIn(kafkaFolder, (path) => path.includes(`/${where.environment.SEISMO_BUS_PREFIX}.${name}-`) && path.endsWith('.log'));
  const rows = await withRoles('ingest', where, async (seismo) => {
    const cpu = cpuSeconds(seismo.pid), sent = await send(seismo);
    const before = cpuSeconds(seismo.pid), small = await load(seismo.publicUrl, { requests: beacons, events: 2, connections: 32, seconds: 120 });
    const ofSmall = us(cpuSeconds(seismo.pid) - before, small.events), ofAll = us(before - cpu, sent.events);
    state.events = sent.events + small.events;
    return [row('ingest-cpu', 'role ingest: CPU an event', ofAll, `beacons of ${perBeacon} events, ${each(sent.body_bytes)} each`), row('small-cpu', 'the same in beacons of 2 events', ofSmall, 'a beacon is what costs, more than its events')];
  });
  await sleep(1000);
  rows.push(row('kafka', 'an event in the topic `events`, each copy', topic('events') / state.events, 'packed by librdkafka as it is configured'));
  rows.push(...(await withRoles('rollup', where, async (seismo) => {
    await lagOver(seismo, 'rollup');
    return [row('rollup-cpu', 'role rollup: CPU an event', us(cpuSeconds(seismo.pid), state.events), 'with its start')];
  })));
  return rows;
}

async function sizes(where) {
  const ask = async (path, method = 'GET') => (await fetch(`${process.env.ELASTIC_URL}${path}`, { method })).json();
  const of = `logs-seismo.events-${where.environment.SEISMO_STORE_NAMESPACE}`;
  await ask(`/${of}/_forcemerge?max_num_segments=1&wait_for_completion=true`, 'POST');
  await ask(`/${of}/_refresh`, 'POST');
  const { _all: { primaries } } = await ask(`/${of}/_stats/store,docs`);
  return { bytes: primaries.store.size_in_bytes, documents: primaries.docs.count };
}

async function measureIndex(where, state) {
  return withRoles('index', where, async (seismo) => {
    await until('all is stored', async () => (await stored(seismo)) >= state.events, { within: 240000, every: 100 });
    const cpu = cpuSeconds(seismo.pid), { bytes, documents } = await sizes(where);
    return [
      row('index-cpu', 'role index: CPU an event', us(cpu, state.events), 'with its start; the node\'s own work is not in it'),
      row('elastic', 'an event in Elasticsearch, each copy', bytes / documents, `${thousands(documents)} documents, merged into one segment; \`event.original\` among it`),
    ];
  });
}

export async function prepare() {
  const stack = startStack(), where = onStack(), state = {};
  return {
    measures: [
      ['the wire', measureWire],
      ['SQLite', measureEmbedded],
      ['Kafka', () => measureKafka(where, stack.kafkaFolder, state)],
      ['Elasticsearch', () => measureIndex(where, state)],
    ],
    close() {
      where.remove();
      stack.close();
    },
  };
}

// ---- what it comes to ----

const BUSY = 0.6; // of a core, so that a wave does not wait
const NODE_DOCUMENTS = 13e3; // a second: what one node of Elasticsearch took on two cores shared with all else (bench --stack)
const size = (bytes) => (bytes >= 1e15 ? `${(bytes / 1e15).toFixed(1)} PB` : bytes >= 1e12 ? `${(bytes / 1e12).toFixed(1)} TB` : bytes >= 1e9 ? `${(bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0)} GB` : bytes >= 1e6 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e3).toFixed(0)} kB`);
const cores = (us, rate) => { const n = (us * rate) / 1e6 / BUSY; return n < 0.1 ? '< 0.1' : n < 10 ? n.toFixed(1) : Math.round(n).toString(); };

// The measured figures times events a second, one line each; Kafka in three copies, Elasticsearch in two.
export function plan(rows) {
  const of = (key) => rows.find((each) => each.key === key)?.value ?? NaN;
  const lines = ['| events/s | network in | ingest | rollup | index | Kafka a day | Elasticsearch a day | its nodes | partitions |', '|---|---|---|---|---|---|---|---|---|'];
  for (const rate of [100, 1e3, 1e4, 1e5, 1e6]) {
    const index = (of('index-cpu') * rate) / 1e6 / BUSY;
    lines.push(`| ${thousands(rate)} | ${size(of('wire') * rate)}/s | ${cores(of('ingest-cpu'), rate)} | ${cores(of('rollup-cpu'), rate)} | ${cores(of('index-cpu'), rate)} | ${size(of('kafka') * rate * 86400 * 3)} | ${size(of('elastic') * rate * 86400 * 2)} | ${Math.max(2, Math.ceil((rate * 2) / NODE_DOCUMENTS))} | ${Math.max(4, 2 ** Math.ceil(Math.log2(Math.max(1, index * 2))))} |`);
  }
  return lines.join('\n');
}
