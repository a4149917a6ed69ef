// Puts a hook before one entry point of the browser (fetch, pushState, ...). The page's own call goes through with its
// own arguments, its own `this` and its own result, even when the hook fails.
// A Proxy keeps name, length, own properties and toString of the native function, on which some pages rely.

import { quietly, untilEnd } from "./guard";

/** Sees a call; may return a function that sees its result. */
export type Hook = (self: unknown, args: unknown[]) => ((result: unknown) => void) | void;

/** Wraps owner[name] until the agent stops, or does nothing where the browser has no such function. */
export function wrap(owner: object | undefined, name: string, hook: Hook): void {
  const holder = owner as Record<string, unknown> | undefined;
  const native = holder?.[name];
  if (!holder || typeof native !== "function") return;
  let active = true;
  const wrapped = new Proxy(native as (...args: unknown[]) => unknown, {
    apply(target, self, args: unknown[]) {
      const after = active ? quietly(() => hook(self, args)) : undefined;
      const result = Reflect.apply(target, self, args);
      if (after) quietly(() => after(result));
      return result;
    },
  });
  quietly(() => {
    holder[name] = wrapped;
  });
  untilEnd(() => {
    active = false;
    /* When somebody wrapped us in turn, we stay in the chain, asleep. */
    if (holder[name] === wrapped) holder[name] = native;
  });
}
