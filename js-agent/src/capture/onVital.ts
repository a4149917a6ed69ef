// Web vitals: LCP, INP, CLS, FCP, TTFB. The last values come when the page is hidden. Each goes to the page on which it happened, which
// after a route change is not the present one.

import type { VitalEvent } from "../wire";
import type { Scene } from "../scene";
import { at, round } from "../lib/clock";
import { quietly } from "../lib/guard";
import { selectorOf } from "../lib/selector";
import { openVitals } from "../lib/vitals";

type Entry = PerformanceEntry & { target?: Node | null; element?: Node | null; sources?: { node?: Node | null }[] };

/* Up to which a vital is good, and from which it is poor. */
const RATINGS: Record<VitalEvent["name"], [good: number, poor: number]> = { LCP: [2500, 4000], INP: [200, 500], CLS: [0.1, 0.25], FCP: [1800, 3000], TTFB: [800, 1800] };

export function onVital(scene: Scene): void {
  openVitals(scene, ({ name, value, metric, navigation, origin, entry }) => {
    const [good, poor] = RATINGS[name];
    const time = entry?.startTime ?? origin;
    scene.report(
      {
        kind: "vital",
        at: at(time),
        name,
        value: name === "CLS" ? Math.round(value * 10000) / 10000 : round(value),
        rating: value > poor ? "poor" : value > good ? "needs-improvement" : "good",
        metric,
        navigation,
        target: targetOf(entry),
      },
      { view: scene.place.viewAt(time) },
    );
  });
}

function targetOf(entry: Entry | undefined): string | undefined {
  const node = entry?.target ?? entry?.element ?? entry?.sources?.find((source) => source.node)?.node;
  const element = node instanceof Element ? node : node?.parentElement;
  return element ? quietly(() => selectorOf(element)) : undefined;
}
