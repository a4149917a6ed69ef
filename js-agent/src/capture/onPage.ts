// Page loads with their phases. A visitor who leaves before the load event is reported too, without duration; a page
// that comes back from the back/forward cache is a load of its own, named "restore".

import type { PageEvent } from "../wire";
import { onFlush, report } from "../scene";
import { at, navigationEntry, phasesOf, span, type Navigation } from "../lib/clock";
import { afterLoad, listen } from "../lib/guard";
import { enterView, titleNow, viewAt, viewNow } from "../lib/place";
import { scrubUrl } from "../lib/scrub";

export function onPage(): void {
  let told = false;
  const tell = (leaving = true): void => {
    if (told || !leaving) return;
    told = true;
    viewNow();
    const first = viewAt(0);
    report(loadEvent(), first, true);
    first.isTold = true;
  };

  /* loadEventEnd is known only after the load event. */
  afterLoad(tell);
  onFlush(tell);
  listen<PageTransitionEvent>(window, "pageshow", ({ persisted }) => persisted && report({ kind: "page", at: at(), navigation: "restore", ...addresses() }, enterView(), true));
}

function addresses(): Pick<PageEvent, "url" | "title" | "referrer"> {
  const { referrer, baseURI } = document;
  return { url: scrubUrl(location.href, baseURI), title: titleNow(), referrer: referrer ? scrubUrl(referrer, baseURI) : undefined };
}

function loadEvent(): PageEvent {
  const entry = navigationEntry() ?? ({} as Navigation);
  const { activationStart: start = 0, domContentLoadedEventEnd: ready, loadEventEnd: loaded } = entry;
  return {
    kind: "page",
    at: at(start),
    ...addresses(),
    navigation: start ? "prerender" : entry.type,
    ...phasesOf(entry),
    dom: ready ? span(entry.responseEnd, ready) : undefined,
    load: loaded ? span(ready, loaded) : undefined,
    duration: loaded ? span(start, loaded) : undefined,
  };
}
