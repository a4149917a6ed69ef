// docs/agent.md: the parts between `<!-- NAME: made by schemas/generate.mjs -->` and `<!-- end -->`; the rest is written by hand.
const MADE = /(<!-- ([\w ]+): made by schemas\/generate\.mjs -->\n)[^]*?(<!-- end -->)/g;

const table = (head, rows) => [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map((cell) => String(cell ?? "").replaceAll("|", "\\|")).join(" | ")} |`).join("\n");

const dashed = (name) => `\`data-${name}\``;

function settings({ settings: all }) {
  return table(["on the tag", "in `start`", "type", "bounds", "unit", "default", "meaning"], all.map(({ name, only, type, bounds, unit, default: otherwise, description }) =>
    [only ? "" : dashed(name), `\`${name}\``, type, bounds, unit, otherwise, description]));
}

const commands = ({ commands: all }) => table(["command", "meaning"], all.map(({ call, description }) => [`\`${call}\``, description]));

const attributes = ({ attributes: all }) => table(["attribute", "on", "meaning"], all.map(({ name, on, description }) => [`\`${name}\``, on ?? "any element", description]));

/** The page with its made parts anew; `files` gives the text of an example by its path. */
export function writeAgentPage(page, agent, files) {
  const parts = { settings, commands, attributes, "react example": () => `\`\`\`tsx\n${files("js-agent/examples/react/src/seismo.tsx").trimEnd()}\n\`\`\`` };
  return page.replace(MADE, (_, begin, name, end) => `${begin}${parts[name](agent)}\n${end}`);
}
