// The package as npm packs it: its files, a React application of Vite and TypeScript that is built with it, and a plain script tag.
// The application is js-agent/examples/react, which docs/agent.md shows.
// only: embedded
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { openBrowser } from '../lib/browser.mjs';
import { root } from '../lib/seismo.mjs';
import { openStage } from '../lib/stage.mjs';

const example = join(root, 'js-agent/examples/react');
const TYPES = { html: 'text/html', js: 'text/javascript', mjs: 'text/javascript', css: 'text/css' };
let directory, stage, browser, packed;

async function run(command, args, where, environment = {}) {
  try {
    return (await promisify(execFile)(command, args, { cwd: where, env: { ...process.env, ...environment }, maxBuffer: 1 << 24 })).stdout;
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')}: ${error.stdout}${error.stderr}`);
  }
}

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'seismo-package-'));
  stage = await openStage();
  [packed] = JSON.parse(await run('npm', ['pack', '--json', '--ignore-scripts', '--workspace', 'js-agent', '--pack-destination', directory], root));
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  stage?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A page whose errors and console are in `problems`. */
async function visit(path) {
  const page = await browser.newPage();
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(error.message));
  page.on('console', (line) => page.problems.push(line.text()));
  await page.goto(stage.site + path);
  return page;
}

test('the package holds the script, the module, its types, readme and license, and nothing else', () => {
  const names = packed.files.map(({ path }) => path).filter((path) => !path.startsWith('dist/types/'));
  assert.deepEqual(names.sort(), ['LICENSE', 'README.md', 'dist/seismo.js', 'dist/seismo.mjs', 'package.json']);
  assert.ok(packed.files.some(({ path }) => path === 'dist/types/index.d.ts'));
  assert.ok(packed.size < 30000, `${packed.size} bytes`);
});

test('a React application of Vite with strict types: built, and its views, events and errors arrive', async () => {
  const app = join(directory, 'app');
  cpSync(example, app, { recursive: true, filter: (path) => !/\/(?:node_modules|dist)$/.test(path) });
  await run('npm', ['ci', '--no-progress', '--prefer-offline', '--no-audit', '--no-fund'], app);
  await run('npm', ['install', '--no-save', '--offline', '--no-audit', '--no-fund', join(directory, packed.filename)], app);
  await run('npm', ['run', 'build'], app, { VITE_SEISMO: `${stage.collector}/in/v1`, VITE_VERSION: '7.1' });
  for (const file of readdirSync(join(app, 'dist'), { recursive: true })) {
    const type = TYPES[file.split('.').pop()];
    if (type) stage.pages[`/${file}`] = { text: readFileSync(join(app, 'dist', file), 'utf8'), headers: { 'content-type': type } };
  }
  stage.pages['/'] = stage.pages['/index.html'];

  const page = await visit('/');
  await page.getByRole('link', { name: 'Product' }).click();
  await page.getByRole('button', { name: 'Buy' }).click();
  await page.getByRole('button', { name: 'Break' }).click();
  await page.getByText('That went wrong.').waitFor();
  await page.goto('about:blank');
  const load = await stage.event('KEY', (one) => one.kind === 'page');
  assert.equal(load.page, '/');
  await stage.event('KEY', (one) => one.kind === 'route' && one.url === '/product/17');
  await stage.event('KEY', (one) => one.kind === 'click' && one.name === 'Buy' && one.role === 'button');
  const purchase = await stage.own('KEY', 'purchase');
  assert.equal((purchase.props ?? purchase).product, '17');
  /* Told by the boundary and by React on the console: whoever comes first. */
  const error = await stage.event('KEY', (one) => one.message === 'a component failed' && ['manual', 'console'].includes(one.source));
  assert.equal(error.type, 'RangeError');
  await stage.event('KEY', (one) => one.kind === 'vital' && one.name === 'LCP');
  assert.deepEqual([...new Set(stage.beacons.map(({ service, version }) => `${service} ${version}`))], ['shop 7.1']);
  /* React itself tells the console of what a boundary has caught. */
  assert.ok(page.problems.every((line) => /a component failed|ErrorBoundary/.test(line)), page.problems.join('\n'));
  await page.close();
});

test('the script of the package, by a plain tag', async () => {
  stage.pages['/seismo.js'] = { text: await run('tar', ['-xzOf', join(directory, packed.filename), 'package/dist/seismo.js'], directory), headers: { 'content-type': 'text/javascript' } };
  stage.pages['/plain'] = { text: `<!doctype html><html lang="en"><title>Plain</title><body><button>Press</button>
    <script>window.seismo = window.seismo || function () { (seismo.q = seismo.q || []).push(arguments) }; seismo('event', 'early')</script>
    <script async src="/seismo.js" data-key="plain" data-service="plain" data-endpoint="${stage.collector}/in/v1"></script>` };
  const page = await visit('/plain');
  await page.getByRole('button', { name: 'Press' }).click();
  await page.waitForFunction(() => window.seismo.started);
  await page.goto('about:blank');
  await stage.own('plain', 'early');
  await stage.event('plain', (one) => one.kind === 'page' && one.page === '/plain');
  await stage.event('plain', (one) => one.kind === 'vital' && one.name === 'FCP');
  assert.deepEqual(page.problems, []);
  await page.close();
});
