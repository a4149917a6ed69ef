// Web vitals, as Google's library defines them: LCP, INP, CLS, FCP, TTFB. The last values come when the page is
// hidden. Each goes to the page on which it happened, which after a route change is not the present one.

import { onCLS, onFCP, onINP, onLCP, onTTFB, type Metric } from "web-vitals";
import type { Scene } from "../scene";
import { at, round } from "../lib/clock";
import { guard, quietly } from "../lib/guard";
import { selectorOf } from "../lib/selector";

type Entry = PerformanceEntry & { target?: Node | null; element?: Node | null; sources?: { node?: Node | null }[] };

export function onVital(scene: Scene): () => void {
  let active = true;
  const tell = guard((metric: Metric) => {
    if (!active) return;
    const entries = metric.entries as Entry[];
    const entry = metric.name === "LCP" ? entries[entries.length - 1] : entries[0];
    const time = entry?.startTime ?? metric.navigationStartTime ?? 0;
    scene.report(
      {
        kind: "vital",
        at: at(time),
        name: metric.name,
        value: metric.name === "CLS" ? Math.round(metric.value * 10000) / 10000 : round(metric.value),
        rating: metric.rating,
        metric: metric.id,
        navigation: metric.navigationType,
        target: targetOf(entry),
      },
      { view: scene.place.viewAt(time) },
    );
  });
  for (const observe of [onLCP, onINP, onCLS, onFCP, onTTFB]) quietly(() => observe(tell));
  return () => {
    active = false;
  };
}

function targetOf(entry: Entry | undefined): string | undefined {
  const node = entry?.target ?? entry?.element ?? entry?.sources?.find((source) => source.node)?.node;
  const element = node instanceof Element ? node : node?.parentElement;
  return element ? quietly(() => selectorOf(element)) : undefined;
}
