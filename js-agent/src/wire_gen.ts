// Made by schemas/generate.mjs from schemas/beacon.schema.json; do not edit.

/** What every event has. */
export interface EventBase {
  /** page, route, api, click, error, vital, event, mark or measure; another word is kept as it is. At most 32 characters. */
  kind: string;
  /** When it began. [ms since the epoch, the device's clock] */
  at: number;
  /** Path of the page on which it happened, secrets scrubbed. At most 2048 characters. */
  page?: string;
  /** Id of its view, when it is not the envelope's. At most 64 characters. */
  view?: string;
}

/** A page load. */
export interface PageEvent extends EventBase {
  kind: "page";
  /** Address of the page, query values scrubbed. At most 2048 characters. */
  url?: string;
  /** Title of the page. At most 256 characters. */
  title?: string;
  /** Where the visitor came from, query values scrubbed. At most 2048 characters. */
  referrer?: string;
  /** navigate, reload, back_forward, prerender or restore. At most 32 characters. */
  navigation?: string;
  /** From the start of the navigation to the end of the load event. [ms] */
  duration?: number;
  /** Phase: redirects. [ms] */
  redirect?: number;
  /** Phase: name look-up. [ms] */
  dns?: number;
  /** Phase: connection, TLS included. [ms] */
  connect?: number;
  /** Phase: from the request to the first byte of the answer. [ms] */
  request?: number;
  /** Phase: from the first to the last byte of the answer. [ms] */
  response?: number;
  /** Phase: from the last byte to the end of DOMContentLoaded. [ms] */
  dom?: number;
  /** Phase: from DOMContentLoaded to the end of the load event. [ms] */
  load?: number;
  /** Size of the document on the wire. [bytes] */
  bytes?: number;
}

/** A client-side route change. */
export interface RouteEvent extends EventBase {
  kind: "route";
  /** The new address, query values scrubbed. At most 2048 characters. */
  url?: string;
  /** Title of the page. At most 256 characters. */
  title?: string;
  /** Path before the change. At most 2048 characters. */
  from?: string;
  /** Until the page was quiet after the change; absent when that could not be seen. [ms] */
  duration?: number;
}

/** A call by fetch or XMLHttpRequest. */
export interface ApiEvent extends EventBase {
  kind: "api";
  /** Address of the call, query values scrubbed; a path alone means the page's own origin. At most 2048 characters. */
  url: string;
  /** HTTP method. At most 16 characters. */
  method?: string;
  /** HTTP status; 0 when no answer came or could be seen. [status code] */
  status?: number;
  /** From the call to the end of the answer. [ms] */
  duration?: number;
  /** Phase: redirects. [ms] */
  redirect?: number;
  /** Phase: name look-up. [ms] */
  dns?: number;
  /** Phase: connection, TLS included. [ms] */
  connect?: number;
  /** Phase: from the request to the first byte of the answer. [ms] */
  request?: number;
  /** Phase: from the first to the last byte of the answer. [ms] */
  response?: number;
  /** fetch or xhr. At most 16 characters. */
  initiator?: string;
  /** success, failure or aborted; left out, the status says it: a failure from 400 on. At most 16 characters. */
  outcome?: string;
  /** Size of the answer on the wire. [bytes] */
  bytes?: number;
  /** W3C trace id that the call carried. At most 32 characters. */
  trace?: string;
}

/** A click, tap or activation by key. */
export interface ClickEvent extends EventBase {
  kind: "click";
  /** CSS selector of the element that answers the click. At most 512 characters. */
  selector?: string;
  /** Accessible name of the element. At most 128 characters. */
  name?: string;
  /** Role of the element, or its tag. At most 32 characters. */
  role?: string;
  /** Clicks that this event stands for. [clicks] */
  count?: number;
  /** Any of rage, dead, error, slow; joined by commas. At most 64 characters. */
  flags?: string;
}

/** An error that the page raised. */
export interface ErrorEvent extends EventBase {
  kind: "error";
  /** Name of the exception. At most 128 characters. */
  type?: string;
  /** Its message, secrets scrubbed. At most 2048 characters. */
  message: string;
  /** Its stack as the browser writes it. At most 16384 characters. */
  stack?: string;
  /** error, rejection, console, csp, report or manual. At most 32 characters. */
  source?: string;
  /** Script in which it was raised. At most 2048 characters. */
  file?: string;
  /** Line in that script, from 1; 0 is unknown. [lines] */
  line?: number;
  /** Column in that line, from 1; 0 is unknown. [UTF-16 units] */
  column?: number;
  /** Errors that this event stands for. [errors] */
  count?: number;
}

/** A web vital, as the library web-vitals defines it. */
export interface VitalEvent extends EventBase {
  kind: "vital";
  /** Which vital. At most 8 characters. */
  name: "LCP" | "INP" | "CLS" | "FCP" | "TTFB";
  /** Its value. [ms; CLS has no unit] */
  value: number;
  /** good, needs-improvement or poor; left out, it is the one of web.dev for the value. At most 32 characters. */
  rating?: string;
  /** Id of the measurement; a later value with the same id replaces the earlier. At most 64 characters. */
  metric?: string;
  /** Kind of navigation. At most 32 characters. */
  navigation?: string;
  /** CSS selector of the element behind it. At most 512 characters. */
  target?: string;
  /** Of LCP: address of the image or the like, query values scrubbed. At most 2048 characters. */
  resource?: string;
  /** Of LCP: to the first byte of the page. [ms] */
  ttfb?: number;
  /** Of LCP: from there until its resource was asked for. [ms] */
  load_delay?: number;
  /** Of LCP: while its resource came. [ms] */
  load_time?: number;
  /** Of LCP: from there until it was on the screen; the four add up to the value. [ms] */
  render_delay?: number;
  /** Of INP: what the user did, as pointerup or keydown. At most 32 characters. */
  interaction?: string;
  /** Of INP: until the page began to handle it. [ms] */
  input_delay?: number;
  /** Of INP: while the page handled it. [ms] */
  processing?: number;
  /** Of INP: from there until the next frame was shown. [ms] */
  presentation?: number;
  /** Of INP: script that ran for the longest in the long frame, query values scrubbed. At most 2048 characters. */
  script?: string;
  /** Of INP: what had called that script. At most 128 characters. */
  invoker?: string;
  /** Of CLS: the largest single shift; its element is the target. [no unit] */
  shift?: number;
}

/** A kind that this release does not know: kept and counted. */
export interface OtherEvent extends EventBase {
  [member: string]: unknown;
}

/** Something that counts for the business: a purchase, a sign-up. Older agents send its name as the kind. */
export interface BusinessEvent extends EventBase {
  kind: "event";
  /** What happened, as the page calls it. At most 64 characters. */
  name: string;
  /** Its worth, as an amount. [the page's own] */
  value?: number;
  /** What else the page says of it: names of its own with texts, numbers or booleans. */
  props?: Record<string, string | number | boolean>;
}

/** A moment that the page has marked. */
export interface MarkEvent extends EventBase {
  kind: "mark";
  /** What the page calls it. At most 128 characters. */
  name: string;
  /** Since the start of the navigation. [ms] */
  value?: number;
}

/** A span of time that the page has measured. */
export interface MeasureEvent extends EventBase {
  kind: "measure";
  /** What the page calls it. At most 128 characters. */
  name: string;
  /** How long it took. [ms] */
  duration?: number;
}

export type BeaconEvent = PageEvent | RouteEvent | ApiEvent | ClickEvent | ErrorEvent | VitalEvent | OtherEvent | BusinessEvent | MarkEvent | MeasureEvent;

/** What a browser agent sends to POST /in/v1: one envelope and the events of a few seconds. Unknown members and unknown kinds are kept and counted, never refused. Every string comes from a page and is hostile until escaped. */
export interface Beacon {
  /** Version of this format. [version] */
  v?: number;
  /** Id of the beacon, made once and kept over every retry: repeats are recognised by it. At most 64 characters. */
  id: string;
  /** Name of the service that the page belongs to; checked against the application of the key. At most 100 characters. */
  service: string;
  /** Release of the page's code. At most 100 characters. */
  version?: string;
  /** Deployment environment, as production or staging. At most 64 characters. */
  environment?: string;
  /** Id of the visitor's session; ends after 30 minutes without use or after 4 hours. At most 64 characters. */
  session: string;
  /** Id of the view (page load or client-side route) in which the beacon was made; an event may carry another. At most 64 characters. */
  view?: string;
  /** When this attempt left the page; stamped anew at each attempt. The difference to the time of receipt corrects the clock of the device. [ms since the epoch, the device's clock] */
  sent: number;
  /** Sample rate under which the session was kept; counts are weighted by its inverse. [share of sessions] */
  rate?: number;
  /** Clock correction stored with a beacon that a later page sends on behalf of an earlier one. [ms] */
  offset?: number;
  /** Who uses the page, if the page says so. */
  user?: { id?: string };
  /** What made the beacon. */
  agent?: { name?: string; version?: string };
  /** Events that the agent had to drop since its last beacon. [events] */
  dropped?: number;
  /** What the page says of all that it sends, as a plan or a tenant: names and texts of its own. Those that do not fit are left out and counted. */
  labels?: Record<string, string>;
  /** The events, oldest first. The index in this list as sent is part of a document's id. */
  events: BeaconEvent[];
}
