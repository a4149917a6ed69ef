// The whole state of the page is its address, so that a link opens the same view for somebody else.
//
//   ?view=series&service=shop&kind=api&name=POST%20/api/checkout&from=…&to=…    (kind and name alone mean the same)
//   ?view=pages, apis, errors or sessions, all that there are: sort=p95 (or -p95, least first), q=… narrows, only=trouble
//   ?view=alerts      ?view=alert&id=A-…      ?view=deploys      ?view=business      ?view=self
//   ?view=session&id=…      ?view=user&user=…      ?view=error&code=…      without view: the overview
//   everywhere: application, service, environment, and range (5m, 30m, 3h, 24h) or from and to (RFC 3339 or ms); compare=1 beside the
//   period before, tables=1 for charts as tables; lang=de for a language that the reader has not chosen

import { mark } from "../i18n/i18n";

export type ListView = "pages" | "apis" | "errors" | "sessions";
export type View = ListView | "overview" | "series" | "session" | "user" | "error" | "alerts" | "alert" | "deploys" | "business" | "self";
const NAMES = ["view", "application", "service", "environment", "range", "from", "to", "kind", "name", "detail", "id", "user", "code", "release", "browser", "device", "country", "hide", "only", "sort", "q", "compare", "tables", "lang"] as const;
type Name = (typeof NAMES)[number];
export type State = Partial<Record<Name, string>>;

export const RANGES: [string, string, string][] = [
  ["5m", "5 min", mark("last 5 minutes")], ["30m", "30 min", mark("last 30 minutes")], ["3h", "3 h", mark("last 3 hours")], ["24h", "24 h", mark("last 24 hours")],
];
export const DEFAULT_RANGE = "30m";

export function read(search: string): State {
  const given = new URLSearchParams(search);
  const state: State = {};
  for (const name of NAMES) {
    const value = given.get(name);
    if (value) state[name] = value;
  }
  return state;
}

const LISTS: (string | undefined)[] = ["pages", "apis", "errors", "sessions"];
export function view(state: State): View {
  if (LISTS.includes(state.view)) return state.view as ListView;
  if (state.view === "alerts" || state.view === "alert" || state.view === "deploys" || state.view === "business" || state.view === "self") return state.view;
  if (state.view === "session" || (!state.view && state.id)) return "session";
  if (state.view === "user" || (!state.view && state.user)) return "user";
  if (state.view === "error" || (!state.view && state.code)) return "error";
  if (state.view === "series" || (!state.view && state.kind && state.name)) return "series";
  return "overview";
}

export function rangeOf(state: State): string {
  return RANGES.some(([name]) => name === state.range) ? state.range! : DEFAULT_RANGE;
}

// What every view keeps: who and when.
export function kept(state: State): State {
  const { application, service, environment, range, from, to, compare, tables, lang } = state;
  return { application, service, environment, range, from, to, compare, tables, lang };
}

export function query(state: State): string {
  const wanted = new URLSearchParams();
  for (const name of NAMES) if (state[name] && !(name === "range" && state[name] === DEFAULT_RANGE)) wanted.set(name, state[name]!);
  return wanted.toString();
}

export function href(state: State): string {
  const text = query(state);
  return text ? `/?${text}` : "/";
}

export function scopeQuery(state: State, extra: State & { limit?: string } = {}): string {
  const { application, service, environment, from, to } = state;
  const wanted = new URLSearchParams();
  const all: Record<string, string | undefined> = { application, service, environment, ...extra };
  if (from || to) Object.assign(all, { from, to });
  all.range = rangeOf(state);
  for (const [name, value] of Object.entries(all)) if (value) wanted.set(name, value);
  return wanted.toString();
}

/* What is asked for in more than one place. */
export const STATUS_PATH = "/api/status";
export const overviewPath = (state: State): string => `/api/overview?${scopeQuery(state)}`;
export const sessionsPath = (state: State): string => `/api/sessions?${scopeQuery(state)}&limit=24`;
export const deploysPath = (state: State): string => `/api/deploys?${scopeQuery(state)}&limit=200`;
export const alertsPath = (state: State): string => `/api/alerts?${scopeQuery(state)}&limit=50`;
