// Tables for the C side: collector/event/wire_gen.h and collector/config/settings_gen.h.
import { listFields, listKinds } from "./fields.mjs";

const MAX_NAMES = 64; // members of an event are told apart by the bits of one word
const text = JSON.stringify;

// Where the decoder puts a member: the member of struct event or struct envelope, and its C type.
const EVENT_SLOTS = {
  kind: ["kind_text", "SLICE"], at: ["at", "DOUBLE"], page: ["page", "SLICE"], view: ["view", "SLICE"], url: ["url", "SLICE"],
  method: ["method", "SLICE"], name: ["name", "SLICE"], type: ["type", "SLICE"], message: ["message", "SLICE"],
  stack: ["stack", "SLICE"], status: ["status", "U16"], count: ["count", "U32"],
  outcome: ["outcome", "SLICE"],
};
const ENVELOPE_SLOTS = {
  id: ["id", "SLICE"], service: ["service", "SLICE"], version: ["version", "SLICE"], environment: ["environment", "SLICE"],
  session: ["session", "SLICE"], view: ["view", "SLICE"], sent: ["sent", "DOUBLE"], rate: ["rate", "DOUBLE"],
  offset: ["offset", "DOUBLE"], dropped: ["dropped", "U32"], labels: ["labels", "SLICE"],
};
const USER_SLOTS = { id: ["user", "SLICE"] };
const AGENT_SLOTS = { name: ["agent_name", "SLICE"], version: ["agent_version", "SLICE"] };

/** `^[a-z]+$` and its like: one set of characters for the whole string. Anything else has no place in a table. */
function charactersOf(pattern) {
  const match = /^\^(\[[^\]]+\])([+*])\$$/.exec(pattern);
  if (!match) throw new Error(`pattern ${pattern}: only one set of characters, as ^[a-z]+$, is understood`);
  const one = new RegExp(`^${match[1]}$`);
  return Array.from({ length: 128 }, (_, c) => one.test(String.fromCharCode(c)));
}

function slotOf(field, struct, slots) {
  const [member, store] = field.schema["x-value"] ? ["value", "DOUBLE"] : (slots[field.name] ?? []);
  return member ? [`offsetof(struct ${struct}, ${member})`, `WIRE_${store}`] : ["0", "WIRE_NOWHERE"];
}

const number = (n) => (Number.isInteger(n) ? `${n}.0` : `${n}`);

function fieldRow(field, struct, slots, patterns) {
  const { schema } = field;
  if (schema.additionalProperties) return mapRow(field, struct, slots, patterns);
  const [slot, store] = slotOf(field, struct, slots);
  const form = schema.pattern ? 1 << patterns.indexOf(schema.pattern) : 0;
  const parts = [
    `${text(field.name)}, ${field.name.length}`, `WIRE_${schema.type.toUpperCase()}`, store, slot, form,
    schema.enum ? text(schema.enum.join(" ")) : "NULL",
    schema.minLength ?? 0, schema.maxLength ?? 0,
    number(schema.exclusiveMinimum ?? schema.minimum ?? 0), number(schema.maximum ?? 0),
    schema.exclusiveMinimum !== undefined, field.required, text(schema["x-ecs"] ?? ""),
  ];
  return `{${parts.join(", ")}}`;
}

/** Members of any name: the bounds of the names stand where a string's own do. */
function mapRow(field, struct, slots, patterns) {
  const { propertyNames: names, additionalProperties: values, maxProperties } = field.schema;
  const [slot, store] = slotOf(field, struct, slots);
  const form = names.pattern ? 1 << patterns.indexOf(names.pattern) : 0;
  const parts = [
    `${text(field.name)}, ${field.name.length}`, values.type === "string" ? "WIRE_TEXTS" : "WIRE_VALUES", store, slot, form, "NULL",
    names.minLength, names.maxLength, number(maxProperties), number(values.maxLength), false, field.required, text(field.schema["x-ecs"]),
  ];
  return `{${parts.join(", ")}}`;
}

/** Multipliers under which length, first, middle and last character of every name give a place of its own among 256. */
function findHash(names) {
  for (let a = 1; a < 256; a++)
    for (const c of [3, 5, 9, 2, 4, 8]) // one instruction each
      for (let b = 1; b < 256; b++) {
        const places = names.map((n) => (n.length * a + n.charCodeAt(0) * b + n.charCodeAt(n.length >> 1) * c + n.charCodeAt(n.length - 1)) & 255);
        if (new Set(places).size === names.length) return { a, b, c, places };
      }
  throw new Error("no hash tells the names apart; widen the table");
}

function rows(list, perLine = 16) {
  const lines = [];
  for (let i = 0; i < list.length; i += perLine) lines.push("    " + list.slice(i, i + perLine).join(", ") + ",");
  return lines.join("\n");
}

export function writeWire(beacon) {
  const kinds = listKinds(beacon);
  const groups = [
    ["envelope", listFields({ ...beacon }).filter((f) => !/[.[]/.test(f.path)), "envelope", ENVELOPE_SLOTS],
    ["user", listFields(beacon.properties.user), "envelope", USER_SLOTS],
    ["agent", listFields(beacon.properties.agent), "envelope", AGENT_SLOTS],
  ];
  const all = [...kinds.flatMap((k) => k.fields), ...groups.flatMap((g) => g[1])];
  const patterns = [...new Set(all.map((f) => f.schema.pattern ?? f.schema.propertyNames?.pattern).filter(Boolean))];
  const sets = patterns.map(charactersOf);
  const forms = Array.from({ length: 256 }, (_, c) => sets.reduce((bits, set, i) => bits | (set[c] ? 1 << i : 0), 0));
  const names = [...new Set(kinds.flatMap((k) => k.fields.map((f) => f.name)))];
  if (names.length > MAX_NAMES || patterns.length > 8) throw new Error("more names or patterns than a word has bits");
  const hash = findHash(names);
  const lookup = Array.from({ length: 256 }, (_, i) => hash.places.indexOf(i) + 1);
  const row = (field, struct, slots) => fieldRow(field, struct, slots, patterns);

  const fields = ["{0}"]; // place 0: no field
  const indexOf = kinds.map(({ fields: own }) =>
    names.map((name) => {
      const field = own.find((f) => f.name === name);
      if (!field) return 0;
      const line = row({ ...field, required: requiredIn(beacon, own, name) }, "event", EVENT_SLOTS);
      if (!fields.includes(line)) fields.push(line);
      return fields.indexOf(line);
    }));
  const required = kinds.map(({ kind }) => {
    const list = [...beacon.$defs.event.required, ...(beacon.$defs[kind].required ?? [])];
    return list.reduce((bits, name) => bits | (1n << BigInt(names.indexOf(name))), 0n);
  });
  function requiredIn(schema, own, name) {
    const { kind } = kinds.find((k) => k.fields === own);
    return [...schema.$defs.event.required, ...(schema.$defs[kind].required ?? [])].includes(name);
  }

  return `/* Made by schemas/generate.mjs from schemas/beacon.schema.json; do not edit. */
/* clang-format off */
#ifndef SEISMO_EVENT_WIRE_GEN_H
#define SEISMO_EVENT_WIRE_GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/batch.h"

/* TEXTS and VALUES are objects whose members have names of the page's own: texts; texts, numbers and booleans. */
enum wire_type { WIRE_STRING, WIRE_NUMBER, WIRE_INTEGER, WIRE_OBJECT, WIRE_ARRAY, WIRE_TEXTS, WIRE_VALUES };
enum wire_store { WIRE_NOWHERE, WIRE_SLICE, WIRE_DOUBLE, WIRE_U16, WIRE_U32 };

struct wire_field {
    const char *name;
    uint8_t name_bytes;
    uint8_t type;    /* enum wire_type */
    uint8_t store;   /* enum wire_store: how it is kept in the struct */
    uint16_t slot;   /* where: offset in struct event or struct envelope */
    uint8_t form;    /* bit of wire_forms that all characters must have; 0: any */
    const char *one_of; /* words allowed, parted by spaces; NULL: any */
    uint32_t min_length, max_length; /* code points; of TEXTS and VALUES: of each name, which form is for too */
    double min, max; /* min itself is not allowed when above_min; of TEXTS and VALUES: most members, code points of a text */
    bool above_min, required;
    const char *ecs; /* name in the stored document; "" when it is not spliced */
};

/* Per character: bit i is set when it is allowed by
${patterns.map((p, i) => ` *   ${i}: ${p}`).join("\n")} */
static const uint8_t wire_forms[256] = {
${rows(forms, 32)}
};

${groups.map(([name, list, struct, slots]) => `#define WIRE_${name.toUpperCase()}_FIELDS ${list.length}
static const struct wire_field wire_${name}[WIRE_${name.toUpperCase()}_FIELDS] = {
${list.map((f) => `    ${row(f, struct, slots)},`).join("\n")}
};
${list.map((f, i) => `#define WIRE_${name.toUpperCase()}_${f.name} ${i}`).join("\n")}
/* Bits of those that must be there. */
#define WIRE_${name.toUpperCase()}_REQUIRED UINT64_C(0x${list.reduce((bits, f, i) => bits | (f.required ? 1n << BigInt(i) : 0n), 0n).toString(16)})
`).join("\n")}
/* Every member name that an event of some kind may have. */
enum wire_name {
${rows(names.map((n) => `WIRE_NAME_${n}`), 8)}
    WIRE_NAMES
};
static const struct slice wire_names[WIRE_NAMES] = {
${rows(names.map((n) => `{${text(n)}, ${n.length}}`), 6)}
};

/* Length, first, middle ([length / 2]) and last character of a name to its place in wire_names, plus one; 0 is none.
 * Compare the name then. */
#define WIRE_HASH(length, first, middle, last) \\
    ((uint8_t)((length) * ${hash.a}u + (first) * ${hash.b}u + (middle) * ${hash.c}u + (last)))
static const uint8_t wire_lookup[256] = {
${rows(lookup, 32)}
};

static const struct wire_field wire_fields[] = {
${fields.map((f) => `    ${f},`).join("\n")}
};

/* The field of a name in a kind: its place in wire_fields, 0 when the kind has no such field. */
static const uint8_t wire_event[EVENT_KINDS][WIRE_NAMES] = {
    {0},
${kinds.map(({ kind }, i) => `    /* ${kind} */ {${indexOf[i].join(", ")}},`).join("\n")}
};

/* Bits of the names that a kind must have. */
static const uint64_t wire_required[EVENT_KINDS] = {0, ${required.map((bits) => `0x${bits.toString(16)}`).join(", ")}};

#endif
`;
}

// ---- settings ------------------------------------------------------------------------------------------------------

const SETTING_TYPES = { string: "STRING", integer: "INT", number: "REAL", boolean: "BOOL", array: "LIST" };

export function writeSettings(config) {
  const lines = listFields(config)
    .filter(({ path, schema }) => schema.type !== "object" && !path.startsWith("applications"))
    .map(({ path, schema }) => {
      const type = schema["x-type"]?.toUpperCase() ?? SETTING_TYPES[schema.type];
      const initial = schema.type === "array" ? schema.default.join(", ") : String(schema.default);
      if (schema.default === undefined) throw new Error(`config: ${path}: default is missing`);
      return `    X(${path.toUpperCase().replaceAll(".", "_")}, ${text(path)}, ${type}, ${text(initial)}, ` +
        `${schema.minimum ?? 0}, ${schema.maximum ?? 0}, ${text(schema["x-unit"] ?? "")}, ${text((schema.enum ?? []).join("|"))}, ${schema["x-secret"] === true}, ` +
        `${text(schema.description)})`;
    });
  return `/* Made by schemas/generate.mjs from schemas/config.schema.json; do not edit. */
/* clang-format off */
#ifndef SEISMO_CONFIG_SETTINGS_GEN_H
#define SEISMO_CONFIG_SETTINGS_GEN_H

/* name, key, type, default as it would stand in the file, least, most (equal: no bounds), unit, words allowed (empty: any), secret, sentence */
#define SETTINGS_TABLE(X) \\
${lines.join(" \\\n")}

#endif
`;
}
