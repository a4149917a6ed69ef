// Manual pages: seismo(1) of schemas/commands.json, seismo.yaml(5) of schemas/config.schema.json.
import { bounds, typeWord } from "./markdown.mjs";
import { listFields } from "./fields.mjs";
import { synopsis } from "./commands.mjs";

/** Text that troff prints as it stands. */
const plain = (text) => String(text).replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^([.'])/gm, "\\&$1");
const bold = (text) => `\\fB${plain(text)}\\fR`;
/** Options bold, what people put in for a value slanted. */
const marked = (text) => plain(text).replace(/(^|[\s[])((?:\\-){2}[a-z\\-]+)/g, "$1\\fB$2\\fR").replace(/\b([A-Z]+)\b/g, "\\fI$1\\fR");

const head = (name, section, source) => `.\\" Made by schemas/generate.mjs from schemas/${source}; do not edit.
.TH ${name} ${section} "" Seismo "Seismo's manual"
`;

const optionText = ({ name, value, description, choices }) => `.TP
${bold(name)}${value ? ` \\fI${plain(value)}\\fR` : ""}
${plain(description)}${choices ? ` One of ${plain(choices.join(", "))}.` : ""}
`;

export function writeProgramPage({ program, summary, options, commands, exit }) {
  const texts = commands.map((command) => `.SS ${bold(command.name)} ${marked(synopsis(command))}
${plain(command.summary[0].toUpperCase() + command.summary.slice(1))}.
${command.options.map(optionText).join("")}`);
  return `${head("SEISMO", 1, "commands.json")}.SH NAME
${program} \\- ${plain(summary)}
.SH SYNOPSIS
.B seismo
.I COMMAND
[\\fB\\-\\-config\\fR \\fIFILE\\fR] [\\fIARGUMENTS\\fR]
.SH DESCRIPTION
Takes beacons of web pages in, answers once they are durable, keeps them, shows page and call latencies, web vitals, clicks and errors
on a live page, and tells people when it gets worse. Alone on SQLite, or with Kafka and Elasticsearch.
.SH OPTIONS
Of every command:
${options.map(optionText).join("")}.SH COMMANDS
${texts.join("")}.SH SIGNALS
.TP
.B SIGHUP
Reads the configuration again and takes over keys, origins, limits, proxies and the certificate; a wrong one changes nothing.
.TP
.BR SIGTERM ", " SIGINT
Takes nothing new in, brings what it has to the bus and the store, and ends within drain.grace_ms and drain.deadline_ms.
.SH EXIT STATUS
${exit.map(([code, text]) => `.TP\n.B ${code}\n${plain(text)}\n`).join("")}.SH ENVIRONMENT
Each key of the configuration, as SEISMO_LISTEN_PUBLIC for listen.public. NOTIFY_SOCKET: where a service manager is told, see
.BR sd_notify (3).
.SH FILES
.TP
.I /etc/seismo/seismo.yaml
The configuration of the service.
.TP
.I /var/lib/seismo
Its data.
.SH SEE ALSO
.BR seismo.yaml (5)
`;
}

/** The inside of `code` bold, the rest as it stands. */
const described = (text) => plain(text.replaceAll("`", ""));

export function writeConfigPage(schema) {
  const texts = listFields(schema).map(({ path, schema: field, required }) => {
    const facts = [typeWord(field), bounds(field), field["x-unit"] && field["x-unit"] !== typeWord(field) ? `in ${field["x-unit"]}` : "",
      required ? "required" : "", field.default !== undefined && field.default !== "" ? `default ${JSON.stringify(field.default)}` : "", field["x-secret"] ? "secret" : ""];
    return `.TP
${bold(path)} (${described(facts.filter(Boolean).join("; "))})
${described(field.description)}
`;
  });
  return `${head("SEISMO.YAML", 5, "config.schema.json")}.SH NAME
seismo.yaml \\- the configuration of Seismo
.SH DESCRIPTION
${described(schema.description)}
.SH KEYS
${texts.join("")}.SH SEE ALSO
.BR seismo (1)
`;
}
