export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string) { super(message); }
}

export async function get<T>(path: string): Promise<T> {
  const answer = await fetch(path, { cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(20000) });
  const body = (await answer.json().catch(() => ({}))) as { code?: string; error?: string };
  if (!answer.ok) throw new ApiError(answer.status, body.code ?? "", body.error ?? `the answer was ${answer.status}`);
  return body as T;
}
