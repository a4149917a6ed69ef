// How cost grows with keys, connections, series and lag, on the embedded parts.
import { until } from '../lib/seismo.mjs';
import { benchPlace, cpuSeconds, forgetPeak, inPlace, lag, load, loadedFor, memory, untilNoLag, untilQuiet, untilStored, withRoles } from './probe.mjs';
import { mb, ms, thousands } from './table.mjs';
import { metric } from '../lib/seismo.mjs';

const microseconds = (sent) => `${((1e6 * sent.cpu) / sent.requests).toFixed(1)} µs`;

// ---- ingest ----

// Each key belongs to an application of its own.
const applications = (n) => JSON.stringify(Array.from({ length: n }, (_, i) => ({
  name: `shop${i}`, keys: [n === 1 ? 'demo' : `demo${String(i).padStart(4, '0')}`], origins: ['http://shop.test'], routes: ['/product/:id'] })));

async function withKeys(keys) {
  return inPlace(benchPlace({ SEISMO_APPLICATIONS: applications(keys) }), (where) => withRoles('ingest', where, async (seismo) => {
    const rest = memory(seismo.pid).now;
    await load(seismo.publicUrl, { seconds: 0.5, keys });
    const sent = await loadedFor(seismo, { seconds: 3, keys });
    return { figure: `ingest, ${keys} application${keys > 1 ? 's' : ''} with a key each: CPU a beacon`, measured: microseconds(sent), note: `${mb(rest)} at rest` };
  }));
}

async function withConnections(where, connections) {
  return withRoles('ingest', where, async (seismo) => {
    await load(seismo.publicUrl, { seconds: 0.5, connections });
    forgetPeak(seismo.pid);
    const sent = await loadedFor(seismo, { seconds: 3, connections }), { p50, p99 } = sent.latency_us;
    return { figure: `ingest, ${connections} connection${connections > 1 ? 's' : ''}: CPU a beacon`, measured: microseconds(sent),
      note: `${thousands(sent.requests / sent.seconds)} requests/s, p50 ${ms(p50)}, p99 ${ms(p99)}, peak ${mb(memory(seismo.pid).peak)}` };
  });
}

// ---- rollup ----

const seriesBeacons = 20000;

async function withSeries(pages) {
  return inPlace(benchPlace({ SEISMO_ROLLUP_MAX_SERIES: '100000' }), async (where) => {
    await withRoles('ingest', where, (seismo) => load(seismo.publicUrl, { requests: seriesBeacons, pages }));
    return withRoles('rollup,detect', where, async (seismo) => {
      await until('the lag is known', async () => (await lag(seismo, 'rollup')) > 0, { within: 10000, every: 5 });
      await untilNoLag(seismo, 'rollup');
      const cpu = cpuSeconds(seismo.pid);
      await untilQuiet(seismo);
      const series = await metric(seismo.innerUrl, 'seismo_series'), peak = memory(seismo.pid).peak;
      return { pages, series, peak, figure: `rollup and detect, ${thousands(pages)} page names: CPU an event`, measured: `${((1e9 * cpu) / seriesBeacons / 10).toFixed(0)} ns`,
        note: `${thousands(series)} series, peak ${mb(peak)}` };
    });
  });
}

async function seriesRows() {
  const rows = [];
  for (const pages of [10, 1000, 10000]) rows.push(await withSeries(pages));
  const few = rows[0], many = rows[2];
  const bytes = ((many.peak - few.peak) * 2 ** 20) / (many.series - few.series);
  return [...rows, { figure: 'rollup and detect: memory a series', measured: `${thousands(bytes)} bytes`, note: 'peak with the most series less peak with the fewest, windows and baselines included' }];
}

// ---- lag ----

// Acknowledgement while the readers have nothing to catch up with, or a million events.
async function withLag(events) {
  return inPlace(benchPlace(), async (where) => {
    if (events) await withRoles('ingest', where, (seismo) => load(seismo.publicUrl, { requests: events / 10, connections: 64 }));
    return withRoles('all', where, async (seismo) => {
      const sent = await loadedFor(seismo, { seconds: 3, rate: 500 }), { p50, p99 } = sent.latency_us;
      const began = performance.now();
      await untilStored(seismo, events + sent.events, 120000);
      return { figure: `all roles, a lag of ${thousands(events)} events at the start: acknowledgement p50 / p99 at 500 requests/s`, measured: `${ms(p50)} / ${ms(p99)}`,
        note: `all stored ${((performance.now() - began) / 1000).toFixed(1)} s after the load` };
    });
  });
}

const each = async (list, run) => {
  const rows = [];
  for (const one of list) rows.push(await run(one));
  return rows;
};

export async function prepare() {
  return {
    measures: [
      ['keys', () => each([1, 100, 1000], withKeys)],
      ['connections', () => inPlace(benchPlace(), (where) => each([1, 10, 100, 1000], (n) => withConnections(where, n)))],
      ['series', seriesRows],
      ['lag', () => each([0, 1e6], withLag)],
    ],
    close() {},
  };
}
