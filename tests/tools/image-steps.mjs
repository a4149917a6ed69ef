// The image `seismo` as an operator runs it: not root, a root that is read-only, no capability, one volume; a beacon, the live page, the
// health check, its log, an orderly end, another container on the same volume, a volume that somebody else owns, words that are no command.
// Called by tests/tools/image with the docker to use and the revision that the image has to name.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { freePorts } from '../lib/ports.mjs';
import { beacon, post, until } from '../lib/seismo.mjs';

const [docker, revision] = process.argv.slice(2);
const run = (...args) => execFileSync(docker, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();

/** What a command that may fail says: its exit code, and both its outputs in one. */
const tried = (...args) => {
  const { status, stdout, stderr } = spawnSync(docker, args, { encoding: 'utf8' });
  return { status, said: stdout + stderr };
};
const seismo = (...args) => tried('run', '--rm', '--network', 'none', '--read-only', '--cap-drop', 'ALL', 'seismo', ...args);

const [outer, inner] = await freePorts(2);
const publicUrl = `http://127.0.0.1:${outer}`, innerUrl = `http://127.0.0.1:${inner}`;
const application = [{ name: 'shop', keys: ['demo'], services: ['shop'], origins: ['*'], server_clients: true }];

const begin = (name, words, ...more) => run('run', '--detach', '--name', name, '--network', 'host', '--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL',
  '--security-opt', 'no-new-privileges', '--memory', '256m', '--volume', 'seismo-data:/var/lib/seismo', '--health-interval', '1s',
  '--env', `SEISMO_LISTEN_PUBLIC=127.0.0.1:${outer}`, '--env', `SEISMO_LISTEN_INNER=127.0.0.1:${inner}`, '--env', `SEISMO_APPLICATIONS=${JSON.stringify(application)}`,
  ...more, 'seismo', ...words);
const inspect = (name, what) => run('inspect', '--format', `{{${what}}}`, name);
const healthy = (name) => until(`${name} is healthy`, () => inspect(name, '.State.Health.Status') === 'healthy', { within: 60000, every: 200 })
  .catch((error) => assert.fail(`${error.message}\n${run('logs', name)}`));
const documents = (name) => run('exec', name, 'seismo', 'export').split('\n').filter(Boolean).length;
const stored = (name, n) => until(`${n} events are stored`, () => documents(name) === n, { within: 30000, every: 200 });

begin('first', []);
await healthy('first');
assert.match(run('top', 'first', '-eo', 'pid,uid,args'), /^\d+ +10001 +seismo run --config \/etc\/seismo\/alone.yaml$/m);
assert.equal(tried('exec', 'first', 'sh', '-c', 'true').status, 126, 'there is no shell in it');
assert.equal((await post(publicUrl, beacon({}, 3))).status, 202);
assert.equal((await fetch(`${innerUrl}/`)).status, 200, 'the live page');
assert.match(await (await fetch(`${publicUrl}/seismo.js`)).text(), /sendBeacon/);
await stored('first', 3);

const began = Date.now();
run('stop', '--time', '20', 'first');
assert.equal(inspect('first', '.State.ExitCode'), '0', run('logs', 'first'));
assert.ok(Date.now() - began < 15000, 'SIGTERM ended it, not the SIGKILL after it');

begin('second', ['run'], '--env', 'SEISMO_LOG_FORMAT=json', '--env', 'TZ=Asia/Tokyo');
await healthy('second');
assert.equal((await post(publicUrl, beacon({}, 2))).status, 202);
await stored('second', 5);
const lines = tried('logs', 'second').said.trim().split('\n').map((line) => JSON.parse(line));
assert.ok(lines.some((line) => line.message === 'ready'));
assert.ok(lines.every((line) => Math.abs(Date.parse(line['@timestamp']) - Date.now()) < 600000), 'in UTC, whatever TZ says');
run('kill', 'second');
run('rm', 'first', 'second');
assert.throws(() => execFileSync(docker, ['run', '--rm', '--network', 'host', '--env', `SEISMO_LISTEN_INNER=127.0.0.1:${inner}`, 'seismo', 'health'], { stdio: 'ignore' }), 'health says no when nobody runs');

// As docs/deploy.md has it, on all addresses of a network of its own: nothing has to be set, the page is behind a link.
run('run', '--detach', '--name', 'alone', '--network', 'none', '--read-only', '--tmpfs', '/tmp', '--health-interval', '1s', 'seismo');
await healthy('alone');
assert.match(run('logs', 'alone'), /^tag <script .*src="http:\/\/127\.0\.0\.1:8080\/seismo\.js" data-key="demo".*\nlive page http:\/\/127\.0\.0\.1:8081\/enter\?once=/m);
assert.match(run('exec', 'alone', 'seismo', 'access'), /\/enter\?once=/);
run('rm', '--force', '--volumes', 'alone');

// The first things that somebody types.
for (const word of ['version', '--version', '-V']) assert.match(seismo(word).said, /^seismo \d+\.\d+\.\d+\n$/, word);
for (const word of ['help', '--help', '-h']) assert.match(seismo(word).said, /^usage: seismo COMMAND/, word);
assert.equal(seismo('rnu').status, 64);
assert.match(seismo('rnu').said, /no command is called 'rnu'/);
assert.equal(seismo('setup', '--config', '/etc/seismo/none.yaml').status, 78);

// Its labels.
const labels = JSON.parse(run('image', 'inspect', '--format', '{{json .Config.Labels}}', 'seismo'));
assert.equal(`seismo ${labels['org.opencontainers.image.version']}\n`, seismo('version').said);
assert.equal(labels['org.opencontainers.image.revision'], revision);
assert.equal(labels['org.opencontainers.image.licenses'], 'Apache-2.0');
assert.ok(labels['org.opencontainers.image.source']);

// Somebody else's volume: who has to own it is said, and nothing is tried again and again.
run('volume', 'create', 'not-ours');
run('create', '--name', 'foreign', '--user', '20002:20002', '--network', 'none', '--volume', 'seismo-data:/var/lib/seismo', 'seismo', 'run');
const foreign = tried('start', '--attach', 'foreign');
assert.match(foreign.said, /SE-\d{4}.*\/var\/lib\/seismo.*10001.*chown.*20002:20002/s);
assert.equal(foreign.status, 78);
run('rm', 'foreign');
run('volume', 'rm', 'seismo-data', 'not-ours');
