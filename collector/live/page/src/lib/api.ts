import { language, mark, t } from "../i18n/i18n";

// What the server says is English; these are the same in the reader's language. What it adds (which parameter, which name) stays as it is.
const WORDS: Record<string, string> = {
  "SE-1301": mark("There is nothing at this address."), "SE-1302": mark("This address does not answer to this method."), "SE-1303": mark("A parameter of the address is wrong."),
  "SE-1304": mark("This is not allowed."), "SE-1305": mark("The Host header is not one of this listener's names."), "SE-2001": mark("Seismo is busy; it is tried again shortly."),
  "SE-2002": mark("Seismo is shutting down."), "SE-2003": mark("There is no room left for it."), "SE-3103": mark("The store cannot be read."),
  "SE-3104": mark("The store refuses the credentials."), "SE-3203": mark("Nothing of this name is stored here."), "SE-5001": mark("The store could not be reached."),
};

/* In English what the server says is best; else the words for its code where there are, and for a wrong parameter also which one it is. */
function inWords(status: number, code: string, error = ""): string {
  const known = Object.prototype.hasOwnProperty.call(WORDS, code) ? t(WORDS[code]) : error || t("The answer was {status}.", { status: String(status) });
  if (!error || language() === "en") return error || known;
  return code === "SE-1303" ? `${known} (${error})` : known;
}

export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string) { super(message); }
}

const AHEAD_MS = 3000;
const ahead = new Map<string, Promise<Response>>();
const given = new Map<string, unknown>();

const send = (path: string, init: RequestInit): Promise<Response> => fetch(path, { cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(20000), ...init });

/** An answer that came with the page, for the first who asks for it. */
export function giveAhead(path: string, answer: unknown): void {
  given.set(path, answer);
}

/** Asks for what `get` is about to be asked for; what it is not is forgotten soon. */
export function askAhead(paths: string[]): void {
  for (const path of paths) {
    const answer = send(path, {});
    answer.catch(() => {}); // who asks for it hears of it
    ahead.set(path, answer);
  }
  setTimeout(() => { ahead.clear(); given.clear(); }, AHEAD_MS);
}

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  const early = init.method ? undefined : ahead.get(path);
  if (early) ahead.delete(path);
  const answer = await (early ?? send(path, init));
  const body = (await answer.json().catch(() => ({}))) as { code?: string; error?: string };
  if (!answer.ok) throw new ApiError(answer.status, body.code ?? "", inWords(answer.status, body.code ?? "", body.error));
  return body as T;
}

export function get<T>(path: string): Promise<T> {
  if (!given.has(path)) return ask<T>(path, {});
  const answer = given.get(path) as T;
  given.delete(path);
  return Promise.resolve(answer);
}

// What changes something.
export function post<T>(path: string, body: object): Promise<T> {
  return ask<T>(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}
