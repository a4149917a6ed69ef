// Why nothing is sent, told by an image: a page that may not post may still ask for one. Once a reason; the browser keeps the answer for an
// hour. docs/troubleshooting.md says what comes of it.

import { settings } from "../config";

const told: Record<string, unknown> = {};

/** Tells the agent's own file, if it has one: a page that has bundled it tells nothing. */
export function tell(why: "csp" | "net" | "rate"): void {
  if (settings.script) told[why] ||= new Image().src = `${settings.script}?why=${why}`;
}
