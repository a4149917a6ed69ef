// Numbers and times as people read them, in the page's language. Times are the reader's own; the title of a time tells it in UTC.
import { count, decimals, formatter, t, writing } from "../i18n/i18n";
import { h } from "./dom";

export { count };

// 0.4 ms, 85 ms, 1.42 s, 2 min 5 s
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "–";
  if (ms < 1 && ms > 0) return `${decimals(ms, 1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10000) return `${decimals(ms / 1000, 2)} s`;
  if (ms < 60000) return `${decimals(ms / 1000, 1)} s`;
  return span(ms);
}

// Whole seconds and up, at most two units.
export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s / 60} min`;
  if (s < 86400) return s % 3600 >= 60 ? `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min` : `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export function share(part: number): string {
  if (part <= 0) return "0 %";
  if (part < 0.001) return `< ${decimals(0.1, 1)} %`;
  return `${decimals(part * 100, part < 0.1 ? 1 : 0)} %`;
}

export function vital(name: string, value: number | null): string {
  if (value === null) return "–";
  return name === "CLS" ? decimals(value, value < 0.1 ? 3 : 2) : duration(value);
}

function written(ms: number, name: string, options: Intl.DateTimeFormatOptions): string {
  return Number.isFinite(ms) ? formatter(name, (_, dates) => new Intl.DateTimeFormat(dates, options)).format(ms) : "–";
}

const two = (n: number): string => String(n).padStart(2, "0");

export function clock(ms: number, seconds = true): string {
  const date = new Date(ms);
  if (!Number.isFinite(date.getTime())) return "–";
  return `${two(date.getHours())}:${two(date.getMinutes())}${seconds ? `:${two(date.getSeconds())}` : ""}`;
}

function dayOf(date: Date): string {
  const how = writing();
  return how ? how.day.replace("{day}", String(date.getDate())).replace("{month}", how.months[date.getMonth()]) : written(date.getTime(), "day", { day: "numeric", month: "short" });
}

/* Of a moment in a list: the clock, and the day where it is another than today. */
export function moment(ms: number): string {
  const day = new Date(ms).toDateString() === new Date().toDateString() ? "" : `${written(ms, "day", { day: "numeric", month: "short" })} `;
  return day + clock(ms);
}

/* Europe/Berlin, UTC+1: whose clock all times are told by. */
export function zone(): string {
  const minutes = -new Date().getTimezoneOffset(), hours = Math.floor(Math.abs(minutes) / 60), rest = Math.abs(minutes) % 60;
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const offset = `UTC${minutes ? `${minutes < 0 ? "−" : "+"}${hours}${rest ? `:${String(rest).padStart(2, "0")}` : ""}` : ""}`;
  return !name || name === "UTC" ? offset : `${name.replace(/_/g, " ")} (${offset})`;
}

export function dateTime(ms: number): string {
  const date = new Date(ms);
  if (!Number.isFinite(date.getTime())) return "–";
  return `${date.toDateString() === new Date().toDateString() ? "" : `${dayOf(date)} `}${clock(ms, false)}`;
}

// Sun, 22 Nov, 20:15:03
export function dayAndClock(ms: number): string {
  return `${written(ms, "weekday", { weekday: "short", day: "numeric", month: "short" })}, ${clock(ms)}`;
}

export function ago(ms: number, now: number): string {
  const s = Math.max(0, Math.round((now - ms) / 1000));
  if (s < 2) return t("now");
  if (s < 60) return t("{s} s ago", { s });
  if (s < 3600) return t("{min} min ago", { min: Math.floor(s / 60) });
  if (s < 86400) return t("{h} h ago", { h: Math.floor(s / 3600) });
  return t("{n} d ago", { n: Math.floor(s / 86400) });
}

export function time(iso: string, text: string): HTMLElement {
  return h("time", { datetime: iso, title: `${iso.replace("T", " ").replace("Z", "")} UTC` }, text);
}
