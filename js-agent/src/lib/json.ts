// JSON beside libraries that have given arrays and texts a `toJSON` of their own, as Prototype.js did: theirs is asked, ours is what is written.

// Numbers keep six digits after the point: more is noise of the browser's clock.

export function jsonOf(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, name) {
    const one = this[name];
    return typeof one === "number" ? +one.toFixed(6) : one;
  });
}
