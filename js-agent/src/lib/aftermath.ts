// What came of a click: nothing (dead), an error, or more clicks out of impatience (rage). A click is held until the
// page has had time to answer, told at once when the page is left or asks for it, and no element is kept meanwhile.
// When in doubt a click is fine: a control that the browser itself answers is never dead, and who steps a number up
// ten times, each time with an answer, is not raging.

import type { ClickEvent } from "../wire";
import type { Scene } from "../scene";
import type { View } from "./place";
import { guard, listen, quietly, untilEnd } from "./guard";

const ANSWER_MS = 1000;
const AGAIN_MS = 1000;
const LONGEST_MS = 5000;
const RAGE_CLICKS = 3;
const NEAR_PX = 30;

/* Signs that something happened which changes no node of the document. */
const SIGNS = "scroll submit invalid toggle beforetoggle input change play pause dragstart".split(" ");
const NATIVE = "a[href],area[href],input:not([type=button]),select,option,textarea,label,video,audio,canvas,embed,object,iframe,[contenteditable]:not([contenteditable=false])";

interface Held {
  event: ClickEvent;
  view: View;
  href: string;
  /** performance.now() of the first and the last click. */
  since: number;
  last: number;
  x: number;
  y: number;
  count: number;
  /** Clicks of it that something visible followed before the next. */
  answers: number;
  answered: boolean;
  /** A call has begun. */
  works: boolean;
  failed: boolean;
  native: boolean;
  timer?: ReturnType<typeof setTimeout>;
}

export interface Aftermath {
  /** Takes over a click; it is reported when its end is known. */
  follow(click: MouseEvent, target: Element, event: ClickEvent, answers: boolean): void;
}

export function openAftermath(scene: Scene): Aftermath {
  const held: Held[] = [];
  let unwatch: (() => void) | undefined;

  const newest = (time = Infinity): Held | undefined => held.filter((one) => one.since <= time).pop();
  const answer = (): void => {
    const one = newest();
    if (!one || one.answered) return;
    one.answered = true;
    one.answers++;
  };

  function watch(root: Node): void {
    const observer = new MutationObserver(answer);
    const all = { childList: true, subtree: true, characterData: true, attributes: true };
    observer.observe(document, all);
    if (root !== document) observer.observe(root, all);
    const undo = [...SIGNS.map((sign) => listen(document, sign, answer, true)), listen(window, "blur", answer)];
    unwatch = untilEnd(() => {
      observer.disconnect();
      undo.forEach((one) => one());
      unwatch = undefined;
    });
  }

  function tell(one: Held): void {
    const index = held.indexOf(one);
    if (index < 0) return;
    held.splice(index, 1);
    clearTimeout(one.timer);
    if (!held.length) unwatch?.();
    const gone = location.href !== one.href;
    const { event, count, native } = one;
    const flags = [
      !native && !gone && count >= RAGE_CLICKS && one.answers < count - 1 && "rage",
      /* One that is told before its time is given the benefit of the doubt. */
      !native && !gone && !one.answers && !one.works && performance.now() - one.last >= ANSWER_MS - 50 && "dead",
      one.failed && "error",
    ].filter(Boolean);
    if (flags.length) event.flags = flags.join();
    if (count > 1) event.count = count;
    scene.report(event, { view: one.view, isUse: true });
  }

  function wait(one: Held): void {
    clearTimeout(one.timer);
    one.timer = setTimeout(
      guard(() => {
        if (one.works && scene.busy.calls && performance.now() - one.last < LONGEST_MS) wait(one);
        else tell(one);
      }),
      ANSWER_MS,
    );
  }

  function isAgain(one: Held | undefined, click: MouseEvent, event: ClickEvent, time: number): one is Held {
    return (
      !!one && !one.native && one.event.selector === event.selector && one.view.id === scene.place.view().id && one.count < 100 &&
      time - one.last < AGAIN_MS && Math.hypot(click.clientX - one.x, click.clientY - one.y) < NEAR_PX
    );
  }

  scene.onFlush(() => [...held].forEach(tell));
  scene.began = () => {
    const one = newest();
    if (one) one.works = true;
  };
  scene.failed = (since) => {
    const one = newest(since);
    if (one) one.failed = true;
  };

  return {
    follow(click, target, event, answers) {
      const time = performance.now();
      const before = newest();
      if (isAgain(before, click, event, time)) {
        before.count++;
        before.last = time;
        before.answered = false;
        return wait(before);
      }
      const root = target.getRootNode();
      if (!unwatch) quietly(() => watch(root));
      const native = !unwatch || !!target.closest(NATIVE) || !(answers || getComputedStyle(target).cursor === "pointer") || target.localName.includes("-");
      const one: Held = {
        event, view: { ...scene.place.view() }, href: location.href, since: time, last: time, x: click.clientX, y: click.clientY,
        count: 1, answers: 0, answered: false, works: false, failed: false, native,
      };
      held.push(one);
      wait(one);
    },
  };
}
