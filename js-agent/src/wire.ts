// The wire, as schemas/beacon.schema.json defines it: what POST /in/v1 takes.

export interface EventBase {
  kind: string;
  /** When it began, ms since the epoch by the device's clock. */
  at: number;
  /** Path of the page on which it happened. */
  page?: string;
  /** Id of its view, when it is not the envelope's. */
  view?: string;
}

export interface PageEvent extends EventBase {
  kind: "page";
  url?: string;
  title?: string;
  referrer?: string;
  navigation?: string;
  duration?: number;
  redirect?: number;
  dns?: number;
  connect?: number;
  request?: number;
  response?: number;
  dom?: number;
  load?: number;
  bytes?: number;
}

export interface RouteEvent extends EventBase {
  kind: "route";
  url?: string;
  title?: string;
  from?: string;
  duration?: number;
}

export interface ApiEvent extends EventBase {
  kind: "api";
  url: string;
  method?: string;
  status?: number;
  duration?: number;
  initiator?: string;
  outcome?: string;
  bytes?: number;
  trace?: string;
}

export interface ClickEvent extends EventBase {
  kind: "click";
  selector?: string;
  name?: string;
  role?: string;
  count?: number;
  flags?: string;
}

export interface ErrorEvent extends EventBase {
  kind: "error";
  message: string;
  type?: string;
  stack?: string;
  source?: string;
  file?: string;
  line?: number;
  column?: number;
  count?: number;
}

export interface VitalEvent extends EventBase {
  kind: "vital";
  name: "LCP" | "INP" | "CLS" | "FCP" | "TTFB";
  value: number;
  rating?: string;
  metric?: string;
  navigation?: string;
  target?: string;
}

export interface OtherEvent extends EventBase {
  [member: string]: unknown;
}

export type BeaconEvent = PageEvent | RouteEvent | ApiEvent | ClickEvent | ErrorEvent | VitalEvent | OtherEvent;

export interface Beacon {
  v?: number;
  id: string;
  service: string;
  version?: string;
  environment?: string;
  session: string;
  view?: string;
  sent: number;
  rate?: number;
  user?: { id?: string };
  agent?: { name?: string; version?: string };
  dropped?: number;
  events: BeaconEvent[];
}
