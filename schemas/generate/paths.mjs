// The page of the reference that lists an API's paths: docs/reference/live-api.md.
const cell = (value) => String(value).replaceAll("|", "\\|").replaceAll("\n", " ");
const code = (value) => "`" + cell(value) + "`";

const found = (api, value) => (value.$ref ? found(api, value.$ref.slice(2).split("/").reduce((at, step) => at[step], api)) : value);

/** Type and bounds in one: "one of …", "integer 1 to 2000", "null or number ≥ 0". */
function shape(api, given) {
  if (given.$ref && found(api, given).type === "object") return given.$ref.split("/").pop();
  const schema = found(api, given);
  if (schema.enum) return `one of ${schema.enum.map((value) => code(JSON.stringify(value))).join(", ")}`;
  if (schema.anyOf) return schema.anyOf.map((one) => shape(api, one)).join(" or ");
  const type = [schema.type].flat().join(" or ");
  if (schema.type === "array") return `list of ${shape(api, schema.items)}${schema.maxItems ? `, at most ${schema.maxItems}` : ""}`;
  if (schema.maxLength) return `${type}, ${schema.minLength ?? 0} to ${schema.maxLength} characters`;
  if (schema.maximum !== undefined) return `${type} ${schema.minimum} to ${schema.maximum}`;
  return schema.minimum !== undefined ? `${type} ≥ ${schema.minimum}` : type;
}

const table = (head, rows) => [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

function fields(api, schema, before = "") {
  const { properties = {}, required = [], items } = found(api, schema);
  if (items && !items.$ref) return fields(api, items, `${before.replace(/\.$/, "")}[].`);
  return Object.entries(properties).flatMap(([name, field]) => [
    [code(before + name) + (required.includes(name) ? "" : " (may be absent)"), shape(api, field), cell(field.description ?? found(api, field).description ?? "")],
    ...(field.$ref ? [] : fields(api, field, `${before}${name}.`))]);
}

function operation(api, path, method, told) {
  const parameters = (told.parameters ?? []).map((parameter) => found(api, parameter));
  const body = told.requestBody?.content["application/json"].schema;
  const [type, { schema }] = Object.entries(told.responses[200].content)[0];
  const rows = fields(api, schema);
  return [
    `## ${method.toUpperCase()} ${path}`, told.summary,
    parameters.length && table(["parameter", "form", "meaning"], parameters.map((one) => [code(one.name), shape(api, one.schema), cell(one.description)])),
    body && `Body:\n\n${table(["member", "form", "meaning"], fields(api, body))}`,
    `Answers ${Object.keys(told.responses).join(", ")}; 200 is \`${type}\`${rows.length ? ":" : "."}`,
    rows.length && table(["member", "form", "meaning"], rows),
  ].filter(Boolean).join("\n\n");
}

export function writePaths(name, api) {
  const operations = Object.entries(api.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, told]) => operation(api, path, method, told)));
  const shared = Object.entries(api.components.schemas).filter(([, schema]) => schema.properties).map(([title, schema]) =>
    `## ${title}\n\n${table(["member", "form", "meaning"], fields(api, schema))}`);
  return `<!-- Made by schemas/generate.mjs from schemas/${name}.json; do not edit. -->
# ${api.info.title}

${api.info.description}

${[...operations, ...shared].join("\n\n")}
`;
}
