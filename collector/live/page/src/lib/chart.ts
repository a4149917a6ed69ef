// Charts on uPlot. A chart lives in an element marked data-keep and is updated, not rebuilt, so that it does not flicker.
import uPlot from "uplot";
import { decimals, t } from "../i18n/i18n";
import { h, plain } from "./dom";
import { clock, count, dateTime, duration } from "./format";
import { summary } from "./summary";

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

/* Deploys and open alerts, drawn on every chart. */
export interface Mark { at: number; name: string }
let marks: Mark[] = [], trouble: Mark[] = [];
export function setMarks(deploys: Mark[], alerts: Mark[]): void {
  if (JSON.stringify([deploys, alerts]) === JSON.stringify([marks, trouble])) return;
  marks = deploys;
  trouble = alerts;
  for (const holder of holders) holder.chart?.redraw(false);
}

/* A bar on top from where an alert began: it is open, so it goes on to the right edge. */
function drawTrouble(chart: uPlot): void {
  const { ctx, bbox } = chart, right = bbox.left + bbox.width;
  ctx.save();
  for (const { at } of trouble) {
    const left = Math.max(bbox.left, chart.valToPos(at / 1000, "x", true));
    if (left >= right) continue;
    ctx.fillStyle = color("--mark");
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.fillStyle = color("--poor-bar");
    ctx.fillRect(left, bbox.top, right - left, 3 * devicePixelRatio);
  }
  ctx.restore();
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
dark.addEventListener("change", () => { colors.clear(); for (const holder of holders) { holder.shape = ""; if (holder.last) draw(holder, holder.last); } });

/* The style sheet's, read once for each theme: to ask the browser makes it work out the style of the whole page. */
const colors = new Map<string, string>();
function color(name: string): string {
  let found = colors.get(name);
  if (found === undefined) {
    found = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    if (found) colors.set(name, found);
  }
  return found;
}

const family = (): string => (colors.get("font") ?? colors.set("font", getComputedStyle(document.body).fontFamily).get("font"))!;

function value(unit: ChartData["unit"], n: number | null | undefined): string {
  if (n === null || n === undefined) return "–";
  return unit === "count" ? count(Math.round(n)) : unit === "ms" ? duration(n) : decimals(n, n < 0.1 ? 3 : 2);
}

const inWords = (data: ChartData): string => summary(data, (n) => value(data.unit, n));

const RIGHT = 14; // room for half of the last time
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

function isIn(mark: Mark, data: ChartData, i: number): boolean {
  return mark.at >= data.times[i] && mark.at < data.times[i] + data.step;
}

function tipRow(name: string, dot: string, what: string): HTMLElement {
  const row = document.createElement("span"), left = document.createElement("i"), right = document.createElement("em");
  left.textContent = name;
  left.style.setProperty("--dot", color(dot));
  right.textContent = what;
  row.append(left, right);
  return row;
}

function tooltip(holder: Holder): { plugin: uPlot.Plugin } {
  const box = document.createElement("div");
  box.className = "chart-tip";
  box.hidden = true;
  const update = (chart: uPlot): void => {
    const at = chart.cursor.idx, data = holder.last;
    if (at === null || at === undefined || !data || (chart.cursor.left ?? -1) < 0) { box.hidden = true; return; }
    const from = data.times[at];
    const rows: HTMLElement[] = [document.createElement("b")];
    rows[0].textContent = data.step >= 60000 ? `${dateTime(from)} – ${clock(from + data.step, false)}` : `${clock(from)} – ${clock(from + data.step)}`;
    for (const line of data.lines) rows.push(tipRow(line.name, line.color, value(data.unit, line.values[at])));
    for (const mark of marks.filter((one) => isIn(one, data, at))) rows.push(tipRow(t("Deploy"), "--deploy", plain(mark.name)));
    for (const mark of trouble.filter((one) => one.at < from + data.step)) rows.push(tipRow(t("Open alert"), "--poor-bar", plain(mark.name)));
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
      draw: (chart) => { drawTrouble(chart); drawMarks(chart); },
    },
  };
}

function axisDuration(ms: number): string {
  if (ms < 10) return `${decimals(ms, 0, 1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : ms < 120000 ? `${decimals(ms / 1000, 0, 2)} s` : duration(ms);
}

/* A label that would stand half outside is left out. */
function axisTimes(chart: uPlot, splits: number[]): string[] {
  const long = splits.length > 1 && splits[splits.length - 1] - splits[0] > 86400;
  const { min = 0, max = 1 } = chart.scales.x, width = chart.bbox.width / devicePixelRatio;
  return splits.map((s) => {
    const text = long ? dateTime(s * 1000) : clock(s * 1000, splits.length > 1 && splits[1] - splits[0] < 60);
    return ((max! - s) / (max! - min!)) * width + RIGHT < text.length * 3.2 ? "" : text;
  });
}

/* A step alone between two in which nothing was measured has no line to stand on: it is a dot. */
function alone(values: (number | null | undefined)[]): number[] {
  const none = (i: number): boolean => values[i] === null || values[i] === undefined;
  return values.map((_, i) => i).filter((i) => !none(i) && none(i - 1) && none(i + 1));
}

function options(holder: Holder, data: ChartData, width: number): uPlot.Options {
  const muted = color("--muted"), grid = { stroke: color("--line"), width: 1 };
  const font = `11px ${family()}`;
  return {
    width: Math.max(100, width),
    height: data.height,
    legend: { show: false },
    padding: [6, RIGHT, data.axis ? 0 : 4, 0],
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
        points: { show: line.kind === "bar" ? false : undefined, size: 4, filter: (chart, index, show) => (show ? null : alone(chart.data[index] as (number | null)[])) },
        dash: line.dash,
      })),
    ],
    plugins: [tooltip(holder).plugin, shade(holder)],
  };
}

/* What stands on the chart beside its lines: deploys, and where an alert that is open began. */
function happened(data: ChartData, i: number): string {
  const said = (list: Mark[], words: (name: string) => string): string[] => list.filter((mark) => isIn(mark, data, i)).map(({ name }) => words(name));
  return [...said(marks, (name) => t("deploy {name}", { name })), ...said(trouble, (name) => t("open alert: {name}", { name }))].join(", ");
}

/* The same figures for those who read rather than look; steps in which nothing was are left out. */
function table(data: ChartData): HTMLElement {
  const { lines } = data;
  const filled = data.times.map((_, i) => i).filter((i) => lines.some((line) => line.values[i]) || happened(data, i)).reverse();
  const when = (i: number): string => (data.step >= 60000 ? dateTime(data.times[i]) : clock(data.times[i]));
  return h("div", { class: "scroll chart-table", tabindex: "0", role: "region", "aria-label": data.label }, h("table", null, h("caption", { class: "unseen" }, inWords(data)),
    h("thead", null, h("tr", null, h("th", { scope: "col" }, t("From")), lines.map((line) => h("th", { scope: "col", class: "num" }, line.name)))),
    h("tbody", null, filled.length ? filled.map((i) => h("tr", null, h("th", { scope: "row" }, when(i), happened(data, i) && h("span", { class: "tag" }, happened(data, i))), lines.map((line) => h("td", { class: "num" }, value(data.unit, line.values[i])))))
      : h("tr", null, h("td", { colspan: String(lines.length + 1) }, t("nothing in this time"))))));
}

function drawTable(holder: Holder, data: ChartData): void {
  const shape = JSON.stringify(["table", data.label, data.times[0], data.lines, marks, trouble]);
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

/* Several at once: their widths are read before any of them changes the page, which is laid out once then. */
export function drawAll(root: Element, charts: Record<string, ChartData>): void {
  const holders = Object.entries(charts).map(([name, data]) => ({ holder: root.querySelector<Holder>(`[data-chart=${name}]`), data }));
  const widths = holders.map(({ holder }) => (holder?.chart ? 0 : holder?.clientWidth));
  holders.forEach(({ holder, data }, i) => holder && draw(holder, data, widths[i] || undefined));
}

export function draw(holder: Holder, data: ChartData, width?: number): void {
  holder.last = data;
  if (tables) { drawTable(holder, data); return; }
  if (!holder.chart) holder.replaceChildren();
  holder.setAttribute("role", "img");
  holder.setAttribute("aria-label", plain(inWords(data)));
  const columns = [data.times.map((t) => t / 1000), ...data.lines.map((line) => line.values)] as uPlot.AlignedData;
  if (holder.chart && holder.shape === shapeOf(data)) {
    holder.chart.setData(columns);
    return;
  }
  holder.chart?.destroy();
  holder.shape = shapeOf(data);
  holder.style.setProperty("height", `${data.height}px`);
  holder.chart = new uPlot(options(holder, data, width ?? holder.clientWidth), columns, holder);
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
