// The agent as one script tag: reads its settings from the tag, starts, and puts itself at window.seismo. Commands
// that a page left in window.seismo.q before the script came are carried out. A second tag does nothing.

import { quietly } from "./lib/guard";
import { seismo, start, type Seismo } from "./index";

type Global = Window & { seismo?: Seismo & { q?: Iterable<[string, ...unknown[]]>; started?: boolean } };

quietly(() => {
  const page = window as Global;
  /* A picture of that name hides `document.currentScript`. */
  const script = ([document.currentScript, ...document.scripts] as HTMLScriptElement[]).find((one, i) => one && "key" in one.dataset && (!i || /seismo/.test(one.src)));
  if (!script || page.seismo?.started) return;
  const early = page.seismo?.q ?? [];
  start({ ...script.dataset }, script.src);
  page.seismo = Object.assign(seismo, { started: true });
  for (const command of early) seismo(...command);
});
