// Ids of beacons, sessions and views: 16 characters of 6 bits. They need to be unique, not secret, so that
// Math.random is good enough where crypto is missing (plain http, old web views).

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** A new id of 96 random bits. */
export function newId(): string {
  const bytes = new Uint8Array(16);
  try {
    crypto.getRandomValues(bytes);
  } catch {
    for (let i = 0; i < bytes.length; i++) bytes[i] = Math.random() * 256;
  }
  let id = "";
  for (const byte of bytes) id += ALPHABET[byte & 63];
  return id;
}

/** A number in [0, 1) that depends on the id alone, so that all tabs of a session decide alike (FNV-1a). */
export function shareOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) {
    hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  }
  /* FNV's low bits mix best; fold the high ones in. */
  hash ^= hash >>> 15;
  return (Math.imul(hash, 0x2c1b3c6d) >>> 0) / 4294967296;
}
