// Types for the agent: js-agent/src/wire_gen.ts.
import { listFields, listKinds } from "./fields.mjs";

const title = (word) => word[0].toUpperCase() + word.slice(1);

function typeOf(schema) {
  if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(" | ");
  if (schema.additionalProperties) return `Record<string, ${[schema.additionalProperties.type].flat().join(" | ")}>`;
  if (schema.type === "integer") return "number";
  return schema.type;
}

function comment({ schema }) {
  const unit = schema["x-unit"] ? ` [${schema["x-unit"]}]` : "";
  const most = schema.maxLength ? ` At most ${schema.maxLength} characters.` : "";
  return `/** ${schema.description}${unit}${most} */`;
}

const member = (field) => `  ${comment(field)}\n  ${field.name}${field.required ? "" : "?"}: ${typeOf(field.schema)};`;

function nested(field) {
  const inner = listFields(field.schema).map((f) => `${f.name}${f.required ? "" : "?"}: ${typeOf(f.schema)}`);
  return `  ${comment(field)}\n  ${field.name}?: { ${inner.join("; ")} };`;
}

function envelopeMember(field) {
  if (field.name === "events") return `  ${comment(field)}\n  events: BeaconEvent[];`;
  return field.schema.type === "object" && field.schema.properties ? nested(field) : member(field);
}

function kindInterface({ kind, definition, own }) {
  const fields = own.map((f) => member({ ...f, required: (definition.required ?? []).includes(f.name) }));
  const first = kind === "other" ? "  [member: string]: unknown;" : `  kind: "${kind === "business" ? "event" : kind}";`;
  return `/** ${definition.description} */
export interface ${title(kind)}Event extends EventBase {
${[first, ...fields].join("\n")}
}
`;
}

export function writeTypes(beacon) {
  const kinds = listKinds(beacon);
  const common = listFields(beacon.$defs.event).map(member);
  return `// Made by schemas/generate.mjs from schemas/beacon.schema.json; do not edit.

/** What every event has. */
export interface EventBase {
${common.join("\n")}
}

${kinds.map(kindInterface).join("\n")}
export type BeaconEvent = ${kinds.map(({ kind }) => `${title(kind)}Event`).join(" | ")};

/** ${beacon.description} */
export interface Beacon {
${listFields(beacon).filter(({ path }) => !/[.[]/.test(path)).map(envelopeMember).join("\n")}
}
`;
}
