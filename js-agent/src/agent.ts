// One running agent: signals -> report -> queue -> sender. All state of the agent hangs here.

import type { Beacon, BeaconEvent } from "./wire";
import type { Config } from "./config";
import type { Scene } from "./scene";
import { onApi } from "./capture/onApi";
import { onClick } from "./capture/onClick";
import { onError } from "./capture/onError";
import { onPage } from "./capture/onPage";
import { onRoute } from "./capture/onRoute";
import { onVital } from "./capture/onVital";
import { endAll, guard, listen, quietly } from "./lib/guard";
import { shareOf } from "./lib/id";
import { openPlace } from "./lib/place";
import { openSession } from "./lib/session";
import { tell } from "./lib/tell";
import { newOutside } from "./send/outside";
import { newQueue } from "./send/queue";
import { newSender } from "./send/sender";

declare const AGENT_VERSION: string;

export interface Agent {
  scene: Scene;
  setUser(id: string | undefined): void;
  flush(): void;
  /** Ends all signals, takes back all wrappers and forgets what was not sent. */
  stop(): void;
}

export function newAgent(config: Config): Agent {
  const queue = newQueue();
  const session = openSession([() => localStorage, () => sessionStorage], Date.now);
  const sender = newSender(newOutside(config, queue.lose));
  const place = openPlace();
  const works: ((leaving: boolean) => void)[] = [];
  const ours = config.endpoint.split(/[?#]/)[0]!;
  const { service, version, environment, rate } = config;
  const envelope: Omit<Beacon, "id" | "session" | "sent" | "events"> = { service, version, environment, rate, agent: { name: "seismo-js", version: AGENT_VERSION } };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let active = true;

  function takeAll(): Beacon[] {
    clearTimeout(timer);
    timer = undefined;
    const beacons = [];
    for (let beacon = queue.take(envelope); beacon; beacon = queue.take(envelope)) beacons.push(beacon);
    return beacons;
  }

  const ask = (leaving: boolean): void => works.forEach((work) => quietly(() => work(leaving)));
  const flush = guard(() => takeAll().forEach(sender.push));
  const exit = (): void => {
    ask(true);
    sender.exit(takeAll());
  };
  const setUser = (id: string | undefined): void => {
    /* What waits belongs to whom it was captured for. */
    flush();
    envelope.user = id ? { id } : undefined;
  };

  const scene: Scene = {
    place,
    busy: { calls: 0, last: 0 },
    isOurs: (address) => address.startsWith(ours),
    onFlush: (work) => works.push(work),
    began() {},
    failed() {},
    report(event, { view, key, isUse } = {}) {
      if (!active) return;
      const id = session.id(isUse);
      if (shareOf(id) >= rate) return tell(config.script, "rate");
      const page = view ? view.page : place.page();
      queue.add({ ...event, page } as BeaconEvent, id, (view ?? place.view()).id, key);
      if (queue.isFull()) flush();
      else timer ??= setTimeout(flush, config.flush);
    },
  };

  setUser(config.user);
  for (const signal of [onError, onApi, onRoute, onClick, onPage, onVital]) quietly(() => signal(scene));
  listen(window, "visibilitychange", () => document.visibilityState === "hidden" && exit());
  listen(window, "pagehide", exit);
  listen(window, "online", sender.hurry);
  listen(document, "securitypolicyviolation", (event: SecurityPolicyViolationEvent) => scene.isOurs(event.blockedURI) && tell(config.script, "csp"));

  return {
    scene,
    setUser,
    flush() {
      ask(false);
      flush();
    },
    stop() {
      active = false;
      clearTimeout(timer);
      endAll();
      queue.clear();
      sender.stop();
    },
  };
}
