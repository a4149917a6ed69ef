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
//   data-consent      ask: nothing is captured or stored before seismo("consent", true); gpc: so for visitors whose browser asks not to be tracked
//   data-trace        further origins, joined by commas, whose calls carry `traceparent`; off: none does, not even the page's own
//   data-mask         a selector of elements whose words are not read, besides [data-seismo-mask]
//
// Two more are functions, for those who call `start` themselves: beforeSend and route.

export interface Config {
  key: string;
  service: string;
  version?: string;
  environment?: string;
  endpoint: string;
  flush: number;
  rate: number;
  user?: string;
  consent?: string;
  trace?: string;
  mask?: string;
  /** Sees each event before it waits to be sent: gives it back, changed or not, or null to drop it. */
  beforeSend?: (event: Record<string, unknown>) => object | null | undefined | false;
  /** The name of a page or route by its address: "/orders/:id" for /orders/17. */
  route?: (url: URL) => string | null | undefined;
  /** The agent's own file, or "". */
  script: string;
}

/** Settings from a script tag's attributes, or from what the page passes to `start`. */
export type Settings = { [Name in keyof Config]?: Config[Name] | string };

/** Those of the one agent of the page. */
export let settings = {} as Config;

/** Takes the settings, with their defaults; false when the key is missing. */
export function configure(given: Settings, script: string): boolean {
  settings = {
    ...(given as Config),
    key: text(given.key, 200)!,
    service: text(given.service, 100) || location.hostname || "page",
    version: text(given.version, 100),
    environment: text(given.environment, 64),
    endpoint: new URL(text(given.endpoint, 2048) ?? "/in/v1", script || location.href).href,
    flush: Math.max(+given.flush! || 10000, 100),
    rate: Math.min(+(given.rate ?? 1), 1),
    script: script.split(/[?#]/)[0]!,
  };
  return !!settings.key;
}

/** The value as a text of at most `limit` characters, or undefined when it is empty. */
export function text(value: unknown, limit: number): string | undefined {
  return String(value ?? "").slice(0, limit) || undefined;
}
