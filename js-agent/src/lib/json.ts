// JSON beside libraries that have given arrays and texts a `toJSON` of their own, as Prototype.js did: theirs is asked, ours is what is written.

export function jsonOf(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, name) {
    return this[name];
  });
}
