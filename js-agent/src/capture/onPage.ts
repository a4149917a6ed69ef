// Page loads with their phases. A visitor who leaves before the load event is reported too, without duration; a page
// that comes back from the back/forward cache is a load of its own, named "restore".

import type { PageEvent } from "../wire";
import { onFlush, report } from "../scene";
import { navigationEntry, phasesOf, span, type Navigation } from "../lib/clock";
import { afterLoad, listen } from "../lib/guard";
import { enterView, titleNow, viewAt, viewNow, type View } from "../lib/place";
import { scrubUrl } from "../lib/scrub";

export function onPage(): void {
  const tell = (leaving = true): void => {
    const first = viewAt(0);
    if (first.isTold || !leaving) return;
    viewNow();
    tellLoad(first);
    first.isTold = true;
  };

  /* loadEventEnd is known only after the load event. */
  afterLoad(tell);
  onFlush(tell);
  listen<PageTransitionEvent>(window, "pageshow", ({ persisted }) => persisted && report("page", undefined, { navigation: "restore", ...addresses() }, enterView(), true));
}

function addresses(): Pick<PageEvent, "url" | "title" | "referrer"> {
  const { referrer, baseURI } = document;
  return { url: scrubUrl(location.href, baseURI), title: titleNow(), referrer: referrer ? scrubUrl(referrer, baseURI) : undefined };
}

function tellLoad(view: View): void {
  const entry = navigationEntry() ?? ({} as Navigation);
  const { activationStart: start = 0, domContentLoadedEventEnd: ready, loadEventEnd: loaded } = entry;
  report("page", start, {
    ...addresses(),
    navigation: start ? "prerender" : entry.type,
    ...phasesOf(entry),
    dom: span(entry.responseEnd, ready),
    load: span(ready, loaded),
    duration: span(start, loaded),
  }, view, true);
}
