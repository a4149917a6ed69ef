// Clicks, taps and activations by key: which element answered, by selector, accessible name and role. Nothing of what
// was typed, nothing of where the pointer was. Clicks that scripts make are not a visitor's and are passed over.

import type { Scene } from "../scene";
import { openAftermath } from "../lib/aftermath";
import { now } from "../lib/clock";
import { responderOf, roleOf, targetOf } from "../lib/dom";
import { listen } from "../lib/guard";
import { nameOf } from "../lib/name";
import { selectorOf } from "../lib/selector";

/* A click on a label comes a second time, at its control, within the same turn. */
const SAME_MS = 20;

export function onClick(scene: Scene): void {
  const aftermath = openAftermath(scene);
  let labelled = { selector: "", time: 0 };

  listen<MouseEvent>(
    window,
    "click",
    (click) => {
      const target = targetOf(click);
      if (!target || !click.isTrusted) return;
      const { element, answers } = responderOf(target);
      const selector = selectorOf(element);
      const time = performance.now();
      if (selector === labelled.selector && time - labelled.time < SAME_MS) return;
      labelled = { selector: element.contains(target) ? "" : selector, time };
      scene.place.page();
      aftermath.follow(click, element, { kind: "click", at: now(), selector, name: nameOf(element, answers) || undefined, role: roleOf(element) }, answers);
    },
    true,
  );
}
