// Web vitals as Google's library web-vitals 6.2 defines them, beside which a test holds these, each with what lies behind it. The library
// takes 2.9 kB without and 5.3 kB with that. The cases that are easy to miss:
//
//   hidden      what was painted after the page was first hidden does not count; the last values are told when it is
//   prerender   times count from the activation; the agent itself starts with it
//   bfcache     a page that comes back begins all vitals anew; its paint is timed by two frames
//   routes      CLS and INP begin anew with each view; LCP where the browser tells of soft navigations
//   LCP         ends with the first key or click of a person
//   CLS         the worst session of shifts: at most 1 s apart, 5 s in all; only on pages that have painted
//   INP         the worst interaction, without the worst of each fifty

import type { VitalEvent } from "../wire";
import { hooks, onFlush, report } from "../scene";
import { navigationEntry, now, span, type Navigation } from "../lib/clock";
import { elementOf } from "../lib/dom";
import { afterLoad, guard, later, listen, observe, quietly } from "../lib/guard";
import { newId } from "../lib/id";
import { addressOf, viewAt } from "../lib/place";
import { selectorOf } from "../lib/selector";

type Name = VitalEvent["name"];

/** As on the wire, but with its time on the performance timeline. */
type Vital = Partial<VitalEvent> & { name: Name; value: number; time: number; told?: number; end?: number; [more: string]: unknown };

type Paint = PerformanceEntry & { element?: Element | null; url?: string; renderTime: number };
type Shift = PerformanceEntry & { value: number; hadRecentInput: boolean; sources: { node?: Node | null }[] };
type Interaction = PerformanceEventTiming & { interactionId?: number; target: Node | null };
type Script = { sourceURL: string; invoker: string; duration: number };
type Frame = PerformanceEntry & { scripts: Script[] };
type SoftPaint = PerformanceEntry & { interactionId?: number; largestContentfulPaint?: Paint };
type SoftNavigation = PerformanceEntry & { interactionId?: number; getLargestInteractionContentfulPaint?: () => SoftPaint | null };

export function onVital(): void {
  const load = soundNavigation();
  const activated = load?.activationStart ?? 0;
  let navigation = activated ? "prerender" : (document as { wasDiscarded?: boolean }).wasDiscarded ? "restore" : load?.type.replace("_", "-") ?? "navigate";
  let time = 0;
  let hidden = performance.getEntriesByType("visibility-state").find((one) => one.name === "hidden" && one.startTime >= activated)?.startTime ?? hiddenNow();

  const fresh = (name: Name, value = -1): Vital => ({ name, value, metric: newId(), navigation, time });
  let lcp: Vital;
  let fcp: Vital;
  let cls: Vital;
  let inp: Vital;
  let shifts: (() => void) | undefined;

  /* Tells it, and again when it has grown. */
  function tell(vital: Vital): void {
    const { told, time: since, end: _, ...rest } = vital;
    if (rest.value < 0 || rest.value === told) return;
    vital.told = rest.value;
    report("vital", since, rest, viewAt(since));
  }

  /* LCP and FCP: paints. LCP waits for the page, for its resource, for the resource's bytes, and for the screen. */

  function largestPaint(entry: Paint | undefined): void {
    if (!entry || entry.startTime >= hidden || lcp.told !== undefined) return;
    const { startTime, url, element } = entry;
    const resource = url ? (performance.getEntriesByName(url)[0] as PerformanceResourceTiming | undefined) : undefined;
    const value = span(activated, startTime);
    /* Each not before the one before, and none after the paint; what has no resource, or one whose times the browser hides, has waited for none. */
    const until = (least: number, moment?: number): number => Math.max(least, Math.min(value, moment! - activated || 0));
    const ttfb = until(0, load?.responseStart);
    const asked = until(ttfb, resource?.requestStart || resource?.startTime);
    const came = until(asked, resource?.responseEnd);
    Object.assign(lcp, {
      value, time: startTime, target: selectorFor(element), resource: url ? addressOf(url) : undefined,
      ttfb, load_delay: asked - ttfb, load_time: came - asked, render_delay: value - came,
    });
  }

  function painted(): void {
    tell(fcp);
    if (fcp.told !== undefined) shifts ??= observe("layout-shift", shift);
  }

  const paints = observe("paint", (entries) => {
    const first = entries.find((one) => one.name === "first-contentful-paint");
    if (first && first.startTime < hidden) fcp.value = span(activated, (fcp.time = first.startTime));
    painted();
  });
  const largest = observe("largest-contentful-paint", (entries) => largestPaint(entries.pop() as Paint));
  const endLcp = guard(() => {
    largest?.();
    tell(lcp);
  });

  /* LCP of a route, which the browser joins to the click that led to it. */

  let soft: number | undefined;
  const softPaint = (entry: SoftPaint | null | undefined): void => {
    const paint = entry?.largestContentfulPaint;
    if (paint && entry.interactionId === soft && paint.renderTime < hidden) Object.assign(lcp, { value: span(entry.startTime, paint.renderTime), target: selectorFor(paint.element) });
  };
  observe("soft-navigation", (entries) => entries.forEach((entry) => {
    const one = entry as SoftNavigation;
    endLcp();
    soft = one.interactionId;
    lcp = { ...fresh("LCP"), navigation: "soft-navigation", time: one.startTime + one.duration };
    softPaint(one.getLargestInteractionContentfulPaint?.());
  }));
  observe("interaction-contentful-paint", (entries) => entries.forEach(softPaint));

  /* CLS: the sum of a session, as long as the session lasts; told is its largest shift. */

  let sum: number;
  let since: number;
  let last: number;
  let worst: number;

  function shift(entries: PerformanceEntry[]): void {
    for (const { startTime, value, hadRecentInput, sources } of entries as Shift[]) {
      if (hadRecentInput) continue;
      if (!sum || startTime - last >= 1000 || startTime - since >= 5000) {
        sum = worst = 0;
        since = startTime;
      }
      sum += value;
      last = startTime;
      if (value > worst) {
        worst = value;
        place = { time: startTime, target: selectorFor(sources.find((source) => source.node)?.node), shift: value };
      }
      if (sum > cls.value) Object.assign(cls, place, { value: sum });
    }
  }
  let place: object;

  /* INP: the longest entry of each of the longest interactions, longest first, and the long frames in which they may have been. */

  let longest: Map<number, Vital>;
  let countBefore: number;
  let count = 0;
  let frames: Frame[] = [];

  const countNow = (): number => (performance as { interactionCount?: number }).interactionCount ?? count;

  function interact(entries: PerformanceEntry[]): void {
    for (const { interactionId: id, duration, startTime, processingStart, processingEnd, name, target } of entries as Interaction[]) {
      const same = longest.get(id!);
      if (!id || (same && same.value >= duration)) continue;
      if (!same) count++;
      longest.set(id, {
        ...inp, value: duration, time: startTime, end: processingEnd, interaction: name, target: same?.target ?? selectorFor(target),
        input_delay: span(startTime, processingStart), processing: span(processingStart, processingEnd), presentation: span(processingEnd, startTime + duration),
      });
      longest = new Map([...longest].sort((a, b) => b[1].value - a[1].value).slice(0, 10));
    }
  }

  function endInp(): void {
    const times = countNow() - countBefore;
    const worst = [...longest.values()][Math.min(longest.size - 1, Math.floor(times / 50))];
    if (worst) {
      const script = frames.filter((one) => one.startTime < worst.end! && one.startTime + one.duration > worst.time).flatMap((one) => one.scripts).sort((a, b) => b.duration - a.duration)[0];
      Object.assign(inp, worst, { told: inp.told }, script && { script: addressOf(script.sourceURL), invoker: script.invoker.slice(0, 128) });
    }
    tell(inp);
  }

  const interactions = ["event", "first-input"].map((type) => observe(type, interact, "interactionCount" in performance ? 40 : 0));
  observe("long-animation-frame", (entries) => (frames = frames.concat(entries as Frame[]).slice(-20)));

  /* What begins and ends them. */

  function begin(): void {
    sum = 0;
    longest = new Map();
    countBefore = countNow();
    cls = fresh("CLS", 0);
    inp = fresh("INP");
  }

  function endView(): void {
    if (shifts) {
      shifts();
      tell(cls);
    }
    interactions.forEach((one) => one?.());
    endInp();
  }

  function beginLoad(): void {
    begin();
    lcp = fresh("LCP");
    fcp = fresh("FCP");
  }

  beginLoad();
  countBefore = 0;

  afterLoad(() => {
    const entry = soundNavigation();
    if (entry) tell(fresh("TTFB", span(activated, entry.responseStart)));
  });
  onFlush((leaving) => {
    if (!leaving) return;
    hidden = Math.min(hidden, now());
    endLcp();
    endView();
  });
  hooks.leaveView = () => {
    endView();
    navigation = "soft-navigation";
    time = now();
    begin();
  };
  listen(window, "keydown click", ({ isTrusted }) => isTrusted && lcp.told === undefined && later(endLcp), true);
  listen<PageTransitionEvent>(window, "pageshow", ({ persisted, timeStamp }) => {
    if (!persisted) return;
    navigation = "back-forward-cache";
    time = timeStamp;
    later(() => (hidden = hiddenNow()));
    beginLoad();
    if (load) tell(fresh("TTFB", 0));
    const frame = guard(() => {
      const value = now() - timeStamp;
      if (largest) lcp.value = value;
      if (paints) fcp.value = value;
      tell(lcp);
      painted();
    });
    requestAnimationFrame(() => requestAnimationFrame(frame));
  }, true);
}

/** The load, unless the browser hides its times or tells nonsense. */
function soundNavigation(): Navigation | undefined {
  const entry = navigationEntry();
  return entry && entry.responseStart > 0 && entry.responseStart < now() ? entry : undefined;
}

/** A page that is hidden when the agent starts counts as always hidden. */
function hiddenNow(): number {
  return document.hidden ? 0 : Infinity;
}

function selectorFor(node: unknown): string | undefined {
  const element = elementOf(node);
  return element ? quietly(() => selectorOf(element)) : undefined;
}
