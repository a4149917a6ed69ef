// Takes secrets out of what leaves the page. The rule for addresses is an absence of rules: the value of every query
// parameter goes, whatever its name; its name stays. Paths, messages and names lose what looks like an e-mail
// address, a token or a card number. The collector scrubs again; this is the first of two locks.
// No look-behind in the patterns: a syntax error in an older Safari would cost the whole agent.

export const REDACTED = "[redacted]";

const JWT = /\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?/g;
/* It ends in letters: `lodash@4.17.21` is none. */
const EMAIL = /[\w.!#$%'*+^`{|}~-]{1,64}(?:@|%(?:25)*40)(?:[\w-]{1,63}\.)+[a-z]{2,63}/gi;
/* Digits, with one or two signs between their groups, and the point before them. */
const DIGITS = /\.?\d(?:(?:[\s+-]|%20|%C2%A0){0,2}\d){12,40}/gi;
const BEARER = /\b(bearer|basic) +[\w.~+/=-]{8,}/gi;
/* name=value, name: value, to the same quote; "token" and "session" only with = or quotes, because of "Unexpected token: }". */
const NAMED =
  /((?:(?:passw(?:or)?d|pwd|secret|api[_-]?key|authorization)\\?["']?\s*[:=]|(?:token|session(?:_?id)?|auth|jwt|sid)(?:=|\\?["']\s*:))\s*\\?)(?:(["'])(?:(?!\\?\2).)+|[^\s"'&,;)<>[\]]+)/gi;
/* A query parameter inside a text; what follows may be the :line:column of a stack. */
const PARAMETER = /([?&][\w.[\]%-]+=)[^&\s#"'<>)]*?(?=(?::\d+){1,2}(?:[\s)]|$)|[&\s#"'<>)]|$)/g;

/** The text without what looks like a secret, at most `limit` characters. */
export function scrubText(text: string, limit: number): string {
  /* The patterns see a bounded text, so that a huge message costs a bounded time. */
  const seen = String(text).slice(0, limit * 2);
  const clean = seen
    .replace(PARAMETER, `$1${REDACTED}`)
    .replace(JWT, REDACTED)
    .replace(BEARER, `$1 ${REDACTED}`)
    .replace(NAMED, `$1$2${REDACTED}`)
    .replace(EMAIL, REDACTED)
    .replace(DIGITS, (run) => (hasCard(run) ? REDACTED : run));
  /* At its end may stand half of a secret, which what went before it has moved to the front. */
  return cut(seen.length < limit * 2 ? clean : clean.replace(/[^\]]{1,99}$/, ""), limit);
}

/* Some groups in a row are one: a date or another number may follow. Two with a hyphen are the end of a UUID, and what
   follows a point are decimals. */
function hasCard(run: string): boolean {
  const groups = run.split(/(?:%20|%C2%A0|[^\d.])+/i);
  return groups.some((_, from) => [1, 2, 3, 4].some((n) => (n !== 2 || !run.includes("-")) && isCard(groups.slice(from, from + n).join(""))));
}

/* How networks begin their numbers, and Luhn's check: a time in ms or an id seldom passes both. */
function isCard(digits: string): boolean {
  let sum = 0;
  for (let i = digits.length, twice = 0; i--; twice ^= 1) {
    const digit = +digits[i] << twice;
    sum += digit > 9 ? digit - 9 : digit;
  }
  return sum % 10 === 0 && /^(?:4\d{12}|3[068]\d{12}|3[47]\d{13}|[2-6]\d{15}|[46]\d{16,18})$/.test(digits);
}

/** At most `limit` characters, never half a character. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const last = text.charCodeAt(limit - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit);
}

/** The address without secrets: absolute, or the path alone when it is on `origin`. */
export function scrubUrl(address: string, base: string, origin?: string): string {
  let url: URL;
  try {
    url = new URL(address, base);
  } catch {
    return scrubText(address.split(/[?#]/)[0] || "invalid", 2048);
  }
  if (!/^(?:https?|wss?|file):$/.test(url.protocol)) return url.protocol;
  const host = url.origin === origin || url.protocol === "file:" ? "" : `${url.protocol}//${url.host}`;
  return cut(host + scrubPath(url.pathname) + scrubQuery(url.search) + scrubHash(url.hash), 2048);
}

/** A path without secrets; `;name=value` loses its value, and long random segments (reset links) go. */
export function scrubPath(path: string): string {
  return path
    .split("/")
    .map((segment) => (isRandom(segment) ? REDACTED : scrubText(segment, 1024).replace(/(;[\w.-]+=)[^;]*/g, `$1${REDACTED}`)))
    .join("/");
}

/** A fragment only when it is a route (#/..., #!/...), which then is a path with a query of its own. */
export function scrubHash(hash: string): string {
  if (!/^#!?\//.test(hash)) return "";
  const [path, query] = hash.split("?", 2);
  return scrubPath(path) + (query ? scrubQuery(`?${query}`) : "");
}

function scrubQuery(search: string): string {
  if (search.length < 2) return "";
  const pairs = search.slice(1).split("&").filter(Boolean).slice(0, 50).map(scrubPair);
  return pairs.length ? `?${pairs.join("&")}` : "";
}

function scrubPair(pair: string): string {
  const equals = pair.indexOf("=");
  const name = equals < 0 ? pair : pair.slice(0, equals);
  /* A name of its own that is long is a value without a name. */
  const safe = name.length > 40 || isRandom(name) ? REDACTED : scrubText(name, 40);
  if (equals < 0) return safe;
  return `${safe}=${equals === pair.length - 1 ? "" : REDACTED}`;
}

/* A run of 24 letters and digits that holds both is a token; words joined by hyphens and plain UUIDs are not. */
function isRandom(segment: string): boolean {
  const run = /[a-z\d]{24,}/i.exec(segment)?.[0] ?? "";
  return /\d/.test(run) && /[a-z]/i.test(run);
}
