// Puts a hook before one entry point of the browser (fetch, pushState, ...). The page's own call goes through with its
// own arguments, its own `this` and its own result, even when the hook fails.
// A Proxy keeps name, length, own properties and toString of the native function, on which some pages rely.

import { quietly, untilEnd } from "./guard";

/** Sees a call and may change its arguments; may return a function that sees its result and may give another. */
export type Hook = (self: any, args: any[]) => ((result: any) => unknown) | void;

/** Wraps owner[name] until the agent stops, or does nothing where the browser has no such function. */
export function wrap(owner: any, name: string, hook: Hook): void {
  const native = owner?.[name];
  if (typeof native !== "function") return;
  let isActive = true;
  const wrapped = new Proxy(native, {
    apply(target, self, args: unknown[]) {
      const after = isActive ? quietly(() => hook(self, args)) : undefined;
      const result = target.apply(self, args);
      return (after && quietly(() => after(result))) ?? result;
    },
  });
  quietly(() => (owner[name] = wrapped));
  untilEnd(() => {
    isActive = false;
    /* When somebody wrapped us in turn, we stay in the chain, asleep. */
    if (owner[name] === wrapped) owner[name] = native;
  });
}
