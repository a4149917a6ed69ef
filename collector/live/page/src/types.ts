// What the API answers: docs/live-api.md. Every string comes from a page somewhere and is shown as text only.

export interface Span { now: number; from: number; to: number; step: number }
export interface Quantiles { p50: number | null; p75: number | null; p95: number | null; p99: number | null }
export interface Row extends Quantiles { application: string; service: string; name: string; count: number; sessions: number }
export interface PageRow extends Row { kind: "page" | "route"; loads: number }
export interface CallRow extends Row { failed: number; failed_share: number | null }
export interface ErrorRow { application: string; service: string; code: string; message: string; count: number; sessions: number; last: string }
export interface Table<T> { rows: T[]; all: number }
export type Rating = "good" | "needs-improvement" | "poor";
export interface Vital {
  name: string; p75: number | null; count: number; rating: Rating | null; limits: [number, number];
  good?: number; needs?: number; poor?: number;
}
export interface Totals {
  loads: number; routes: number; calls: number; failed_calls: number; clicks: number; errors: number; sessions: number; sessions_5m: number;
}
export interface Overview extends Span {
  generation: number;
  totals: Totals;
  vitals: Vital[];
  traffic: { views: number[]; calls: number[]; failed: number[]; errors: number[]; clicks: number[] };
  pages: Table<PageRow>; apis: Table<CallRow>; errors: Table<ErrorRow>;
  left_out: number;
}

export interface Silence { id: string; by: string; reason: string; from: string; until: string; application: string; service: string; environment: string; name: string; detail: string }
export interface Alert {
  id: string; kind: "latency" | "errors" | "traffic" | "self"; state: "firing" | "resolved";
  application: string; service: string; environment: string; series: string; name: string; detail: string;
  since: string | null; opened: string | null; resolved: string | null;
  observed: number | null; expected: number | null; sessions: number; events: number; young: boolean; history_s: number;
  acknowledged: { by: string; at: string } | null; silence: Silence | null;
}
export interface Alerts { rows: Alert[]; silences: Silence[]; firing: number }

export interface Deploy { at: string; name: string; application: string; service: string; environment: string; by: string; seen: boolean }
export interface Deploys { rows: Deploy[] }

export interface Session {
  id: string; user?: string; application?: string; service?: string; environment?: string; browser?: string; os?: string; device?: string;
  country?: string; page?: string; first: string; last: string;
  views: number; calls: number; failed: number; clicks: number; frustrated: number; errors: number;
}
export interface Sessions { rows: Session[]; looked_at: number }

export interface Moment {
  at: string; kind: string; session?: string; view?: string; page?: string; path?: string; title?: string; route?: string; url?: string; ms?: number;
  method?: string; status?: number; outcome?: string; bytes?: number; trace?: string; from?: string; name?: string; role?: string;
  selector?: string; times?: number; flags?: string | string[]; code?: string; type?: string; message?: string; stack?: string; resolved?: string; source?: string;
  vital?: string; value?: number; rating?: string; original?: string; navigation?: string; target?: string;
  event?: string; worth?: number; props?: Record<string, string | number | boolean>; mark?: string; measure?: string; parts?: Record<string, string | number>;
}
export interface Timeline {
  rows: Moment[]; more: boolean;
  about: {
    id?: string; user?: string; application?: string; service?: string; version?: string; environment?: string;
    browser?: string; browser_version?: string; os?: string; device?: string; country?: string; labels?: Record<string, string>;
  };
}

export interface Place { kind: "session" | "user" | "error"; id: string }

export interface Sample { at: string; session: string; value: number | null; status: number | null; failed: boolean }
export interface Series extends Span {
  kind: string; name: string; detail: string;
  all: Quantiles & { count: number; failed: number; sessions: number };
  points: { count: number[]; failed: number[]; p50: (number | null)[]; p75: (number | null)[]; p95: (number | null)[] };
  samples: Sample[];
}

export type Flags = Partial<Record<"rage" | "dead" | "error" | "slow", number>>;
export interface Element { name: string; selector: string; service: string; page: string; session: string; last: string; count: number; flags: Flags }
export interface Clicks extends Span { looked_at: number; more: boolean; count: number; frustrated: number; flags: Flags; all: number; rows: Element[] }

export interface BusinessRow { name: string; count: number; sessions: number; conversion: number | null; value: number | null; service: string; page: string; session: string; last: string }
export interface Business extends Span { looked_at: number; more: boolean; since: number; count: number; sessions: number | null; converted: number; conversion: number | null; all: number; rows: BusinessRow[] }

export interface Bar { from: number; to: number; count: number }
export interface Valued extends Quantiles { value: string; count: number }
export interface Phase extends Quantiles { name: string; count: number }
export interface SlowSession { id: string; user?: string; at: string; count: number; slowest: number }
export interface Detail extends Span, Quantiles {
  looked_at: number; more: boolean; count: number; failed: number;
  histogram: Bar[]; phases: Phase[]; releases: Valued[]; browsers: Valued[]; devices: Valued[]; countries: Valued[]; sessions: SlowSession[];
}

export interface Cause extends Quantiles { value: string; count: number; session: string }
export interface Behind extends Quantiles { name: string; count: number; parts: Phase[]; elements: Cause[]; resources: Cause[]; scripts: Cause[]; invokers: Cause[]; interactions: Cause[] }
export interface Causes extends Span { looked_at: number; more: boolean; vitals: Behind[] }

export interface ErrorSample {
  at: string; session?: string; user?: string; page?: string; version?: string; browser?: string; os?: string; type?: string; message?: string;
  stack?: string; resolved?: string; source?: string; file?: string; line?: number;
}
/* all: its share of all events of the times at which the error happened. */
export interface Share { value: string; count: number; all: number | null; stands_out: boolean }
export interface ErrorDetail {
  code: string; message: string; first?: string; last?: string; looked_at: number; sessions: number; users: number;
  releases: Share[]; browsers: Share[]; countries: Share[]; pages: Share[]; rows: ErrorSample[];
}

export interface Reject {
  id: string; at: string; code: string; reason: string; topic: string; partition: number | null; position: number | null; event: number | null; refused: number | null;
  bytes: number | null; application?: string; service?: string; session?: string; original?: string;
}
export interface Rejects { rows: Reject[] }

export interface Finding {
  cause: string; certain: boolean; origin: string; count: number; since_ms: number; last_ms: number; skew_ms?: number; sentence: string; fix: string; paste: string;
}
export interface Diagnosis { now: number; here: boolean; scripts: number; beacons: number; findings: Finding[] }

export interface Status {
  series_max: number; series_evicted: number; spool_seconds: number; spool_records: number; connections: number; late: number; lost: number; memory_bytes: number;
  bus: string; store: string; parts?: Record<string, { ready: boolean; reason?: string }>;
  version: string; ready: boolean; open_windows: boolean; now: number; public_url: string; demo_key: string; demo_service: string;
  beacons_accepted: number; accepted: number; stored: number; rejected: number; spool_bytes: number; series: number;
  lag: Record<string, number>; rejects: Record<string, number>;
  scopes: { application: string; service: string; environment: string }[];
}
