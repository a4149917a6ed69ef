// Ids of beacons, sessions and views: 16 characters of 5 bits. They need to be unique, not secret, so that
// Math.random is good enough where crypto is missing (plain http, old web views).

/** A new id of 80 random bits. */
export function newId(): string {
  const bytes = new Uint8Array(16);
  try {
    crypto.getRandomValues(bytes);
  } catch {
    bytes.forEach((_, i) => (bytes[i] = Math.random() * 256));
  }
  return Array.from(bytes, (byte) => (byte & 31).toString(32)).join("");
}

/** A number in [0, 1) that depends on the id alone, so that all tabs of a session decide alike: its first 40 bits. */
export function shareOf(id: string): number {
  return parseInt(id.slice(0, 8), 32) / 2 ** 40;
}
