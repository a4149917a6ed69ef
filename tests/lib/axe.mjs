// What every view must pass, for browser tests: nothing serious found by axe, wide and at 320 px, and no scrolling sideways.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './seismo.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
export const screenshots = join(root, 'var/screenshots');

export async function nothingSerious(page, name) {
  const { violations } = await page.evaluate(`${axe}; axe.run({ resultTypes: ['violations'] })`);
  const bad = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  assert.deepEqual(bad.map(({ id, nodes }) => [id, nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`)]), [], name);
}

export async function noSidewaysScroll(page, name) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(over <= 0, `${name} is ${over} px too wide`);
}

// Both, on a view that is open and wide; it is 320 px wide afterwards. A picture of each lies in var/screenshots.
export async function accessible(page, name) {
  await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
  await nothingSerious(page, name);
  await page.setViewportSize({ width: 320, height: 700 });
  await page.screenshot({ path: join(screenshots, `${name}-320.png`), fullPage: true });
  await noSidewaysScroll(page, `${name} at 320 px`);
  await nothingSerious(page, `${name} at 320 px`);
}
