// The agent as a module: `start(settings)` once, then the function that it returns, which is also window.seismo:
//
//   seismo("user", id)            who uses the page from now on; no id: nobody that is known
//   seismo("error", error)        an error that the page has caught
//   seismo("event", name, props)  an event of the page's own kind
//   seismo("flush")               send what waits now
//   seismo("stop")                end all capture and forget what waits

import { newAgent, type Agent } from "./agent";
import { reportError } from "./capture/onError";
import { readConfig, text, type Settings } from "./config";
import { now } from "./lib/clock";
import { quietly } from "./lib/guard";
import { scrubText } from "./lib/scrub";
import { tell } from "./lib/tell";

export type Seismo = (command: string, ...rest: unknown[]) => void;
export type { Settings };

const RESERVED = /^(?:kind|at|page|view)$/;
const KNOWN = /^(?:page|route|api|click|error|vital)$/;

let running: Agent | undefined;

/** Starts the agent, once a page; never throws. `script` is the address that a relative endpoint starts from. */
export function start(settings: Settings, script = ""): Seismo {
  quietly(() => {
    const config = readConfig(settings, script);
    if (running || !config) return;
    if (!config.rate) return tell(config.script, "rate");
    const begin = (): void => void quietly(() => (running ??= newAgent(config)));
    /* A page that is rendered ahead may never be seen. */
    if ((document as { prerendering?: boolean }).prerendering) document.addEventListener("prerenderingchange", begin, { once: true });
    else begin();
  });
  return seismo;
}

export function seismo(command: string, ...rest: unknown[]): void {
  quietly(() => {
    const agent = running;
    if (!agent) return;
    if (command === "user") agent.setUser(text(rest[0], 128));
    else if (command === "error") reportError(agent.scene, "manual", rest[0]);
    else if (command === "event") reportEvent(agent, rest[0], rest[1]);
    else if (command === "flush") agent.flush();
    else if (command === "stop") agent.stop();
  });
}

/** Plain members only, bounded and scrubbed. A name that the wire already uses becomes the kind "custom". */
function reportEvent(agent: Agent, name: unknown, props: unknown): void {
  const kind = scrubText(String(name ?? ""), 32) || "custom";
  const event: Record<string, unknown> & { kind: string; at: number } = { kind: KNOWN.test(kind) ? "custom" : kind, at: now() };
  if (event.kind !== kind) event.name = kind;
  for (const [member, value] of Object.entries(Object(props) as object).slice(0, 32)) {
    if (RESERVED.test(member)) continue;
    if (typeof value === "string") event[member.slice(0, 64)] = scrubText(value, 1024);
    else if (typeof value === "boolean" || Number.isFinite(value)) event[member.slice(0, 64)] = value;
  }
  agent.scene.report(event);
}
