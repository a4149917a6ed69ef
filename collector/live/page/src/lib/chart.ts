// Charts on uPlot. A chart lives in an element marked data-keep and is updated, not rebuilt, so that it does not flicker.
import uPlot from "uplot";
import { decimals, t } from "../i18n/i18n";
import { h, plain } from "./dom";
import { clock, count, dateTime, duration } from "./format";

export interface Line { name: string; color: string; values: (number | null)[]; kind?: "bar" | "line"; width?: number; dash?: number[]; fill?: boolean }
export interface ChartData {
  times: number[]; // ms, start of each step
  step: number;
  from: number; to: number;
  lines: Line[];
  unit: "count" | "ms" | "plain";
  height: number;
  axis: boolean; // whether the times stand below
  mark?: [number, number]; // a stretch of time to shade
  band?: [number, number]; // values that are usual
  label: string; // the same in words
}

interface Holder extends HTMLElement { chart?: uPlot; shape?: string; last?: ChartData }

const holders = new Set<Holder>();

/* Deploys, drawn on every chart. */
export interface Mark { at: number; name: string }
let marks: Mark[] = [];
export function setMarks(list: Mark[]): void {
  if (JSON.stringify(list) === JSON.stringify(marks)) return;
  marks = list;
  for (const holder of holders) holder.chart?.redraw(false);
}

function drawMarks(chart: uPlot): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.strokeStyle = color("--deploy");
  ctx.fillStyle = color("--deploy");
  ctx.lineWidth = devicePixelRatio;
  for (const { at } of marks) {
    const x = Math.round(chart.valToPos(at / 1000, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const size = 4 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x - size, bbox.top);
    ctx.lineTo(x + size, bbox.top);
    ctx.lineTo(x, bbox.top + size * 1.4);
    ctx.fill();
  }
  ctx.restore();
}

let tables = false;
export function asTables(on: boolean): void { tables = on; }
const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => { for (const holder of holders) { holder.shape = ""; if (holder.last) draw(holder, holder.last); } });

function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function value(unit: ChartData["unit"], n: number | null | undefined): string {
  if (n === null || n === undefined) return "–";
  return unit === "count" ? count(Math.round(n)) : unit === "ms" ? duration(n) : decimals(n, n < 0.1 ? 3 : 2);
}

const barPaths = uPlot.paths.bars!({ size: [0.78, 22], align: 1 });
const linePaths = uPlot.paths.linear!();

// The next round figure, so that the scale reads 0, 3 s, 6 s and not 0, 2.52 s, 5.04 s.
function roundUp(high: number): number {
  if (!(high > 0)) return 1;
  const ten = 10 ** Math.floor(Math.log10(high));
  return [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].map((n) => n * ten).find((n) => n >= high * 0.9999)!;
}

function top(data: ChartData): number {
  let high = 0;
  for (const line of data.lines) for (const n of line.values) if (n !== null && n > high) high = n;
  return data.unit === "count" ? Math.max(2, roundUp(high)) : roundUp(high);
}

function shapeOf(data: ChartData): string {
  return JSON.stringify([data.lines.map(({ name, color, kind }) => [name, color, kind]), data.unit, data.axis, data.height]);
}

function tooltip(holder: Holder): { plugin: uPlot.Plugin } {
  const box = document.createElement("div");
  box.className = "chart-tip";
  box.hidden = true;
  const update = (chart: uPlot): void => {
    const at = chart.cursor.idx, data = holder.last;
    if (at === null || at === undefined || !data || (chart.cursor.left ?? -1) < 0) { box.hidden = true; return; }
    const from = data.times[at];
    const rows = [document.createElement("b")];
    rows[0].textContent = data.step >= 60000 ? `${dateTime(from)} – ${clock(from + data.step, false)}` : `${clock(from)} – ${clock(from + data.step)}`;
    for (const line of data.lines) {
      const row = document.createElement("span"), name = document.createElement("i"), number = document.createElement("em");
      name.textContent = line.name;
      name.style.setProperty("--dot", color(line.color));
      number.textContent = value(data.unit, line.values[at]);
      row.append(name, number);
      rows.push(row);
    }
    for (const mark of marks.filter(({ at: moment }) => moment >= from && moment < from + data.step)) {
      const row = document.createElement("span"), name = document.createElement("i"), what = document.createElement("em");
      name.textContent = t("Deploy");
      name.style.setProperty("--dot", color("--deploy"));
      what.textContent = plain(mark.name);
      row.append(name, what);
      rows.push(row);
    }
    box.replaceChildren(...rows);
    box.hidden = false;
    const width = chart.over.clientWidth, left = chart.cursor.left!;
    box.style.left = `${left + 14 + box.offsetWidth > width ? Math.max(0, left - 14 - box.offsetWidth) : left + 14}px`;
  };
  return { plugin: { hooks: { init: (chart) => { chart.over.append(box); }, setCursor: update, setData: update } } };
}

function shade(holder: Holder): uPlot.Plugin {
  return {
    hooks: {
      drawClear: (chart) => {
        const { mark, band } = holder.last ?? {};
        chart.ctx.save();
        if (mark) {
          const left = Math.max(chart.bbox.left, chart.valToPos(mark[0] / 1000, "x", true)), right = Math.min(chart.bbox.left + chart.bbox.width, chart.valToPos(mark[1] / 1000, "x", true));
          chart.ctx.fillStyle = color("--mark");
          chart.ctx.fillRect(left, chart.bbox.top, Math.max(0, right - left), chart.bbox.height);
        }
        if (band) {
          const low = chart.valToPos(band[0], "y", true), high = chart.valToPos(band[1], "y", true);
          chart.ctx.fillStyle = color("--band");
          chart.ctx.fillRect(chart.bbox.left, high, chart.bbox.width, Math.max(2, low - high));
        }
        chart.ctx.restore();
      },
      draw: drawMarks,
    },
  };
}

function axisDuration(ms: number): string {
  if (ms < 10) return `${decimals(ms, 0, 1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : ms < 120000 ? `${decimals(ms / 1000, 0, 2)} s` : duration(ms);
}

function axisTimes(_: uPlot, splits: number[]): string[] {
  const long = splits.length > 1 && splits[splits.length - 1] - splits[0] > 86400;
  return splits.map((s) => (long ? dateTime(s * 1000) : clock(s * 1000, splits.length > 1 && splits[1] - splits[0] < 60)));
}

function options(holder: Holder, data: ChartData): uPlot.Options {
  const muted = color("--muted"), grid = { stroke: color("--line"), width: 1 };
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  return {
    width: Math.max(100, holder.clientWidth),
    height: data.height,
    legend: { show: false },
    padding: [6, 6, data.axis ? 0 : 4, 0],
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false }, sync: { key: "seismo" } },
    scales: {
      x: { time: true, range: () => [holder.last!.from / 1000, holder.last!.to / 1000] },
      y: { range: () => [0, top(holder.last!) * 1.04] },
    },
    axes: [
      { show: data.axis, stroke: muted, font, grid: { show: false }, ticks: { show: false }, size: 22, gap: 4, space: 80, values: axisTimes },
      {
        stroke: muted, font, grid, ticks: { show: false }, size: 52, gap: 6, space: 28,
        splits: (_c, _a, _low, high) => [0, high / 1.04 / 2, high / 1.04],
        values: (_chart, splits) => splits.map((s, i) => (i === 0 ? "0" : i === 1 && data.height < 80 ? "" : data.unit === "ms" ? axisDuration(s) : value(data.unit, s))),
      },
    ],
    series: [
      {},
      ...data.lines.map((line): uPlot.Series => ({
        label: line.name,
        stroke: color(line.color),
        width: line.kind === "bar" ? 0 : line.width ?? 1.75,
        fill: line.kind === "bar" ? color(line.color) : line.fill ? color(`${line.color}-soft`) : undefined,
        paths: line.kind === "bar" ? barPaths : linePaths,
        points: { show: line.kind === "bar" ? false : undefined, size: 4 },
        dash: line.dash,
        spanGaps: line.kind !== "bar",
      })),
    ],
    plugins: [tooltip(holder).plugin, shade(holder)],
  };
}

function deployed(data: ChartData, i: number): string {
  return marks.filter(({ at }) => at >= data.times[i] && at < data.times[i] + data.step).map(({ name }) => t("deploy {name}", { name })).join(", ");
}

/* The same figures for those who read rather than look; steps in which nothing was are left out. */
function table(data: ChartData): HTMLElement {
  const { lines } = data;
  const filled = data.times.map((_, i) => i).filter((i) => lines.some((line) => line.values[i]) || deployed(data, i)).reverse();
  const when = (i: number): string => (data.step >= 60000 ? dateTime(data.times[i]) : clock(data.times[i]));
  return h("div", { class: "scroll chart-table", tabindex: "0", role: "region", "aria-label": data.label }, h("table", null, h("caption", { class: "unseen" }, data.label),
    h("thead", null, h("tr", null, h("th", { scope: "col" }, t("From")), lines.map((line) => h("th", { scope: "col", class: "num" }, line.name)))),
    h("tbody", null, filled.length ? filled.map((i) => h("tr", null, h("th", { scope: "row" }, when(i), deployed(data, i) && h("span", { class: "tag" }, deployed(data, i))), lines.map((line) => h("td", { class: "num" }, value(data.unit, line.values[i])))))
      : h("tr", null, h("td", { colspan: String(lines.length + 1) }, t("nothing in this time"))))));
}

function drawTable(holder: Holder, data: ChartData): void {
  const shape = JSON.stringify(["table", data.label, data.times[0], data.lines, marks]);
  if (holder.shape === shape) return;
  const scrolled = holder.querySelector(".chart-table")?.scrollTop ?? 0;
  holder.chart?.destroy();
  holder.chart = undefined;
  holder.shape = shape;
  holder.removeAttribute("role");
  holder.removeAttribute("aria-label");
  holder.style.removeProperty("height");
  holder.replaceChildren(table(data));
  holder.firstElementChild!.scrollTop = scrolled;
}

export function draw(holder: Holder, data: ChartData): void {
  holder.last = data;
  if (tables) { drawTable(holder, data); return; }
  if (!holder.chart) holder.replaceChildren();
  holder.setAttribute("role", "img");
  holder.setAttribute("aria-label", data.label);
  const columns = [data.times.map((t) => t / 1000), ...data.lines.map((line) => line.values)] as uPlot.AlignedData;
  if (holder.chart && holder.shape === shapeOf(data)) {
    holder.chart.setData(columns);
    return;
  }
  holder.chart?.destroy();
  holder.shape = shapeOf(data);
  holder.style.setProperty("height", `${data.height}px`);
  holder.chart = new uPlot(options(holder, data), columns, holder);
  if (!holders.has(holder)) {
    holders.add(holder);
    new ResizeObserver(() => {
      if (holder.isConnected && holder.chart && holder.clientWidth !== holder.chart.width && holder.clientWidth > 0)
        holder.chart.setSize({ width: holder.clientWidth, height: holder.last!.height });
    }).observe(holder);
  }
}

export function forgetDetached(): void {
  for (const holder of holders) if (!holder.isConnected) { holder.chart?.destroy(); holders.delete(holder); }
}

// Neighbouring steps joined until at most `most` are left, so that a day does not become 1,440 hairlines.
export function joined(values: number[], factor: number): number[] {
  if (factor === 1) return values;
  const sums: number[] = [];
  for (let i = 0; i < values.length; i += factor) sums.push(values.slice(i, i + factor).reduce((a, b) => a + b, 0));
  return sums;
}
