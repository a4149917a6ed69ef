// Ids of beacons, sessions and views: 16 characters of 5 bits. They need to be unique, not secret, so that Math.random is good enough, which
// every page has: crypto is missing or patched in some.

/** A new id of 80 random bits, or of that many digits. */
export function newId(digits = 16, radix = 32): string {
  return Array.from(Array(digits), () => ((Math.random() * radix) | 0).toString(radix)).join("");
}

/** A number in [0, 1) that depends on the id alone, so that all tabs of a session decide alike: its first 40 bits. */
export function shareOf(id: string): number {
  return parseInt(id.slice(0, 8), 32) / 2 ** 40;
}
