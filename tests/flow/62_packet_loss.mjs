#!/usr/bin/env node
// only: embedded
// Every twentieth packet is lost. The test runs itself in a network namespace of its own, in which only its loopback is lossy.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startLoad } from '../lib/load.mjs';
import { place, sleep, start } from '../lib/seismo.mjs';
import { settled } from '../lib/settled.mjs';

const share = 0.05;
const rule = `ip link set lo up && iptables -A INPUT -i lo -p tcp -m statistic --mode random --probability ${share} -j DROP`;

function enter() {
  const probe = spawnSync('unshare', ['--net', 'sh', '-c', rule], { encoding: 'utf8' });
  if (probe.status === 0) {
    const run = spawnSync('unshare', ['--net', 'sh', '-c', `${rule} && exec "$0" "$1"`, process.execPath, fileURLToPath(import.meta.url)], { stdio: 'inherit', env: { ...process.env, SEISMO_TEST_LOSSY: 'yes' } });
    process.exit(run.status ?? 1);
  }
  // 61_bad_network has the cuts and delays; what is not tried here is said, and not called passed.
  console.log(`# NO PACKET WAS LOST: a namespace with iptables' statistic match wants root and a kernel that has it: ${probe.error?.message ?? probe.stderr.trim()}`);
}
if (!process.env.SEISMO_TEST_LOSSY) enter();

test(process.env.SEISMO_TEST_LOSSY ? `${share * 100} % of all packets are lost` : 'the same load without loss', { timeout: 100000 }, async (t) => {
  const where = place();
  const seismo = await start(where);
  const load = startLoad(() => seismo.publicUrl, { perSecond: 150, connections: 32, timeoutMs: 4000 });
  t.after(async () => {
    await load.stop({ within: 0 });
    await seismo.kill();
    where.remove();
  });
  await sleep(10000);
  await load.stop();
  assert.ok(load.acknowledged() > 100, load.summary());
  await settled(where, seismo, load);
  await seismo.stop();
});
if (process.env.SEISMO_TEST_LOSSY)
  test('packets were lost indeed', () => {
    const table = spawnSync('iptables', ['-L', 'INPUT', '-n', '-v', '-x'], { encoding: 'utf8' }).stdout;
    const dropped = Number(/^\s*(\d+)\s+\d+\s+DROP/m.exec(table)?.[1]);
    console.log(`# ${dropped} packets dropped`);
    assert.ok(dropped > 50, table);
  });
