// A schema as a flat list of its fields, and the rules that every field must keep: type, bounds, unit, description.

/** One field: `path` as people write it, its schema, and whether it must be there. */
export function listFields(schema, prefix = "") {
  const fields = [];
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (field.const !== undefined || field.not) continue; // tells kinds apart; described where the field itself is
    const path = prefix + name;
    fields.push({ path, name, schema: field, required: (schema.required ?? []).includes(name) });
    if (field.type === "object") fields.push(...listFields(field, path + "."));
    if (field.type === "array" && field.items.type === "object") fields.push(...listFields(field.items, path + "[]."));
  }
  return fields;
}

/** What is wrong with a field, in words; empty when nothing is. */
export function findFaults({ path, schema }, where) {
  const faults = [];
  const need = (present, what) => present || faults.push(`${where}: ${path}: ${what} is missing`);
  need(schema.type, "type");
  need(schema.description, "description");
  need(!schema.description || /\.$/.test(schema.description), "the full stop behind the description");
  if (schema.type === "string") need(schema.maxLength !== undefined, "maxLength");
  if (schema.additionalProperties) need(schema.maxProperties && schema.additionalProperties.type && schema.additionalProperties.maxLength, "maxProperties, or type or maxLength of its members");
  if (schema.type === "array") need(schema.maxItems !== undefined && schema.items, "maxItems or items");
  if (schema.type === "array" && schema.items?.type === "string") need(schema.items.maxLength, "maxLength of its items");
  if (schema.type === "number" || schema.type === "integer") {
    need(schema.minimum !== undefined || schema.exclusiveMinimum !== undefined, "minimum");
    need(schema.maximum !== undefined, "maximum");
    need(schema["x-unit"], "x-unit");
  }
  return faults;
}

/** The kinds of event in the order of enum event_kind, each with its fields; those of every kind come first. */
export function listKinds(beacon) {
  const common = listFields(beacon.$defs.event);
  return beacon.$defs.event.oneOf.map(({ $ref }) => {
    const kind = $ref.split("/").pop();
    const definition = beacon.$defs[kind];
    return { kind, definition, own: listFields(definition), fields: [...common, ...listFields(definition)] };
  });
}

/** Names that a document cannot have together: Elasticsearch would take one for the parent of the other. And fields of
 * an event that the stored document does not describe. */
export function findClashes(beacon, document) {
  const names = Object.keys(document.properties);
  const parents = names.filter((name) => names.some((other) => other.startsWith(name + ".")));
  const stored = listKinds(beacon).flatMap(({ fields }) => fields.map(({ schema }) => schema["x-ecs"]).filter(Boolean));
  return [
    ...parents.map((name) => `document: ${name}: is a field and the parent of another`),
    ...stored.filter((name) => !names.includes(name)).map((name) => `document: ${name}: is missing, the beacon has it`),
  ];
}

/** Everything that a page of the reference shows: groups of fields with a heading. */
export function listGroups(name, schema) {
  const groups = [{ title: null, description: null, fields: listFields(schema) }];
  if (name !== "beacon") return groups;
  groups[0].title = "Envelope";
  groups.push({ title: "Event", description: "What every event has.", fields: listFields(schema.$defs.event) });
  for (const { kind, definition, own } of listKinds(schema))
    groups.push({ title: `Event: ${kind}`, description: definition.description, fields: own });
  return groups;
}
