// Starts the real program for a test, on ports and in a folder of its own, on the embedded default or, when KAFKA_BROKERS and
// ELASTIC_URL are set (tests/stack/with-stack), on a real Kafka and Elasticsearch with topics and data streams of its own.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const binary = process.env.SEISMO_BINARY ?? join(root, 'build/seismo');
export const onStack = Boolean(process.env.KAFKA_BROKERS && process.env.ELASTIC_URL);

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const id = (prefix = '') => prefix + randomBytes(9).toString('base64url');

// Waits until look() gives something true; fails with what it last gave.
export async function until(what, look, { within = 10000, every = 50 } = {}) {
  const end = Date.now() + within;
  let last;
  for (;;) {
    try {
      last = await look();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${within} ms; last: ${last?.stack ?? JSON.stringify(last)}`);
    await sleep(every);
  }
}

const shop = [{ name: 'shop', keys: ['demo'], services: ['shop'], origins: ['http://shop.test'], server_clients: true, routes: ['/product/:id'] }];

// A place in which Seismo keeps its data between starts: a folder, or topics and data streams with a prefix.
export function place(settings = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'seismo-test-'));
  const name = `t${randomBytes(5).toString('hex')}`;
  const environment = {
    SEISMO_DATA_DIR: folder,
    SEISMO_LISTEN_PUBLIC: '127.0.0.1:0',
    SEISMO_LISTEN_INNER: '127.0.0.1:0',
    SEISMO_APPLICATIONS: JSON.stringify(settings.applications ?? shop),
    ...(onStack && {
      SEISMO_BUS_KIND: 'kafka', SEISMO_KAFKA_BROKERS: process.env.KAFKA_BROKERS, SEISMO_BUS_PREFIX: name,
      SEISMO_STORE_KIND: 'elastic', SEISMO_ELASTIC_URL: process.env.ELASTIC_URL, SEISMO_STORE_NAMESPACE: name,
    }),
    ...settings.environment,
  };
  return { folder, name, environment, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function inherited() {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('SEISMO_'));
  return Object.fromEntries(kept);
}

// Runs a subcommand to its end: { code, stdout, stderr }.
export function command(where, args, { input = '', environment = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, args, { env: { ...inherited(), ...where.environment, ...environment } });
    const out = [], err = [];
    child.stdout.on('data', (data) => out.push(data));
    child.stderr.on('data', (data) => err.push(data));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

// No test leaves a collector behind, however it ends.
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, () => process.exit(1));

// `seismo run`, not waited for: { pid, ready (a promise), stop(), kill(), log() }; its addresses are known once it is ready.
// `prefix` is a command to run it under, as ['prlimit', '--nofile=64'].
export function begin(where, { args = [], environment = {}, within = 20000, prefix = [] } = {}) {
  const [program, ...rest] = [...prefix, binary, 'run', ...args];
  const child = spawn(program, rest, { env: { ...inherited(), ...where.environment, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let out = '', log = '', ended = null;
  const end = new Promise((resolve) => child.on('exit', (code, signal) => {
    children.delete(child);
    resolve((ended = { code, signal }));
  }));
  child.on('error', (error) => (log += error.message));
  child.stdout.on('data', (data) => (out += data));
  child.stderr.on('data', (data) => (log += data));
  const ready = until('seismo run: ready', () => ended || /^ready$/m.test(out), { within, every: 10 }).catch((error) => {
    child.kill('SIGKILL');
    throw new Error(`${error.message}\n${log}`);
  }).then(() => {
    if (ended) throw new Error(`it ended with ${JSON.stringify(ended)}:\n${log}`);
  });
  ready.catch(() => {}); // who asks hears of it
  const address = (name) => new RegExp(`^${name} (https?://\\S+?)/?$`, 'm').exec(out)?.[1];
  return {
    pid: child.pid,
    ready,
    get publicUrl() { return address('listening public'); },
    get innerUrl() { return address('live page') ?? address('listening inner'); },
    log: () => log,
    end,
    isRunning: () => !ended,
    signal: (name) => child.kill(name),
    async stop() {
      child.kill('SIGTERM');
      let timer;
      const how = await Promise.race([end, new Promise((resolve) => (timer = setTimeout(resolve, 30000, null)))]);
      clearTimeout(timer);
      if (!how) {
        child.kill('SIGKILL');
        throw new Error(`SIGTERM did not end it within 30 s\n${log}`);
      }
      if (how.code !== 0) throw new Error(`it ended with ${JSON.stringify(how)}:\n${log}`);
    },
    async kill() {
      child.kill('SIGKILL');
      await end;
    },
  };
}

// `seismo run`, ready: what begin gives, with { publicUrl, innerUrl }.
export async function start(where, options) {
  if (onStack && !where.isSetUp) {
    const made = await command(where, ['setup']);
    if (made.code !== 0) throw new Error(`seismo setup: ${made.stderr}`);
    where.isSetUp = true;
  }
  const seismo = begin(where, options);
  await seismo.ready;
  return seismo;
}

// A beacon that is right, of n calls; change what you like.
export function beacon(changes = {}, n = 3) {
  const now = Date.now();
  return {
    v: 1, id: id('b'), service: 'shop', version: '1.0.0', environment: 'test', session: id('s'), view: id('v'), sent: now, rate: 1,
    events: Array.from({ length: n }, (_, i) => ({
      kind: 'api', at: now - 100 + i, page: '/product/17', url: `/api/products/${i}`, method: 'GET', status: 200, duration: 20 + i, initiator: 'fetch', outcome: 'success',
    })),
    ...changes,
  };
}

export async function post(url, body, { key = 'demo', headers = {}, path = '/in/v1' } = {}) {
  const answer = await fetch(`${url}${path}${key === null ? '' : `?k=${encodeURIComponent(key)}`}`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  let json = null;
  try {
    json = JSON.parse(text);
  } catch {
    // kept as text
  }
  return { status: answer.status, json, text, headers: answer.headers };
}

// The stored documents, by `seismo export`.
export async function exported(where, args = []) {
  const result = await command(where, ['export', ...args]);
  if (result.code !== 0) throw new Error(`seismo export: ${result.code} ${result.stderr}`);
  return result.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

// A metric's value from /metrics, summed over labels that contain `label`; `absent` when there is none.
export async function metric(innerUrl, name, label = '', absent = 0) {
  const text = await (await fetch(`${innerUrl}/metrics`)).text();
  let sum = 0, found = false;
  for (const line of text.split('\n')) {
    const match = /^([a-z_]+)(\{[^}]*\})? (-?[0-9.e+]+)$/.exec(line);
    if (match && match[1] === name && (match[2] ?? '').includes(label)) {
      sum += Number(match[3]);
      found = true;
    }
  }
  return found ? sum : absent;
}
