// The image `seismo` as an operator runs it: not root, a root that is read-only, no capability, one volume; a beacon, the live page, the
// health check, an orderly end, and another container on the same volume. Called by tests/tools/image with the docker to use.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { freePorts } from '../lib/ports.mjs';
import { beacon, post, until } from '../lib/seismo.mjs';

const [docker] = process.argv.slice(2);
const run = (...args) => execFileSync(docker, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();

const [outer, inner] = await freePorts(2);
const publicUrl = `http://127.0.0.1:${outer}`, innerUrl = `http://127.0.0.1:${inner}`;
const application = [{ name: 'shop', keys: ['demo'], services: ['shop'], origins: ['*'], server_clients: true }];

const begin = (name) => run('run', '--detach', '--name', name, '--network', 'host', '--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL',
  '--security-opt', 'no-new-privileges', '--memory', '256m', '--volume', 'seismo-data:/var/lib/seismo', '--health-interval', '1s',
  '--env', `SEISMO_LISTEN_PUBLIC=127.0.0.1:${outer}`, '--env', `SEISMO_LISTEN_INNER=127.0.0.1:${inner}`, '--env', `SEISMO_APPLICATIONS=${JSON.stringify(application)}`,
  'seismo', 'run');
const inspect = (name, what) => run('inspect', '--format', `{{${what}}}`, name);
const healthy = (name) => until(`${name} is healthy`, () => inspect(name, '.State.Health.Status') === 'healthy', { within: 60000, every: 200 })
  .catch((error) => assert.fail(`${error.message}\n${run('logs', name)}`));
const documents = (name) => run('exec', name, 'seismo', 'export').split('\n').filter(Boolean).length;
const stored = (name, n) => until(`${n} events are stored`, () => documents(name) === n, { within: 30000, every: 200 });

begin('first');
await healthy('first');
assert.equal(run('exec', 'first', 'id', '-u'), '10001');
assert.throws(() => run('exec', 'first', 'touch', '/etc/seismo/x'), 'its root is read-only');
assert.equal((await post(publicUrl, beacon({}, 3))).status, 202);
assert.equal((await fetch(`${innerUrl}/`)).status, 200, 'the live page');
assert.match(await (await fetch(`${publicUrl}/seismo.js`)).text(), /sendBeacon/);
await stored('first', 3);

const began = Date.now();
run('stop', '--time', '20', 'first');
assert.equal(inspect('first', '.State.ExitCode'), '0', run('logs', 'first'));
assert.ok(Date.now() - began < 15000, 'SIGTERM ended it, not the SIGKILL after it');

begin('second');
await healthy('second');
assert.equal((await post(publicUrl, beacon({}, 2))).status, 202);
await stored('second', 5);
run('kill', 'second');
run('rm', 'first', 'second');
assert.throws(() => execFileSync(docker, ['run', '--rm', '--network', 'host', '--env', `SEISMO_LISTEN_INNER=127.0.0.1:${inner}`, 'seismo', 'health'], { stdio: 'ignore' }), 'health says no when nobody runs');
assert.equal(run('run', '--rm', '--network', 'none', 'seismo', 'version').split(' ')[0], 'seismo');
run('volume', 'rm', 'seismo-data');
