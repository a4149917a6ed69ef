// A chart in one sentence, for those who do not see it: what it shows, when, its last and highest value, and where it goes.
import { mark, t } from "../i18n/i18n";
import { dateTime } from "./format";
import type { ChartData } from "./chart";

const LEAST_STEPS = 6, NOTABLE = 0.15;

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/* The last third against the first; fewer steps say nothing. */
export function trend(values: number[]): "rising" | "falling" | "steady" | undefined {
  if (values.length < LEAST_STEPS) return undefined;
  const third = Math.floor(values.length / 3), first = mean(values.slice(0, third)), last = mean(values.slice(-third));
  if (Math.abs(last - first) <= NOTABLE * Math.max(first, last)) return "steady";
  return last > first ? "rising" : "falling";
}

const TREND_WORDS = { rising: mark("rising"), falling: mark("falling"), steady: mark("about the same all along") };

/* Of the line that the chart is about; words: how a value of the chart is written. */
export function summary(data: ChartData, words: (value: number) => string): string {
  const main = data.lines.find(({ fill }) => fill) ?? data.lines[0];
  const steps = main.values.map((value, i) => ({ value, at: data.times[i] })).filter((step): step is { value: number; at: number } => step.value !== null && step.value !== undefined);
  const of = { label: data.label, name: main.name, from: dateTime(data.from), to: dateTime(data.to) };
  if (!steps.some(({ value }) => value > 0)) return t("{label}. {from} to {to}: nothing measured", of);
  const highest = steps.reduce((most, step) => (step.value > most.value ? step : most)), way = trend(steps.map(({ value }) => value));
  const said = t("{label}. {from} to {to}: {name} {last} at last, {highest} at most, at {at}", { ...of, last: words(steps[steps.length - 1].value), highest: words(highest.value), at: dateTime(highest.at) });
  return way ? `${said}; ${t(TREND_WORDS[way])}` : said;
}
