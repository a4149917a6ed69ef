// The agent as a module: `start(settings)` once, then the function that it returns, which is also window.seismo:
//
//   seismo("user", id)                     who uses the page from now on; no id: nobody that is known
//   seismo("label", name, value)           a label on all that follows; no value: it goes
//   seismo("event", name, props)           something that counts for the business; props.value is its worth
//   seismo("mark", name)                   a moment, counted from the start of the navigation
//   seismo("measure", name, start, end)    the time between two marks of performance.mark, or two numbers in ms
//   seismo("error", error)                 an error that the page has caught
//   seismo("view", name)                   a new view, named by the page
//   seismo("consent", yes)                 the visitor agrees, or no longer does
//   seismo("flush")                        send what waits now
//   seismo("stop")                         end all capture and forget what waits

import { setUser, startAgent, stopAgent } from "./agent";
import { reportError } from "./capture/onError";
import { nameView } from "./capture/onRoute";
import { configure, settings, text, type Settings } from "./config";
import { now, span } from "./lib/clock";
import { quietly } from "./lib/guard";
import { scrubText } from "./lib/scrub";
import { KEY, REST, STORES } from "./lib/session";
import { tell } from "./lib/tell";
import { early, flush, report, setEnvelope } from "./scene";

export type Seismo = (command: string, ...rest: unknown[]) => void;
export type { Settings };

let labels: Record<string, string> = {};
let isConfigured = false;

const timeOf = (given: unknown): number => (typeof given === "string" ? performance.getEntriesByName(given).pop()!.startTime : typeof given === "number" ? given : now());

const nameOf = (name: string, most: number): string => scrubText(name, most) || "unnamed";

const COMMANDS: Record<string, (...rest: any[]) => void> = {
  user: setUser,
  error: (error) => reportError("manual", error),
  flush: () => flush(),
  stop: stopAgent,
  view: (name) => nameView(text(name, 2048)),
  label(name, value) {
    const { [name]: _, ...rest } = labels;
    labels = text(value, 256) && /^[\w.-]{1,64}$/.test(name) && Object.keys(rest).length < 16 ? { ...rest, [name]: scrubText(value, 256) } : rest;
    setEnvelope({ labels });
  },
  event(name, props) {
    const kept = bounded(props);
    const { value, ...rest } = kept;
    report("event", undefined, { name: nameOf(name, 64), ...(typeof value === "number" ? { value, props: rest } : { props: kept }) });
  },
  mark: (name) => report("mark", undefined, { name: nameOf(name, 128), value: now() }),
  measure(name, start, end) {
    const from = start == null ? 0 : timeOf(start);
    report("measure", from, { name: nameOf(name, 128), duration: span(from, timeOf(end)) });
  },
  /* What the inline stub has seen. */
  early: (event) => early[event.type]!(event),
  consent(yes) {
    if (yes) return startAgent();
    stopAgent();
    for (const store of STORES) for (const key of [KEY, REST]) quietly(() => store().removeItem(key));
  },
};

/** Plain members only, bounded and scrubbed. */
function bounded(props: unknown): Record<string, any> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(Object(props) as object).slice(0, 32)) {
    if (!name) continue;
    if (typeof value === "string") kept[name.slice(0, 64)] = scrubText(value, 1024);
    else if (typeof value === "boolean" || Number.isFinite(value)) kept[name.slice(0, 64)] = value;
  }
  return kept;
}

/** Starts the agent, once a page; never throws. `script` is the address that a relative endpoint starts from. */
export function start(given: Settings, script = ""): Seismo {
  quietly(() => {
    if (isConfigured || !configure(given, script)) return;
    isConfigured = true;
    if (!(settings.rate > 0)) return tell("rate");
    setUser(settings.user);
    const { consent } = settings;
    const { globalPrivacyControl, doNotTrack } = navigator as Navigator & { globalPrivacyControl?: boolean };
    if (consent === "ask" || (consent === "gpc" && (globalPrivacyControl || doNotTrack === "1"))) return;
    const begin = (): void => void quietly(startAgent);
    /* A page that is rendered ahead may never be seen. */
    if ((document as { prerendering?: boolean }).prerendering) document.addEventListener("prerenderingchange", begin, { once: true });
    else begin();
  });
  return seismo;
}

export function seismo(command: string, ...rest: unknown[]): void {
  quietly(() => isConfigured && COMMANDS[command]!(...rest));
}
