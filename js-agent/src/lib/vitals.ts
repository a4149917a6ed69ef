// Web vitals as Google's library web-vitals 6.2 defines them, beside which a test holds these. It takes 2.8 kB and brings soft navigations
// and attribution that are not used here. The cases that are easy to miss:
//
//   hidden      what was painted after the page was first hidden does not count; the last values are told when it is
//   prerender   times count from the activation; the agent itself starts with it
//   bfcache     a page that comes back begins all vitals anew; its paint is timed by two frames
//   LCP         ends with the first key or click of a person
//   CLS         the worst session of shifts: at most 1 s apart, 5 s in all; only on pages that have painted
//   INP         the worst interaction, without the worst of each fifty

import type { VitalEvent } from "../wire";
import type { Scene } from "../scene";
import { afterLoad, guard, listen, observe } from "./guard";
import { newId } from "./id";

export interface Vital {
  name: VitalEvent["name"];
  value: number;
  metric: string;
  navigation: string;
  /** Where in the performance timeline it began, when no entry tells. */
  origin: number;
  entry?: PerformanceEntry;
  told?: number;
}

type Navigation = PerformanceNavigationTiming & { activationStart?: number };
type Shift = PerformanceEntry & { value: number; hadRecentInput: boolean };
type Interaction = PerformanceEntry & { interactionId?: number };

const INTERACTIONS = 10;

/** Measures all five and tells each when it is known, CLS and INP again when they have grown. */
export function openVitals(scene: Scene, tell: (vital: Vital) => void): void {
  const load = navigationEntry();
  const activated = load?.activationStart ?? 0;
  let navigation = activated ? "prerender" : (document as { wasDiscarded?: boolean }).wasDiscarded ? "restore" : load?.type.replace("_", "-") ?? "navigate";
  let origin = 0;
  let hidden = performance.getEntriesByType("visibility-state").find((one) => one.name === "hidden" && one.startTime >= activated)?.startTime ?? hiddenNow();

  const fresh = (name: Vital["name"], value = -1): Vital => ({ name, value, metric: newId(), navigation, origin });
  let lcp: Vital;
  let fcp: Vital;
  let cls: Vital;
  let inp: Vital;
  let shifts: PerformanceObserver | undefined;

  function report(vital: Vital): void {
    if (vital.value < 0 || vital.value === vital.told) return;
    vital.told = vital.value;
    tell(vital);
  }

  /* LCP and FCP: paints. */

  function paint(vital: Vital, entry: PerformanceEntry | undefined): void {
    if (!entry || entry.startTime >= hidden) return;
    vital.value = Math.max(entry.startTime - activated, 0);
    vital.entry = entry;
  }

  function painted(): void {
    report(fcp);
    if (fcp.told !== undefined) shifts ??= observe(["layout-shift"], shift);
  }

  const paints = observe(["paint"], (entries) => {
    paint(fcp, entries.find((one) => one.name === "first-contentful-paint"));
    painted();
  });
  const largest = observe(["largest-contentful-paint"], (entries) => paint(lcp, entries.pop()));
  const endLcp = guard(() => {
    paint(lcp, largest?.takeRecords().pop());
    largest?.disconnect();
    report(lcp);
  });

  /* CLS: the sum of a session, as long as the session lasts. */

  let session: number;
  let first: PerformanceEntry | undefined;
  let last = 0;

  function shift(entries: PerformanceEntry[]): void {
    for (const entry of entries as Shift[]) {
      if (entry.hadRecentInput) continue;
      const { startTime } = entry;
      if (!session || !first || startTime - last >= 1000 || startTime - first.startTime >= 5000) {
        session = 0;
        first = entry;
      }
      session += entry.value;
      last = startTime;
      if (session > cls.value) {
        cls.value = session;
        cls.entry = first;
      }
    }
  }

  /* INP: the longest entry of each of the longest interactions, longest first. */

  let longest: Interaction[];
  let countBefore: number;
  let leastId = Infinity;
  let mostId = 0;

  /* Ids grow by 7 from one interaction to the next, where the browser does not count itself. */
  const countNow = (): number => (performance as { interactionCount?: number }).interactionCount ?? (mostId && (mostId - leastId) / 7 + 1);

  function interact(entries: PerformanceEntry[]): void {
    for (const entry of entries as Interaction[]) {
      const id = entry.interactionId;
      if (!id) continue;
      leastId = Math.min(leastId, id);
      mostId = Math.max(mostId, id);
      const same = longest.findIndex((one) => one.interactionId === id);
      if (same < 0) longest.push(entry);
      else if (entry.duration > longest[same]!.duration) longest[same] = entry;
      longest = longest.sort((a, b) => b.duration - a.duration).slice(0, INTERACTIONS);
    }
  }

  function endInp(): void {
    const count = countNow() - countBefore;
    const entry = longest[Math.min(longest.length - 1, Math.floor(count / 50))];
    if (entry) [inp.value, inp.entry] = [entry.duration, entry];
    /* Of a page's first interaction the browser always tells; of that after a return only when it was slow. */
    else if (count && origin) inp.value = 8;
    report(inp);
  }

  const interactions =
    "interactionId" in (window.PerformanceEventTiming?.prototype ?? {})
      ? observe(["event", "first-input"], interact, "interactionCount" in performance ? 40 : 0)
      : undefined;

  /* What begins and ends them. */

  function begin(interactionsBefore: number): void {
    session = 0;
    longest = [];
    countBefore = interactionsBefore;
    lcp = fresh("LCP");
    fcp = fresh("FCP");
    cls = fresh("CLS", 0);
    inp = fresh("INP");
  }

  begin(0);

  afterLoad(() => {
    const entry = navigationEntry();
    if (entry) report({ ...fresh("TTFB", Math.max(entry.responseStart - activated, 0)), entry });
  });
  scene.onFlush((leaving) => {
    if (!leaving) return;
    hidden = Math.min(hidden, performance.now());
    endLcp();
    if (shifts) {
      shift(shifts.takeRecords());
      report(cls);
    }
    if (interactions) {
      interact(interactions.takeRecords());
      endInp();
    }
  });
  for (const type of ["keydown", "click"]) listen(window, type, ({ isTrusted }) => isTrusted && lcp.told === undefined && setTimeout(endLcp), true);
  listen<PageTransitionEvent>(window, "pageshow", ({ persisted, timeStamp }) => persisted && restore(timeStamp), true);

  function restore(time: number): void {
    navigation = "back-forward-cache";
    origin = time;
    setTimeout(() => (hidden = hiddenNow()));
    begin(countNow());
    if (navigationEntry()) report(fresh("TTFB", 0));
    const frame = guard(() => {
      if (largest) lcp.value = performance.now() - time;
      if (paints) fcp.value = performance.now() - time;
      report(lcp);
      painted();
    });
    requestAnimationFrame(() => requestAnimationFrame(frame));
  }
}

/** The load, unless the browser hides its times or tells nonsense. */
function navigationEntry(): Navigation | undefined {
  const entry = performance.getEntriesByType("navigation")[0] as Navigation | undefined;
  return entry && entry.responseStart > 0 && entry.responseStart < performance.now() ? entry : undefined;
}

/** A page that is hidden when the agent starts counts as always hidden. */
function hiddenNow(): number {
  return document.visibilityState === "hidden" ? 0 : Infinity;
}
