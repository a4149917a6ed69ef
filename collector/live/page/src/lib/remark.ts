// What people do about alerts: a form says where to (data-remark) and what; the answer stands below its button.
import { post } from "./api";

const NAME = "seismo.name";

export function isRemark(target: EventTarget | null): target is HTMLFormElement {
  return target instanceof HTMLFormElement && target.hasAttribute("data-remark");
}

// Who somebody said to be the last time, in this browser.
export function myName(): string {
  try { return localStorage.getItem(NAME) ?? ""; } catch { return ""; }
}

function keepName(name: string): void {
  try { localStorage.setItem(NAME, name); } catch { /* then it is asked for again */ }
}

export async function remark(form: HTMLFormElement): Promise<void> {
  const said = form.querySelector<HTMLElement>("[data-said]"), fields = new FormData(form), text = (name: string): string => String(fields.get(name) ?? "").trim();
  const by = text("by"), buttons = form.querySelectorAll("button");
  const minutes = fields.has("minutes") ? { minutes: Number(text("minutes")), reason: text("reason"), whole_service: fields.has("whole") } : {};
  for (const button of buttons) button.disabled = true;
  try {
    const scope = Object.fromEntries(["name", "application", "service", "environment"].filter((name) => text(name)).map((name) => [name, text(name)]));
    await post(form.dataset.remark!, { ...(text("id") && { id: text("id") }), by, ...minutes, ...scope });
    form.querySelectorAll<HTMLInputElement>("input[data-once]").forEach((input) => { input.value = ""; });
    keepName(by);
    if (said) said.textContent = "";
  } catch (problem) {
    if (said) said.textContent = problem instanceof Error ? problem.message : String(problem);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}
