// What was accepted, what is stored and what was counted, held against each other: after any fault they must agree.
//
//   await everythingIsCounted(where, { events, late })    waits, then asserts; see below
import assert from 'node:assert/strict';
import { command, exported, until } from './seismo.mjs';

const counted = new Set(['page', 'route', 'api', 'vital', 'click', 'error']);
const minute = (ms) => Math.floor(ms / 60000) * 60000;

// The closed windows of that width as documents, by `seismo export`.
export async function windows(where, width = 60) {
  const result = await command(where, ['export', '--windows', String(width)]);
  if (result.code !== 0) throw new Error(`seismo export --windows: ${result.code} ${result.stderr}`);
  return result.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

// In which moment an event counts, as the head of collector/rollup/partial.c has it.
function countedAt(document) {
  const kind = document['event.action'];
  const received = Date.parse(document['event.ingested']);
  if (kind === 'vital') return received;
  let at = Date.parse(document['@timestamp']);
  if (kind === 'page' || kind === 'route' || kind === 'api') at += Math.trunc((document['event.duration'] ?? 0) / 1e6);
  return Math.min(at, received);
}

const add = (map, key, n) => map.set(key, (map.get(key) ?? 0) + n);

// Events by "environment/service kind minute", as the stored documents say.
export function countDocuments(documents) {
  const counts = new Map();
  for (const each of documents) {
    const kind = each['event.action'];
    if (!counted.has(kind) || (each['seismo.flags'] ?? []).some((flag) => flag === 'late' || flag === 'future')) continue;
    const number = each['seismo.click.count'] ?? each['seismo.error.count'] ?? 1;
    add(counts, `${each['service.environment']}/${each['service.name']} ${kind} ${minute(countedAt(each))}`, number);
  }
  return counts;
}

// The same as the windows of the services as a whole say.
export function countWindows(list) {
  const counts = new Map(), ids = new Set();
  for (const each of list) {
    const kind = each['seismo.rollup.kind'];
    const id = JSON.stringify([each['seismo.application'], each['service.environment'], each['service.name'], kind, each['seismo.rollup.name'], each['seismo.rollup.detail'], each['@timestamp']]);
    assert.ok(!ids.has(id), `the window ${id} is stored twice`);
    ids.add(id);
    if (each['seismo.rollup.name'] !== '*' || (each['seismo.rollup.detail'] !== '') !== (kind === 'vital')) continue;
    add(counts, `${each['service.environment']}/${each['service.name']} ${kind} ${Date.parse(each['@timestamp'])}`, each['seismo.rollup.events']);
  }
  return counts;
}

const total = (counts) => [...counts.values()].reduce((sum, n) => sum + n, 0);

function differences(raw, rolled) {
  const found = [];
  for (const key of new Set([...raw.keys(), ...rolled.keys()]))
    if ((raw.get(key) ?? 0) !== (rolled.get(key) ?? 0)) found.push(`${key} ${new Date(Number(key.split(' ')[2])).toISOString()}: ${raw.get(key) ?? 0} stored, ${rolled.get(key) ?? 0} counted`);
  return found;
}

// Waits until as many documents are stored as `events` says and every one of them is in a closed window, then asserts: none
// double, and by service, kind and minute the windows hold what the documents hold. `late`: how many may be missing from the
// windows because they came after theirs had closed; a function that sums seismo_rollup_late_total.
export async function everythingIsCounted(where, { events, late = () => 0, within = 120000, log = () => '' }) {
  let documents = [], rolled = new Map(), raw = new Map(), lost = 0;
  const say = () => `${documents.length} documents of ${events}, ${total(raw)} of them to be counted, ${total(rolled)} counted, ${lost} late\n${differences(raw, rolled).slice(0, 20).join('\n')}\n${log()}`;
  await until('everything stored and counted', async () => {
    documents = await exported(where);
    raw = countDocuments(documents);
    rolled = countWindows(await windows(where));
    lost = await late();
    return documents.length >= events && total(rolled) + lost >= total(raw);
  }, { within, every: 1000 }).catch((error) => assert.fail(`${error.message.slice(0, 300)}\n${say()}`));
  assert.equal(documents.length, events, `nothing more than was accepted\n${say()}`);
  const ids = new Set(documents.map((each) => `${each['seismo.application']}/${each['seismo.beacon.id']}/${each['seismo.beacon.index']}`));
  assert.equal(ids.size, documents.length, 'no document twice');
  if (lost === 0) assert.deepEqual(differences(raw, rolled), [], say());
  assert.equal(total(rolled) + lost, total(raw), `windows and late ones make up all events\n${say()}`);
  return { documents, counted: total(rolled), late: lost };
}
