// Rows of measurements as Markdown, and the tables that documents quote.
//
// A row is { figure, goal, measured, note, met }: texts, and met is true, false, or null where there is no goal.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export const thousands = (n) => (n >= 1e6 ? `${(n / 1e6).toFixed(2)} M` : n >= 1e4 ? `${Math.round(n / 1e3)} k` : n >= 1e3 ? `${(n / 1e3).toFixed(1)} k` : `${Math.round(n)}`);
export const ms = (us) => (us >= 100000 ? `${Math.round(us / 1000)} ms` : us >= 1000 ? `${(us / 1000).toFixed(1)} ms` : `${(us / 1000).toFixed(2)} ms`);
export const mb = (n) => `${n < 10 ? n.toFixed(1) : Math.round(n)} MB`;

const cell = (text) => String(text ?? '').replaceAll('|', '\\|').replaceAll('\n', ' ');

// What missed its goal is marked.
export function table(rows) {
  const lines = ['| figure | goal | measured | |', '|---|---|---|---|'];
  for (const row of rows) {
    const measured = row.met === false ? `${row.measured} (missed)` : row.measured;
    lines.push(`| ${cell(row.figure)} | ${cell(row.goal || '–')} | **${cell(measured)}** | ${cell(row.note)} |`);
  }
  return lines.join('\n');
}

// Puts text between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` of a document. False when it has no such place.
export function rewrite(file, name, text) {
  if (!existsSync(file)) return false;
  const before = readFileSync(file, 'utf8');
  const begin = `<!-- bench:${name} -->`, end = `<!-- /bench:${name} -->`;
  const from = before.indexOf(begin), to = before.indexOf(end);
  if (from < 0 || to < from) return false;
  writeFileSync(file, `${before.slice(0, from + begin.length)}\n${text}\n${before.slice(to)}`);
  return true;
}
