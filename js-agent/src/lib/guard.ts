// The page must never notice us: whatever goes wrong in the agent ends here, unseen.

/** Runs `work`; gives undefined when it throws. */
export function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** The same function, made unable to throw. */
export function guard<A extends unknown[]>(work: (...args: A) => void): (...args: A) => void {
  return (...args) => {
    quietly(() => work(...args));
  };
}

/** Listens until the returned function is called; what the listener throws is swallowed. */
export function listen<E extends Event>(
  target: EventTarget,
  type: string,
  handle: (event: E) => void,
  options: AddEventListenerOptions = {},
): () => void {
  const guarded = guard(handle) as EventListener;
  target.addEventListener(type, guarded, options);
  return () => target.removeEventListener(type, guarded, options);
}
