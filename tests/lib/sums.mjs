// Whether the windows that the live page reads, open ones too, are in sum what the stored events are: known within seconds. equal.mjs waits
// until all are closed and compares minute by minute.
//
// What is late when it comes (rollup.h) is stored and not counted. Which events can be late follows from load that keeps its ages
// (visitors.mjs): rollup waits for what is as old as `oldestMs`, so only what came later than that, by a retry, may be missing.
import { oldestMs } from './visitors.mjs';

const counted = ['page', 'route', 'api', 'vital', 'click', 'error'];
const vitals = ['LCP', 'INP', 'CLS', 'FCP', 'TTFB']; // each has a series of its own, they have none together

function weightOf(document) {
  const number = document['seismo.click.count'] ?? document['seismo.error.count'] ?? 1;
  return number / (document['seismo.sample_rate'] ?? 1);
}

const isFailed = (document) => (document['seismo.flags'] ?? []).includes('failed');
const isKeptOut = (document) => (document['seismo.flags'] ?? []).some((flag) => flag === 'late' || flag === 'future');

// When it ended: a slow call is not late because it began long ago.
function delayOf(document) {
  if (document['event.action'] === 'vital') return 0;
  const own = ['page', 'route', 'api'].includes(document['event.action']) ? document['seismo.duration_ms'] ?? 0 : 0;
  return Date.parse(document['event.created']) - Date.parse(document['@timestamp']) - own;
}

// { kind: { count, failed, slow } } of the documents; slow is the part of count that may have come late.
export function sumsOf(documents, lateMs = oldestMs + 200) {
  const sums = Object.fromEntries(counted.map((kind) => [kind, { count: 0, failed: 0, slow: 0 }]));
  for (const document of documents) {
    const sum = sums[document['event.action']];
    if (!sum || isKeptOut(document)) continue;
    const weight = weightOf(document);
    sum.count += weight;
    if (isFailed(document)) sum.failed += weight;
    if (delayOf(document) > lateMs) sum.slow += weight;
  }
  return sums;
}

// { kind: { count, failed } } of all windows, closed and open, that began in [from, to).
export async function windowsOf(innerUrl, from, to, filter = {}) {
  const sums = {};
  for (const kind of counted) {
    sums[kind] = { count: 0, failed: 0 };
    for (const detail of kind === 'vital' ? vitals : [null]) {
      const parameters = new URLSearchParams({ kind, from: String(from), to: String(to), ...(detail && { detail }), ...filter });
      const answer = await fetch(`${innerUrl}/api/series?${parameters}`);
      const json = await answer.json();
      if (!answer.ok) throw new Error(`/api/series?${parameters}: ${answer.status} ${JSON.stringify(json)}`);
      sums[kind].count += json.all.count;
      sums[kind].failed += json.all.failed;
    }
  }
  return sums;
}

// What differs, one line each; [] when windows and documents agree. `late`: what the collector itself says came too late, weighted at most.
export function differences(raw, windows, late = 0) {
  const lines = [];
  for (const kind of counted) {
    const { count, failed } = raw[kind], slow = raw[kind].slow + late, seen = windows[kind];
    if (seen.count > count + 0.5) lines.push(`${kind}: ${seen.count} counted, only ${count} stored: counted twice`);
    if (seen.count < count - slow - 0.5) lines.push(`${kind}: ${seen.count} counted, ${count} stored, of which at most ${slow} came late`);
    if (seen.failed > failed + 0.5 || seen.failed < failed - slow - 0.5) lines.push(`${kind}: ${seen.failed} counted as failed, ${failed} stored as failed`);
  }
  return lines;
}
