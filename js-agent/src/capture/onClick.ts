// Clicks, taps and activations by key: which element answered, by selector, accessible name and role. Nothing of what
// was typed, nothing of where the pointer was. Clicks that scripts make are not a visitor's and are passed over.
//
// And what came of a click: nothing (dead), an error, or more clicks out of impatience (rage). A click is held until the
// page has had time to answer, told at once when the page is left or asks for it, and no element is kept meanwhile.
// When in doubt a click is fine: a control that the browser itself answers is never dead, and who steps a number up
// ten times, each time with an answer, is not raging.

import type { ClickEvent, EventBase } from "../wire";
import { busy, early, hooks, onFlush, report } from "../scene";
import { now } from "../lib/clock";
import { responderOf, roleOf, targetOf } from "../lib/dom";
import { later, listen, mutations, quietly } from "../lib/guard";
import { nameOf } from "../lib/name";
import { viewNow, type View } from "../lib/place";
import { selectorOf } from "../lib/selector";

/* A click on a label comes a second time, at its control, within the same turn. */
const SAME_MS = 20;
const ANSWER_MS = 1000;
const AGAIN_MS = 1000;
const LONGEST_MS = 5000;
const RAGE_CLICKS = 3;

/* Signs that something happened which changes no node of the document. */
const SIGNS = "scroll submit invalid toggle input change play pause";
const NATIVE = "a[href],area,input:not([type=button]),select,option,textarea,label,video,audio,canvas,object,iframe,:read-write";

interface Held {
  event: Omit<ClickEvent, keyof EventBase>;
  seen: View;
  href: string;
  /** performance.now() of the first and the last click. */
  since: number;
  last: number;
  times: number;
  /** Clicks of it that something visible followed before the next; and whether the last is one. */
  answers: number;
  answered: boolean;
  /** A call has begun. */
  works?: boolean;
  /** The page was still at the same address when something else was clicked. */
  stayed?: boolean;
  failed?: boolean;
  native: boolean;
  cancel?: () => void;
}

export function onClick(): void {
  const started = now();
  let held: Held[] = [];
  let unwatch: (() => void) | undefined;
  let labelled = "";
  let labelledAt = 0;

  const newest = (time = Infinity): Held | undefined => held.filter((one) => one.since <= time).pop();
  const answer = (): void => {
    const one = newest();
    if (one && !one.answered) one.answers++, (one.answered = true);
  };

  function watch(root: Node): void {
    const undo = [mutations([document, root], answer, true), listen(window, "blur", answer), listen(document, SIGNS, answer, true)];
    unwatch = () => {
      undo.forEach((one) => one());
      unwatch = undefined;
    };
  }

  function tell(one: Held): void {
    if (!held.includes(one)) return;
    held = held.filter((other) => other !== one);
    one.cancel!();
    if (!held.length) unwatch?.();
    const { event, times, answers } = one;
    const isJudged = !one.native && (one.stayed ?? location.href === one.href);
    const flags = [
      isJudged && times >= RAGE_CLICKS && answers < times - 1 && "rage",
      /* One that is told before its time is given the benefit of the doubt. */
      isJudged && !answers && !one.works && now() - one.last >= ANSWER_MS - 50 && "dead",
      one.failed && "error",
    ].filter(Boolean).join();
    report("click", one.since, { ...event, flags: flags || undefined, count: times > 1 ? times : undefined }, one.seen, true);
  }

  function wait(one: Held): void {
    one.cancel?.();
    one.cancel = later(() => (one.works && busy.calls && now() - one.last < LONGEST_MS ? wait(one) : tell(one)), ANSWER_MS);
  }

  onFlush(() => held.forEach(tell));
  hooks.began = () => {
    const one = newest();
    if (one) one.works = true;
  };
  hooks.failed = (since) => {
    const one = newest(since);
    if (one) one.failed = true;
  };

  early.click = (click: MouseEvent) => {
    const target = targetOf(click);
    if (!target || !click.isTrusted) return;
    const answers = responderOf(target);
    const element = answers ?? target;
    const selector = selectorOf(element);
    const time = click.timeStamp;
    if (selector === labelled && time - labelledAt < SAME_MS) return;
    labelled = element.contains(target) ? "" : selector;
    labelledAt = time;

    const before = newest();
    if (before && !before.native && before.event.selector === selector && time - before.last < AGAIN_MS) {
      before.times++;
      before.last = time;
      before.answered = false;
      return wait(before);
    }
    if (before) before.stayed = location.href === before.href;
    if (!unwatch) quietly(() => watch(element.getRootNode()));
    const one: Held = {
      event: { selector, name: nameOf(element, !!answers) || undefined, role: roleOf(element) },
      seen: { ...viewNow() }, href: location.href, since: time, last: time, times: 1, answers: 0, answered: false,
      /* What came of a click from before the agent nobody has seen. */
      native: time < started || !unwatch || !!element.closest(NATIVE) || !(answers || getComputedStyle(element).cursor === "pointer") || element.localName.includes("-"),
    };
    held.push(one);
    wait(one);
  };
  listen(window, "click", early.click, true);
}
