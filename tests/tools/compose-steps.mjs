// docker-compose.yml as somebody uses it who has just cloned this: up, beacons through the load balancer under a steady load, an ingest and an
// index that are killed, Kafka away, then down and up again with beacons still in a spool. What was answered 202 is in Elasticsearch once.
// Called by tests/tools/compose with the compose and the docker to use, where the ports of docker-compose.yml are free.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { startLoad } from '../lib/load.mjs';
import { beacon, post, until } from '../lib/seismo.mjs';
import { ledgerDiff } from '../lib/settled.mjs';

const [composeCommand, docker] = process.argv.slice(2);
const [program, ...first] = composeCommand.split(' ');
const publicUrl = 'http://127.0.0.1:8080', innerUrl = 'http://127.0.0.1:8081', shopUrl = 'http://127.0.0.1:3000', elasticUrl = 'http://127.0.0.1:9200';
const ours = ['ingest-1', 'ingest-2', 'index', 'rollup', 'detect', 'live'];
const headers = { origin: shopUrl };

const run = (...args) => execFileSync(docker, args, { encoding: 'utf8', maxBuffer: 1 << 28 }).trim();
/** A compose command; what it says is shown when it fails. */
function compose(...args) {
  const { status, stdout, stderr } = spawnSync(program, [...first, ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.equal(status, 0, `${program} ${args.join(' ')}:\n${stdout}${stderr}`);
  return stdout;
}
const container = (service) => compose('ps', '--all', '--quiet', service).trim();
const inspect = (service) => JSON.parse(run('inspect', container(service)))[0];
const logs = (service) => spawnSync(docker, ['logs', '--tail', '30', container(service)], { encoding: 'utf8' });
const healthy = (service) => until(`${service} is healthy`, () => inspect(service).State.Health.Status === 'healthy', { within: 300000, every: 500 })
  .catch((error) => assert.fail(`${error.message}\n${logs(service).stdout}${logs(service).stderr}`));
const began = Date.now();
const told = (what) => console.log(`${((Date.now() - began) / 1000).toFixed(0)} s: ${what}`);

async function up() {
  compose('up', '--detach', 'shop', 'live', 'index', 'rollup', 'detect');
  for (const service of ['kafka', 'elasticsearch', ...ours, 'balancer', 'shop']) await healthy(service);
}

/** The process itself: to Docker a crash, which it answers by starting the container again. */
async function crash(service) {
  const { Pid: pid } = inspect(service).State;
  process.kill(pid, 'SIGKILL');
  await until(`${service} runs again`, () => {
    const { State: state } = inspect(service);
    return state.Running && state.Pid !== pid && state.Health.Status === 'healthy';
  }, { within: 180000, every: 500 });
}

const documents = () => compose('exec', '-T', 'live', 'seismo', 'export', '--config', '/etc/seismo/seismo.yaml').split('\n').filter(Boolean).map((line) => JSON.parse(line));
/** Everything that was answered 202 is there, once. */
async function stored(entries) {
  let lines;
  await until('what was acknowledged is stored, once', () => (lines = ledgerDiff(entries, documents())).length === 0, { within: 300000, every: 2000 })
    .catch((error) => assert.fail(`${error.message}\n${lines?.slice(0, 20).join('\n')}`));
}

function checkConfinement() {
  for (const service of ['kafka', 'elasticsearch', 'balancer', 'shop', ...ours]) {
    const { HostConfig: host, Config: config } = inspect(service);
    assert.deepEqual(host.CapDrop, ['ALL'], service);
    assert.deepEqual(host.SecurityOpt, ['no-new-privileges:true'], service);
    assert.ok(host.Memory > 0 && host.PidsLimit > 0, `${service} has limits`);
    assert.equal(host.LogConfig.Config['max-size'], '10m', service);
    assert.ok(config.User && config.User !== 'root', `${service} is not root`);
    assert.equal(host.ReadonlyRootfs, !['kafka', 'elasticsearch'].includes(service), `${service}: its root is read-only`);
  }
}

/** The memory that each took at most, of what it may take. */
function memory() {
  return run('stats', '--no-stream', '--format', '{{.Name}} {{.MemUsage}}').replaceAll(/seismo[-_]|[-_]1(?= )/g, '').split('\n').sort().join(', ');
}

/** The agent's script, the shop's page and its API, the live page behind its token, the load balancer's word. */
async function visit() {
  assert.match(await (await fetch(`${publicUrl}/seismo.js`)).text(), /sendBeacon/);
  assert.match(await (await fetch(`${shopUrl}/`)).text(), new RegExp(`${publicUrl}/seismo\\.js`));
  assert.equal((await fetch(`${shopUrl}/api/products`)).status, 200);
  assert.equal((await fetch(`${innerUrl}/api/overview`)).status, 401);
  assert.equal((await fetch(`${publicUrl}/balancer`)).status, 200);
}

await up();
told(`up: ${memory()}`);
checkConfinement();
await visit();

const load = startLoad(() => publicUrl, { perSecond: 40, headers });
await until('beacons are acknowledged', () => load.acknowledged() > 100, { within: 30000 });
await crash('ingest-1');
await crash('index');
told('an ingest and an index were killed and are back');
compose('stop', 'kafka');
const before = load.acknowledged();
await until('beacons are acknowledged without Kafka', () => load.acknowledged() > before + 200, { within: 60000 });
compose('start', 'kafka');
await healthy('kafka');
await load.stop();
assert.deepEqual(load.problems, []);
await stored(load.entries);
told(`Kafka was away; ${load.summary()}`);

// Beacons that Kafka has not seen when everything is taken down wait in the volume of their ingest.
compose('stop', 'kafka');
for (let i = 0; i < 20; i++) {
  const one = beacon();
  const answer = await post(publicUrl, one, { headers });
  assert.equal(answer.status, 202, answer.text);
  load.entries.set(one.id, { id: one.id, beacon: one, wrong: new Set(), state: 'acknowledged', accepted: one.events.length, answers: [202] });
}
compose('stop', ...ours);
for (const service of ours) assert.equal(inspect(service).State.ExitCode, 0, `${service} ended in order:\n${logs(service).stderr}`);
compose('down');
told('stopped in order and taken down, with beacons in the spools');
await up();
await stored(load.entries);
told('up again: they are stored');
compose('down', '--volumes');
console.log(`said: ${load.entries.size} beacons, none lost or double; without Kibana`);
