// docs/agent.md names every setting and command that the agent has, and every attribute that it reads.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url).pathname;
const read = (path) => readFileSync(join(root, path), 'utf8');
const { settings, commands, attributes } = JSON.parse(read('schemas/agent.json'));
const page = read('docs/agent.md');

/* The members of an interface, and the commands of the comment at the head. */
const sources = readdirSync(join(root, 'js-agent/src'), { recursive: true }).filter((path) => path.endsWith('.ts')).map((path) => read(`js-agent/src/${path}`));
const inside = /^export interface Config \{\n(.*?)^\}/ms.exec(read('js-agent/src/config.ts'))[1];
/* `script` is no setting: the tag gives it by its src. */
const settingsOfAgent = [...inside.matchAll(/^ {2}(\w+)\??:/gm)].map(([, name]) => name).filter((name) => name !== 'script');
const commandsOfAgent = [...read('js-agent/src/index.ts').matchAll(/^\/\/ {3}seismo\("(\w+)"/gm)].map(([, name]) => name);
const attributesOfAgent = new Set(sources.flatMap((text) => [...text.matchAll(/data-seismo-\w+/g)].map(([name]) => name)));

const names = (all) => all.map(({ name }) => name);

test('every setting of the agent is documented', () => {
  assert.ok(settingsOfAgent.length > 7);
  assert.deepEqual([...settingsOfAgent].sort(), names(settings).sort());
  for (const { name, only } of settings) assert.ok(page.includes(only ? `\`${name}\`` : `\`data-${name}\``), name);
});

test('bounds and defaults of its settings are those that it keeps to', () => {
  const config = read('js-agent/src/config.ts');
  const most = (name) => new RegExp(name === 'user' ? '\\btext\\(given, (\\d+)\\)' : `text\\(given\\.${name}(?: \\?\\? "[^"]*")?, (\\d+)\\)`).exec(name === 'user' ? read('js-agent/src/agent.ts') : config)?.[1];
  const bounded = settings.filter(({ bounds }) => /characters/.test(bounds));
  assert.equal(bounded.length, 6);
  for (const { name, bounds } of bounded) assert.equal(most(name), /to (\d+) characters/.exec(bounds)[1], name);
  const of = (wanted) => settings.find(({ name }) => name === wanted);
  assert.deepEqual(/\+given\.flush! \|\| (\d+), (\d+)\)/.exec(config).slice(1), [of('flush').default, /\d+/.exec(of('flush').bounds)[0]]);
  assert.deepEqual(/given\.rate \?\? (\d+)\), (\d+)\)/.exec(config).slice(1), [of('rate').default, /to (\d+)/.exec(of('rate').bounds)[1]]);
});

test('every command of the agent is documented', () => {
  assert.ok(commandsOfAgent.length > 4);
  assert.deepEqual(commandsOfAgent.filter((name) => !names(commands).includes(name)), []);
  for (const { call } of commands) assert.ok(page.includes(`\`${call}\``), call);
});

test('every attribute that the agent reads is documented', () => {
  assert.deepEqual([...attributesOfAgent].filter((name) => !names(attributes).includes(name)), []);
  for (const { name } of attributes) assert.ok(page.includes(`\`${name}\``), name);
});

/* What npm shows is this file alone: the sources are not beside it. */
test('the page of the package stands by itself, and names what there is', () => {
  const shown = read('js-agent/README.md'), about = JSON.parse(read('js-agent/package.json'));
  assert.deepEqual([...shown.matchAll(/\]\((?!https:)[^)]*\)/g)].map(([link]) => link), [], 'links that lead nowhere there');
  const told = [...shown.matchAll(/seismo\("(\w+)"/g)].map(([, name]) => name);
  assert.deepEqual([...new Set(told)].sort(), names(commands).sort());
  const rows = [...shown.matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)].flatMap(([, row]) => [...row.matchAll(/\w+/g)].map(([name]) => name));
  assert.ok(rows.length > 7);
  assert.deepEqual(rows.filter((name) => !names(settings).includes(name)), []);
  const [started] = /start\((\{.*?\})\)/.exec(shown).slice(1);
  assert.deepEqual([...started.matchAll(/(\w+): /g)].map(([, name]) => name).filter((name) => !names(settings).includes(name)), []);
  assert.ok(about.description.length > 40 && about.keywords.length > 4 && about.license === 'Apache-2.0');
  assert.match(read('js-agent/LICENSE'), /Apache License\s+Version 2\.0/);
  for (const absent of ['homepage', 'repository', 'bugs']) assert.ok(!(absent in about), `${absent}: there is no public address`);
});
