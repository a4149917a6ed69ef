// The browser as the sender sees it. Beacons go as text/plain with the key in the query, without credentials and
// without headers of our own, so that no browser asks with a preflight first; packed, which the collector sees by the first bytes,
// unless the page is being left.

import type { Beacon } from "../wire";
import { settings } from "../config";
import { quietly } from "../lib/guard";
import { jsonOf } from "../lib/json";
import { REST } from "../lib/session";
import { tell } from "../lib/tell";
import type { Outside } from "./sender";

/* Less is not worth the packing. */
const PACKED_CHARACTERS = 1000;

/** What the collector answers: the share of sessions to keep, an end, the seconds until the next beacon. */
export type Orders = { rate?: number; stop?: boolean; wait?: number };

export function newOutside(lost: (events: number) => void, obey: (orders: Orders) => void): Outside {
  const url = new URL(settings.endpoint);
  url.searchParams.set("k", settings.key);
  /* The native functions of this moment, taken before the agent wraps them. */
  const { fetch } = window;
  const beacon = navigator.sendBeacon;
  /* The page's address may hold what we scrub elsewhere: no path in the referrer. */
  const ask = (body: string | ArrayBuffer, keepalive: boolean): Promise<Response | void> =>
    fetch.call(window, url.href, { method: "POST", body, keepalive, headers: { "content-type": "text/plain" }, credentials: "omit", referrerPolicy: "origin" }).catch(() => tell("net"));
  /* Where there is no sendBeacon, or a page has broken it, a request that outlives the page. */
  const hand = (body: string): boolean | undefined => quietly(() => beacon.call(navigator, url.href, body)) ?? !!quietly(() => ask(body, true));

  return {
    async post(text, keepalive, begin) {
      let body: string | ArrayBuffer = text;
      if (window.CompressionStream && text.length > PACKED_CHARACTERS) {
        body = await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer();
      }
      /* Some page took fetch away: its answers are not to be had then. */
      if (!begin() || (!fetch && hand(text))) return { status: 202 };
      const answer = (await ask(body, keepalive)) as Response;
      const { status } = answer;
      const orders: Orders = { ...(status === 202 && (await answer.json().catch(() => null))) };
      obey(orders);
      return { status, pause: (+answer.headers.get("retry-after")! || orders.wait!) * 1000 };
    },
    hand,
    keep(beacons) {
      quietly(() => sessionStorage.setItem(REST, jsonOf(beacons)));
    },
    lost,
  };
}

/** What a page before this one has left. */
export function takeRest(): Beacon[] {
  return quietly(() => {
    const rest = JSON.parse(sessionStorage.getItem(REST)!) as Beacon[];
    sessionStorage.removeItem(REST);
    return rest;
  }) ?? [];
}
