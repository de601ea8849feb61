// What Python's encoder made, and the way from its hex to an ArrayBuffer.

import { readFileSync } from "node:fs";

export const vectors = JSON.parse(readFileSync(process.env.VECTORS, "utf8"));

export function bufferOf(hex) {
  const bytes = Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
  return bytes.buffer;
}
