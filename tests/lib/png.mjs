// Small pictures for documents: at most 256 colours, as a PNG with a palette. The browser reads the picture, so that nothing needs installing.
import { crc32 as crc, deflateSync } from 'node:zlib';

const table = Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});
const crc32 = crc ?? ((bytes) => (bytes.reduce((sum, byte) => table[(sum ^ byte) & 255] ^ (sum >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0);

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]), length = Buffer.alloc(4), sum = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body) >>> 0);
  return Buffer.concat([length, body, sum]);
}

// The most frequent colours as they are; each other one becomes that which is nearest. Runs in the browser.
async function reduce(base64) {
  const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
  const { width, height } = picture, context = new OffscreenCanvas(width, height).getContext('2d');
  context.drawImage(picture, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer), counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const split = (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  const far = (a, b) => (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2;
  const palette = [], ordered = [...counts].sort((a, b) => b[1] - a[1]).map(([pixel]) => split(pixel));
  for (const apart of [150, 0]) // spread first, so that rare colours have somebody near
    for (const colour of ordered) if (palette.length < 256 && palette.every((other) => far(colour, other) > apart)) palette.push(colour);
  const places = new Map();
  const place = (pixel) => {
    let at = places.get(pixel);
    if (at === undefined) {
      const colour = split(pixel);
      at = palette.reduce((best, other, i) => (far(colour, other) < far(colour, palette[best]) ? i : best), 0);
      places.set(pixel, at);
    }
    return at;
  };
  let text = '';
  for (const pixel of pixels) text += String.fromCharCode(place(pixel));
  return { width, height, palette: palette.flat(), indices: btoa(text) };
}

// page is any page whose policy lets it read data: addresses, as about:blank. Returns the smaller PNG.
export async function smaller(page, png) {
  const { width, height, palette, indices } = await page.evaluate(reduce, png.toString('base64'));
  const from = Buffer.from(indices, 'base64'), lines = Buffer.alloc((width + 1) * height), header = Buffer.alloc(13);
  for (let y = 0; y < height; y++) from.copy(lines, y * (width + 1) + 1, y * width, (y + 1) * width);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), chunk('PLTE', Buffer.from(palette)), chunk('IDAT', deflateSync(lines, { level: 9, memLevel: 9 })), chunk('IEND', Buffer.alloc(0))]);
}
