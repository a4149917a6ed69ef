// After a fault: waits until everything has come to rest, then holds what is stored against the ledger of the load (load.mjs), from outside.
//
//   1. documents + rejects = accepted events: every beacon that was answered 202 is there with exactly the events that were accepted
//   2. nothing twice, nothing that was never sent; what was never answered is there whole or not at all
//   3. windows hold the same counts as the stored events
//   4. lag and spool are back at 0
//   5. the metrics of the last process agree with the answers that it was seen to give
import assert from 'node:assert/strict';
import { differences, sumsOf, windowsOf } from './sums.mjs';
import { exported, metric, onStack, sleep, until } from './seismo.mjs';

const shown = 20;
const weightMost = 2; // of one event in visitors.mjs: the inverse of its least rate

// What is wrong with the documents, one line each.
export function ledgerDiff(entries, documents) {
  const lines = [], byBeacon = new Map();
  for (const document of documents) {
    const beacon = document['seismo.beacon.id'];
    if (!byBeacon.has(beacon)) byBeacon.set(beacon, []);
    byBeacon.get(beacon).push(document['seismo.beacon.index']);
  }
  for (const [beacon, indexes] of byBeacon) {
    const entry = entries.get(beacon);
    if (!entry) lines.push(`beacon ${beacon}: ${indexes.length} documents, but it was never sent`);
    else if (new Set(indexes).size !== indexes.length) lines.push(`beacon ${beacon} (${entry.state}, answers ${entry.answers}): stored twice: events ${indexes}`);
    else if (indexes.some((index) => entry.wrong.has(index))) lines.push(`beacon ${beacon}: a refused event is stored: events ${indexes}, refused ${[...entry.wrong]}`);
  }
  for (const entry of entries.values()) {
    const found = new Set(byBeacon.get(entry.id) ?? []).size, right = entry.beacon.events.length - entry.wrong.size;
    if (entry.state === 'acknowledged' && found !== entry.accepted)
      lines.push(`beacon ${entry.id} (answers ${entry.answers}): ${entry.accepted} events acknowledged, ${found} stored`);
    else if (entry.state === 'refused' && found) lines.push(`beacon ${entry.id}: refused, yet ${found} events are stored`);
    else if (entry.state !== 'acknowledged' && found !== 0 && found !== right) lines.push(`beacon ${entry.id} (${entry.state}): ${found} of ${right} events stored`);
  }
  return lines;
}

function head(lines) {
  return lines.slice(0, shown).join('\n') + (lines.length > shown ? `\n... and ${lines.length - shown} more` : '');
}

// Of both groups; NaN until the members of each have told theirs: one that is joining does not know, and says nothing.
async function lagOf(instances) {
  let all = 0;
  for (const group of ['index', 'rollup']) {
    const told = (await Promise.all(instances.map((each) => metric(each.innerUrl, 'seismo_bus_lag', `group="${group}"`, null)))).filter((lag) => lag !== null);
    all += told.length ? told.reduce((sum, lag) => sum + lag, 0) : NaN;
  }
  return all;
}

// On the embedded bus these are the bytes that some reader still holds, open windows too; there they come to 0 only when all are closed.
const spoolOf = async (instances) => (onStack ? (await Promise.all(instances.map((each) => metric(each.innerUrl, 'seismo_spool_records')))).reduce((sum, records) => sum + records, 0) : 0);

// The metrics of one process against what it was seen to answer. Where an answer was lost, the process may have counted more than was seen.
async function metricsDiff(instance, life, isWholeLife) {
  const lines = [];
  const seen = { seismo_beacons_accepted_total: life.beacons, seismo_events_accepted_total: life.events };
  for (const [name, least] of Object.entries(seen)) {
    const value = await metric(instance.innerUrl, name);
    const most = life.unanswered ? least + life.unanswered * (name.includes('events') ? 1000 : 1) : least;
    if (value < least || value > most) lines.push(`${name} ${value}, but answers that were seen add up to ${least}, and ${life.unanswered} were not seen`);
  }
  const rejects = await metric(instance.innerUrl, 'seismo_rejects_total'), stored = await metric(instance.innerUrl, 'seismo_events_stored_total');
  if (!life.unanswered && !life.statuses[503] && rejects !== life.rejected) lines.push(`seismo_rejects_total ${rejects}, but ${life.rejected} events and beacons were refused`);
  return { lines, stored, isWholeLife };
}

// Gives up only when none has come for that long: slow is not lost.
async function awaitDocuments(where, expected, within) {
  let documents = await exported(where), grew = Date.now();
  while (documents.length < expected && Date.now() - grew < within) {
    await sleep(1000);
    const now = await exported(where);
    if (now.length > documents.length) grew = Date.now();
    documents = now;
  }
  return documents;
}

// options: instances (all that run; default the one), within, lateMs, metrics (false where several share the load), rollup (false to leave
// the windows out). Gives { documents, raw }.
export async function settled(where, seismo, load, { instances = [seismo], within = 60000, metrics = true, rollup = true } = {}) {
  const report = (what, lines) => assert.equal(lines.length, 0, `${what}:\n${head(lines)}\n${load.summary()}\n${instances.map((each) => tail(each.log())).join('\n')}`);
  report('answers', load.problems);
  const expected = load.list('acknowledged').reduce((sum, entry) => sum + entry.accepted, 0);

  await until('lag and spool are back at 0', async () => (await lagOf(instances)) === 0 && (await spoolOf(instances)) === 0, { within, every: 200 })
    .catch((error) => report(error.message.split('\n')[0], ['see the metrics of the log below']));
  let lines = [];
  const documents = await awaitDocuments(where, expected, within);
  lines = ledgerDiff(load.entries, documents);
  report(`${documents.length} documents, ${expected} events acknowledged`, lines);

  const raw = sumsOf(documents);
  if (rollup) await compareWindows(seismo, documents, raw, report);
  if (metrics) {
    const life = load.lives.at(-1);
    const found = await metricsDiff(seismo, life);
    report('metrics', found.lines);
    if (load.lives.length === 1) report('metrics', found.stored === documents.length ? [] : [`seismo_events_stored_total ${found.stored}, ${documents.length} documents`]);
  }
  console.log(`# ${documents.length} documents; ${load.summary()}`);
  return { documents, raw, expected };
}

async function compareWindows(seismo, documents, raw, report) {
  const times = documents.map((each) => Date.parse(each['@timestamp']));
  let from = Infinity, to = -Infinity;
  for (const time of times) {
    from = Math.min(from, time);
    to = Math.max(to, time);
  }
  if (!documents.length) return;
  let lines = ['not compared'];
  await until('windows hold what is stored', async () => {
    const late = await metric(seismo.innerUrl, 'seismo_rollup_late_total'); // of this process; those before it had their own
    lines = differences(raw, await windowsOf(seismo.innerUrl, from - 60000, to + 120000), late * weightMost);
    return lines.length === 0;
  }, { within: 20000, every: 500 }).catch((error) => lines.push(error.message.split('\n')[0]));
  report('windows against stored events', lines);
}

const tail = (log) => log.split('\n').slice(-40).join('\n');
