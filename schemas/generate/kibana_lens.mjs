// One panel as a Lens object: columns that Kibana turns into an aggregation, and how they are drawn.
//
// Only terms, date histograms and plain metrics: what multi_terms or top_metrics would do needs more than every Elasticsearch has.
import { isGroupable, readBy, readValue, typeOf } from "./kibana_line.mjs";

const LAYER = "layer1";
const base = (label, dataType, operationType, rest) => ({ label, dataType, operationType, isBucketed: false, scale: "ratio", customLabel: true, ...rest });
const kuery = (query) => ({ query, language: "kuery" });

function simpleColumn(view, label, { operation, argument, percentile, where, format }) {
  const params = {};
  if (operation === "count" || operation === "sum" || operation === "unique_count") params.emptyAsNull = false;
  if (percentile) params.percentile = percentile;
  if (format) params.format = format;
  const field = operation === "count" ? "___records___" : argument;
  const type = operation === "count" ? "number" : typeOf(view, field);
  const fits = operation === "count" || type === "number" || (type === "date" && (operation === "min" || operation === "max")) ||
    (operation === "unique_count" && isGroupable(view, field));
  if (!fits) throw new Error(`${label}: ${operation} of ${field}, which is ${type}`);
  return base(label, type === "date" ? "date" : "number", operation, { sourceField: field, params, ...(where && { filter: kuery(where) }) });
}

/** A quotient is a formula, and Lens wants its parts as columns too: both sums, and the division. */
function quotientColumns(view, id, label, { name, argument, where, format }) {
  if (where || argument.includes("'")) throw new Error(`${label}: a quotient takes its filter from the panel, and no apostrophe`);
  const [a, b] = argument.split(" / ");
  const [upper, lower, formula] = name === "share"
    ? [{ operation: "count", where: argument }, { operation: "count" }, `count(kql='${argument}') / count()`]
    : [{ operation: "sum", argument: a }, { operation: "sum", argument: b }, `sum(${a}) / sum(${b})`];
  const tinymathAst = { type: "function", name: "divide", args: [`${id}X0`, `${id}X1`], location: { min: 0, max: formula.length }, text: formula };
  const part = `Part of ${label}`;
  return {
    [id]: base(label, "number", "formula", { params: { formula, isFormulaBroken: false, format }, references: [`${id}X2`] }),
    [`${id}X0`]: simpleColumn(view, part, upper),
    [`${id}X1`]: simpleColumn(view, part, lower),
    [`${id}X2`]: base(part, "number", "math", { params: { tinymathAst }, references: [`${id}X0`, `${id}X1`] }),
  };
}

function valueColumns(view, id, line, title) {
  const value = readValue(line), label = value.label ?? title;
  return value.operation ? { [id]: simpleColumn(view, label, value) } : quotientColumns(view, id, label, value);
}

function timeColumn() {
  return { label: "@timestamp", dataType: "date", operationType: "date_histogram", sourceField: "@timestamp", isBucketed: true, scale: "interval",
    params: { interval: "auto", includeEmptyRows: true, dropPartials: false } };
}

/** The value that top values are chosen by: one of all documents, since not every release orders by a filtered one or a formula. */
function orderOf(title, lines) {
  const at = lines.map(readValue).findIndex(({ operation, where }) => ["count", "sum", "unique_count", "max"].includes(operation) && !where);
  if (at < 0) throw new Error(`${title}: top values need a count, sum, unique or max without a filter`);
  return `v${at}`;
}

function termsColumn(view, line, orderBy) {
  const { field, size, label } = readBy(line);
  if (!isGroupable(view, field)) throw new Error(`${line}: nothing can be grouped by it`);
  const params = { size, orderBy: { type: "column", columnId: orderBy }, orderDirection: "desc", otherBucket: false, missingBucket: false,
    parentFormat: { id: "terms" }, include: [], exclude: [], includeIsRegex: false, excludeIsRegex: false, secondaryFields: [] };
  return { label, dataType: typeOf(view, field), operationType: "terms", sourceField: field, isBucketed: true, scale: "ordinal", customLabel: true, params };
}

const SERIES = { line: "line", area: "area_stacked", bar: "bar_stacked", ranks: "bar_horizontal" };

function drawXy(kind, { x, split, values }) {
  const shown = { x: true, yLeft: true, yRight: true };
  return { visualizationType: "lnsXY", visualization: {
    legend: { isVisible: kind !== "ranks", position: "right" }, valueLabels: "hide", fittingFunction: "None", preferredSeriesType: SERIES[kind],
    axisTitlesVisibilitySettings: { x: false, yLeft: false, yRight: false }, gridlinesVisibilitySettings: shown, tickLabelsVisibilitySettings: shown,
    labelsOrientation: { x: 0, yLeft: 0, yRight: 0 },
    layers: [{ layerId: LAYER, layerType: "data", seriesType: SERIES[kind], position: "top", showGridlines: false, accessors: values, xAccessor: x, ...(split && { splitAccessor: split }) }] } };
}

function drawTable(groups, values) {
  const columns = [...groups.map((columnId) => ({ columnId, isTransposed: false })), ...values.map((columnId) => ({ columnId, isTransposed: false, alignment: "right" }))];
  return { visualizationType: "lnsDatatable", visualization: { layerId: LAYER, layerType: "data", columns, paging: { size: 10, enabled: true } } };
}

const drawMetric = ([metricAccessor]) => ({ visualizationType: "lnsMetric", visualization: { layerId: LAYER, layerType: "data", metricAccessor } });

/** panel: `value` of a metric; `y`, `x` (default time) and `split` of a chart; `by` and `y` of ranks and tables. */
export function lensOf(kind, title, panel, view) {
  const lines = panel.value ? [panel.value] : panel.y;
  const values = lines.map((_, i) => `v${i}`), columns = {};
  const order = panel.by || panel.split ? orderOf(title, lines) : null;
  const groups = [panel.by ?? []].flat().map((line, i) => [`g${i}`, termsColumn(view, line, order)]);
  for (const [id, column] of groups) columns[id] = column;
  if (SERIES[kind] && kind !== "ranks") {
    if (panel.split) columns.s = termsColumn(view, panel.split, order);
    columns.x = timeColumn();
  }
  lines.forEach((line, i) => Object.assign(columns, valueColumns(view, `v${i}`, line, title)));
  const drawn = kind === "metric" ? drawMetric(values)
    : kind === "table" ? drawTable(groups.map(([id]) => id), values)
      : drawXy(kind, { x: kind === "ranks" ? "g0" : "x", split: panel.split && "s", values });
  const { visualizationType, visualization } = drawn;
  const layers = { [LAYER]: { columns, columnOrder: Object.keys(columns), incompleteColumns: {}, sampling: 1 } };
  return { layer: LAYER, attributes: { title, description: "", visualizationType, state: {
    visualization, query: kuery(panel.where ?? ""), filters: [], internalReferences: [], adHocDataViews: {},
    datasourceStates: { formBased: { layers }, indexpattern: { layers: {} }, textBased: { layers: {} } } } } };
}
