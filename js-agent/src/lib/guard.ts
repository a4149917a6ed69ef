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

/** Listens until the agent stops or the returned function is called; what the listener throws is swallowed. */
export function listen<E extends Event>(target: EventTarget, type: string, handle: (event: E) => void, capture = false): () => void {
  const guarded = guard(handle) as EventListener;
  target.addEventListener(type, guarded, capture);
  return untilEnd(() => target.removeEventListener(type, guarded, capture));
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

/** Observes entries of a type, from the beginning of the page until the agent stops; undefined where the browser has none. */
export function observe(type: string, see: (entries: PerformanceEntry[]) => void, durationThreshold?: number): PerformanceObserver | undefined {
  return quietly(() => {
    if (!PerformanceObserver.supportedEntryTypes.includes(type)) return undefined;
    const observer = new PerformanceObserver(guard((list) => see(list.getEntries())));
    observer.observe({ type, buffered: true, durationThreshold } as PerformanceObserverInit);
    untilEnd(() => observer.disconnect());
    return observer;
  });
}

/** Watches the trees for changes, those of attributes too if asked, until the agent stops or the returned function is called. */
export function mutations(trees: Node[], see: () => void, attributes = false): () => void {
  const observer = new MutationObserver(see);
  for (const tree of trees) observer.observe(tree, { childList: true, subtree: true, characterData: true, attributes });
  return untilEnd(() => observer.disconnect());
}
