// The page must never notice us: whatever goes wrong in the agent ends here, unseen. And whatever the agent began
// in the page ends here, when it stops.

let ends: (() => void)[] = [];

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

/** Runs `work` once: when the agent stops, or when the returned function is called before. */
export function untilEnd(work: () => void): () => void {
  const end = (): void => {
    ends = ends.filter((one) => one !== end);
    quietly(work);
  };
  ends.push(end);
  return end;
}

export function endAll(): void {
  ends.forEach((end) => end());
}

/** Listens to events of some types ("click keydown") until the agent stops or the returned function is called; what the listener throws is swallowed. */
export function listen<E extends Event>(target: EventTarget, types: string, handle: (event: E) => void, capture = false): () => void {
  const guarded = guard(handle) as EventListener;
  const each = (change: "addEventListener" | "removeEventListener"): void => types.split(" ").forEach((type) => target[change](type, guarded, capture));
  each("addEventListener");
  return untilEnd(() => each("removeEventListener"));
}

/** Runs `work` later, guarded; the returned function cancels it. */
export function later(work: () => void, ms?: number): () => void {
  const timer = setTimeout(guard(work), ms);
  return () => clearTimeout(timer);
}

/** Runs `work` once the load event is over. */
export function afterLoad(work: () => void): void {
  if (document.readyState === "complete") later(work);
  else listen(window, "load", () => later(work));
}

/** Observes entries of a type, from the beginning of the page until the agent stops; undefined where the browser has none. The returned function
 *  sees what the browser has not yet told. */
export function observe(type: string, see: (entries: PerformanceEntry[]) => void, durationThreshold?: number): (() => void) | undefined {
  return quietly(() => {
    if (!PerformanceObserver.supportedEntryTypes.includes(type)) return undefined;
    const observer = new PerformanceObserver(guard((list) => see(list.getEntries())));
    observer.observe({ type, buffered: true, durationThreshold } as PerformanceObserverInit);
    untilEnd(() => observer.disconnect());
    return () => see(observer.takeRecords());
  });
}

/** Watches the trees for changes, those of attributes too if asked, until the agent stops or the returned function is called. */
export function mutations(trees: Node[], see: () => void, attributes = false): () => void {
  const observer = new MutationObserver(see);
  for (const tree of trees) observer.observe(tree, { childList: true, subtree: true, characterData: true, attributes });
  return untilEnd(() => observer.disconnect());
}
