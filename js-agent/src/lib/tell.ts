// Why nothing is sent, told by an image: a page that may not post may still ask for one. Once a reason; the browser keeps the answer for an
// hour. docs/troubleshooting.md says what comes of it.

const told: Record<string, unknown> = {};

/** `script` is the agent's own file; "" when the page has bundled it, and nothing is told. */
export function tell(script: string, why: "csp" | "net" | "rate"): void {
  if (script) told[why] ||= new Image().src = `${script}?why=${why}`;
}
