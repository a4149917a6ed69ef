import { t } from "../i18n/i18n";

export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string) { super(message); }
}

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  const answer = await fetch(path, { cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(20000), ...init });
  const body = (await answer.json().catch(() => ({}))) as { code?: string; error?: string };
  if (!answer.ok) throw new ApiError(answer.status, body.code ?? "", body.error ?? t("The answer was {status}.", { status: String(answer.status) }));
  return body as T;
}

export function get<T>(path: string): Promise<T> {
  return ask<T>(path, {});
}

// What changes something.
export function post<T>(path: string, body: object): Promise<T> {
  return ask<T>(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}
