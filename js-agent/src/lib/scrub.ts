// Takes secrets out of what leaves the page. The rule for addresses is an absence of rules: the value of every query
// parameter goes, whatever its name; its name stays. Paths, messages and names lose what looks like an e-mail
// address, a token or a card number. The collector scrubs again; this is the first of two locks.
// No look-behind in the patterns: a syntax error in an older Safari would cost the whole agent.

import { quietly } from "./guard";

export const REDACTED = "[redacted]";

/* JSON Web Tokens; a query parameter inside a text, of which what follows may be the :line:column of a stack; name=value and name: value, to the
   same quote, "token" and "session" only with = or quotes, because of "Unexpected token: }"; an e-mail address, which ends in letters:
   `lodash@4.17.21` is none. What stands in the groups stays. */
const SECRET =
  /\beyJ[\w-]{5,}\.[\w.-]+|([?&][\w.[\]%-]+=)[^&\s#"'<>)]*?(?=(?::\d+)*(?:[&\s#"'<>)]|$))|((?:(?:passw(?:or)?d|pwd|secret|api[_-]?key|authorization)\\?["']?\s*[:=]|(?:token|session(?:_?id)?|auth|jwt|sid)(?:=|\\?["']\s*:)|\bbearer (?=[\w.~+/=-]{8}))\s*\\?)(?:(["'])(?:(?!\\?\3).)+|(?:basic |bearer )?[^\s"'&,;)<>[\]]+)|[\w.!#$%'*+^`{|}~-]{1,64}(?:@|%(?:25)*40)(?:[\w-]{1,63}\.)+[a-z]{2,63}/gi;
/* What may be a card's number: its groups with one or two signs between them. What follows a point are decimals, what follows a digit is
   the middle of something else, and with a single hyphen it is the end of a UUID. */
const CARD = /(^|[^.\d])(?:4\d{12}|[2-6]\d{3}(?!-\d{12})(?:[\s+-]|%20|%C2%A0){0,2}(?:\d{4}(?:[\s+-]|%20|%C2%A0){0,2}\d{4}(?:[\s+-]|%20|%C2%A0){0,2}\d{4,7}|\d{6}(?:[\s+-]|%20|%C2%A0){0,2}\d{4,5}))(?!\d)/gi;

/** The text without what looks like a secret, at most `limit` characters. */
export function scrubText(text: string, limit: number): string {
  /* The patterns see a bounded text, so that a huge message costs a bounded time. */
  const seen = String(text).slice(0, limit * 2);
  const clean = seen.replace(SECRET, `$1$2$3${REDACTED}`).replace(CARD, (run, before) => (isCard(run) ? before + REDACTED : run));
  /* At its end may stand half of a secret, which what went before it has moved to the front. */
  return cut(seen.length < limit * 2 ? clean : clean.replace(/[^\]]{1,99}$/, ""), limit);
}

/* Luhn's check: a time in ms or an id seldom passes it. */
function isCard(run: string): boolean {
  const digits = run.replace(/%20|%C2%A0|\D/gi, "");
  let sum = 0;
  for (let i = digits.length, twice = 0; i--; twice ^= 1) {
    const digit = +digits[i]! << twice;
    sum += digit > 9 ? digit - 9 : digit;
  }
  return sum % 10 === 0;
}

/** At most `limit` characters, never half a character. */
export function cut(text: string, limit: number): string {
  return text.slice(0, limit).replace(/[\ud800-\udbff]$/, "");
}

/** The address without secrets: absolute, or the path alone when it is on `origin`. */
export function scrubUrl(address: string, base: string, origin?: string): string {
  const url = quietly(() => new URL(address, base));
  if (!url) return scrubText(address.split(/[?#]/)[0]!, 2048);
  const { protocol, hash } = url;
  if (!/^(?:https?|wss?|file):/.test(protocol)) return protocol;
  const host = url.origin === origin || protocol === "file:" ? "" : `${protocol}//${url.host}`;
  return cut(host + scrubPath(url.pathname) + scrubQuery(url.search.slice(1)) + scrubHash(hash), 2048);
}

/** A path without secrets; `;name=value` loses its value, and long random segments (reset links) go. */
export function scrubPath(path: string): string {
  return path.split("/").map((segment) => (isRandom(segment) ? REDACTED : scrubText(segment, 1024).replace(/(;[\w.-]+=)[^;]*/g, `$1${REDACTED}`))).join("/");
}

/** A fragment only when it is a route (#/..., #!/...), which then is a path with a query of its own. */
export function scrubHash(hash: string): string {
  const [path, query] = hash.split("?");
  return /^#!?\//.test(hash) ? scrubPath(path!) + scrubQuery(query) : "";
}

function scrubQuery(query?: string): string {
  /* A name of its own that is long is a value without a name. */
  const one = (_: string, name: string, equals: string, value: string): string => (name.length > 40 || isRandom(name) ? REDACTED : scrubText(name, 40)) + equals + (value && REDACTED);
  return query ? `?${query.slice(0, 4096).split("&").map((pair) => pair.replace(/^([^=]*)(=?)(.*)/, one)).join("&")}` : "";
}

/* A run of 24 letters and digits that holds both is a token; words joined by hyphens and plain UUIDs are not. */
function isRandom(segment: string): boolean {
  return /(?=[a-z]*\d)(?=\d*[a-z])[a-z\d]{24}/i.test(segment);
}
