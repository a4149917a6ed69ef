// The code blocks of a page of the docs: { line, language, code, mark } with the comment that stands before each.
import { readFileSync } from 'node:fs';

export function blocksOf(path) {
  const blocks = [];
  let open = null, mark = '';
  for (const [i, line] of readFileSync(path, 'utf8').split('\n').entries()) {
    const fence = /^```(\w*)\s*$/.exec(line);
    if (open && fence) {
      blocks.push({ ...open, code: open.lines.join('\n') + '\n' });
      [open, mark] = [null, ''];
    } else if (open) open.lines.push(line);
    else if (fence) open = { line: i + 1, language: fence[1], mark, lines: [] };
    else if (line.trim()) mark = /^<!-- (.*) -->$/.exec(line)?.[1] ?? '';
    if (!open && /^ {4}(sudo |\.\/run|build\/seismo|seismo |SEISMO_|curl |kill )/.test(line)) blocks.push({ line: i + 1, language: 'indented', code: line, mark: '' });
  }
  return blocks;
}
