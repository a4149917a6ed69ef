// The settings of the agent, as attributes of its script tag:
//
//   data-key          key of the application; without it the agent does nothing
//   data-service      name of the service; else the page's host name
//   data-version      release of the page's code
//   data-environment  production, staging, ...
//   data-endpoint     where beacons go; else /in/v1 at the script's origin
//   data-flush        longest wait of an event, ms; 10000
//   data-rate         share of sessions that are kept, 0 to 1; 1
//   data-user         the page's own id of its user

export interface Config {
  key: string;
  service: string;
  version?: string;
  environment?: string;
  endpoint: string;
  flush: number;
  rate: number;
  user?: string;
  /** The agent's own file, or "". */
  script: string;
}

/** Settings from a script tag's attributes, or from what the page passes to `start`. */
export type Settings = Partial<Record<keyof Config, string | number>>;

/** The settings with their defaults, or undefined when the key is missing. */
export function readConfig(given: Settings, script: string): Config | undefined {
  const key = text(given.key, 200);
  if (!key) return undefined;
  const base = script || location.href;
  return {
    key,
    service: text(given.service, 100) ?? (location.hostname || "page"),
    version: text(given.version, 100),
    environment: text(given.environment, 64),
    endpoint: new URL(text(given.endpoint, 2048) ?? "/in/v1", base).href,
    flush: number(given.flush, 10000, 100, 600000),
    rate: number(given.rate, 1, 0, 1),
    user: text(given.user, 128),
    script: script.split(/[?#]/)[0]!,
  };
}

/** The value as a text of at most `limit` characters, or undefined when it is empty. */
export function text(value: unknown, limit: number): string | undefined {
  return String(value ?? "").slice(0, limit) || undefined;
}

function number(value: unknown, otherwise: number, least: number, most: number): number {
  const given = Number(text(value, 20) ?? NaN);
  return Number.isFinite(given) ? Math.min(Math.max(given, least), most) : otherwise;
}
