// Pages of the reference: docs/reference/NAME.md.
import { listGroups } from "./fields.mjs";

const cell = (value) => String(value).replaceAll("|", "\\|").replaceAll("\n", " ");
const code = (value) => "`" + cell(value) + "`";

/** Bounds as people read them: "1 to 100 characters", "> 0 to 1", "one of …". */
export function bounds(schema) {
  if (schema.enum) return schema.enum.map(code).join(", ");
  if (schema.type === "string") {
    const form = schema.pattern ? `, ${code(schema.pattern)}` : "";
    return `${schema.minLength ?? 0} to ${schema.maxLength} characters${form}`;
  }
  if (schema.type === "array") return `${schema.minItems ?? 0} to ${schema.maxItems} items`;
  if (schema.maximum !== undefined)
    return `${schema.exclusiveMinimum !== undefined ? `> ${schema.exclusiveMinimum}` : schema.minimum} to ${schema.maximum}`;
  return "";
}

export function typeWord(schema) {
  if (schema["x-type"]) return { ms: "duration", bytes: "size" }[schema["x-type"]];
  return schema.type === "array" ? `list of ${schema.items.type ?? "event"}` : schema.type;
}

function table(fields) {
  const optional = [
    ["default", (s) => (s.default !== undefined ? code(JSON.stringify(s.default)) : "")],
    ["stored as", (s) => (s["x-ecs"] ? code(s["x-ecs"]) : "")],
    ["on the wire", (s) => (s["x-wire"] ? code(s["x-wire"]) : "")],
  ].filter(([, show]) => fields.some(({ schema }) => show(schema)));
  const head = ["field", "type", "bounds", "unit", ...optional.map(([name]) => name), "meaning"];
  const lines = fields.map(({ path, schema, required }) => [
    code(path) + (required ? " (required)" : ""), typeWord(schema), bounds(schema), cell(schema["x-unit"] ?? ""),
    ...optional.map(([, show]) => show(schema)),
    cell(schema.description) + (schema["x-secret"] ? " Secret." : ""),
  ]);
  return [head, head.map(() => "---"), ...lines].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

export function writeReference(name, schema) {
  const groups = listGroups(name, schema).map(({ title, description, fields }) =>
    [title && `## ${title}`, description, fields.length ? table(fields) : null].filter(Boolean).join("\n\n"));
  return `<!-- Made by schemas/generate.mjs from schemas/${name}.schema.json; do not edit. -->
# ${schema.title}

${schema.description}

${groups.join("\n\n")}
`;
}
