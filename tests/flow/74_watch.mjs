#!/usr/bin/env node
// only: stack
// Seismo tells of itself: that the store takes nothing, while it takes nothing, and that it is over; and when it is Slack
// that is away, on the live page, in the log and at /metrics. Elasticsearch's address is a door of the test's own.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { slack } from '../fakes/slack.mjs';
import { door } from '../lib/away.mjs';
import { beacon, id, metric, place, post, sleep, start, until } from '../lib/seismo.mjs';

const quick = { SEISMO_WATCH_FOR_MS: '2s', SEISMO_WATCH_QUIET_MS: '2s', SEISMO_WATCH_MIN_EVENTS: '50', SEISMO_LISTEN_INNER_URL: 'http://seismo.test' };
const trouble = (seismo, cause) => metric(seismo.innerUrl, 'seismo_trouble', `"${cause}"`, null);
const selfAlerts = async (seismo, scope = '') => (await (await fetch(`${seismo.innerUrl}/api/alerts${scope}`)).json()).rows.filter(({ kind }) => kind === 'self');

// Somebody elsewhere who waits for a sign of life.
async function monitor() {
  const heart = { beats: 0, asked: new Set() };
  const server = http.createServer((request, response) => {
    heart.beats++;
    heart.asked.add(`${request.method} ${request.url}`);
    response.end('ok');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  heart.url = `http://127.0.0.1:${server.address().port}/ping/secret-of-ours`;
  heart.close = () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); });
  return heart;
}

test('a store that is away is told without it, once, and its end once', { timeout: 170000 }, async (t) => {
  assert.ok(process.env.ELASTIC_URL, 'ELASTIC_URL names a real Elasticsearch');
  const elastic = await door(process.env.ELASTIC_URL), fake = await slack();
  const heart = await monitor();
  const where = place({ environment: { ...quick, SEISMO_SLACK_WEBHOOK: fake.url, SEISMO_WATCH_HEARTBEAT_URL: heart.url, SEISMO_WATCH_HEARTBEAT_MS: '1s', SEISMO_WATCH_HEARTBEAT_METHOD: 'POST' } });
  Object.assign(where.environment, { SEISMO_STORE_KIND: 'elastic', SEISMO_ELASTIC_URL: elastic.url, SEISMO_STORE_NAMESPACE: where.name });
  const seismo = await start(where);
  t.after(async () => {
    await seismo.kill();
    await Promise.all([elastic.close(), fake.close(), heart.close()]);
    where.remove();
  });
  await until('it is ready', async () => (await fetch(`${seismo.innerUrl}/readyz`)).status === 200, { within: 60000 });
  await until('it watches the store', async () => (await trouble(seismo, 'store')) === 0, { within: 30000 });
  await until('the heart beats', () => heart.beats > 1, { within: 60000 });
  assert.deepEqual(fake.messages, [], 'nothing is said while all is well');

  elastic.set('refusing');
  const told = await until('the message that nothing is stored', () => fake.messages[0], { within: 90000 });
  assert.match(JSON.stringify(told), /Firing: Seismo itself can store nothing/);
  assert.match(JSON.stringify(told), /SE-5303/);
  assert.equal(await trouble(seismo, 'store'), 1);
  assert.match(seismo.log(), /SE-5303/);
  assert.equal((await post(seismo.publicUrl, beacon())).status, 202, 'beacons are taken all the same');

  const beats = () => Promise.all(['sent', 'withheld'].map((result) => metric(seismo.innerUrl, 'seismo_heartbeats_total', result)));
  const [sent, withheld] = await beats();
  await until('the heart is silent', async () => (await beats())[1] > withheld + 1, { within: 60000 });
  assert.equal((await beats())[0], sent, 'no beat while the store is away');
  elastic.set('open');
  const over = await until('the message that it is over', () => fake.messages[1], { within: 90000 });
  assert.match(JSON.stringify(over), /Resolved: Seismo itself stores again/);
  await until('both are in the store', async () => (await selfAlerts(seismo)).find(({ name, state }) => name === 'store' && state === 'resolved'), { within: 60000 });
  assert.equal(await trouble(seismo, 'store'), 0);
  await until('the heart beats again', async () => (await beats())[0] > sent, { within: 60000 });
  assert.deepEqual([...heart.asked], ['POST /ping/secret-of-ours'], 'that address, and nothing else');
  assert.ok(!seismo.log().includes('secret-of-ours'), 'the address is in no log');
  assert.equal(fake.messages.length, 2, JSON.stringify(fake.messages));
  assert.deepEqual(fake.problems, [], 'Slack would have refused');
  await seismo.stop();
});

test('when Slack is away the live page says so, also that too much is refused; both are over later', { timeout: 170000 }, async (t) => {
  const fake = await slack();
  const where = place({ environment: { ...quick, SEISMO_SLACK_WEBHOOK: fake.url } });
  const seismo = await start(where);
  t.after(async () => {
    await seismo.kill();
    await fake.close();
    where.remove();
  });
  fake.answers.push(...Array.from({ length: 200 }, () => [503]));
  let going = true;
  const strangers = (async () => {
    while (going) await Promise.all(Array.from({ length: 10 }, () => post(seismo.publicUrl, beacon({}, 1), { key: id('nobody') }).catch(() => null)).concat(sleep(50)));
  })();
  t.after(() => { going = false; });
  await until('too much is refused', async () => (await trouble(seismo, 'rejects')) === 1, { within: 60000 });
  await until('nobody can be told', async () => (await trouble(seismo, 'telling')) === 1, { within: 60000 });
  const open = await until('the live page has both', async () => {
    const names = (await selfAlerts(seismo, '?application=shop&service=shop')).filter(({ state }) => state === 'firing').map(({ name }) => name);
    return names.includes('telling') && names.includes('rejects') && names;
  }, { within: 60000 });
  assert.equal(new Set(open).size, open.length, 'one alert a cause');
  assert.match(seismo.log(), /SE-5304/);

  fake.answers.length = 0; // Slack is back
  await until('messages arrive again', () => fake.messages.length, { within: 90000 });
  assert.match(JSON.stringify(fake.messages[0]), /Firing: Seismo itself refuses much/);
  going = false;
  await strangers;
  await until('all is over', async () => (await selfAlerts(seismo)).every(({ state }) => state === 'resolved'), { within: 90000 });
  await until('that it is over is told', () => /Resolved: Seismo itself refuses no more/.test(JSON.stringify(fake.messages)), { within: 60000 });
  assert.ok(!JSON.stringify(fake.messages).includes('SE-5304'), 'that it cannot be told is not told when it can');
  assert.deepEqual(fake.problems, []);
  await seismo.stop();
});
