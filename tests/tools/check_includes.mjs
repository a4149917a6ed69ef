#!/usr/bin/env node
// Holds every #include of the collector against the table "Who may include what" in collector/README.md.
// Usage: tests/tools/check_includes    prints each include that the table does not allow; exit 1 if there is one.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const collector = join(root, 'collector');

// Which words of the table's third column a third-party header answers to.
const libraries = [
  [/^h2o(\.h|\/)/, 'h2o'], [/^openssl\//, 'openssl'], [/^curl\//, 'curl'], [/^zlib\.h$/, 'zlib'], [/^maxminddb\.h$/, 'maxminddb'], [/^yaml\.h$/, 'yaml'],
  [/^simdjson\.h$/, 'simdjson'], [/^librdkafka\//, 'librdkafka'], [/^sqlite3\.h$/, 'sqlite3'], [/^jansson\.h$/, 'jansson'], [/^libdeflate\.h$/, 'libdeflate'],
];
const systemHeader = /^([a-z0-9_]+\.h|sys\/[a-z0-9_]+\.h|netinet\/[a-z0-9_]+\.h|arpa\/inet\.h|linux\/[a-z0-9_]+\.h|[a-z_]+)$/;

function readTable() {
  const text = readFileSync(join(collector, 'README.md'), 'utf8').split('## Who may include what')[1];
  const rows = new Map();
  for (const line of (text ?? '').split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim());
    if (cells.length === 5 && /^[a-z]+$/.test(cells[1]) && cells[1] !== 'room')
      rows.set(cells[1], { rooms: cells[2].split(' ').filter(Boolean), libraries: cells[3].split(' ').filter(Boolean) });
  }
  return rows;
}

function* sources(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) {
      if (name !== 'page' && name !== 'node_modules') yield* sources(path);
    } else if (/\.(c|h|cc|S)$/.test(name)) yield path;
  }
}

function verdict(room, rule, header, quoted) {
  if (quoted) {
    const other = header.split('/')[0];
    if (!header.includes('/')) return `"${header}": write the room in front of it`;
    return other === room || rule.rooms.includes(other) ? null : `"${header}": ${room} may not include ${other}`;
  }
  const library = libraries.find(([pattern]) => pattern.test(header));
  if (library) return rule.libraries.includes(library[1]) ? null : `<${header}>: ${room} may not use ${library[1]}`;
  return systemHeader.test(header) ? null : `<${header}>: not the C library and not in the table`;
}

const table = readTable();
let files = 0;
const complaints = [];
for (const path of sources(collector)) {
  const room = relative(collector, path).split('/')[0];
  if (!relative(collector, path).includes('/')) continue; // main.c and its commands know every room
  files++;
  const rule = table.get(room);
  if (!rule) {
    complaints.push(`${relative(root, path)}: the room ${room} stands in no table`);
    continue;
  }
  readFileSync(path, 'utf8').split('\n').forEach((line, i) => {
    const match = /^\s*#\s*include\s+([<"])([^>"]+)[>"]/.exec(line);
    const why = match && verdict(room, rule, match[2], match[1] === '"');
    if (why) complaints.push(`${relative(root, path)}:${i + 1}: ${why}`);
  });
}
if (table.size === 0 || files === 0) complaints.push('collector/README.md: no table found, or no files');
for (const complaint of complaints) console.log(complaint);
console.log(`${files} files of ${table.size} rooms, ${complaints.length} wrong includes`);
process.exit(complaints.length ? 1 : 0);
