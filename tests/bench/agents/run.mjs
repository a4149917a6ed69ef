#!/usr/bin/env node
// tests/bench/agents/run.mjs [--agents seismo,elastic,...] [--runs N] [--json FILE] [--write]
// The browser agents of others beside ours: the same journey in one Chromium, each in a context of its own, in turn. It installs them from npm
// into its folder the first time. --write puts the table into js-agent/README.md. Wall times on a small machine vary: CPU is thread time, and a
// difference below a factor of two in the time to start says nothing.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { openBrowser } from '../../lib/browser.mjs';
import { root } from '../../lib/seismo.mjs';
import { describeMachine, machineText } from '../machine.mjs';
import { rewrite } from '../table.mjs';
import { agents, scriptOf, versionOf } from './agents.mjs';
import { go, html, names, secrets } from './journey.mjs';
import { openCollector, openSite } from './servers.mjs';

const here = join(root, 'tests/bench/agents');
const PAUSE_MS = 11000; // ours sends every 10 s by default, the others sooner
const EXITS = 10;

function readArguments(args) {
  const options = { agents: Object.keys(agents).filter((name) => name !== 'none'), runs: 3, json: null, write: false };
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--agents' && args[i + 1]) options.agents = args[++i].split(',');
    else if (args[i] === '--runs' && args[i + 1] > 0) options.runs = Number(args[++i]);
    else if (args[i] === '--json' && args[i + 1]) options.json = args[++i];
    else if (args[i] === '--write') options.write = true;
    else throw new Error(`unknown option ${args[i]}; known are --agents A,B, --runs N, --json FILE and --write`);
  }
  const unknown = options.agents.find((name) => !agents[name] || name === 'none');
  if (unknown) throw new Error(`no such agent: ${unknown}`);
  return options;
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** Thread CPU of the agent's script, ms: compilation and first run. */
function startOf(trace, url) {
  return trace.filter((one) => /^(?:EvaluateScript|v8\.compile)$/.test(one.name) && (one.args?.data?.url ?? one.args?.fileName) === url).reduce((sum, one) => sum + (one.tdur ?? 0) / 1000, 0);
}

async function traced(page, client, work) {
  const events = [];
  client.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  await client.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: ['devtools.timeline', 'v8', 'disabled-by-default-v8.compile'] } });
  await work();
  const ended = new Promise((resolve) => client.once('Tracing.tracingComplete', resolve));
  await client.send('Tracing.end');
  await ended;
  return events;
}

async function heapOf(client) {
  for (let i = 0; i < 3; i++) await client.send('HeapProfiler.collectGarbage');
  return (await client.send('Runtime.getHeapUsage')).usedSize;
}

const tagFor = (name, collector) => (name === 'none' ? '' : `<script crossorigin src="${collector}/agent.js" ${agents[name].attributes?.(collector) ?? ''}></script>`);

/** The whole journey once. */
async function journey(browser, name, script) {
  const collector = await openCollector(() => script);
  const site = await openSite(() => html(collector.url, tagFor(name, collector.url)));
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const client = await context.newCDPSession(page);
    await client.send('Performance.enable', { timeDomain: 'threadTicks' });
    await client.send('HeapProfiler.enable');
    const trace = await traced(page, client, async () => { await page.goto(`${site.url}/?token=${secrets.token}`, { waitUntil: 'load' }); await page.waitForTimeout(500); });
    await go(page, PAUSE_MS);
    const { metrics } = await client.send('Performance.getMetrics');
    const heap = await heapOf(client);
    await page.goto('about:blank');
    await new Promise((done) => setTimeout(done, 1500));
    const posts = collector.sent.filter((one) => !one.preflight);
    return {
      start_ms: startOf(trace, `${collector.url}/agent.js`), script_ms: metrics.find((one) => one.name === 'ScriptDuration').value * 1000, heap,
      requests: posts.length, bytes: posts.reduce((sum, one) => sum + one.bytes, 0), preflights: collector.sent.length - posts.length, text: posts.map((one) => one.text).join('\n'),
    };
  } finally {
    await context.close();
    site.close();
    collector.close();
  }
}

/** A slow click and away: did its INP arrive? */
async function leaves(browser, name, script) {
  const collector = await openCollector(() => script);
  const site = await openSite(() => html(collector.url, tagFor(name, collector.url)));
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(site.url, { waitUntil: 'load' });
    await page.click('#slow');
    await page.waitForTimeout(1000);
    await page.goto('about:blank');
    await new Promise((done) => setTimeout(done, 1500));
    return collector.sent.some((one) => agents[name].inp.test(one.text));
  } finally {
    await context.close();
    site.close();
    collector.close();
  }
}

const found = (text, list) => list.filter((one) => text.includes(one)).length;
const times = (text, word) => text.split(word).length - 1;

function rowOf(name, runs, base, script, exits) {
  const agent = agents[name];
  const { text } = runs[0];
  const plain = text.replace(/\\u0026/g, '&').replace(/%20/g, ' ');
  return {
    agent: agent.title, version: versionOf(agent), brotli: brotliCompressSync(script).length,
    start_ms: median(runs.map((one) => one.start_ms)), script_ms: median(runs.map((one) => one.script_ms)) - base.script_ms, heap_kb: (median(runs.map((one) => one.heap)) - base.heap) / 1024,
    requests: median(runs.map((one) => one.requests)), bytes: median(runs.map((one) => one.bytes)), preflights: median(runs.map((one) => one.preflights)),
    clicks: found(plain, names.clicks), flags: ['rage', 'dead', 'errorClick'].filter((flag) => agent[flag].test(text)).map((flag) => flag.replace('Click', '')).join(', ') || 'none',
    calls: found(plain, names.calls), routes: found(plain, names.routes), errors: found(plain, names.errors), exits,
    secrets: Object.values(secrets).reduce((sum, word) => sum + times(plain, word) + times(plain, encodeURIComponent(word)) * (encodeURIComponent(word) !== word), 0),
  };
}

const COLUMNS = [
  ['agent', (one) => `${one.agent} ${one.version}`], ['brotli, bytes', (one) => one.brotli.toLocaleString('en')], ['start, CPU ms', (one) => one.start_ms.toFixed(1)],
  ['script, CPU ms', (one) => `+${one.script_ms.toFixed(0)}`], ['heap, kB', (one) => `+${one.heap_kb.toFixed(0)}`], ['requests', (one) => one.requests], ['bytes sent', (one) => one.bytes.toLocaleString('en')],
  ['preflights', (one) => one.preflights], [`clicked things named, of ${names.clicks.length}`, (one) => one.clicks], ['flags', (one) => one.flags], [`calls, of ${names.calls.length}`, (one) => one.calls],
  [`routes, of ${names.routes.length}`, (one) => one.routes], [`errors, of ${names.errors.length}`, (one) => one.errors], [`INP after leaving, of ${EXITS}`, (one) => one.exits], ['secrets sent', (one) => one.secrets],
];

function tableOf(rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(['', ...rows.map((one) => COLUMNS[0][1](one))]), line(['---', ...rows.map(() => '---:')]), ...COLUMNS.slice(1).map(([title, cell]) => line([title, ...rows.map(cell)]))].join('\n');
}

function install() {
  const wanted = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8')).dependencies;
  if (Object.keys(wanted).every((name) => existsSync(join(here, 'node_modules', name)))) return;
  console.error('installing the agents of others from npm');
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here, stdio: ['ignore', 'ignore', 'inherit'] });
}

const options = readArguments(process.argv.slice(2));
if (options.agents.some((name) => agents[name].package)) install();
const scripts = Object.fromEntries(await Promise.all(['none', ...options.agents].map(async (name) => [name, await scriptOf(name)])));
const browser = await openBrowser();
const runs = Object.fromEntries(Object.keys(scripts).map((name) => [name, []]));
try {
  for (let i = 0; i < options.runs; i++)
    for (const name of Object.keys(scripts)) {
      console.error(`run ${i + 1} of ${options.runs}: ${agents[name].title}`);
      runs[name].push(await journey(browser, name, scripts[name]));
    }
  const base = { script_ms: median(runs.none.map((one) => one.script_ms)), heap: median(runs.none.map((one) => one.heap)) };
  const rows = [];
  for (const name of options.agents) {
    let exits = 0;
    for (let i = 0; i < EXITS; i++) exits += await leaves(browser, name, scripts[name]);
    rows.push(rowOf(name, runs[name], base, scripts[name], exits));
  }
  const date = new Date().toISOString().slice(0, 10);
  const text = `${tableOf(rows)}\n\n${date}, ${machineText(describeMachine())} Chromium ${browser.version()}, median of ${options.runs} runs. Repeat it: \`node tests/bench/agents/run.mjs\`.`;
  console.log(text);
  if (options.json) writeFileSync(options.json, JSON.stringify({ date, rows, sent: Object.fromEntries(options.agents.map((name) => [name, runs[name][0].text])) }, null, 1));
  if (options.write) rewrite(join(root, 'js-agent/README.md'), 'agents', text);
} finally {
  await browser.close();
}
