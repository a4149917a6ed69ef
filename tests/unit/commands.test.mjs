// Every command and option that the program takes stands in the manual page and in each shell's completion, and nothing else does.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url).pathname;
const read = (path) => readFileSync(root + path, 'utf8');
const { commands, options } = JSON.parse(read('schemas/commands.json'));
const told = new Set([...options, ...commands.flatMap((command) => command.options)].map(({ name }) => name));

test('what the sources compare arguments with is what is told, and the other way round', () => {
  const taken = new Set();
  for (const file of readdirSync(`${root}collector`).filter((name) => name.endsWith('.c')))
    for (const [, name] of read(`collector/${file}`).matchAll(/strcmp\(argv\[[^\]]+\], "(--[a-z-]+)"\)/g)) taken.add(name);
  taken.delete('--version'); // the other names of commands
  taken.delete('--help');
  assert.deepEqual([...told].sort(), [...taken].sort());
});

test('the manual page has every command and option', () => {
  const page = read('deploy/man/seismo.1').replaceAll('\\-', '-');
  for (const { name, options: own } of commands) {
    const text = page.split('.SS ').find((part) => part.startsWith(`\\fB${name}\\fR`));
    assert.ok(text, name);
    for (const option of own) assert.ok(text.includes(`\\fB${option.name}\\fR`), `${name} ${option.name}`);
  }
});

test('the manual page of the configuration has every key', () => {
  const page = read('deploy/man/seismo.yaml.5').replaceAll('\\-', '-');
  for (const [, key] of read('docs/reference/config.md').matchAll(/^\| `([^`]+)`/gm)) assert.ok(page.includes(`\\fB${key}\\fR`), key);
});

test('zsh and fish are told every command and option', () => {
  const zsh = read('deploy/completion/_seismo'), fish = read('deploy/completion/seismo.fish');
  for (const { name, options: own } of commands) {
    const inZsh = zsh.split('\n').find((line) => line.startsWith(`    ${name}) _arguments`));
    const inFish = fish.split('\n').filter((line) => line.includes(`__fish_seen_subcommand_from ${name}'`)).join('\n');
    assert.ok(zsh.includes(`'${name}:`) && inZsh && fish.includes(`-a ${name} `), name);
    for (const option of [...own, ...options]) {
      assert.ok(inZsh.includes(`${option.name}[`), `zsh: ${name} ${option.name}`);
      assert.ok(inFish.includes(` -l ${option.name.slice(2)} `), `fish: ${name} ${option.name}`);
    }
  }
});

// What bash offers behind these words.
function offered(...words) {
  const script = `compopt() { :; }; . ${root}deploy/completion/seismo.bash
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=(); _seismo; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script, 'bash', 'seismo', ...words], { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean);
}

test('bash offers every command, each command its options, and what may stand behind an option', () => {
  assert.deepEqual(offered(''), commands.map(({ name }) => name));
  for (const { name, words = [], options: own } of commands)
    assert.deepEqual(offered(name, '-').concat(words.filter((word) => offered(name, word).includes(word))).sort(),
      [...own, ...options].map((option) => option.name).concat(words).sort(), name);
  assert.deepEqual(offered('check-config', '--pr'), ['--print']);
  assert.deepEqual(offered('export', '--windows', ''), ['10', '60']);
  assert.deepEqual(offered('run', '--config', 'READ'), ['README.md']);
  assert.deepEqual(offered('export', '--since', ''), [], 'a value of one’s own');
  assert.ok(offered('sourcemap', 'REA').includes('README.md'));
});
