#!/usr/bin/env node
// coverage.mjs BUILD: the lines of collector/ that have run, from gcov's data in a build folder made with SEISMO_COVERAGE.
// Prints each room and file with its share, then `said: N % of M lines ran`. A file that is compiled more than once (a test may include
// it to reach its statics) counts once: a line has run when it has run anywhere.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

const build = resolve(process.argv[2] ?? 'build-coverage');
const root = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../..');
const lines = new Map(); // file -> Map of line -> times

function notes(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? notes(path) : entry.name.endsWith('.gcno') ? [path] : [];
  });
}

function add(report) {
  for (const { file, lines: list } of report.files) {
    const name = relative(root, resolve(report.current_working_directory, file));
    if (!name.startsWith(`collector${sep}`)) continue;
    const counts = lines.get(name) ?? lines.set(name, new Map()).get(name);
    for (const { line_number: number, count } of list) counts.set(number, (counts.get(number) ?? 0) + count);
  }
}

const files = notes(build);
for (let i = 0; i < files.length; i += 40) {
  const text = execFileSync('gcov', ['--json-format', '--stdout', ...files.slice(i, i + 40)], { encoding: 'utf8', maxBuffer: 2 ** 30, stdio: ['ignore', 'pipe', 'ignore'] });
  for (const line of text.split('\n')) if (line.startsWith('{')) add(JSON.parse(line));
}

const count = (counts) => [[...counts.values()].filter((times) => times > 0).length, counts.size];
const percent = ([ran, all]) => `${(all ? (100 * ran) / all : 100).toFixed(1).padStart(5)} % of ${all}`;
const rooms = new Map(), total = [0, 0];
for (const name of [...lines.keys()].sort().filter((name) => existsSync(join(root, name)))) {
  const one = count(lines.get(name)), room = name.split(sep).slice(0, -1).join('/');
  console.log(`${percent(one)}  ${name}`);
  const sum = rooms.get(room) ?? rooms.set(room, [0, 0]).get(room);
  for (const i of [0, 1]) { sum[i] += one[i]; total[i] += one[i]; }
}
console.log('');
for (const [room, sum] of rooms) console.log(`${percent(sum)}  ${room}/`);
console.log(`said: ${((100 * total[0]) / total[1]).toFixed(1)} % of ${total[1]} lines ran`);
process.exit(total[1] > 0 ? 0 : 1);
