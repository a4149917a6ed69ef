// The session of a visitor: an id shared by the tabs of one origin, which ends after 30 minutes without use or after
// 4 hours. localStorage holds it, else sessionStorage, else this page alone: storage may be missing, full, or throw.

import { newId } from "./id";
import { quietly } from "./guard";

export const KEY = "seismo";
/** Where what a page could not send waits for the next. */
export const REST = `${KEY}.rest`;
export const STORES = [() => localStorage, () => sessionStorage];
const IDLE_MS = 30 * 60000;
const LIFE_MS = 4 * 3600000;
/* Use is written down at most this often, since storage is synchronous. */
const WRITE_MS = 5000;

/** The session's id that holds now. Pass `isUse` when a person did something; time alone ends a session. */
export type Session = (isUse?: boolean) => string;

export function openSession(stores: (() => Storage)[]): Session {
  let id = "";
  let begun = 0;
  let used = 0;
  let written = 0;

  const inStore = (work: (store: Storage) => unknown): unknown => stores.some((store) => quietly(() => work(store())));

  return (isUse) => {
    const time = Date.now();
    const isOld = time - written > WRITE_MS;
    /* Another tab may have used or renewed the session. */
    if (!id || isOld) inStore((store) => {
      const parts = store.getItem(KEY)!.split(".");
      [id, begun, used] = [parts[0]!, +parts[1]!, +parts[2]!];
      return true;
    });
    /* A clock set back must not keep a session for ever. */
    const isAlive = id && time - used < IDLE_MS && time - begun < LIFE_MS && begun <= time + WRITE_MS;
    if (!isAlive) [id, begun] = [newId(), time];
    if (isUse || !isAlive) used = time;
    if (isUse && isOld || !isAlive) {
      written = time;
      inStore((store) => (store.setItem(KEY, `${id}.${begun}.${used}`), true));
    }
    return id;
  };
}
