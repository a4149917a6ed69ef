// The live page. One address, one view, one answer to show: the address is read, what it needs is fetched, it is shown.
import { isAllHere } from "./first";
import "uplot/dist/uPlot.min.css";
import "./live.css";
import { chooseLanguage, mark, startLanguage, t } from "./i18n/i18n";
import { ApiError, get } from "./lib/api";
import { asTables, forgetDetached, setMarks } from "./lib/chart";
import { getBefore } from "./lib/compare";
import { plain } from "./lib/dom";
import { startFeed, type Feed } from "./lib/feed";
import { isRemark, remark } from "./lib/remark";
import { alertsPath, deploysPath, href, kept, overviewPath, query, read, scopeQuery, sessionsPath, STATUS_PATH, view, type ListView, type State } from "./lib/state";
import type { Alerts, Business, Causes, Clicks, Deploys, Detail, Diagnosis, ErrorDetail, Overview, Place, Rejects, Series, Sessions, Status, Timeline } from "./types";
import { showAlert, showSelfAlert } from "./view/alert";
import { showAlerts } from "./view/alerts";
import { showBusiness } from "./view/business";
import { showDeploys } from "./view/deploys";
import { showEmpty, showLocked } from "./view/empty";
import { showError } from "./view/error";
import { showFooter } from "./view/footer";
import { showHeader } from "./view/header";
import { toggleKeys } from "./view/keys";
import { overviewWords, showOverview, showOverviewTop } from "./view/overview";
import { alertLink, alertWords, away, loading, seriesWords, trouble } from "./view/parts";
import { showList, type ListData } from "./view/lists";
import { showSeries } from "./view/series";
import { showSelf, type Sample } from "./view/self";
import { showSession } from "./view/session";

const STATUS_MS = 15000;
const SESSIONS_MS = 1500;
const CLICKS_MS = 5000;
const LOADING_MS = 400; // sooner it would only flicker
const DETAILED = ["page", "route", "api"];

const header = document.getElementById("header")!, main = document.getElementById("main")!, announce = document.getElementById("announce")!;
const footer = document.getElementById("footer")!, skip = document.getElementById("skip")!;
startLanguage();
let state: State = read(location.search);
let feed: Feed;
let status: Status | null = null, statusAt = 0;
let sessions: Sessions | null = null, sessionsAt = 0, sessionsFor = "";
let clicks: Clicks | null = null, business: Business | null = null, clicksAt = 0, clicksFor = "";
let deploys: Deploys = { rows: [] };
let alertsNow: Alerts | null = null;
let firing = -1;
let searchNote = "";

function rerender(): void {
  skip.textContent = t("Skip to the figures");
  showHeader(header, state, status, feed, searchNote);
  showFooter(footer);
}

function title(text: string): void {
  const wanted = text ? `${plain(text)} · Seismo` : "Seismo";
  if (document.title !== wanted) document.title = wanted;
}

async function readStatus(): Promise<void> {
  if (Date.now() - statusAt < STATUS_MS) return;
  status = await get<Status>(STATUS_PATH);
  statusAt = Date.now();
}

/* What stands around every view: asked for beside what the view itself asks for. */
let marks: Promise<void> = Promise.resolve();
const readAround = () => Promise.all([readStatus(), marks]);

async function readSessions(asked: State): Promise<void> {
  const of = scopeQuery(asked);
  if (sessionsFor === of && Date.now() - sessionsAt < SESSIONS_MS) return;
  sessions = await get<Sessions>(sessionsPath(asked));
  sessionsAt = Date.now();
  sessionsFor = of;
}

/* Clicks and business events, asked for when the rest is drawn: single events are looked at, which may take longer than all else on the first screen. */
async function readSingle(of: string): Promise<void> {
  if (clicksFor === of && Date.now() - clicksAt < CLICKS_MS) return;
  if (clicksFor !== of) clicks = business = null;
  clicksFor = of;
  clicksAt = Date.now();
  const [answer, events] = await Promise.all([get<Clicks>(`/api/clicks?${of}`).catch(() => null), get<Business>(`/api/business?${of}`).catch(() => null)]);
  if (clicksFor !== of || !(answer || events)) return;
  const first = !clicks;
  clicks = answer;
  business = events;
  if (first && !feed.isPaused()) feed.now();
}

/* What is on the screen is seen first; then there is time for what lies below. */
const painted = (): Promise<void> => new Promise((go) => { if ("requestIdleCallback" in window) requestIdleCallback(() => go(), { timeout: 200 }); else globalThis.setTimeout(go, 50); });

function isEmpty(overview: Overview): boolean {
  const { totals } = overview;
  const seen = totals.loads + totals.routes + totals.calls + totals.clicks + totals.errors + overview.vitals.reduce((sum, item) => sum + item.count, 0);
  return seen === 0 && (status?.scopes.length ?? 0) === 0 && !state.from && !state.service && (sessions?.rows.length ?? 0) === 0;
}

/* Spoken once when it changes; figures are not. */
function tell(alerts: Alerts): void {
  if (firing >= 0 && alerts.firing !== firing) announce.textContent = alerts.firing ? t("{n} open alerts", { n: alerts.firing }) : t("No open alerts any more");
  firing = alerts.firing;
}

async function refreshOverview(asked: State): Promise<void> {
  const of = scopeQuery(asked);
  const [overview] = await Promise.all([get<Overview>(overviewPath(asked)), readSessions(asked), readAround()]);
  if (asked !== state || !alertsNow) return;
  const alerts = { ...alertsNow, rows: alertsNow.rows.slice(0, 10) };
  const [before, clicksBefore, businessBefore] = asked.compare
    ? await Promise.all([getBefore<Overview>("/api/overview", asked, overview), getBefore<Clicks>("/api/clicks", asked, overview), getBefore<Business>("/api/business", asked, overview)]) : [null, null, null];
  if (asked !== state) return;
  tell(alerts);
  if (isEmpty(overview) && status) {
    statusAt = 0; // what was refused should show at once
    title("");
    const diagnosis = await get<Diagnosis>("/api/diagnosis");
    if (asked !== state) return;
    showEmpty(main, status, diagnosis);
    return;
  }
  title(alerts.firing ? `(${alerts.firing}) ${overviewWords(overview)}` : asked.service ?? "");
  const data = { overview, alerts, sessions, before, deploys: deploys.rows, clicks: clicksFor === of ? clicks : null, clicksBefore, business: clicksFor === of ? business : null, businessBefore };
  if (main.hasAttribute("aria-busy")) {
    showOverviewTop(main, asked, data);
    main.setAttribute("data-view", "overview");
    await painted();
    if (asked !== state) return;
  }
  showOverview(main, asked, data);
  void readSingle(of);
}

let list: ListData = { overview: null, sessions: null, before: null };
const LIST_WORDS: Record<ListView, string> = { pages: mark("Pages"), apis: mark("API calls"), errors: mark("Errors"), sessions: mark("Sessions") };

async function refreshList(asked: State): Promise<void> {
  const name = view(asked) as ListView, isOfSessions = name === "sessions";
  const [overview, found] = await Promise.all([isOfSessions ? null : get<Overview>(overviewPath(asked)), isOfSessions ? get<Sessions>(`/api/sessions?${scopeQuery(asked)}&limit=200`) : null, readAround()]);
  const before = overview && asked.compare ? await getBefore<Overview>("/api/overview", asked, overview) : null;
  if (asked !== state) return;
  title(t(LIST_WORDS[name]));
  list = { overview, sessions: found, before };
  showList(main, asked, name, list);
}

/* While somebody types, from what is there; the address follows. */
function narrow(q: string): void {
  state = { ...state, q: q || undefined };
  history.replaceState(history.state, "", href(state));
  showList(main, state, view(state) as ListView, list);
}

async function refreshSeries(asked: State): Promise<void> {
  const { kind, name, detail } = asked;
  const { release, browser, device, country } = asked, of = { kind, name: name || "*", detail };
  const chosen = { ...of, detail: undefined, release, browser, device, country }, detailed = Boolean(kind && DETAILED.includes(kind));
  const vital = kind === "vital", behind = { ...chosen, kind: undefined, detail: vital ? detail : undefined };
  const [series, more, causes] = await Promise.all([get<Series>(`/api/series?${scopeQuery(asked, of)}`), detailed ? get<Detail>(`/api/detail?${scopeQuery(asked, chosen)}`) : null,
    vital || kind === "page" ? get<Causes>(`/api/causes?${scopeQuery(asked, behind)}`) : null, readAround()]);
  if (asked !== state) return;
  const [before, moreBefore, causesBefore] = asked.compare ? await Promise.all([getBefore<Series>("/api/series", asked, series, of), detailed ? getBefore<Detail>("/api/detail", asked, series, chosen) : null,
    causes && getBefore<Causes>("/api/causes", asked, series, behind)]) : [null, null, null];
  if (asked !== state) return;
  title(seriesWords(series.kind, series.name, series.detail));
  showSeries(main, asked, series, before, more, moreBefore, causes, causesBefore);
}

async function refreshSession(asked: State): Promise<void> {
  const [timeline] = await Promise.all([get<Timeline>(`/api/session?id=${encodeURIComponent(asked.id ?? "")}`), readAround()]);
  if (asked !== state) return;
  title(t("Session {id}", { id: timeline.about.user ?? asked.id ?? "" }));
  showSession(main, asked, timeline);
}

async function refreshUser(asked: State): Promise<void> {
  const [timeline] = await Promise.all([get<Timeline>(`/api/session?user=${encodeURIComponent(asked.user ?? "")}`), readAround()]);
  if (asked !== state) return;
  title(t("User {id}", { id: asked.user ?? "" }));
  showSession(main, asked, timeline);
}

async function refreshError(asked: State): Promise<void> {
  const of = { kind: "error", name: "*", detail: asked.code };
  const ever = { ...asked, from: undefined, to: undefined }, code = { code: asked.code };
  const [detail, series] = await Promise.all([get<ErrorDetail>(`/api/errors?${scopeQuery(ever, code)}`), asked.compare ? get<Series>(`/api/series?${scopeQuery(asked, of)}`) : null, readAround()]);
  const during = series && { ...asked, from: String(series.from), to: String(series.to) };
  const [before, met, metBefore] = series && during ? await Promise.all([getBefore<Series>("/api/series", asked, series, of), get<ErrorDetail>(`/api/errors?${scopeQuery(during, code)}`), getBefore<ErrorDetail>("/api/errors", asked, series, code)]) : [null, null, null];
  if (asked !== state) return;
  title(detail.message);
  showError(main, asked, detail, series, before, met, metBefore);
}

/* Known before anything is drawn: marks belong to every chart. */
async function readMarks(asked: State): Promise<void> {
  const [marked, alerts] = await Promise.all([get<Deploys>(deploysPath(asked)), get<Alerts>(alertsPath(asked))]);
  if (asked !== state) return;
  deploys = marked;
  alertsNow = alerts;
  const open = alerts.rows.filter((alert) => alert.state === "firing");
  setMarks(deploys.rows.map(({ at, name }) => ({ at: Date.parse(at), name })),
    open.map((alert) => ({ at: Date.parse(alert.since ?? alert.opened ?? ""), name: `${seriesWords(alert.series, alert.name, alert.detail)} ${alertWords(alert)[0]}` })));
}

const samples: Sample[] = [];

async function refreshSelf(asked: State): Promise<void> {
  statusAt = 0; // its figures are what is looked at
  const [rejects, diagnosis] = await Promise.all([get<Rejects>("/api/rejects?limit=10"), get<Diagnosis>("/api/diagnosis"), readAround()]);
  if (asked !== state || !status) return;
  samples.push({ at: status.now, status });
  if (samples.length > 300) samples.shift();
  title(t("Seismo itself"));
  showSelf(main, asked, status, rejects, samples, diagnosis);
}

async function refreshDeploys(asked: State): Promise<void> {
  await readAround();
  if (asked !== state) return;
  title(t("Deploys"));
  showDeploys(main, asked, deploys, Date.now());
}

async function refreshBusiness(asked: State): Promise<void> {
  const [events] = await Promise.all([get<Business>(`/api/business?${scopeQuery(asked)}`), readAround()]);
  const before = asked.compare ? await getBefore<Business>("/api/business", asked, events) : null;
  if (asked !== state) return;
  title(t("Business events"));
  showBusiness(main, asked, events, before);
}

async function refreshAlerts(asked: State): Promise<void> {
  const [alerts] = await Promise.all([get<Alerts>(`/api/alerts?${scopeQuery(asked)}&limit=200`), readAround()]);
  if (asked !== state) return;
  tell(alerts);
  title(t("Alerts"));
  showAlerts(main, asked, alerts, Date.now());
}

async function refreshAlert(asked: State): Promise<void> {
  const [alerts] = await Promise.all([get<Alerts>(`/api/alerts?id=${encodeURIComponent(asked.id ?? "")}`), readAround()]);
  const alert = alerts.rows[0];
  if (!alert) throw new ApiError(404, "", t("No alert of this name is stored here."));
  if (alert.kind === "self") {
    title(`${alert.state === "firing" ? "! " : ""}${t("Seismo itself")}`);
    return showSelfAlert(main, asked, alert, Date.now());
  }
  const around = alertLink(asked, alert, Date.now());
  if (alert.state === "firing") around.to = new Date().toISOString();
  const of = { kind: around.kind, name: around.name, detail: around.detail };
  const series = await get<Series>(`/api/series?${scopeQuery(around, of)}`);
  const before = asked.compare ? await getBefore<Series>("/api/series", around, series, of) : null;
  if (asked !== state) return;
  title(`${alert.state === "firing" ? "! " : ""}${seriesWords(alert.series, alert.name, alert.detail)}`);
  showAlert(main, asked, alert, series, before, Date.now());
}

const VIEWS = { pages: refreshList, apis: refreshList, errors: refreshList, sessions: refreshList, self: refreshSelf, deploys: refreshDeploys, business: refreshBusiness, alerts: refreshAlerts, alert: refreshAlert, overview: refreshOverview, series: refreshSeries, session: refreshSession, user: refreshUser, error: refreshError };

async function refresh(): Promise<boolean> {
  const asked = state;
  asTables(Boolean(asked.tables));
  try {
    marks = readMarks(asked);
    await VIEWS[view(asked)](asked);
    if (asked !== state) return true; // somebody has gone on: what is shown is not this
    main.setAttribute("data-view", view(asked));
    main.removeAttribute("aria-busy");
    forgetDetached();
    if (wantedY) scrollTo(0, wantedY);
    wantedY = 0;
    return true;
  } catch (problem) {
    if (asked !== state) return false;
    const isAnswer = problem instanceof ApiError && problem.status < 500;
    if (isAnswer && problem.status === 401) {
      title(t("Who are you?"));
      showLocked(main, status !== null);
    }
    else if (isAnswer) main.replaceChildren(trouble(problem));
    else if (main.hasAttribute("aria-busy")) main.replaceChildren(away(problem));
    if (isAnswer) main.removeAttribute("aria-busy");
    return isAnswer;
  }
}

/* Where somebody stood before going on; back leads there again, once what stood there is drawn. */
let wantedY = 0;
history.scrollRestoration = "manual";

function go(next: State, push = true): void {
  if (push && query(next) !== query(state)) {
    history.replaceState({ y: scrollY }, "");
    history.pushState(null, "", href(next));
    wantedY = 0;
  }
  const moved = view(next) !== view(state) || next.id !== state.id || next.user !== state.user || next.name !== state.name || next.code !== state.code;
  state = next;
  if (moved) {
    main.replaceChildren();
    main.setAttribute("aria-busy", "true");
    setTimeout(() => { if (state === next && !main.firstChild) main.replaceChildren(loading()); }, LOADING_MS);
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  rerender();
  feed.now();
}

async function copy(button: HTMLElement): Promise<void> {
  const label = button.lastChild!, words = label.nodeValue;
  await navigator.clipboard.writeText(button.dataset.copy!).then(() => { label.nodeValue = t("Copied"); }, () => { label.nodeValue = t("Select and copy it"); });
  setTimeout(() => { label.nodeValue = words; }, 2000);
}

/* Where a pasted text leads; what is not found is said below the box. */
async function find(box: HTMLInputElement): Promise<void> {
  const text = box.value.trim();
  if (!text) return;
  try {
    const place = await get<Place>(`/api/find?id=${encodeURIComponent(text)}`);
    const { id } = place;
    searchNote = "";
    box.value = "";
    box.blur();
    go({ ...kept(state), view: place.kind, ...(place.kind === "error" ? { code: id } : place.kind === "user" ? { user: id } : { id }) });
  } catch (problem) {
    searchNote = problem instanceof ApiError && problem.status === 404 ? t("Nothing of this name is stored here.") : problem instanceof Error ? problem.message : String(problem);
    rerender();
  }
}

/* The address keeps no language then: what was chosen is the reader's, not the link's. */
function speak(language: string): void {
  chooseLanguage(language);
  state = { ...state, lang: undefined };
  history.replaceState(null, "", href(state));
  main.replaceChildren();
  rerender();
  feed.now();
}

function unlock(): void {
  const token = (document.getElementById("token") as HTMLInputElement).value;
  const wanted = new URLSearchParams(location.search);
  wanted.set("token", token);
  location.assign(`/?${wanted}`);
}

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const anchor = target?.closest<HTMLAnchorElement>("a[data-link]");
  if (anchor && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    go(read(new URL(anchor.href).search));
    return;
  }
  const button = target?.closest<HTMLElement>("button");
  if (button?.hasAttribute("data-pause")) feed.pause(!feed.isPaused());
  else if (button?.hasAttribute("data-compare")) go({ ...state, compare: state.compare ? undefined : "1" });
  else if (button?.hasAttribute("data-keys")) toggleKeys();
  else if (button?.hasAttribute("data-copy")) void copy(button);
  else if (button?.hasAttribute("data-unlock")) unlock();
  else if (button?.dataset.language) speak(button.dataset.language);
});

document.addEventListener("submit", (event) => {
  if (isRemark(event.target)) {
    event.preventDefault();
    void remark(event.target).then(() => feed.now());
    return;
  }
  if (!(event.target instanceof HTMLFormElement) || !event.target.hasAttribute("data-search")) return;
  event.preventDefault();
  void find(document.getElementById("search") as HTMLInputElement);
});

document.addEventListener("input", (event) => {
  if (event.target instanceof HTMLInputElement && event.target.hasAttribute("data-narrow")) narrow(event.target.value);
  if (!searchNote || !(event.target instanceof HTMLInputElement) || event.target.id !== "search") return;
  searchNote = "";
  rerender();
});

document.addEventListener("change", (event) => {
  const chosen = event.target instanceof HTMLSelectElement ? event.target : null;
  const name = chosen?.dataset.select;
  if (name === "application") go({ ...state, application: chosen!.value || undefined, service: undefined, environment: undefined });
  if (name === "service") go({ ...state, service: chosen!.value || undefined });
  if (name === "environment") go({ ...state, environment: chosen!.value || undefined });
});

document.addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLTextAreaElement) return;
  if (event.target instanceof HTMLInputElement) {
    if (event.key === "Enter" && event.target.id === "token") unlock();
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.metaKey || event.ctrlKey || event.altKey || event.target instanceof HTMLSelectElement) return;
  if (event.key === " " && event.target instanceof HTMLElement && event.target.getAttribute("role") === "switch") { event.preventDefault(); event.target.click(); }
  if (event.key === "?") toggleKeys();
  if (document.querySelector("dialog[open]")) return; // Escape closes it, and the rest is for what lies behind
  if (event.key === "/") { event.preventDefault(); document.getElementById("search")?.focus(); }
  if (event.key === "t") go({ ...state, tables: state.tables ? undefined : "1" });
  if (event.key === "x") go({ ...state, compare: state.compare ? undefined : "1" });
  if (event.key === "p") feed.pause(!feed.isPaused());
  if (event.key === "Escape" && view(state) !== "overview") go(kept({ ...state, from: undefined, to: undefined }));
});

addEventListener("popstate", ({ state: left }: { state: { y?: number } | null }) => {
  wantedY = left?.y ?? 0;
  go(read(location.search), false);
});

feed = startFeed(refresh, rerender);
if (!isAllHere) rerender();
