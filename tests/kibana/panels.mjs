// Every panel, choice, link and drill-down of the dashboards against a store: [{ dashboard, panel, problem }], an empty list when all is well.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib/seismo.mjs';
import { readKql } from './kql.mjs';
import { emptiness, queryOf, read } from './query.mjs';

const TYPES = { number: ['long', 'double', 'float'], string: ['keyword', 'text', 'flattened', 'flat_object'], date: ['date'], boolean: ['boolean'], ip: ['ip'] };

export const objects = () => read(readFileSync(join(root, 'collector/kibana/objects_gen.ndjson'), 'utf8'));

/** Links of field formats: rison and KQL that Kibana will read, to a dashboard that is there, for a field whose values cannot break out of them. */
function linkProblems(view, all) {
  return Object.entries(JSON.parse(view.attributes.fieldFormatMap)).filter(([, { id }]) => id === 'url').flatMap(([field, { params }]) => {
    const match = /^dashboards#\/view\/([\w-]+)\?_g=\(time:\(from:now-7d,to:now\)\)&_a=\(query:\(language:kuery,query:'([^']+)'\)\)$/.exec(params.urlTemplate.replace('{{value}}', 'SE-x_1'));
    if (!match) return [`${field}: ${params.urlTemplate}`];
    if (!all.some(({ type, id }) => type === 'dashboard' && id === match[1])) return [`${field}: no dashboard ${match[1]}`];
    const { fields, query } = readKql(decodeURIComponent(match[2]));
    return fields.has(field) && JSON.stringify(query).includes('SE-x_1') ? [] : [`${field}: asks for ${[...fields]}`];
  });
}

function referenceProblems(all) {
  const known = new Set(all.map(({ type, id }) => `${type}:${id}`));
  const lost = all.flatMap(({ id, references }) => references.filter((one) => !known.has(`${one.type}:${one.id}`)).map((one) => `${id} refers to ${one.type}:${one.id}`));
  if (known.size !== all.length) lost.push('an id stands twice');
  for (const { id, attributes, references, type } of all) {
    if (type !== 'dashboard') continue;
    const names = references.map(({ name }) => name), panels = JSON.parse(attributes.panelsJSON);
    if (new Set(names).size !== names.length) lost.push(`${id}: a reference stands twice`);
    const wanted = panels.flatMap(({ panelIndex: at, panelRefName, embeddableConfig }) => [
      ...(panelRefName ? [`${at}:${panelRefName}`] : []),
      ...(embeddableConfig.enhancements.dynamicActions?.events ?? []).map(({ eventId, action }) => `${at}:drilldown:${action.factoryId}:${eventId}:dashboardId`)]);
    wanted.push(...Object.keys(JSON.parse(attributes.controlGroupInput.panelsJSON)).map((at) => `controlGroup_${at}:optionsListDataView`));
    for (const name of wanted) if (!names.includes(name)) lost.push(`${id}: no reference ${name}`);
    if (wanted.length !== names.length) lost.push(`${id}: a reference that nothing uses`);
    for (const [, to] of JSON.stringify(panels).matchAll(/#\/view\/([\w-]+)/g)) if (!known.has(`dashboard:${to}`)) lost.push(`${id}: a link to ${to}`);
  }
  return lost;
}

/** call(method, path, body): to the store; namespace: of the data streams, so that others on the same node do not help. */
export async function checkPanels(call, namespace) {
  const all = objects(), problems = referenceProblems(all).map((problem) => ({ dashboard: '', panel: '', problem }));
  const byId = new Map(all.map((object) => [`${object.type}:${object.id}`, object])), fieldsOf = new Map(), names = new Map();
  for (const view of all.filter(({ type }) => type === 'index-pattern')) {
    names.set(view.id, view.attributes.title.replace(/\*$/, namespace));
    fieldsOf.set(view.id, (await call('GET', `/${names.get(view.id)}/_field_caps?fields=*`)).fields);
    problems.push(...linkProblems(view, all).map((problem) => ({ dashboard: view.id, panel: 'link', problem })));
    for (const field of Object.keys(JSON.parse(view.attributes.fieldFormatMap))) if (!fieldsOf.get(view.id)[field]) problems.push({ dashboard: view.id, panel: 'format', problem: `no field ${field}` });
  }
  const fieldProblems = (view, fields) => [...fields].filter((field) => !fieldsOf.get(view)[field]).map((field) => `the store knows no field ${field}`);

  for (const dashboard of all.filter(({ type }) => type === 'dashboard')) {
    const tell = (panel, problem) => problem && problems.push({ dashboard: dashboard.id, panel, problem });
    for (const { type, id } of dashboard.references.filter(({ name }) => /:panel_/.test(name))) {
      const object = byId.get(`${type}:${id}`), query = queryOf(object), title = object.attributes.title;
      for (const problem of [...fieldProblems(query.index, query.fields), ...typeProblems(object, fieldsOf.get(query.index))]) tell(title, problem);
      try {
        tell(title, emptiness(query, await call('POST', `/${names.get(query.index)}/_search`, query.body)));
      } catch (error) {
        tell(title, error.message);
      }
    }
    for (const [at, { explicitInput: { fieldName } }] of Object.entries(JSON.parse(dashboard.attributes.controlGroupInput.panelsJSON))) {
      const view = dashboard.references.find(({ name }) => name === `controlGroup_${at}:optionsListDataView`).id;
      const { aggregations } = await call('POST', `/${names.get(view)}/_search`, { size: 0, aggs: { choices: { terms: { field: fieldName, size: 10 } } } });
      if (!aggregations.choices.buckets.length) tell(`choice of ${fieldName}`, 'nothing to choose from');
    }
  }
  return { problems, panels: all.filter(({ type }) => type === 'lens' || type === 'search').length };
}

// The types that the columns claim against those that the store has: Lens draws what it was told.
function typeProblems(object, fields) {
  if (object.type !== 'lens') return [];
  return Object.values(object.attributes.state.datasourceStates.formBased.layers.layer1.columns).flatMap(({ sourceField, dataType, operationType }) => {
    const types = Object.keys(fields[sourceField] ?? {}), claimed = operationType === 'unique_count' ? types : TYPES[dataType] ?? [];
    const caps = Object.values(fields[sourceField] ?? {});
    if (!caps.length) return [];
    if (!types.every((type) => claimed.includes(type))) return [`${sourceField} is ${types}, and the column says ${dataType}`];
    return caps.every(({ aggregatable }) => aggregatable) ? [] : [`nothing can be aggregated over ${sourceField}`];
  });
}
