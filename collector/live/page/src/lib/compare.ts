// The period before: the same length of time, ending where the shown one begins.
import { decimals, t } from "../i18n/i18n";
import { get } from "./api";
import { h, type Child } from "./dom";
import { scopeQuery, type State } from "./state";
import type { Span } from "../types";

export function before(state: State, span: Span): State {
  return { ...state, from: String(span.from - (span.to - span.from)), to: String(span.from) };
}

// The answer of the period before, once per stretch of time: what lies behind does not change any more.
const KEPT = 8;
const kept = new Map<string, Promise<unknown>>();

export function getBefore<T>(path: string, state: State, span: Span, extra: State & { limit?: string } = {}): Promise<T> {
  const asked = `${path}?${scopeQuery(before(state, span), extra)}`;
  let answer = kept.get(asked);
  if (!answer) {
    answer = get<T>(asked);
    answer.catch(() => kept.delete(asked));
    kept.set(asked, answer);
    if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
  }
  return answer as Promise<T>;
}

/* Said, not left out: an empty place would look like no change. */
export function noneBefore(): HTMLElement {
  return h("span", { class: "delta" }, t("no data before"));
}

// How a figure has changed: an arrow, the share, and in words for those who do not see the arrow. `worse` says which way is bad.
export function change(now: number | null | undefined, was: number | null | undefined, worse: "up" | "down" | "neither", words: (n: number) => string): Child {
  if (now === null || now === undefined) return null;
  if (was === null || was === undefined) return noneBefore();
  const title = t("before: {value}", { value: words(was) });
  if (was === 0 || now === was) return h("span", { class: "delta", title }, now === was ? "=" : t("new"));
  const part = now / was - 1, up = part > 0, small = Math.abs(part) < 0.005;
  const tone = small || worse === "neither" ? "" : up === (worse === "up") ? " delta-worse" : " delta-better";
  const size = Math.abs(part) >= 9.95 ? `${decimals(now / was, 0)}×` : `${Math.round(Math.abs(part) * 100)} %`;
  return h("span", { class: `delta${tone}`, title }, h("span", { "aria-hidden": "true" }, small ? "≈ " : up ? "▲ " : "▼ "), h("span", { class: "unseen" }, `${small ? t("about the same,") : up ? t("up by") : t("down by")} `), size);
}
