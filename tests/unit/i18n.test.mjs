// The live page's words: every key that the code says stands in every language with the same placeholders and the plural forms that the
// language has, nothing stands there that nobody says, and the code says nothing past the dictionary.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from 'esbuild';

const src = new URL('../../collector/live/page/src/', import.meta.url).pathname;
const files = readdirSync(src, { recursive: true }).filter((name) => name.endsWith('.ts') && !name.startsWith('i18n/') && !name.endsWith('.d.ts'));
const code = new Map(files.map((name) => [name, readFileSync(join(src, name), 'utf8')]));
const languages = Object.fromEntries(readdirSync(join(src, 'i18n')).filter((name) => name.endsWith('.json')).map((name) => [name.slice(0, -5), JSON.parse(readFileSync(join(src, 'i18n', name), 'utf8'))]));

// Every "…" and '…', and the words of every `…` without what stands in ${…}, which is looked through by itself; with what stands before it
// on its line. Comments, regular expressions and imports are left out.
function literals(text) {
  const found = [];
  const lineBefore = (at) => text.slice(text.lastIndexOf('\n', at) + 1, at);
  const skip = (at, pattern) => { pattern.lastIndex = at; return pattern.exec(text)?.[0].length ?? 0; };
  const isRegExp = (at) => /(?:^|[(,=:[!&|?{};]|=>|\breturn)\s*$/.test(lineBefore(at));
  function template(at) {
    let words = '', i = at + 1;
    while (text[i] !== '`') {
      if (text[i] === '\\') { words += text[i + 1]; i += 2; }
      else if (text.startsWith('${', i)) { i = code(i + 2, true); words += ' … '; }
      else words += text[i++];
    }
    found.push({ words, before: lineBefore(at) });
    return i + 1;
  }
  function code(at, nested) {
    let depth = 0, i = at;
    while (i < text.length) {
      const c = text[i];
      let n = 0;
      if (c === '/') n = skip(i, /\/\/[^\n]*|\/\*[\s\S]*?\*\//y) || (isRegExp(i) ? skip(i, /\/(?:\\.|\[(?:\\.|[^\]\n])*\]|[^\/\n\\[])+\/\w*/y) : 0);
      else if (c === '"' || c === "'") {
        n = skip(i, c === '"' ? /"(?:[^"\\\n]|\\.)*"/y : /'(?:[^'\\\n]|\\.)*'/y);
        if (!/^\s*(?:import|export .* from)\b/.test(lineBefore(i))) found.push({ words: text.slice(i + 1, i + n - 1).replace(/\\(["'])/g, '$1'), before: lineBefore(i) });
      } else if (c === '`') { i = template(i); continue; }
      else if (c === '{') depth++;
      else if (c === '}' && depth-- === 0 && nested) return i + 1;
      i += n || 1;
    }
    return i;
  }
  code(0, false);
  return found;
}

const SAID = /\b(?:t|mark|rich(?:<[^()]*?>)?)\($/;
const said = new Map();
for (const [name, text] of code) for (const { words, before } of literals(text)) if (SAID.test(before)) said.set(words, name);
const placeholders = (text) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort().join(' ');
const others = (text) => placeholders(text.replaceAll('{n}', ''));
const forms = (text) => (typeof text === 'string' ? [text] : Object.values(text));

test('there is something to look at', () => {
  assert.ok(said.size > 150, `${said.size} keys`);
  assert.ok(Object.keys(languages).includes('de'));
});

for (const [language, texts] of Object.entries(languages))
  test(`${language}: every key, nothing else, the same placeholders`, () => {
    const missing = [...said.keys()].filter((key) => !(key in texts) && (language !== 'en' || key.includes('{n}')));
    assert.deepEqual(missing, [], 'said by the code, not in the file');
    assert.deepEqual(Object.keys(texts).filter((key) => !said.has(key)), [], 'in the file, said by nobody');
    const rules = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const [key, text] of Object.entries(texts)) {
      if (key.includes('{n}')) assert.deepEqual(rules.filter((rule) => !(rule in text)), [], `${key}: a form for each plural`);
      for (const form of forms(text)) {
        assert.ok(form.trim() === form && form.length > 0, key);
        assert.equal(others(form), others(key), `${key}: ${form}`);
      }
      assert.equal(placeholders(forms(text).at(-1)), placeholders(key), key);
    }
  });

// Words as people read them: two of them, or one that begins like a sentence. What is not shown, or is a command, is told by where it stands.
const PROSE = /[A-Za-zÄÖÜäöü]{2,}[,.;:!?)]? +\(?[A-Za-zäöü]{2,}|^[A-Z][a-z]{3,}$/;
const NOT_SHOWN = /(?:h\("code", null, |class: ?|css: ?|font: ?|d: ?|KeyboardEvent|key === |querySelector(?:All)?(?:<\w+>)?\(|closest(?:<\w+>)?\(|className = ?|matchMedia\(|console\.\w+\()$|class: [^,}]*[?:] ?$|"data-[a-z]+": [^,}]*[?:] ?$/;
const NAMES = new Set(['Largest Contentful Paint', 'Interaction to Next Paint', 'Cumulative Layout Shift', 'First Contentful Paint', 'Time to First Byte', 'Seismo', 'Kafka', 'Elasticsearch', 'Other', 'Enter', 'Escape']);

test('nothing is said past the dictionary', () => {
  const past = [];
  for (const [name, text] of code)
    for (const { words, before } of literals(text)) {
      const plain = words.trim();
      if (SAID.test(before) || NOT_SHOWN.test(before) || NAMES.has(plain) || /^[MmLl]\d|^<script |^\w+-\w+( \w+-\w+)+$/.test(plain)) continue;
      if (PROSE.test(plain)) past.push(`${name}: ${words}`);
    }
  assert.deepEqual(past, [], 'say it with t("…")');
});

test('numbers, plurals, lists and lookups follow the language', async () => {
  const bundle = async (file) => {
    const { outputFiles } = await build({ entryPoints: [join(src, file)], bundle: true, write: false, format: 'esm' });
    return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
  };
  const i18n = await bundle('i18n/i18n.ts');
  assert.equal(i18n.chosenLanguage('', null, ['fr-CH', 'de-AT', 'en']), 'de');
  assert.equal(i18n.chosenLanguage('', 'en', ['de']), 'en');
  assert.equal(i18n.chosenLanguage('?lang=de', 'en', ['en']), 'de');
  assert.equal(i18n.chosenLanguage('?lang=constructor', '__proto__', ['xx']), 'en');
  assert.equal(i18n.t('{n} errors', { n: 1 }), '1 error');
  assert.equal(i18n.t('{n} errors', { n: 1234 }), '1,234 errors');
  assert.equal(i18n.t('Error {code} on {name}', { code: '{name}', name: '{code}' }), 'Error {name} on {code}', 'a value is not a text');
  assert.equal(i18n.t('constructor'), 'constructor');
  globalThis.localStorage = { kept: {}, getItem(name) { return this.kept[name] ?? null; }, setItem(name, value) { this.kept[name] = value; } };
  globalThis.document = { documentElement: {} };
  i18n.chooseLanguage('de');
  assert.equal(document.documentElement.lang, 'de');
  assert.equal(i18n.t('{n} sessions', { n: 1 }), '1 Sitzung');
  assert.equal(i18n.t('{n} sessions', { n: 12345 }), '12.345 Sitzungen');
  assert.equal(i18n.decimals(1.5, 2), '1,50');
  assert.equal(i18n.list(['a', 'b', 'c']), 'a, b und c');
  assert.equal(i18n.t('what has no text'), 'what has no text');
});

test('numbers and days are written as the browser would', async () => {
  const { outputFiles } = await build({ stdin: { contents: 'export * from "./i18n/i18n"; export { dateTime, clock } from "./lib/format"; export { LANGUAGES } from "./i18n/languages";', resolveDir: src, loader: 'ts' }, bundle: true, write: false, format: 'esm' });
  const page = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
  globalThis.localStorage ??= { getItem: () => null, setItem() {} };
  globalThis.document ??= { documentElement: {} };
  const numbers = [0, 1, 9, 10, 99, 100, 999, 1000, 1234, 9999, 12345, 99999, 100000, 123456, 999499, 999500, 1e6, 1234567, 9995000, 12345678, 999999999, 1e9, 1.5e9, 123456789012, 1e12, 4.56e13, 7e14, -5, -1234, -123456];
  for (const [name, { dates, writing }] of Object.entries(page.LANGUAGES)) {
    assert.ok(writing, `${name} says how it writes`);
    page.chooseLanguage(name);
    const whole = new Intl.NumberFormat(name, { maximumFractionDigits: 0 }), compact = new Intl.NumberFormat(name, { notation: 'compact', maximumSignificantDigits: 3 });
    for (const n of numbers) assert.equal(page.count(n), (Math.abs(n) < 100000 ? whole : compact).format(n), `${name}: ${n}`);
    for (const [least, most] of [[0, 0], [1, 1], [2, 2], [0, 1], [0, 2], [3, 3]]) {
      const wanted = new Intl.NumberFormat(name, { minimumFractionDigits: least, maximumFractionDigits: most });
      for (const n of [0, 0.1, 0.25, 0.5, 0.083, 1, 1.5, 9.99, 9.999, 12.34, 99.96, 1234.5, 1234567.89, -0.75, -1234.5]) assert.equal(page.decimals(n, least, most), wanted.format(n), `${name}: ${n} with ${least} to ${most} digits`);
    }
    const day = new Intl.DateTimeFormat(dates, { day: 'numeric', month: 'short' }), time = new Intl.DateTimeFormat(dates, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
    for (let month = 0; month < 12; month++) {
      const at = new Date(2024, month, 3 + month, month, 7, 9);
      assert.equal(page.dateTime(at.getTime()), `${day.format(at)} ${time.format(at).slice(0, 5)}`, name);
      assert.equal(page.clock(at.getTime()), time.format(at), name);
    }
    assert.equal(page.dateTime(NaN), '–');
    assert.equal(page.clock(Infinity), '–');
  }
});
