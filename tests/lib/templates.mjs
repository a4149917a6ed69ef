// `seismo setup` on a node whose templates are older, or not ours. The node has to be the test's own.
import assert from 'node:assert/strict';

/** call(method, path, body): to the node; setup(): runs `seismo setup` on the namespace, whose events have been written before. */
export async function changesRollOver(call, namespace, setup) {
  const stream = `logs-seismo.events-${namespace}`, path = '/_index_template/seismo-events';
  // Not every node of the tests answers _data_stream. The names of backing indices end with the generation.
  const mappings = async () => Object.entries(await call('GET', `/${stream}/_mapping`)).map(([name, { mappings: own }]) => ({ number: Number(/\d+$/.exec(name)[0]), own })).sort((a, b) => a.number - b.number);
  const generation = async () => (await mappings()).at(-1).number;
  const template = async () => {
    const own = (await call('GET', path)).index_templates[0].index_template;
    return Object.fromEntries(Object.entries(own).filter(([name]) => !/_date/.test(name))); // newer nodes say when, and take it from nobody
  };
  const ours = await template(), before = await generation();

  // As an older release would have left both: a field of another type.
  const older = structuredClone(ours);
  older.template.mappings.properties['seismo.navigation'] = { type: 'long', ignore_malformed: true };
  await call('PUT', path, older);
  await call('POST', `/${stream}/_rollover`);
  assert.equal(await generation(), before + 1);

  const changed = await setup();
  assert.equal(changed.code, 0, changed.stderr);
  assert.match(changed.stdout, /1 of 5 templates installed.*; 1 data streams rolled over to the new mapping/);
  assert.equal(await generation(), before + 2);
  assert.deepEqual(await template(), ours);
  assert.equal((await mappings()).at(-1).own.properties.seismo.properties.navigation.type, 'keyword');

  const again = await setup();
  assert.match(again.stdout, /0 of 5 templates installed/);
  assert.doesNotMatch(again.stdout, /rolled over/);
  assert.equal(await generation(), before + 2);

  // One under our name that somebody else has made is left alone, and said.
  const { managed_by: _, ...meta } = ours._meta;
  await call('PUT', path, { ...ours, _meta: { ...meta, managed_by: 'somebody' } });
  const foreign = await setup();
  assert.equal(foreign.code, 1, foreign.stdout);
  assert.match(foreign.stderr, /SE-3101.*the template seismo-events is not of Seismo's making/);
  assert.equal((await template())._meta.managed_by, 'somebody');
  await call('PUT', path, ours);
}
