// One running agent: signals -> report -> queue -> sender.

import { text } from "./config";
import { onApi } from "./capture/onApi";
import { onClick } from "./capture/onClick";
import { onError } from "./capture/onError";
import { onPage } from "./capture/onPage";
import { onRoute } from "./capture/onRoute";
import { onVital } from "./capture/onVital";
import { endAll, quietly } from "./lib/guard";
import { enterView } from "./lib/place";
import { openScene, setEnvelope } from "./scene";

let isRunning = false;

/** Starts it; once at a time. */
export function startAgent(): void {
  if (isRunning) return;
  isRunning = true;
  enterView(0);
  openScene(stopAgent);
  for (const signal of [onError, onApi, onRoute, onClick, onPage, onVital]) quietly(signal);
}

/** Ends all signals, takes back all wrappers and forgets what was not sent. */
export function stopAgent(): void {
  isRunning = false;
  endAll();
}

export function setUser(given: unknown): void {
  const id = text(given, 128);
  setEnvelope({ user: id ? { id } : undefined });
}
