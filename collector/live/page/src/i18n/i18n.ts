// The page's words in the reader's language. The key of a text is the text in English, so that code reads like the page:
//
//   t("{n} errors in {time}", { n: 3, time: span(5000) })      a number becomes "1,234"; {n} also chooses the plural form
//   rich("allow {origin}.", { origin: h("code", null, url) })   the same with elements between the words
//   const WORDS = { live: mark("live") };  t(WORDS[state])      a key that stands elsewhere than where it is said
//
// What has no text in a language is shown in English. tests/unit/i18n.test.mjs holds the keys, the files and the code together.
// The language is the reader's own: `lang` in the address for this visit, what was chosen before, or what the browser asks for.
import { LANGUAGES, type Writing } from "./languages";

export type Values = Record<string, string | number>;
const KEPT_AS = "seismo.language";

let now = "en";
/* The browser's formatters of the language, by what they are for: to make one takes longer than hundreds of uses. */
const made = new Map<string, unknown>();

/** The formatter of that name, which `make` makes when the language needs it for the first time. */
export function formatter<T>(name: string, make: (language: string, dates: string) => T): T {
  if (!made.has(name)) made.set(name, make(now, dateLocale()));
  return made.get(name) as T;
}

function known(name: string | null | undefined): string | undefined {
  const short = (name ?? "").toLowerCase().split(/[-_]/)[0];
  return Object.prototype.hasOwnProperty.call(LANGUAGES, short) ? short : undefined;
}

/* Which language it is; the address first, then the choice of before, then the browser's list. */
export function chosenLanguage(search: string, kept: string | null, wanted: readonly string[]): string {
  return known(new URLSearchParams(search).get("lang")) ?? known(kept) ?? wanted.map(known).find(Boolean) ?? "en";
}

function use(name: string): void {
  now = name;
  made.clear();
  if (typeof document !== "undefined") document.documentElement.lang = now;
}

export function startLanguage(): void {
  let kept: string | null = null;
  try { kept = localStorage.getItem(KEPT_AS); } catch { /* storage is forbidden: the browser's list decides */ }
  use(chosenLanguage(location.search, kept, navigator.languages ?? [navigator.language]));
}

export function chooseLanguage(name: string): void {
  use(known(name) ?? "en");
  try { localStorage.setItem(KEPT_AS, now); } catch { /* it holds for this visit */ }
}

export function language(): string { return now; }
/* The locale of dates and times. */
export function dateLocale(): string { return LANGUAGES[now].dates; }

/** How the language writes, where its file says so. */
export const writing = (): Writing | undefined => LANGUAGES[now].writing;

function grouped(digits: string, { group, point }: Writing): string {
  const [whole, rest] = digits.split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, group) + (rest ? point + rest : "");
}

/* Three digits that count, and a word for the zeros behind them where the language has one. */
function shortened(n: number, how: Writing): string {
  const three = Number(n.toPrecision(3)), [unit, word] = how.short.find(([least]) => Math.abs(three) >= least) ?? [1, ""];
  return grouped(String(Number((three / unit).toPrecision(3))), how) + word;
}

/* A count as the language writes it. */
export function count(n: number): string {
  const how = writing();
  if (how && Number.isFinite(n) && Math.abs(n) < 1e15) return Math.abs(n) < 100000 ? grouped(String(Math.round(n)), how) : shortened(n, how);
  return n < 100000 ? formatter("whole", (name) => new Intl.NumberFormat(name, { maximumFractionDigits: 0 })).format(n)
    : formatter("compact", (name) => new Intl.NumberFormat(name, { notation: "compact", maximumSignificantDigits: 3 })).format(n);
}

/* A number with a given number of digits behind its point or comma. */
export function decimals(n: number, least: number, most = least): string {
  const how = writing();
  if (!how || !Number.isFinite(n) || Math.abs(n) >= 1e15)
    return formatter(`${least} to ${most}`, (name) => new Intl.NumberFormat(name, { minimumFractionDigits: least, maximumFractionDigits: most })).format(n);
  let digits = n.toFixed(most);
  while (most-- > least && digits.endsWith("0")) digits = digits.slice(0, -1);
  return grouped(digits.endsWith(".") ? digits.slice(0, -1) : digits, how);
}

/* "a, b and c" */
export function list(parts: string[]): string {
  return formatter("list", (_, dates) => new Intl.ListFormat(dates, { type: "conjunction" })).format(parts);
}

export function mark<Key extends string>(key: Key): Key { return key; }

function textOf(key: string, n: unknown): string {
  const texts = LANGUAGES[now].texts;
  const text = Object.prototype.hasOwnProperty.call(texts, key) ? texts[key] : key;
  if (typeof text === "string") return text;
  return (typeof n === "number" ? text[formatter("plurals", (name) => new Intl.PluralRules(name)).select(n)] : undefined) ?? text.other;
}

/* A value's braces are not looked at: what a page calls itself stays as it is. */
export function rich<T>(key: string, values: Record<string, T | string | number> = {}): (T | string)[] {
  return textOf(key, values.n).split(/(\{\w+\})/).filter(Boolean).map((part) => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name === undefined || !(name in values)) return part;
    const value = values[name];
    return typeof value === "number" ? count(value) : value;
  });
}

export function t(key: string, values: Values = {}): string {
  return rich<string>(key, values).join("");
}
