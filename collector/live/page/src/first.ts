// What the overview will ask for, asked before the rest of the script is set up: the answers come in the same time. The one module that does
// something by being imported, and so the first.
import { askAhead } from "./lib/api";
import { alertsPath, deploysPath, overviewPath, read, sessionsPath, STATUS_PATH, view } from "./lib/state";

const state = read(location.search);
if (view(state) === "overview") askAhead([overviewPath(state), sessionsPath(state), deploysPath(state), alertsPath(state), STATUS_PATH]);
