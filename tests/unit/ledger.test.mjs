// The check that all flows under fault rest on must itself be able to fail: each kind of damage, made on purpose, is found.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differences, sumsOf } from '../lib/sums.mjs';
import { ledgerDiff } from '../lib/settled.mjs';
import { crowd } from '../lib/visitors.mjs';

function entry(beacon, state, n, wrong = []) {
  return { id: beacon, beacon: { events: Array(n).fill({}) }, wrong: new Set(wrong), state, accepted: state === 'acknowledged' ? n - wrong.length : 0, answers: [] };
}
const entries = new Map([entry('a', 'acknowledged', 3, [1]), entry('b', 'unsure', 2), entry('c', 'refused', 1, [0])].map((each) => [each.id, each]));
const stored = (...places) => places.map(([beacon, index]) => ({ 'seismo.beacon.id': beacon, 'seismo.beacon.index': index }));

const damages = [
  ['nothing wrong', [['a', 0], ['a', 2]], null],
  ['nothing wrong, and what was unsure is there', [['a', 0], ['a', 2], ['b', 0], ['b', 1]], null],
  ['lost', [['a', 0]], /2 events acknowledged, 1 stored/],
  ['lost as a whole', [], /2 events acknowledged, 0 stored/],
  ['twice', [['a', 0], ['a', 2], ['a', 2]], /stored twice/],
  ['a refused event in place of a good one', [['a', 0], ['a', 1]], /a refused event is stored/],
  ['half of what was unsure', [['a', 0], ['a', 2], ['b', 0]], /1 of 2 events stored/],
  ['a refused beacon', [['a', 0], ['a', 2], ['c', 0]], /refused/],
  ['a stranger', [['a', 0], ['a', 2], ['z', 0]], /never sent/],
];
for (const [name, places, message] of damages)
  test(`documents: ${name}`, () => {
    const lines = ledgerDiff(entries, stored(...places));
    if (message) assert.match(lines.join('\n'), message);
    else assert.deepEqual(lines, []);
  });

const document = (kind, changes) => ({ 'event.action': kind, '@timestamp': '2026-11-22T12:00:00.000Z', 'event.created': '2026-11-22T12:00:01.000Z', 'seismo.sample_rate': 1, ...changes });
const nothing = () => Object.fromEntries(['page', 'route', 'api', 'vital', 'click', 'error'].map((kind) => [kind, { count: 0, failed: 0 }]));

test('windows: weighted by rate and number, without what is kept out', () => {
  const raw = sumsOf([document('click', { 'seismo.click.count': 3, 'seismo.sample_rate': 0.5 }), document('api', { 'seismo.flags': ['failed'] }), document('api', { 'seismo.flags': ['late'] }), document('purchase')]);
  assert.equal(raw.click.count, 6);
  assert.deepEqual(raw.api, { count: 1, failed: 1, slow: 0 });
  assert.deepEqual(differences(raw, { ...nothing(), click: { count: 6, failed: 0 }, api: { count: 1, failed: 1 } }), []);
  assert.match(differences(raw, { ...nothing(), click: { count: 7, failed: 0 }, api: { count: 1, failed: 1 } }).join(), /counted twice/);
  assert.match(differences(raw, { ...nothing(), click: { count: 5, failed: 0 }, api: { count: 1, failed: 1 } }).join(), /5 counted, 6 stored/);
  assert.match(differences(raw, { ...nothing(), click: { count: 6, failed: 0 }, api: { count: 1, failed: 0 } }).join(), /failed/);
});

test('windows: what came by a retry may be missing, no more', () => {
  const raw = sumsOf([document('click', { 'event.created': '2026-11-22T12:00:09.000Z' }), document('click')]);
  assert.deepEqual(differences(raw, { ...nothing(), click: { count: 1, failed: 0 } }), []);
  assert.equal(differences(raw, { ...nothing(), click: { count: 0, failed: 0 } }).length, 1);
});

test('a crowd is the same from the same seed, but for its ids and times', () => {
  const shape = ({ beacon, wrong }) => [beacon.events.map((event) => event?.kind), wrong];
  const one = crowd({ seed: 7 }), other = crowd({ seed: 7 });
  for (let i = 0; i < 50; i++) assert.deepEqual(shape(one.next()), shape(other.next()));
});
