// What the overview will ask for, there before the rest of the script is set up: the answers that the page itself brings (live_first.c), and the
// others asked for at once. The one module that does something by being imported, and so the first.
import { askAhead, giveAhead } from "./lib/api";
import { alertsPath, deploysPath, overviewPath, read, sessionsPath, STATUS_PATH, view } from "./lib/state";

const state = read(location.search);
const brought = document.getElementById("first")?.textContent;
const answers = (brought ? JSON.parse(brought) : {}) as Record<string, unknown>;

/** The page has brought all that its first screen shows. */
export let isAllHere = false;

if (view(state) === "overview") {
  const paths = { overview: overviewPath(state), sessions: sessionsPath(state), deploys: deploysPath(state), alerts: alertsPath(state), status: STATUS_PATH };
  const missing = Object.entries(paths).filter(([name]) => !(name in answers)).map(([, path]) => path);
  for (const [name, path] of Object.entries(paths)) if (name in answers) giveAhead(path, answers[name]);
  isAllHere = missing.length === 0;
  askAhead(missing);
}
