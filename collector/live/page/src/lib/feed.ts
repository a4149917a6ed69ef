// When to ask again: at once on each `change` the server sends, never two at a time, and never more than a third of
// the time. When the stream is cut, every five seconds until it is back.

export type FeedState = "live" | "polling" | "paused" | "stale" | "connecting";

const POLL_MS = 5000;
const TICK_MS = 10000; // without news the charts still move on
const STALE_MS = 12000;
const GAP_MS = 120;

export interface Feed {
  state(): FeedState;
  sinceMs(): number; // since the last good answer
  pause(on: boolean): void;
  isPaused(): boolean;
  now(): void; // asks at once: the view has changed
}

export function startFeed(refresh: () => Promise<boolean>, changed: () => void): Feed {
  let stream: EventSource | null = null;
  let open = false, tried = false, paused = false, busy = false, wanted = false;
  let goodAt = 0, begun = Date.now(), askedAt = 0, took = 0;
  let timer = 0;

  async function run(): Promise<void> {
    if (busy) { wanted = true; return; }
    busy = true;
    wanted = false;
    const began = (askedAt = Date.now()); // now() may reset askedAt meanwhile
    const good = await refresh().catch(() => false);
    took = askedAt === began ? Date.now() - began : 0;
    if (good) goodAt = Date.now();
    busy = false;
    changed();
    if (wanted) soon();
  }

  function soon(): void {
    if (paused || timer || document.hidden) return;
    if (busy) { wanted = true; return; }
    const gap = Math.max(0, askedAt + took + Math.max(GAP_MS, 2 * took) - Date.now());
    timer = window.setTimeout(() => { timer = 0; void run(); }, gap);
  }

  function connect(): void {
    stream?.close();
    stream = new EventSource("/api/live");
    stream.onopen = () => { open = tried = true; changed(); soon(); };
    stream.addEventListener("change", soon);
    stream.onerror = () => { open = false; tried = true; changed(); };
  }

  function tick(): void {
    if (paused || document.hidden) return;
    if (!open && stream?.readyState === EventSource.CLOSED && Date.now() - begun > POLL_MS) { begun = Date.now(); connect(); }
    if (Date.now() - askedAt > (open ? TICK_MS : POLL_MS)) soon();
    changed();
  }

  /* The stream holds one of the few connections that a browser opens: the first screen is asked for before it. */
  void run().then(connect);
  window.setInterval(tick, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });

  return {
    state() {
      if (paused) return "paused";
      if (goodAt === 0) return Date.now() - begun > STALE_MS ? "stale" : "connecting";
      if (Date.now() - goodAt > STALE_MS) return "stale";
      return open ? "live" : tried ? "polling" : "connecting";
    },
    sinceMs: () => (goodAt ? Date.now() - goodAt : 0),
    pause(on) { paused = on; changed(); if (!on) soon(); },
    isPaused: () => paused,
    now() { took = 0; askedAt = 0; if (busy) wanted = true; else void run(); },
  };
}
