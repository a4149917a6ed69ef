// The heap of a page, as the browser counts it.

/** What is left after a collection, bytes. */
export async function heapOf(client) {
  for (let i = 0; i < 3; i++) await client.send('HeapProfiler.collectGarbage');
  return (await client.send('Runtime.getHeapUsage')).usedSize;
}

/** All objects: [{ type, name, bytes, detached }]. */
export async function heapSnapshot(client) {
  const parts = [];
  const add = ({ chunk }) => parts.push(chunk);
  client.on('HeapProfiler.addHeapSnapshotChunk', add);
  await client.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  client.off('HeapProfiler.addHeapSnapshotChunk', add);
  const { nodes, strings, snapshot: { meta: { node_fields: fields, node_types: types } } } = JSON.parse(parts.join(''));
  const at = Object.fromEntries(['type', 'name', 'self_size', 'detachedness'].map((field) => [field, fields.indexOf(field)]));
  return Array.from({ length: nodes.length / fields.length }, (_, i) => {
    const value = (field) => nodes[i * fields.length + at[field]];
    return { type: types[0][value('type')], name: strings[value('name')], bytes: value('self_size'), detached: value('detachedness') === 2 };
  });
}

/** Clicks of a person in the middle of what `selector` finds, without waiting for each. */
export async function clickOften(page, client, selector, times) {
  const { x, y, width, height } = await page.locator(selector).boundingBox();
  const mouse = (type, clickCount) => client.send('Input.dispatchMouseEvent', { type, x: x + width / 2, y: y + height / 2, button: 'left', clickCount });
  for (let i = 0; i < times; i += 20) {
    await Promise.all(Array.from({ length: Math.min(20, times - i) }, () => [mouse('mousePressed', 1), mouse('mouseReleased', 1)]).flat());
  }
}
