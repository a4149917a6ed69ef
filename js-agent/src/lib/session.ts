// The session of a visitor: an id shared by the tabs of one origin, which ends after 30 minutes without use or after
// 4 hours. localStorage holds it, else sessionStorage, else this page alone: storage may be missing, full, or throw.

import { newId } from "./id";
import { quietly } from "./guard";

const KEY = "seismo";
const IDLE_MS = 30 * 60000;
const LIFE_MS = 4 * 3600000;
/* Use is written down at most this often, since storage is synchronous. */
const WRITE_MS = 5000;

interface Saved {
  id: string;
  begun: number;
  used: number;
}

export interface Session {
  /** The id that holds now. Pass `isUse` when a person did something; time alone ends a session. */
  id(isUse?: boolean): string;
}

export function openSession(stores: (() => Storage)[], now: () => number): Session {
  let mine: Saved | undefined;
  let written = 0;

  function read(): Saved | undefined {
    for (const store of stores) {
      const saved = quietly(() => parse(store().getItem(KEY)));
      if (saved) return saved;
    }
    return mine;
  }

  function write(saved: Saved): void {
    written = now();
    const text = `${saved.id}.${saved.begun}.${saved.used}`;
    for (const store of stores) {
      if (quietly(() => { store().setItem(KEY, text); return true; })) return;
    }
  }

  return {
    id(isUse = false) {
      const time = now();
      /* Another tab may have used or renewed the session. */
      if (!mine || time - written > WRITE_MS) mine = read() ?? mine;
      if (!mine || !isAlive(mine, time)) {
        mine = { id: newId(), begun: time, used: time };
        write(mine);
      } else if (isUse) {
        mine.used = time;
        if (time - written > WRITE_MS) write(mine);
      }
      return mine.id;
    },
  };
}

function isAlive(saved: Saved, time: number): boolean {
  /* A clock set back must not keep a session for ever. */
  return time - saved.used < IDLE_MS && time - saved.begun < LIFE_MS && saved.begun <= time + WRITE_MS;
}

function parse(text: string | null): Saved | undefined {
  const parts = /^([\w-]{8,64})\.(\d+)\.(\d+)$/.exec(text ?? "");
  return parts ? { id: parts[1]!, begun: +parts[2]!, used: +parts[3]! } : undefined;
}
