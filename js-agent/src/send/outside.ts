// The browser as the sender sees it. Beacons go as text/plain with the key in the query, without credentials and
// without headers of our own, so that no browser asks with a preflight first.

import type { Config } from "../config";
import type { Outside } from "./sender";

export function newOutside(config: Config, lost: (events: number) => void): Outside {
  const url = new URL(config.endpoint);
  url.searchParams.set("k", config.key);
  /* The native functions of this moment, taken before the agent wraps them. */
  const nativeFetch = window.fetch;
  const nativeHand = navigator.sendBeacon;

  return {
    post: (body, keepalive) => (typeof nativeFetch === "function" ? postByFetch : postByXhr)(url.href, body, keepalive),
    hand: (body) => (nativeHand ? nativeHand.call(navigator, url.href, body) : false),
    now: () => Date.now(),
    random: () => Math.random(),
    later(work, ms) {
      const timer = setTimeout(work, ms);
      return () => clearTimeout(timer);
    },
    lost,
  };

  async function postByFetch(href: string, body: string, keepalive: boolean) {
    const answer = await nativeFetch.call(window, href, {
      method: "POST",
      body,
      keepalive,
      credentials: "omit",
      cache: "no-store",
      /* The page's address may hold what we scrub elsewhere. */
      referrerPolicy: "origin",
    });
    return { status: answer.status, retryAfter: answer.headers.get("retry-after") };
  }
}

function postByXhr(href: string, body: string) {
  return new Promise<{ status: number }>((settle) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", href);
    xhr.onloadend = () => settle({ status: xhr.status });
    xhr.send(body);
  });
}
