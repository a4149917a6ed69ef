// The page must never notice us: whatever goes wrong in the agent ends here, unseen. And whatever the agent began
// in the page ends here, when it stops.

const ends = new Set<() => void>();

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
    ends.delete(end);
    quietly(work);
  };
  ends.add(end);
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

/** Runs `work` once the load event is over. */
export function afterLoad(work: () => void): void {
  const soon = (): void => void setTimeout(guard(work));
  if (document.readyState === "complete") soon();
  else listen(window, "load", soon);
}

/** Observes those of the types that the browser knows, from the beginning of the page, until the agent stops. */
export function observe(types: string[], see: (entries: PerformanceEntry[]) => void, durationThreshold?: number): PerformanceObserver | undefined {
  return quietly(() => {
    const known = types.filter((type) => PerformanceObserver.supportedEntryTypes.includes(type));
    if (!known.length) return undefined;
    const observer = new PerformanceObserver(guard((list) => see(list.getEntries())));
    for (const type of known) observer.observe({ type, buffered: true, durationThreshold } as PerformanceObserverInit);
    untilEnd(() => observer.disconnect());
    return observer;
  });
}
