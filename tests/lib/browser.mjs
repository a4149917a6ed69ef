// Debian's Chromium under playwright-core, and the demo shop, for a test.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { root, sleep, until } from './seismo.mjs';

export const openBrowser = (more) => chromium.launch({
  executablePath: process.env.SEISMO_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  ...more,
});

/** What is shown matches, now or once what is still under way has come: a page draws in steps, and again when there is more. */
export async function reads(locator, pattern, message) {
  for (const end = Date.now() + 30000; ; await sleep(100)) {
    const text = await locator.innerText();
    if (pattern.test(text) || Date.now() > end) return assert.match(text, pattern, message);
  }
}

// { url, stop() }: demo/server.mjs on a free port, its tag pointing at the collector.
export async function openShop(collector, live) {
  const child = spawn(process.execPath, [join(root, 'demo/server.mjs'), '--port', '0', '--collector', collector, '--live', live], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (data) => (out += data));
  const url = await until('the shop', () => /shop (http:\/\/\S+?)\/?$/m.exec(out)?.[1]);
  return { url, stop: () => new Promise((resolve) => { child.on('exit', resolve); child.kill('SIGTERM'); }) };
}
