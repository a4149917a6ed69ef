// Grafana's dashboard from schemas/grafana.json, in the form of Grafana 10 (schemaVersion 39, which 11 and 12 read too). The data source
// is asked for at the import. The same source gives the same bytes.

const SOURCE = { type: "prometheus", uid: "${datasource}" };
const COLUMNS = 24; // of Grafana's grid
const HEIGHTS = { stat: 4, timeseries: 8 };

function fieldConfig({ unit, red }) {
  const steps = [{ color: "green", value: null }, ...(red === undefined ? [] : [{ color: "red", value: red }])];
  return { defaults: { unit, min: 0, color: { mode: red === undefined ? "palette-classic" : "thresholds" }, thresholds: { mode: "absolute", steps } }, overrides: [] };
}

const OPTIONS = {
  stat: { reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false }, colorMode: "value", graphMode: "area", textMode: "auto" },
  timeseries: { legend: { displayMode: "list", placement: "bottom", showLegend: true }, tooltip: { mode: "multi", sort: "desc" } },
};

function panelOf(panel, id, x, y) {
  const type = panel.kind ?? "timeseries";
  return {
    id, type, title: panel.title, description: panel.description, datasource: SOURCE, gridPos: { h: HEIGHTS[type], w: panel.width, x, y },
    fieldConfig: fieldConfig(panel), options: OPTIONS[type],
    targets: panel.queries.map(([expr, legendFormat], i) => ({ refId: String.fromCharCode(65 + i), datasource: SOURCE, expr, legendFormat, range: true })),
  };
}

function panelsOf(rows) {
  const panels = [];
  let y = 0;
  for (const row of rows) {
    panels.push({ id: panels.length + 1, type: "row", title: row.title, collapsed: false, gridPos: { h: 1, w: COLUMNS, x: 0, y: y++ }, panels: [] });
    let x = 0, height = 0;
    for (const panel of row.panels) {
      if (x + panel.width > COLUMNS) [x, y, height] = [0, y + height, 0];
      panels.push(panelOf(panel, panels.length + 1, x, y));
      x += panel.width;
      height = Math.max(height, HEIGHTS[panel.kind ?? "timeseries"]);
    }
    y += height;
  }
  return panels;
}

const variable = (name, label, more) => ({ name, label, hide: 0, ...more });

export function writeGrafana({ title, description, rows }) {
  const dashboard = {
    uid: "seismo", title, description, tags: ["seismo"], schemaVersion: 39, version: 1, editable: true, graphTooltip: 1, refresh: "30s",
    time: { from: "now-6h", to: "now" }, timezone: "", annotations: { list: [] }, links: [], panels: panelsOf(rows),
    templating: { list: [
      variable("datasource", "Data source", { type: "datasource", query: "prometheus", current: {}, refresh: 1, regex: "", multi: false, includeAll: false }),
      variable("instance", "Instance", { type: "query", datasource: SOURCE, query: { query: "label_values(seismo_build_info, instance)", refId: "instance" }, definition: "label_values(seismo_build_info, instance)", refresh: 2, sort: 1, multi: true, includeAll: true, allValue: ".*", current: { text: ["All"], value: ["$__all"] } }),
    ] },
  };
  return `${JSON.stringify(dashboard, null, 1)}\n`;
}
