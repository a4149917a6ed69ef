#!/usr/bin/env node
// ./run bench [--stack | --growth | --live | --cost | --all] [--write] [--json FILE]
//   without an option  the embedded default, within three minutes
//   --stack            a real Kafka and Elasticsearch (KAFKA_BROKERS and ELASTIC_URL, or its own), within eight minutes
//   --growth           how cost grows with keys, connections, series and lag, within three minutes
//   --live             the live page over a day of a million sessions, within eight minutes and 8 GB of disk
//   --cost             bytes and CPU an event on its whole way, for docs/sizing.md, on parts of its own, within four minutes
//   --all              the five of them
//   --write            puts the tables of the last measurements into README.md and docs/performance.md
// Results are kept in var/bench/{embedded,growth,live,cost,stack}.json. The load generator, the parts and the program share this machine's cores: rates
// a second depend on how many there are; events per CPU-second of the program are what can be compared.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib/seismo.mjs';
import { plan } from './cost.mjs';
import { describeMachine, machineText } from './machine.mjs';
import { rewrite, table } from './table.mjs';

const results = join(root, 'var/bench');
const sharedCores = 'Load generator, program and (on the stack) broker and node share these cores: compare events per CPU-second, which count the program alone.';

function readArguments(args) {
  const options = { modes: ['embedded'], write: false, json: null };
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--stack') options.modes = ['stack'];
    else if (args[i] === '--growth') options.modes = ['growth'];
    else if (args[i] === '--live') options.modes = ['live'];
    else if (args[i] === '--cost') options.modes = ['cost'];
    else if (args[i] === '--all') options.modes = ['embedded', 'growth', 'live', 'cost', 'stack'];
    else if (args[i] === '--write') options.write = true;
    else if (args[i] === '--tables') options.modes = []; // only --write
    else if (args[i] === '--json' && args[i + 1]) options.json = args[++i];
    else {
      console.error(`bench: unknown option ${args[i]}; known are --stack, --growth, --live, --cost, --all, --write, --tables and --json FILE`);
      process.exit(64);
    }
  }
  return options;
}

// Measures in order; one that fails is a row that says so, and the exit code tells.
async function measure(measures) {
  const rows = [];
  let failed = false;
  for (const [name, run] of measures) {
    const began = performance.now();
    process.stderr.write(`-- ${name} ... `);
    try {
      rows.push(...(await run()));
      process.stderr.write(`${((performance.now() - began) / 1000).toFixed(0)} s\n`);
    } catch (error) {
      failed = true;
      rows.push({ key: name, figure: name, measured: 'failed', note: error.message.split('\n')[0] });
      process.stderr.write(`failed: ${error.message.split('\n').slice(0, 3).join(' ')}\n`);
    }
  }
  return { rows, failed };
}

// The data of the measurements lies on the disk of the checkout, as /tmp may be in memory.
function chooseFolder() {
  const folder = join(results, 'tmp');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  process.env.TMPDIR = folder;
}

async function runMode(mode) {
  const machine = describeMachine();
  console.log(`\n${machineText(machine)}\n`);
  const { measures, close } = await (await import(`./${mode}.mjs`)).prepare();
  const { rows, failed } = await measure(measures).finally(close);
  const result = { mode, machine, rows };
  writeFileSync(join(results, `${mode}.json`), JSON.stringify(result, null, 1));
  console.log(`${table(rows)}\n\n${sharedCores}`);
  return { result, failed };
}

function lastResult(mode) {
  try {
    return JSON.parse(readFileSync(join(results, `${mode}.json`), 'utf8'));
  } catch {
    return null;
  }
}

// As tests/bench/profile.mjs has left it; it takes minutes, so it is not measured with every run.
function writeProfile() {
  try {
    rewrite(join(root, 'docs/performance.md'), 'profile', readFileSync(join(results, 'profile.md'), 'utf8').trim());
  } catch {
    // not measured here
  }
}

// README quotes the rows that have a goal; docs/performance.md all of them.
function writeTables() {
  const all = ['embedded', 'growth', 'live', 'stack'].map(lastResult);
  for (const result of all) {
    if (result) rewrite(join(root, 'docs/performance.md'), result.mode, `${table(result.rows)}\n\n${machineText(result.machine)} ${sharedCores}`);
  }
  const cost = lastResult('cost');
  if (cost) {
    rewrite(join(root, 'docs/sizing.md'), 'cost', `${table(cost.rows)}\n\n${machineText(cost.machine)}`);
    rewrite(join(root, 'docs/sizing.md'), 'plan', plan(cost.rows));
  }
  writeProfile();
  const known = all.filter(Boolean);
  if (known.length === 0) return;
  rewrite(join(root, 'README.md'), 'goals', `${table(known.flatMap((result) => result.rows.filter((row) => row.goal)))}\n\n${machineText(known[0].machine)} ${sharedCores}`);
}

const options = readArguments(process.argv.slice(2));
chooseFolder();
const runs = [];
for (const mode of options.modes) runs.push(await runMode(mode));
if (options.json) writeFileSync(options.json, JSON.stringify(runs.map((run) => run.result), null, 1));
if (options.write) writeTables();
rmSync(process.env.TMPDIR, { recursive: true, force: true });
process.exit(runs.some((run) => run.failed) ? 1 : 0);
