// How a player looks, from its name alone, so that everybody sees the same person. Pure.

import { hashText } from "./random.js";

// Hues far enough apart to be told at a glance, none of them the meadow's green.
const HUES = [4, 22, 40, 52, 176, 194, 212, 230, 252, 272, 294, 318, 340];
const HAIR = ["#3b2a20", "#5b3a22", "#8a5a2b", "#d2a24c", "#b5482f", "#2a2730", "#cfc6bb"];
const SKIN = [
  ["#ffe3c8", "#f2bf98", "#d39a70"],
  ["#f8d0a8", "#dfa673", "#b97c4c"],
  ["#d9a066", "#b67a45", "#8a5630"],
  ["#a8703f", "#80502b", "#5b361c"],
];
const HATS = ["none", "none", "straw", "leaf", "bow", "cap"];

const kept = new Map();

export function lookOf(name) {
  if (!kept.has(name)) kept.set(name, make(name));
  return kept.get(name);
}

function make(name) {
  const bits = hashText(name);
  const hue = HUES[bits % HUES.length];
  return {
    key: `look${bits}`,
    hue,
    light: `hsl(${hue} 82% 70%)`,
    mid: `hsl(${hue} 68% 54%)`,
    dark: `hsl(${hue} 62% 37%)`,
    ink: `hsl(${hue} 55% 34%)`, // readable on white
    hair: HAIR[(bits >>> 5) % HAIR.length],
    skin: SKIN[(bits >>> 9) % SKIN.length],
    hat: HATS[(bits >>> 13) % HATS.length],
  };
}
