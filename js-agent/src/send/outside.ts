// The browser as the sender sees it. Beacons go as text/plain with the key in the query, without credentials and
// without headers of our own, so that no browser asks with a preflight first.

import type { Config } from "../config";
import { tell } from "../lib/tell";
import type { Outside } from "./sender";

export function newOutside(config: Config, lost: (events: number) => void): Outside {
  const url = new URL(config.endpoint);
  url.searchParams.set("k", config.key);
  /* The native functions of this moment, taken before the agent wraps them. */
  const nativeFetch = window.fetch;
  const nativeHand = navigator.sendBeacon;

  return {
    post: (body, keepalive) => post(body, keepalive).catch(() => (tell(config.script, "net"), { status: 0 })),
    hand,
    now: Date.now,
    random: Math.random,
    later(work, ms) {
      const timer = setTimeout(work, ms);
      return () => clearTimeout(timer);
    },
    lost,
  };

  function hand(body: string): boolean {
    return !!nativeHand && nativeHand.call(navigator, url.href, body);
  }

  async function post(body: string, keepalive: boolean) {
    /* Some page took fetch away: its answers are not to be had then. */
    if (!nativeFetch) return { status: hand(body) ? 202 : 0 };
    const { status, headers } = await nativeFetch.call(window, url.href, {
      method: "POST",
      body,
      keepalive,
      credentials: "omit",
      cache: "no-store",
      /* The page's address may hold what we scrub elsewhere. */
      referrerPolicy: "origin",
    });
    return { status, retryAfter: headers.get("retry-after") };
  }
}
