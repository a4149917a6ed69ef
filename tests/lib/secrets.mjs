// Texts with secrets in them and texts without, drawn by a seed: the same seed, the same texts. The collector (tests/flow/67_redaction.mjs)
// and the agent (js-agent/test/redaction.test.mjs) must take out each secret, and leave what is harmless as it is.

/** Numbers below n, characters, picks. */
export function dice(seed) {
  let state = seed >>> 0;
  const next = () => { // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return (z ^ (z >>> 14)) >>> 0;
  };
  const below = (n) => next() % n;
  const pick = (list) => list[below(list.length)];
  const chars = (alphabet, n) => Array.from({ length: n }, () => pick(alphabet)).join('');
  return { below, pick, chars };
}

const digits = '0123456789';
const hex = '0123456789abcdef';
const lower = 'abcdefghijklmnopqrstuvwxyz';
const word = `ABCDEFGHIJKLMNOPQRSTUVWXYZ${lower}${digits}`;

function luhn(number) {
  const sum = [...number].reverse().reduce((all, digit, i) => all + (i % 2 ? (digit * 2 > 9 ? digit * 2 - 9 : digit * 2) : +digit), 0);
  return sum % 10;
}

// ---- secrets ----------------------------------------------------------------------------------------------------------------------

const networks = [['4', 16], ['51', 16], ['55', 16], ['2223', 16], ['6011', 16], ['3528', 16], ['34', 15], ['37', 15], ['36', 14], ['4', 13], ['6759', 19]];
/** What may stand between the groups of a card number in a text. */
export const separators = [' ', '-', '  ', '\u00a0', '\u202f', '\u2011', '\u2013', '\u2009'];

export function cardDigits(d) {
  const [prefix, length] = d.pick(networks);
  const body = prefix + d.chars(digits, length - prefix.length - 1);
  return body + [...digits].find((last) => luhn(body + last) === 0);
}

function card(d) {
  const number = cardDigits(d);
  const sizes = { 14: [4, 6, 4], 15: [4, 6, 5], 16: [4, 4, 4, 4], 19: [4, 4, 4, 4, 3] }[number.length];
  if (!sizes || d.below(2)) return number;
  return sizes.map((n, i) => number.substr(sizes.slice(0, i).reduce((a, b) => a + b, 0), n)).join(d.pick(separators));
}

const mail = (d) => `${d.chars(lower, 1 + d.below(8))}${d.pick(['', '.', '+', '_', '-'])}${d.chars(`${lower}${digits}`, 3 + d.below(6))}@${d.chars(lower, 4 + d.below(8))}.${d.pick(['example', 'co.uk', 'de', 'org', 'museum'])}`;
const base64 = (d, n) => d.chars(`${word}-_`, n);
const jwt = (d) => `eyJ${base64(d, 12 + d.below(20))}.${base64(d, 10 + d.below(40))}.${base64(d, 20 + d.below(30))}`;
const value = (d) => `${d.chars(word, 5 + d.below(12))}${d.below(10)}${d.chars(lower, 3)}`;

/** kind: [secret, text with it]. */
const kinds = {
  card: (d) => { const secret = card(d); return [secret, secret]; },
  mail: (d) => { const secret = mail(d); return [secret, secret]; },
  jwt: (d) => { const secret = jwt(d); return [secret, secret]; },
  token: (d) => { const secret = value(d); return [secret, `${d.pick(['token', 'access_token', 'session', 'sessionId', 'sid', 'auth', 'jwt', 'password', 'secret', 'api_key'])}=${secret}`]; },
  json: (d) => { const secret = value(d); return [secret, `{"${d.pick(['token', 'password', 'secret', 'apiKey', 'sessionId'])}":${d.pick(['', ' '])}"${secret}","x":${d.below(100)}}`]; },
  bearer: (d) => { const secret = `${d.chars(word, 9)}${d.below(10)}${d.chars(word, 9)}`; return [secret, `${d.pick(['Authorization: Bearer ', 'authorization: bearer ', 'sent Bearer '])}${secret}`]; },
};

// ---- what is harmless -------------------------------------------------------------------------------------------------------------

const words = ['order', 'could not load', 'failed', 'K\u00fcche', '\u30e9\u30f3\u30d7', 'the', 'price', 'undefined is not a function', 'prix', '\u00e0 payer', 'checkout', 'lamp', '\u{1f4a1}', 'reading', 'of', 'in', 'done'];
/** A number that is no card's, however it begins and is read. */
function innocent(d, n) {
  for (;;) {
    const number = d.chars('123456789', 1) + d.chars(digits, n - 1);
    if (luhn(number) !== 0) return number;
  }
}
const harmless = [
  (d) => d.pick(words), (d) => d.pick(words), (d) => d.pick(words),
  (d) => `${1795354199800 + d.below(1e9)}`.replace(/^(\d+)$/, (time) => (luhn(time) ? time : `${time}.5`)),
  (d) => `order ${innocent(d, 16)},`, (d) => `tracking 1Z${d.chars('GHJKLMNPQRSTUVWXYZ', 3)}${innocent(d, 13)};`,
  (d) => `${d.below(1e4)}.${d.chars(digits, 2)} \u20ac`, (d) => `${1 + d.below(9)}\u202f${d.chars(digits, 3)},${d.chars(digits, 2)} \u20ac`,
  (d) => `${d.chars(hex, 8)}-${d.chars(hex, 4)}-4${d.chars(hex, 3)}-a${d.chars(hex, 3)}-${d.chars('abcdef', 12)}`, (d) => `#${d.chars('abcdef', 6)}`,
  (d) => `at ${d.chars(lower, 5)} (https://shop.test/assets/${d.chars(lower, 6)}.js:${1 + d.below(900)}:${1 + d.below(90)})`,
  (d) => `lodash@4.${d.below(20)}.${d.below(40)}`, (d) => `${d.below(24)}:${10 + d.below(50)}:${10 + d.below(50)}`, (d) => `{"total":${d.below(1e5)},"items":[${d.below(9)},${d.below(9)}]}`,
  (d) => `v${d.below(9)}.${d.below(99)}.${d.below(99)}`, (d) => `[${d.below(100)}]`, (d) => `${d.chars(lower, 7)}_${d.chars(lower, 3)}`, (d) => `\u201e${d.pick(words)}\u201c`,
];
const gaps = [' ', ' ', ' ', '\n', ', ', ' - ', ' | ', ' / ', '; ', ' (', ') ', '\t', ' "', '" '];
const around = ['', ' ', '"', "'", '(', ')', '[', ']', '<', '>', ', ', '; ', ' = ', ': ', '\n', '|', '\u00a0', '\u201e', '/', '&', '?'];

const phrase = (d) => Array.from({ length: 1 + d.below(5) }, () => d.pick(harmless)(d)).join(d.pick(gaps));

/** A text without secrets. */
export const harmlessText = (d) => phrase(d);

/** { text, secret, kind }: one secret somewhere in a text. */
export function secretText(d) {
  const kind = d.pick(Object.keys(kinds));
  const [secret, written] = kinds[kind](d);
  const before = d.below(4) ? `${phrase(d)} ${d.pick(around)}` : '';
  const after = d.below(4) ? `${d.pick(around)} ${phrase(d)}` : '';
  return { kind, secret, text: `${before}${written}${after}` };
}

const q = encodeURIComponent;
const forms = [
  (d, text) => `/u/${q(text)}/orders`,
  (d, text) => `/pay?v=${q(text)}&x=1`,
  (d, text) => `https://api.example/v1/items?back=${q(`/u?who=${q(text)}`)}`,
  (d, text) => `/u/${text.replace(/[^\x21-\x7e]/g, q)}#/x`,
  (d, text) => `/a#/u/${q(text)}`,
  (d, text) => `/search?q=${q(`${d.pick(words)} ${text}`)}`,
  (d, text) => `/search?q=${q(`${d.pick(words)} ${text}`)}&x=1`.replaceAll('%20', '+'),
  (d, text) => `/graphql?variables=${q(JSON.stringify({ input: text, n: d.below(9) }))}`,
];

/** { address, secret, kind }: one secret in an address, escaped as browsers do or once more. */
export function secretAddress(d) {
  const kind = d.pick(['card', 'mail', 'jwt', 'token', 'json']);
  const [secret, written] = kinds[kind](d);
  const plain = `/a/${d.chars(lower, 4)}${d.pick(['?', '?x=1&', '#', '#/cart?'])}${written}${d.pick(['', '&y=2'])}`;
  const form = kind === 'json' ? () => `/graphql?variables=${q(written)}` : kind === 'token' && d.below(2) ? () => plain : d.pick(kind === 'token' ? forms.slice(1, 3) : forms);
  return { kind, secret, address: form(d, written) };
}

/** The secret, or a piece of it that is long enough to matter, is in the text: as it is or escaped for addresses, once or twice. */
export function shows(text, secret) {
  const spellings = [secret, encodeURIComponent(secret), encodeURIComponent(encodeURIComponent(secret)), secret.replace(/\D/g, '').length >= 13 && /^[\d\W]+$/.test(secret) ? secret.replace(/\D/g, '') : secret];
  return spellings.flatMap((form) => pieces(form)).find((piece) => text.includes(piece));
}
function pieces(secret) {
  const n = Math.min(10, secret.length);
  return Array.from({ length: secret.length - n + 1 }, (_, at) => secret.slice(at, at + n));
}
