// The commands and their options, of schemas/commands.json: a table for C, and completion for three shells.

/** `[--service S] [--session ID]`, behind the arguments that have no name. */
export function synopsis({ arguments: words, options }) {
  const shown = options.map(({ name, value, required }) => {
    const text = value ? `${name} ${value}` : name;
    return required ? text : `[${text}]`;
  });
  return [words, ...shown].filter(Boolean).join(" ");
}

export function writeCommandTable({ commands }) {
  const rows = commands.map((command) => {
    const what = synopsis(command);
    const text = JSON.stringify(what ? `${what}: ${command.summary}` : command.summary);
    return command.built_in ? null : `    X(${JSON.stringify(command.name)}, command_${command.name.replaceAll("-", "_")}, ${text})`;
  });
  return `/* Made by schemas/generate.mjs from schemas/commands.json; do not edit. */
#ifndef SEISMO_COMMANDS_GEN_H
#define SEISMO_COMMANDS_GEN_H

/* X(name, function, usage) of each command. */
/* clang-format off */
#define COMMANDS(X) \\
${rows.filter(Boolean).join(" \\\n")}
/* clang-format on */

#endif
`;
}

const MADE = "# Made by schemas/generate.mjs from schemas/commands.json; do not edit.";
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const takesFiles = (option) => option.kind === "file";

export function writeBash({ options, commands }) {
  const cases = commands.map((command) => {
    const words = [...(command.words ?? []), ...[...command.options, ...options].map(({ name }) => name)];
    return `    ${command.name}) words='${words.join(" ")}'${command.files ? " files=yes" : ""} ;;`;
  });
  const valued = [...options, ...commands.flatMap((command) => command.options)].filter(({ value }) => value);
  const values = new Map(valued.map((option) => [option.name, option]));
  const values_cases = [...values.values()].map((option) => {
    if (takesFiles(option)) return `    ${option.name}) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;`;
    if (option.choices) return `    ${option.name}) mapfile -t COMPREPLY < <(compgen -W '${option.choices.join(" ")}' -- "$word"); return ;;`;
    return null;
  });
  const free = [...values.values()].filter((option) => !takesFiles(option) && !option.choices).map(({ name }) => name);
  return `${MADE}
_seismo() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} words='' files=''
  if [ "$COMP_CWORD" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W '${commands.map(({ name }) => name).join(" ")}' -- "$word")
    return
  fi
  case $before in
${values_cases.filter(Boolean).join("\n")}
    ${free.join(" | ")}) return ;;
  esac
  case \${COMP_WORDS[1]} in
${cases.join("\n")}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  if [ -n "$files" ]; then
    compopt -o filenames
    mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -F _seismo seismo
`;
}

const forZsh = (text) => text.replace(/[[\]:]/g, "\\$&");
function zshOption(option) {
  if (!option.value) return quoted(`${option.name}[${forZsh(option.description)}]`);
  const choose = takesFiles(option) ? "_files" : option.choices ? `(${option.choices.join(" ")})` : " ";
  return quoted(`${option.name}[${forZsh(option.description)}]:${forZsh(option.value)}:${choose}`);
}

export function writeZsh({ options, commands }) {
  const cases = commands.map((command) => {
    const specs = [...command.options, ...options].map(zshOption);
    (command.words ?? []).forEach((word, i) => specs.push(quoted(`${i + 1}:what:(${word})`)));
    if (command.files) specs.push(quoted("*:file:_files"));
    return `    ${command.name}) _arguments ${specs.join(" ")} ;;`;
  });
  return `#compdef seismo
${MADE}
local -a commands
commands=(
${commands.map(({ name, summary }) => `  ${quoted(`${name}:${forZsh(summary)}`)}`).join("\n")}
)
if ((CURRENT == 2)); then
  _describe command commands
else
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${cases.join("\n")}
  esac
fi
`;
}

export function writeFish({ options, commands }) {
  const line = (condition, option) => {
    const value = !option.value ? "" : takesFiles(option) ? " -r -F" : option.choices ? ` -x -a ${quoted(option.choices.join(" "))}` : " -x";
    return `complete -c seismo -n ${quoted(condition)} -l ${option.name.slice(2)}${value} -d ${quoted(option.description)}`;
  };
  const lines = commands.flatMap((command) => {
    const within = `__fish_seen_subcommand_from ${command.name}`;
    return [
      `complete -c seismo -n __fish_use_subcommand -a ${command.name} -d ${quoted(command.summary)}`,
      ...[...command.options, ...options].map((option) => line(within, option)),
      ...(command.words ?? []).map((word) => `complete -c seismo -n ${quoted(within)} -a ${word}`),
      ...(command.files ? [`complete -c seismo -n ${quoted(within)} -F`] : []),
    ];
  });
  return `${MADE}
complete -c seismo -f
${lines.join("\n")}
`;
}
