// Client-side routes: pushState, replaceState, back, forward and fragments that are routes. A new path is a new view;
// a change of the query or of a plain fragment is not. `nameView` is the page's own word for one.
// The duration runs until the page is quiet: no call in flight, and no change of the document for 100 ms. Where no
// work is seen, or the page does not come to rest within 5 s, or the visitor goes on, it is absent.

import { busy, hooks, onFlush, report } from "../scene";
import { now, span } from "../lib/clock";
import { guard, later, listen, mutations, quietly } from "../lib/guard";
import { addressOf, enterView, nameNow, titleNow, viewAt, viewNow, type View } from "../lib/place";
import { wrap } from "../lib/wrap";

const QUIET_MS = 100;
const LONGEST_MS = 5000;

let tell: ((isQuiet?: boolean) => void) | undefined;

export function onRoute(): void {
  let path = pathNow();
  const changed = guard(() => path !== (path = pathNow()) && nameView());
  for (const name of ["pushState", "replaceState"]) wrap(history, name, () => changed);
  listen(window, "popstate hashchange", changed);
  onFlush((leaving) => leaving && tell?.());
}

/** Begins a new view, by the name that the page gives it, if it does. One that has just begun takes the name: routers tell it after the change. */
export function nameView(name?: string): void {
  if (nameNow(name)) return;
  const from = viewAt(Infinity).page;
  hooks.leaveView();
  const view = enterView(undefined, name);
  /* After entering: the route before keeps the page that it was on. */
  tell?.();
  tell = watch(from, view);
}

/** Reports the route once: when the page is quiet, or as soon as the returned function is called. */
function watch(from: string, view: View): (isQuiet?: boolean) => void {
  const url = addressOf(location.href);
  const start = now();
  let isOver = false;
  busy.last = 0;

  const unwatch = quietly(() => mutations([document], () => (busy.last = now())));

  const end = guard((isQuiet?: boolean) => {
    if (isOver) return;
    isOver = true;
    unwatch?.();
    viewNow();
    view.isTold = true;
    report("route", start, { url, from, title: titleNow(), duration: isQuiet && busy.last > start ? span(start, busy.last) : undefined }, view, true);
  });
  const wait = (): unknown => later(() => {
    const time = now();
    if (time - start > LONGEST_MS) end();
    else if (!busy.calls && time - Math.max(start, busy.last) >= QUIET_MS) end(true);
    else wait();
  }, QUIET_MS / 2);
  wait();
  return end;
}

/* The name on <body> is left out: it follows the address, and would tell the same change twice. */
function pathNow(): string {
  const { pathname, hash } = location;
  return pathname + (/^#!?\//.test(hash) ? hash.split("?")[0] : "");
}
