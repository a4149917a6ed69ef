// Client-side routes: pushState, replaceState, back, forward and fragments that are routes. A new path is a new view;
// a change of the query or of a plain fragment is not.
// The duration runs until the page is quiet: no call in flight, and no change of the document for 100 ms. Where no
// work is seen, or the page does not come to rest within 5 s, or the visitor goes on, it is absent.

import type { Scene } from "../scene";
import type { View } from "../lib/place";
import { now, span } from "../lib/clock";
import { guard, listen, quietly } from "../lib/guard";
import { addressOf, titleNow } from "../lib/place";
import { wrap } from "../lib/wrap";

const QUIET_MS = 100;
const LONGEST_MS = 5000;

export function onRoute(scene: Scene): void {
  let path = pathNow();
  let tell: ((quiet: boolean) => void) | undefined;

  const changed = guard(() => {
    if (pathNow() === path) return;
    path = pathNow();
    const from = scene.place.view().page;
    const view = scene.place.enter();
    /* After entering: the route before keeps the page that it was on. */
    tell?.(false);
    tell = watch(scene, from, view);
  });

  for (const name of ["pushState", "replaceState"]) wrap(history, name, () => changed);
  for (const name of ["popstate", "hashchange"]) listen(window, name, changed);
  scene.onFlush((leaving) => leaving && tell?.(false));
}

/** Reports the route once: when the page is quiet, or as soon as the returned function is called. */
function watch(scene: Scene, from: string, view: View): (quiet: boolean) => void {
  const began = now();
  const url = addressOf(location.href);
  const start = performance.now();
  let told = false;
  scene.busy.last = 0;

  const mutations = quietly(() => {
    const one = new MutationObserver(() => (scene.busy.last = performance.now()));
    one.observe(document, { childList: true, subtree: true, characterData: true });
    return one;
  });

  const tell = guard((quiet: boolean) => {
    if (told) return;
    told = true;
    clearInterval(timer);
    mutations?.disconnect();
    const { last } = scene.busy;
    const duration = quiet && last > start ? span(start, last) : undefined;
    if (scene.place.view() === view) scene.place.page();
    scene.report({ kind: "route", at: began, url, from, title: titleNow(), duration }, { view, isUse: true });
  });
  const timer = setInterval(() => {
    const time = performance.now();
    if (time - start > LONGEST_MS) tell(false);
    else if (!scene.busy.calls && time - Math.max(start, scene.busy.last) >= QUIET_MS) tell(true);
  }, QUIET_MS / 2);
  return tell;
}

/* The name on <body> is left out: it follows the address, and would tell the same change twice. */
function pathNow(): string {
  return location.pathname + (/^#!?\//.test(location.hash) ? location.hash.split("?")[0] : "");
}
