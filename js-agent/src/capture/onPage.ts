// Page loads with their phases. A visitor who leaves before the load event is reported too, without duration; a page
// that comes back from the back/forward cache is a load of its own, named "restore".

import type { PageEvent } from "../wire";
import type { Scene } from "../scene";
import { at, now, span } from "../lib/clock";
import { afterLoad, listen } from "../lib/guard";
import { titleNow } from "../lib/place";
import { scrubUrl } from "../lib/scrub";

type Entry = PerformanceNavigationTiming & { activationStart?: number };

export function onPage(scene: Scene): void {
  let told = false;
  const tell = (leaving = true): void => {
    if (told || !leaving) return;
    told = true;
    scene.report(loadEvent(), { view: scene.place.viewAt(0), isUse: true });
  };

  /* loadEventEnd is known only after the load event. */
  afterLoad(tell);
  scene.onFlush(tell);
  listen<PageTransitionEvent>(window, "pageshow", ({ persisted }) => {
    if (!persisted) return;
    scene.place.enter();
    scene.report({ kind: "page", at: now(), navigation: "restore", ...addresses() }, { isUse: true });
  });
}

function addresses(): Pick<PageEvent, "url" | "title" | "referrer"> {
  const referrer = document.referrer;
  return {
    url: scrubUrl(location.href, document.baseURI),
    title: titleNow(),
    referrer: referrer ? scrubUrl(referrer, document.baseURI) : undefined,
  };
}

function loadEvent(): PageEvent {
  const entry = performance.getEntriesByType?.("navigation")[0] as Entry | undefined;
  const start = entry?.activationStart ?? 0;
  const event: PageEvent = { kind: "page", at: at(start), ...addresses() };
  if (!entry) return event;
  event.navigation = start > 0 ? "prerender" : entry.type;
  event.redirect = span(entry.redirectStart, entry.redirectEnd);
  event.dns = span(entry.domainLookupStart, entry.domainLookupEnd);
  event.connect = span(entry.connectStart, entry.connectEnd);
  if (entry.responseStart) event.request = span(entry.requestStart, entry.responseStart);
  if (entry.responseEnd) event.response = span(entry.responseStart, entry.responseEnd);
  if (entry.domContentLoadedEventEnd) event.dom = span(entry.responseEnd, entry.domContentLoadedEventEnd);
  if (entry.loadEventEnd) {
    event.load = span(entry.domContentLoadedEventEnd, entry.loadEventEnd);
    event.duration = span(start, entry.loadEventEnd);
  }
  if (entry.transferSize) event.bytes = entry.transferSize;
  return event;
}
