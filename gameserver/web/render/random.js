// Repeatable chance: the same place always grows the same grass. Pure.

/** 32 well-mixed bits from whole numbers. */
export function hash(...numbers) {
  let h = 2166136261;
  for (const number of numbers) {
    h = Math.imul(h ^ (number | 0), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
  }
  return h >>> 0;
}

export function hashText(text) {
  let h = 17;
  for (let i = 0; i < text.length; i += 1) h = hash(h, text.charCodeAt(i));
  return h;
}

/** A generator of numbers in [0, 1) from a seed. */
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// As `hash`, for two numbers and without a list of them: noise is most of what painting the ground costs.
function corner(x, y) {
  let h = Math.imul(x ^ 0x2c1b3c6d, 0x85ebca6b) ^ Math.imul(y ^ 0x297a2d39, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 4294967296;
}

const ease = (t) => t * t * (3 - 2 * t);

/** Smooth noise in [0, 1] with features of about one unit. */
export function noise(x, y) {
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const u = ease(x - x0);
  const v = ease(y - y0);
  const top = corner(x0, y0) * (1 - u) + corner(x0 + 1, y0) * u;
  const bottom = corner(x0, y0 + 1) * (1 - u) + corner(x0 + 1, y0 + 1) * u;
  return top * (1 - v) + bottom * v;
}

/** Noise with finer noise on it, in [0, 1]. */
export const roughNoise = (x, y) => noise(x, y) * 0.6 + noise(x * 2.1 + 9, y * 2.1) * 0.28 + noise(x * 4.3, y * 4.3 + 5) * 0.12;

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** 0 below `from`, 1 above `to`, smooth between; from > to falls instead. */
export const smoothstep = (from, to, value) => ease(clamp((value - from) / (to - from), 0, 1));
