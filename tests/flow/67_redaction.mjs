#!/usr/bin/env node
// Secrets drawn by a seed, in random surroundings, in every place of a beacon that holds a string, past the agent: none is in what was stored,
// and texts without secrets are stored byte for byte. SEISMO_SEED and SEISMO_TEXTS draw others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beacon, exported, place, post, start, until } from '../lib/seismo.mjs';
import { cardDigits, dice, harmlessText, secretAddress, secretText, shows } from '../lib/secrets.mjs';

const seed = Number(process.env.SEISMO_SEED ?? 1);
const texts = Number(process.env.SEISMO_TEXTS ?? 2000);
const perBeacon = 50;

// Where a text may stand; each gives an event with it there.
const places = {
  message: (text) => ({ kind: 'error', message: text }),
  type: (text) => ({ kind: 'error', message: 'x', type: text }),
  stack: (text) => ({ kind: 'error', message: 'x', stack: `Error: x\n    at f (https://shop.example/a.js:1:2)\n${text}` }),
  name: (text) => ({ kind: 'click', selector: '#pay', name: text }),
  selector: (text) => ({ kind: 'click', selector: `button[title=${JSON.stringify(text)}]`, name: 'x' }),
  title: (text) => ({ kind: 'page', url: 'https://shop.example/', title: text }),
  property: (text) => ({ kind: 'order', props: { note: text, list: [1, { deep: text }] } }),
  member: (text) => ({ kind: 'order', props: { [text]: 'x' } }),
  prop: (text) => ({ kind: 'event', name: 'order', props: { note: text } }),
  prop_name: (text) => ({ kind: 'event', name: 'order', value: 5, props: { [text]: true } }),
  event: (text) => ({ kind: 'event', name: text }),
  mark: (text) => ({ kind: 'mark', name: text, value: 5 }),
  invoker: (text) => ({ kind: 'vital', name: 'INP', value: 300, invoker: text }),
  own: (text) => ({ kind: 'order', note: text }),
  kind: (text) => ({ kind: text }),
};
// Longer ones would be refused, or cut by a page.
const limits = { kind: 32, type: 128, name: 128, title: 256, member: 64, prop_name: 64, event: 64, mark: 128, invoker: 128, selector: 300 };
const addresses = {
  url: (address) => ({ kind: 'page', url: new URL(address, 'https://shop.example').href }),
  call: (address) => ({ kind: 'api', url: address, method: 'GET', status: 200, duration: 5 }),
  referrer: (address) => ({ kind: 'page', url: 'https://shop.example/', referrer: address }),
  from: (address) => ({ kind: 'route', url: 'https://shop.example/a', from: address }),
  resource: (address) => ({ kind: 'vital', name: 'LCP', value: 300, resource: address }),
  script: (address) => ({ kind: 'vital', name: 'INP', value: 300, script: address }),
  page: (address) => ({ kind: 'click', selector: '#pay', name: 'x', page: address }),
};

function drawn() {
  const d = dice(seed), all = [];
  for (let i = 0; i < texts; i++) {
    const what = i % 3 === 0 ? { text: harmlessText(d) } : i % 3 === 1 ? secretText(d) : secretAddress(d);
    const where = d.pick(what.address ? Object.keys(addresses) : Object.keys(places).filter((name) => !(what.text.length > limits[name])));
    const event = (what.address ? addresses[where] : places[where])(what.address ?? what.text);
    all.push({ ...what, where, event: { at: Date.now() - 100, page: '/cart', ...event } });
  }
  return all;
}

// What stands around the events of the i-th beacon: its members, what must go, and a user's id that stays.
function envelopeOf(d, i) {
  const label = secretText(d), member = secretText(d), card = cardDigits(d), password = d.chars('abcdefghjkmnpqrstuvwxyz', 9);
  const address = i % 2 ? undefined : `somebody${i}@mail.example`;
  const envelope = { version: `2.${i}`, labels: { note: label.text, [member.text]: 'x', password }, user: { id: address ?? `id ${card}` } };
  return { envelope, secrets: [label.secret, member.secret, password, ...(address ? [] : [card])], stays: address };
}

// Members that the schema does not know are kept as they were sent, escapes and all.
const unescaped = (value) => (typeof value === 'string' ? value : JSON.stringify(value)).replaceAll('\\"', '"');
// Stored as it is when it is harmless.
const wholeOf = { message: (text, document) => document['error.message'] === text, name: (text, document) => document['seismo.click.name'] === text };

test(`${texts} texts of seed ${seed}`, async () => {
  const where = place(), seismo = await start(where), all = drawn(), d = dice(seed + 1), around = [];
  try {
    for (let i = 0; i * perBeacon < texts; i++) {
      around.push(envelopeOf(d, i));
      const answer = await post(seismo.publicUrl, beacon({ ...around[i].envelope, id: `redaction${i}`, events: all.slice(i * perBeacon, (i + 1) * perBeacon).map((one) => one.event) }));
      assert.equal(answer.status, 202, answer.text);
      assert.deepEqual(answer.json.rejected ?? [], []);
    }
    const documents = await until('all are stored', async () => { const found = await exported(where); return found.length >= texts && found; }, { within: 60000, every: 300 });
    const found = new Map(documents.map((document) => [`${document['seismo.beacon.id']} ${document['seismo.beacon.index']}`, document]));
    const wrong = [];
    for (const [i, one] of all.entries()) {
      const document = found.get(`redaction${Math.floor(i / perBeacon)} ${i % perBeacon}`);
      assert.ok(document, `${i}`);
      const stored = Object.values(document).map(unescaped).join('\n');
      if (one.secret ? shows(stored, one.secret) : document['seismo.flags']?.includes('redacted')) wrong.push(one);
      if (!one.secret && wholeOf[one.where] && !wholeOf[one.where](one.text, document)) wrong.push(one);
    }
    for (const [i, { secrets, stays }] of around.entries()) {
      const document = found.get(`redaction${i} 0`), stored = Object.values(document).map(unescaped).join('\n');
      for (const secret of secrets) if (shows(stored, secret)) wrong.push({ where: 'envelope', text: stored, secret });
      assert.equal(document['service.version'], `2.${i}`);
      assert.equal(document.labels.password, '*********', 'labels are stored, and their names say what is secret');
      if (stays) assert.equal(document['user.id'], stays, 'people are looked up by it');
    }
    assert.deepEqual(wrong.slice(0, 20).map(({ kind, where: there, text, address, secret }) => ({ kind, there, text: text ?? address, secret })), []);
  } finally {
    await seismo.stop();
    where.remove();
  }
});
