#!/usr/bin/env node
// only: stack
// long: yes
// What deploy/ describes, as a whole: browser -> HAProxy -> two ingest -> Kafka -> two index -> Elasticsearch, beside rollup, detect and
// live, with deploy/haproxy.cfg and deploy/seismo.yaml as they are. Under load each process is replaced by a new one, as an upgrade does:
// nobody gets anything but 202. Then an ingest and an index are killed: nothing acknowledged is lost or stored twice.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { openBrowser, openShop } from '../lib/browser.mjs';
import { startLoad } from '../lib/load.mjs';
import { freePorts } from '../lib/ports.mjs';
import { place, root, sleep, start, until } from '../lib/seismo.mjs';
import { settled } from '../lib/settled.mjs';

// { url, log(), sees(name, state, since), stop() } of a real HAProxy with the file that is shipped.
async function openBalancer(port, first, second) {
  const child = spawn('haproxy', ['-db', '-f', join(root, 'deploy/haproxy.cfg')], {
    env: { ...process.env, SEISMO_BALANCER_LISTEN: `127.0.0.1:${port}`, SEISMO_BALANCER_FIRST: `127.0.0.1:${first}`, SEISMO_BALANCER_SECOND: `127.0.0.1:${second}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (log += data));
  process.on('exit', () => child.kill('SIGKILL'));
  const url = `http://127.0.0.1:${port}`;
  await until('the balancer is ready', async () => (await fetch(`${url}/balancer`)).ok, { within: 30000 }).catch((error) => assert.fail(`${error.message}\n${log}`));
  return {
    url,
    log: () => log,
    sees: (name, state, since) => until(`the balancer sees ${name} ${state}`, () => log.slice(since).includes(`/${name} is ${state}`), { within: 30000 })
      .catch((error) => assert.fail(`${error.message}\n${log}`)),
    stop: () => new Promise((resolve) => { child.on('exit', resolve); child.kill('SIGTERM'); }),
  };
}

// A visitor of the real shop with the real agent, who never rests. What the browser has sent goes into the ledger as it was answered.
async function openVisitor(shop, ledger) {
  const browser = await openBrowser();
  const page = await browser.newPage();
  const sent = [];
  page.on('request', (request) => {
    if (request.method() !== 'POST' || !request.url().includes('/in/v1')) return;
    const body = request.postDataBuffer();
    sent.push({ request, beacon: JSON.parse(body[0] === 0x1f ? gunzipSync(body) : body) });
  });
  await page.goto(shop);
  let walks = true;
  const walk = (async () => {
    while (walks) {
      // The shop draws anew after each call, so that a click may meet nothing; the next round does.
      for (const selector of ['#nav-products', '.product', '#add', '#nav-cart']) await page.locator(selector).first().click({ timeout: 2000 }).catch(() => {});
      await page.evaluate(() => window.seismo('flush'));
      await sleep(100);
    }
  })();
  walk.catch(() => {}); // who stops hears of it
  return {
    close: () => browser.close(),
    async stop() {
      walks = false;
      await walk;
      await page.evaluate(() => window.seismo('flush'));
      await until('the agent has no more to send', async () => (await page.evaluate(() => sessionStorage.getItem('seismo.rest'))) === null);
      for (const { request, beacon } of sent) {
        const status = (await request.response())?.status() ?? 0, entry = ledger.get(beacon.id);
        if (entry) entry.answers.push(status);
        else ledger.set(beacon.id, { id: beacon.id, beacon, wrong: new Set(), state: 'flying', accepted: 0, answers: [status], copies: 0 });
        if (status === 202) Object.assign(ledger.get(beacon.id), { state: 'acknowledged', accepted: beacon.events.length });
      }
      await browser.close();
      return new Set(sent.map(({ beacon }) => beacon.id)).size;
    },
  };
}

test('each process is replaced under load, then two are killed', { timeout: 240000 }, async (t) => {
  const [balancerPort, ...ingestPorts] = await freePorts(3);
  const config = join(root, 'deploy/seismo.yaml');
  const where = place({ applications: [{ name: 'shop', keys: ['demo'], services: ['shop'], origins: ['*'], server_clients: true, routes: ['/product/:id'] }], environment: { SEISMO_LOG_LEVEL: 'info' } });
  const running = new Map(); // "index-1" -> process
  const up = async (name) => {
    const [role, n] = name.split('-');
    const listen = role === 'ingest' ? { SEISMO_LISTEN_PUBLIC: `127.0.0.1:${ingestPorts[n - 1]}` } : {};
    running.set(name, await start(where, { args: ['--config', config, '--roles', role], environment: { SEISMO_DATA_DIR: `${where.folder}/${name}`, ...listen }, within: 60000 }));
  };
  const names = ['ingest-1', 'ingest-2', 'index-1', 'index-2', 'rollup-1', 'detect-1', 'live-1'];
  let balancer, load, shop, visitor;
  t.after(async () => {
    await load?.stop({ within: 0 });
    await visitor?.close();
    await Promise.all([...running.values()].map((process) => process.kill()));
    await shop?.stop();
    await balancer?.stop();
    where.remove();
  });
  for (const name of names) await up(name);
  balancer = await openBalancer(balancerPort, ...ingestPorts);
  shop = await openShop(balancer.url, running.get('live-1').innerUrl);
  load = startLoad(() => balancer.url, { perSecond: 150 });
  visitor = await openVisitor(shop.url, load.entries);
  await sleep(1500);

  for (const name of names) {
    const since = balancer.log().length;
    await running.get(name).stop();
    await up(name);
    // The balancer has to have seen that the first is back before the second goes: no more is asked of who upgrades.
    if (name.startsWith('ingest')) await balancer.sees(name.replace('ingest', 'collector'), 'UP', since);
    console.log(`# ${name} was replaced; ${load.sent()} beacons so far`);
  }
  const orderly = { ...load.lives.at(-1).statuses };
  console.log(`# answers while each was replaced: ${JSON.stringify(orderly)}`);
  assert.deepEqual(Object.keys(orderly).filter((status) => status === '0' || status === '429' || Number(status) >= 500), [], `all were taken at the first try\n${load.summary()}\n${balancer.log()}`);

  load.newLife();
  for (const name of ['ingest-1', 'index-1']) {
    await running.get(name).kill();
    await sleep(1000);
    await up(name);
  }
  await sleep(1000);
  console.log(`# answers while two were killed: ${JSON.stringify(load.lives.at(-1).statuses)}`);
  assert.ok(!load.lives.at(-1).statuses[0], `the balancer has an answer for everybody\n${load.summary()}`);

  await load.stop();
  const beacons = await visitor.stop();
  const refused = load.list('flying');
  assert.deepEqual(refused, [], 'whatever the browser sent was acknowledged in the end');
  await settled(where, running.get('live-1'), load, { instances: [...running.values()], metrics: false });
  console.log(`# ${beacons} beacons of the browser among them`);
  assert.ok(beacons >= 10, `${beacons} beacons of the browser`);
  for (const name of names) await running.get(name).stop();
});
