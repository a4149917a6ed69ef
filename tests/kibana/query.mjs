// What Kibana would ask the store for a panel, made from the saved objects that are imported, not from their sources: Lens columns become the
// aggregation that Lens makes of them, a saved search becomes its search.
import { readKql } from './kql.mjs';

export const read = (lines) => lines.split('\n').filter(Boolean).map((line) => JSON.parse(line));

const METRICS = { average: 'avg', sum: 'sum', min: 'min', max: 'max', unique_count: 'cardinality' };

function metricOf({ operationType, sourceField, params }) {
  if (operationType === 'count') return { filter: { match_all: {} } };
  if (operationType === 'percentile' || operationType === 'median') return { percentiles: { field: sourceField, percents: [params.percentile ?? 50] } };
  if (!METRICS[operationType]) throw new Error(`no operation ${operationType}`);
  return { [METRICS[operationType]]: { field: sourceField } };
}

// A column with a filter is the metric under a filter of its own.
function aggregationOf(column) {
  const metric = metricOf(column);
  if (!column.filter) return metric;
  return { filter: readKql(column.filter.query).query, aggs: { inner: metric } };
}

const isMetric = ({ isBucketed, operationType }) => !isBucketed && operationType !== 'formula' && operationType !== 'math';

function bucketOf(column, columns) {
  if (column.operationType === 'date_histogram') return { date_histogram: { field: column.sourceField, fixed_interval: '30m', min_doc_count: 1 } };
  if (column.operationType !== 'terms') throw new Error(`no bucket ${column.operationType}`);
  const { columnId } = column.params.orderBy, by = columns[columnId];
  if (!isMetric(by) || by.filter) throw new Error(`ordered by ${by.operationType}`);
  return { terms: { field: column.sourceField, size: column.params.size, order: by.operationType === 'count' ? { _count: 'desc' } : { [columnId]: 'desc' } } };
}

/** { index (an id of a data view), fields, body, buckets (ids, outermost first), metrics (ids) } */
export function queryOf(object) {
  const fields = new Set(['@timestamp']);
  const note = (kql) => { const { query, fields: named } = readKql(kql); named.forEach((field) => fields.add(field)); return query; };
  const index = object.references.find(({ type }) => type === 'index-pattern').id;
  if (object.type === 'search') {
    const source = JSON.parse(object.attributes.kibanaSavedObjectMeta.searchSourceJSON);
    for (const field of [...object.attributes.columns, ...object.attributes.sort.map(([field]) => field)]) fields.add(field);
    return { index, fields, columns: object.attributes.columns, buckets: [], metrics: [],
      body: { size: 500, query: note(source.query.query), fields: object.attributes.columns, sort: object.attributes.sort.map(([field, order]) => ({ [field]: { order, unmapped_type: 'boolean' } })) } };
  }
  const { columns, columnOrder } = object.attributes.state.datasourceStates.formBased.layers.layer1;
  if (columnOrder.length !== Object.keys(columns).length) throw new Error('columns without a place');
  for (const id of columnOrder) {
    const { sourceField, filter, references = [] } = columns[id];
    if (sourceField && sourceField !== '___records___') fields.add(sourceField);
    if (filter) note(filter.query);
    for (const other of references) if (!columns[other]) throw new Error(`${id} refers to ${other}`);
  }
  const metrics = columnOrder.filter((id) => isMetric(columns[id])), buckets = columnOrder.filter((id) => columns[id].isBucketed);
  let aggs = Object.fromEntries(metrics.map((id) => [id, aggregationOf(columns[id])]));
  for (const id of [...buckets].reverse()) aggs = { [id]: { ...bucketOf(columns[id], columns), aggs: { ...aggs, ...orderFor(columns, id, metrics) } } };
  return { index, fields, buckets, metrics, columns: [], body: { size: 0, track_total_hits: true, query: note(object.attributes.state.query.query), aggs } };
}

// What an outer terms is ordered by has to stand beside it.
function orderFor(columns, id, metrics) {
  const by = columns[id].params?.orderBy?.columnId;
  return by && metrics.includes(by) ? { [by]: aggregationOf(columns[by]) } : {};
}

const numberIn = (answer) => {
  const one = answer?.inner ?? answer;
  return one?.values ? Object.values(one.values)[0] : one?.value ?? one?.doc_count ?? null;
};

/** What a panel would show: null when it shows something, else why it is empty. */
export function emptiness({ buckets, metrics, columns }, answer) {
  const total = answer.hits.total.value ?? answer.hits.total;
  if (!total) return 'no documents';
  if (columns.length) {
    const absent = columns.filter((field) => !answer.hits.hits.some((hit) => hit.fields?.[field] !== undefined || hit._source?.[field] !== undefined));
    return absent.length ? `no document has ${absent.join(', ')}` : null;
  }
  let rows = [answer.aggregations];
  for (const id of buckets) rows = rows.flatMap((row) => row[id].buckets);
  if (!rows.length) return 'no buckets';
  const empty = metrics.filter((id) => !rows.some((row) => numberIn(row[id]) !== null && !Number.isNaN(numberIn(row[id]))));
  return empty.length ? `no bucket has a value for ${empty.join(', ')}` : null;
}
