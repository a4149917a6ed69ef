// One running agent: signals -> report -> queue -> sender. All state of the agent hangs here.

import type { BeaconEvent } from "./wire";
import type { Config } from "./config";
import type { Scene } from "./scene";
import { onApi } from "./capture/onApi";
import { onClick } from "./capture/onClick";
import { onError } from "./capture/onError";
import { onPage } from "./capture/onPage";
import { onRoute } from "./capture/onRoute";
import { onVital } from "./capture/onVital";
import { guard, listen, quietly } from "./lib/guard";
import { shareOf } from "./lib/id";
import { openPlace } from "./lib/place";
import { openSession } from "./lib/session";
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
  const session = openSession([() => localStorage, () => sessionStorage], () => Date.now());
  const sender = newSender(newOutside(config, queue.lose));
  const place = openPlace();
  const exits = new Set<() => void>();
  const drains = new Set<() => void>();
  const ours = config.endpoint.split(/[?#]/)[0]!;
  let user = config.user;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let active = true;

  function take() {
    return queue.take({
      service: config.service,
      version: config.version,
      environment: config.environment,
      rate: config.rate,
      user: user ? { id: user } : undefined,
      agent: { name: "seismo-js", version: AGENT_VERSION },
    });
  }

  const flush = guard(() => {
    clearTimeout(timer);
    timer = undefined;
    for (let beacon = take(); beacon; beacon = take()) sender.push(beacon);
  });

  const exit = guard(() => {
    exits.forEach((work) => quietly(work));
    drains.forEach((work) => quietly(work));
    clearTimeout(timer);
    timer = undefined;
    const last = [];
    for (let beacon = take(); beacon; beacon = take()) last.push(beacon);
    sender.exit(last);
  });

  const scene: Scene = {
    place,
    busy: { calls: 0, last: 0 },
    isOurs: (address) => address.startsWith(ours),
    onExit: (work) => enlist(exits, work),
    onFlush: (work) => enlist(drains, work),
    began() {},
    failed() {},
    report(event, { view, key, isUse } = {}) {
      const id = session.id(isUse);
      if (!active || shareOf(id) >= config.rate) return;
      const page = view ? view.page : place.page();
      queue.add({ ...event, page } as BeaconEvent, id, (view ?? place.view()).id, key);
      if (queue.isFull()) flush();
      else if (timer === undefined && !queue.isEmpty()) timer = setTimeout(flush, config.flush);
    },
  };

  const undo = [onError, onApi, onRoute, onClick, onPage, onVital].map((signal) => quietly(() => signal(scene)));
  /* In the bubble phase at window, after the vitals' own listeners, which catch the event on its way down. */
  undo.push(
    listen(window, "visibilitychange", () => document.visibilityState === "hidden" && exit()),
    listen(window, "pagehide", exit),
    listen(window, "online", () => sender.hurry()),
  );

  return {
    scene,
    flush() {
      drains.forEach((work) => quietly(work));
      flush();
    },
    setUser(id) {
      /* What waits belongs to whom it was captured for. */
      flush();
      user = id;
    },
    stop() {
      active = false;
      clearTimeout(timer);
      undo.forEach((one) => one && quietly(one));
      queue.clear();
      sender.stop();
    },
  };
}

function enlist(works: Set<() => void>, work: () => void): () => void {
  works.add(work);
  return () => works.delete(work);
}
