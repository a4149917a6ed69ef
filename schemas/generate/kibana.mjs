// Kibana's saved objects from schemas/kibana/: data views, Lens panels, saved searches and dashboards, as one NDJSON file.
//
// Ids are made of names, never drawn: the same sources give the same bytes. All begin with `seismo-`, which stands nowhere else in the file,
// so that `seismo setup` can give those of another space names of their own. Each dashboard's description ends with a stamp of everything
// that it shows: by that `seismo setup` sees what has changed. The fields are checked against the templates of schemas/elasticsearch/.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isGroupable, readBy, typeOf } from "./kibana_line.mjs";
import { lensOf } from "./kibana_lens.mjs";

/** In the order in which the row of links shows them. */
export const DASHBOARDS = ["overview", "pages", "api", "clicks", "errors", "sessions", "business", "alerts", "quality"];
const SIZES = { text: [48, 3], metric: [8, 6], line: [24, 12], area: [24, 12], bar: [24, 12], ranks: [24, 14], table: [24, 16], events: [48, 20] };
const COLUMNS = 48; // of Kibana's grid

// Versions of Kibana 8.9 and later: an older form would be migrated, which fails for Lens (docs/kibana.md).
const VERSIONS = { "index-pattern": "8.0.0", lens: "8.9.0", search: "8.0.0", dashboard: "8.9.0" };

const idOf = (...parts) => ["seismo", ...parts].join("-");
const reference = (name, type, id) => ({ id, name, type });
const saved = (type, id, attributes, references) =>
  ({ attributes, coreMigrationVersion: "8.8.0", id, references, type, typeMigrationVersion: VERSIONS[type] });

// ---- data views ----------------------------------------------------------------------------------------------------

const FORMATS = {
  ms: { id: "duration", params: { inputFormat: "milliseconds", outputFormat: "humanizePrecise", outputPrecision: 1, showSuffix: true, useShortSuffix: true, includeSpaceWithSuffix: true } },
  s: { id: "duration", params: { inputFormat: "seconds", outputFormat: "humanizePrecise", outputPrecision: 1, showSuffix: true, useShortSuffix: true, includeSpaceWithSuffix: true } },
  ns: { id: "duration", params: { inputFormat: "nanoseconds", outputFormat: "humanizePrecise", outputPrecision: 1, showSuffix: true, useShortSuffix: true, includeSpaceWithSuffix: true } },
  bytes: { id: "bytes", params: {} },
  "share of sessions": { id: "percent", params: { pattern: "0,0.[0]%" } },
};

/** A link to the dashboard, asked for this one value. Only for fields whose characters are bounded by their pattern: the rest comes from strangers. */
function linkTo(field, dashboard) {
  const query = `${field}:%22{{value}}%22`;
  return { id: "url", params: {
    type: "a", labelTemplate: "{{value}}", openLinkInCurrentTab: false,
    urlTemplate: `dashboards#/view/${idOf(dashboard)}?_g=(time:(from:now-7d,to:now))&_a=(query:(language:kuery,query:'${query}'))` } };
}

function dataView(name, view) {
  const formats = {};
  for (const [field, unit] of Object.entries(view.units)) if (FORMATS[unit]) formats[field] = FORMATS[unit];
  for (const [field, dashboard] of Object.entries(view.links ?? {})) formats[field] = linkTo(field, dashboard);
  for (const field of Object.keys(formats)) typeOf(view, field);
  return saved("index-pattern", idOf("data", name), {
    fieldAttrs: "{}", fieldFormatMap: JSON.stringify(formats), fields: "[]", name: view.name, runtimeFieldMap: "{}",
    sourceFilters: "[]", timeFieldName: "@timestamp", title: view.title, typeMeta: "{}" }, []);
}

// ---- panels --------------------------------------------------------------------------------------------------------

function searchOf(id, panel, view, viewName) {
  for (const column of panel.columns) typeOf(view, column);
  const source = { query: { query: panel.where ?? "", language: "kuery" }, filter: [], highlightAll: true, version: true,
    indexRefName: "kibanaSavedObjectMeta.searchSourceJSON.index" };
  return saved("search", id, {
    columns: panel.columns, description: "", grid: {}, hideChart: true, isTextBasedQuery: false,
    kibanaSavedObjectMeta: { searchSourceJSON: JSON.stringify(source) },
    sort: [[panel.sort ?? "@timestamp", panel.order ?? "desc"]], timeRestore: false, title: titleOf(panel), viewMode: "documents",
  }, [reference("kibanaSavedObjectMeta.searchSourceJSON.index", "index-pattern", idOf("data", viewName))]);
}

const kindOf = (panel) => Object.keys(SIZES).find((kind) => kind in panel);
const titleOf = (panel) => panel[kindOf(panel)];

function drilldowns(panel, at, references) {
  const targets = [panel.to ?? []].flat();
  return targets.map((target) => {
    if (!DASHBOARDS.includes(target)) throw new Error(`${titleOf(panel)}: no dashboard is called ${target}`);
    const eventId = `${at}-${target}`;
    references.push(reference(`${at}:drilldown:DASHBOARD_TO_DASHBOARD_DRILLDOWN:${eventId}:dashboardId`, "dashboard", idOf(target)));
    return { eventId, triggers: ["FILTER_TRIGGER"], action: {
      name: `Open ${target} for this`, factoryId: "DASHBOARD_TO_DASHBOARD_DRILLDOWN",
      config: { openInNewTab: false, useCurrentDateRange: true, useCurrentFilters: true } } };
  });
}

function markdown(text) {
  return { type: "visualization", config: {
    hidePanelTitles: true,
    savedVis: { title: "", description: "", type: "markdown", params: { fontSize: 12, markdown: text, openLinksInNewTab: false }, uiState: {},
      data: { aggs: [], searchSource: { filter: [], query: { language: "kuery", query: "" } } } } } };
}

/** The object behind a panel, or null for a text, which stands in the dashboard itself. */
function objectOf(id, own, source, views) {
  const panel = { ...own, where: own.where ?? source.where }, kind = kindOf(panel);
  if (!kind) throw new Error(`${id}: ${JSON.stringify(panel)}: no kind of panel; known are ${Object.keys(SIZES).join(", ")}`);
  const viewName = panel.data ?? source.data, view = views[viewName];
  if (kind === "text") return null;
  if (kind === "events") return searchOf(id, panel, view, viewName);
  const { attributes, layer } = lensOf(kind, titleOf(panel), panel, view);
  return saved("lens", id, attributes, [reference(`indexpattern-datasource-layer-${layer}`, "index-pattern", idOf("data", viewName))]);
}

function links(own, sources) {
  return DASHBOARDS.map((name) => (name === own ? `**${sources[name].title}**` : `[${sources[name].title}](#/view/${idOf(name)})`)).join(" · ");
}

// ---- dashboards ----------------------------------------------------------------------------------------------------

/** From left to right, into the next row when this one is full. */
function layOut(panels) {
  let x = 0, y = 0, height = 0;
  return panels.map((panel) => {
    const [w, h] = panel.size ?? SIZES[kindOf(panel)];
    if (x + w > COLUMNS) [x, y, height] = [0, y + height, 0];
    const grid = { x, y, w, h };
    x += w;
    height = Math.max(height, h);
    return grid;
  });
}

function controlsOf(source, views, references) {
  const panels = {};
  source.controls.forEach((line, order) => {
    const { field, label } = readBy(line), id = `control-${order}`, view = views[source.data];
    if (!isGroupable(view, field)) throw new Error(`${source.title}: ${field} cannot be chosen from`);
    references.push(reference(`controlGroup_${id}:optionsListDataView`, "index-pattern", idOf("data", source.data)));
    panels[id] = { type: "optionsListControl", order, grow: true, width: "medium",
      explicitInput: { id, fieldName: field, title: label, selectedOptions: [], enhancements: {} } };
  });
  return { controlStyle: "oneLine", chainingSystem: "HIERARCHICAL",
    ignoreParentSettingsJSON: JSON.stringify({ ignoreFilters: false, ignoreQuery: false, ignoreTimerange: false, ignoreValidations: false }),
    panelsJSON: JSON.stringify(panels) };
}

function panelOf(panel, place, at, object, references) {
  const events = drilldowns(panel, at, references);
  const { type, config } = object ? { type: object.type, config: { hidePanelTitles: kindOf(panel) === "metric" } } : markdown(titleOf(panel));
  const own = { version: "8.9.0", type, gridData: { ...place, i: at }, panelIndex: at,
    embeddableConfig: { ...config, enhancements: events.length ? { dynamicActions: { events } } : {} } };
  if (!object) return own;
  references.push(reference(`${at}:panel_${at}`, type, object.id));
  return { ...own, panelRefName: `panel_${at}` };
}

function dashboardOf(name, source, sources, views) {
  const panels = [{ text: links(name, sources) }, ...source.panels], places = layOut(panels);
  const objects = [], references = [];
  const shown = panels.map((panel, i) => {
    const at = `p${i}`, object = objectOf(idOf(name, at), panel, source, views);
    if (object) objects.push(object);
    return panelOf(panel, places[i], at, object, references);
  });
  const attributes = {
    title: `Seismo: ${source.title}`, description: source.about,
    panelsJSON: JSON.stringify(shown), optionsJSON: JSON.stringify({ useMargins: true, syncColors: false, syncCursor: true, syncTooltips: false, hidePanelTitles: false }),
    controlGroupInput: controlsOf(source, views, references),
    timeRestore: true, timeFrom: source.time, timeTo: "now", refreshInterval: { pause: true, value: 60000 },
    kibanaSavedObjectMeta: { searchSourceJSON: JSON.stringify({ query: { query: "", language: "kuery" }, filter: [] }) }, version: 1 };
  return { objects, dashboard: saved("dashboard", idOf(name), attributes, references) };
}

/** A release that shows something else has another stamp: of the dashboard, its panels and all data views. */
function stamp(dashboard, objects, dataViews) {
  const hash = createHash("sha256").update(JSON.stringify([dashboard, objects, dataViews])).digest("hex").slice(0, 16);
  dashboard.attributes.description += ` (Seismo ${hash})`;
}

const read = (root, path) => JSON.parse(readFileSync(join(root, path), "utf8"));

/** The data views of schemas/kibana/views.json with what templates and schemas say of their fields. */
export function readViews(root) {
  const views = read(root, "schemas/kibana/views.json");
  for (const [name, view] of Object.entries(views)) {
    view.fields = read(root, `schemas/elasticsearch/${name}.json`).template.mappings.properties;
    const schema = view.schema ? read(root, `schemas/${view.schema}.schema.json`).properties : {};
    view.units = Object.fromEntries(Object.entries(schema).filter(([, { "x-unit": unit }]) => unit).map(([field, own]) => [field, own["x-unit"]]));
  }
  return views;
}

export function listObjects(root) {
  const views = readViews(root);
  const sources = Object.fromEntries(DASHBOARDS.map((name) => [name, read(root, `schemas/kibana/${name}.json`)]));
  const dataViews = Object.entries(views).map(([name, view]) => dataView(name, view));
  const all = [...dataViews];
  for (const name of DASHBOARDS) {
    const { objects, dashboard } = dashboardOf(name, sources[name], sources, views);
    stamp(dashboard, objects, dataViews);
    all.push(...objects, dashboard);
  }
  return all;
}

export function writeKibana(root) {
  return listObjects(root).map((object) => `${JSON.stringify(object)}\n`).join("");
}
