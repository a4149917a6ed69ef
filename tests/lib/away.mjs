// Kafka and Elasticsearch that can go away: a broker of the test's own, and a door in front of the Elasticsearch that the tests share.
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root, sleep } from './seismo.mjs';

const run = promisify(execFile);

// { address, signal(name), again(), end() }: stopped, continued and killed by signals; again() starts it on the same data and port.
export async function broker() {
  const dir = mkdtempSync(join(tmpdir(), 'seismo-kafka-'));
  chmodSync(dir, 0o755);
  const up = async (port = 0) => {
    const { stdout } = await run(join(root, 'tests/stack/kafka-up'), [dir, String(port)], { timeout: 120000 });
    return /^kafka (\S+)$/m.exec(stdout)[1];
  };
  const pid = () => Number(readFileSync(join(dir, 'kafka.pid'), 'utf8'));
  const killAtExit = () => {
    try {
      process.kill(pid(), 'SIGKILL');
    } catch {
      // it has ended
    }
  };
  process.on('exit', killAtExit);
  const address = await up();
  return {
    address,
    signal: (name) => process.kill(pid(), name),
    again: () => up(address.split(':')[1]),
    async end() {
      killAtExit();
      await sleep(500);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

// { url, set('open' | 'refusing' | 'silent'), close() }: shut in the two ways of real networks, refused, or taken and never answered.
export async function door(address) {
  const { hostname, port } = new URL(address);
  const sockets = new Set();
  let state = 'open';
  const hold = (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  };
  const server = net.createServer((inside) => {
    hold(inside);
    if (state === 'silent') return;
    if (state === 'refusing') return void inside.destroy();
    const outside = net.connect(Number(port), hostname);
    hold(outside);
    inside.pipe(outside).pipe(inside);
    inside.on('close', () => outside.destroy());
    outside.on('close', () => inside.destroy());
  });
  const set = (next) => {
    state = next;
    for (const socket of sockets) socket.destroy();
  };
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, set, close: () => (set('refusing'), new Promise((done) => server.close(done))) };
}
