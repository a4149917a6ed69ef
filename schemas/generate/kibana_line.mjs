// The short lines of schemas/kibana/: what is counted or measured, and what it is grouped by.
//
//   value   [LABEL = ] FUNCTION(FIELD) [as ms | cls | percent] [where KQL]
//           count() unique(F) sum(F) avg(F) min(F) max(F) median(F) p75(F) p95(F) …; share(KQL): of all documents;
//           ratio(F / G): the sum of the one by the sum of the other
//   by      FIELD [HOW MANY] [= LABEL], or `time`

/** Type of a field in the view's template; a field that the template does not have is an error. */
export function typeOf(view, field) {
  const mapping = view.fields[field];
  if (!mapping) throw new Error(`${view.title}: the template has no field ${field}`);
  return { keyword: "string", text: "text", flattened: "string", long: "number", double: "number", float: "number", date: "date", boolean: "boolean", ip: "ip" }[mapping.type]
    ?? "unknown";
}

export const isGroupable = (view, field) => view.fields[field]?.doc_values !== false && ["string", "number", "boolean", "ip"].includes(typeOf(view, field));

const FUNCTIONS = {
  count: ["count"], unique: ["unique_count"], sum: ["sum"], avg: ["average"], min: ["min"], max: ["max"], median: ["median"],
};

const FORMATS = {
  ms: { id: "number", params: { decimals: 0, suffix: " ms" } },
  cls: { id: "number", params: { decimals: 3 } },
  percent: { id: "percent", params: { decimals: 1 } },
};

export function readValue(line) {
  const match = /^(?:([^=()]+?) = )?([a-z]+\d*)\((.*?)\)(?: as (\w+))?(?: where (.+))?$/.exec(line);
  if (!match) throw new Error(`"${line}": LABEL = FUNCTION(FIELD) [as FORMAT] [where KQL] is expected`);
  const [, label, name, argument, format, where] = match;
  const percentile = /^p(\d+)$/.exec(name)?.[1];
  if (!percentile && !FUNCTIONS[name] && name !== "share" && name !== "ratio") throw new Error(`"${line}": ${name} is no function`);
  if (format && !FORMATS[format]) throw new Error(`"${line}": ${format} is no format`);
  return { label, name, argument, where, percentile: percentile && Number(percentile), operation: percentile ? "percentile" : FUNCTIONS[name]?.[0],
    format: FORMATS[format ?? (name === "share" || name === "ratio" ? "percent" : "")] };
}

export function readBy(line) {
  const match = /^(\S+)(?: (\d+))?(?: = (.+))?$/.exec(line);
  if (!match) throw new Error(`"${line}": FIELD [HOW MANY] [= LABEL] is expected`);
  return { field: match[1], size: Number(match[2] ?? 10), label: match[3] ?? match[1] };
}
