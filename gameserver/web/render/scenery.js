// What grows and only looks pretty: tall grass inside the zone, trees and bushes around it. Not known to the server,
// so nothing of it stands where it would seem to be in the way.

import { dice, hash, noise } from "./random.js";
import { disc, shadow, stand } from "./sprites.js";

const TUFT_CELL_UNITS = 4;
const TUFTS_PER_CELL = 3;
const CANOPIES = [
  ["#8cc255", "#5f9c3f", "#356b35"],
  ["#79b559", "#4a8c45", "#2a5c34"],
  ["#b4c95c", "#87a740", "#557a31"],
  ["#72ab67", "#41834d", "#25553a"],
];

/** Trees and bushes along the zone's border, once per zone: { kind, x, y, variant, size }. */
export function plantBorder(zone) {
  const plants = [];
  const roll = dice(hash(zone.width, zone.height, 5));
  const row = (length, place) => {
    for (let at = -2; at < length + 2; at += 1.15 + roll() * 0.7) plants.push(place(at));
  };
  const plant = (kind, x, y) => ({ kind, x, y, variant: Math.floor(roll() * CANOPIES.length), size: 0.85 + roll() * 0.4 });
  row(zone.width, (at) => plant(roll() < 0.8 ? "tree" : "bush", at, -0.55 - roll() * 0.5));
  row(zone.width, (at) => plant("tree", at, -1.9 - roll() * 0.8));
  row(zone.width, (at) => plant("tree", at, -3.2 - roll() * 0.6));
  row(zone.height, (at) => plant(roll() < 0.6 ? "tree" : "bush", -1.25 - roll() * 0.5, at));
  row(zone.height, (at) => plant(roll() < 0.6 ? "tree" : "bush", zone.width + 1.25 + roll() * 0.5, at));
  row(zone.width, (at) => plant("bush", at, zone.height + 1.05 + roll() * 0.3));
  row(zone.width, (at) => plant("bush", at, zone.height + 1.9 + roll() * 0.4));
  row(zone.width, (at) => plant("bush", at, zone.height + 2.8 + roll() * 0.4));
  return plants;
}

/** Tufts of tall grass the camera sees. */
export function tuftsIn(camera, zone) {
  const tufts = [];
  const side = TUFT_CELL_UNITS;
  const [left, top] = camera.toWorld(0, 0);
  const [right, bottom] = camera.toWorld(camera.width, camera.height);
  for (let cy = Math.floor(top / side); cy * side < bottom + 1; cy += 1) {
    for (let cx = Math.floor(left / side); cx * side < right; cx += 1) growTufts(tufts, cx, cy, zone);
  }
  return tufts;
}

function growTufts(tufts, cx, cy, zone) {
  const roll = dice(hash(cx, cy, 11));
  for (let i = 0; i < TUFTS_PER_CELL; i += 1) {
    const x = (cx + roll()) * TUFT_CELL_UNITS;
    const y = (cy + roll()) * TUFT_CELL_UNITS;
    const variant = Math.floor(roll() * 3);
    const inside = x > 0.3 && y > 0.3 && x < zone.width - 0.3 && y < zone.height - 0.3;
    if (inside && noise(x * 0.21 + 3, y * 0.21) > 0.47) tufts.push({ kind: "tuft", x, y, variant, size: 1 });
  }
}

/** Draw a plant standing on (x, y); `timeMs` null keeps it still. */
export function drawPlant(context, sprites, plant, x, y, timeMs) {
  const sway = timeMs === null ? 0 : Math.sin(timeMs / 900 + plant.x * 0.7 + plant.y * 0.4);
  if (plant.kind === "tuft") return drawTuft(context, sprites, plant, x, y, sway);
  const tree = plant.kind === "tree";
  shadow(context, sprites, x + sprites.unit * 0.2, y, (tree ? 2.6 : 1.9) * plant.size);
  const sprite = tree ? treeSprite(sprites, plant.variant) : bushSprite(sprites, plant.variant);
  context.save();
  context.translate(x, y);
  context.transform(1, 0, -sway * (tree ? 0.014 : 0.02), 1, 0, 0);
  stand(context, sprite, 0, 0, plant.size, plant.size);
  return context.restore();
}

function drawTuft(context, sprites, plant, x, y, sway) {
  const sprite = sprites.get(`tuft ${plant.variant}`, 0.9, 0.7, (c) => paintTuft(c, plant.variant));
  context.save();
  context.translate(x, y);
  context.transform(1, 0, -sway * 0.13, 1, 0, 0);
  stand(context, sprite, 0, 0);
  context.restore();
}

function paintTuft(c, variant) {
  const roll = dice(variant + 40);
  c.fillStyle = "rgba(30, 60, 20, 0.22)";
  disc(c, 0.03, -0.05, 0.3, 0.06);
  c.lineCap = "round";
  for (let i = 0; i < 11; i += 1) {
    const from = (roll() - 0.5) * 0.34;
    const lean = from * 0.9 + (roll() - 0.5) * 0.3;
    const high = 0.24 + roll() * 0.3;
    c.strokeStyle = ["#4a8a35", "#62a443", "#7fbd50", "#a0cf66"][Math.floor(roll() * 4)];
    c.lineWidth = 0.045;
    c.beginPath();
    c.moveTo(from, -0.05);
    c.quadraticCurveTo(from, -high * 0.7, from + lean, -high - 0.05);
    c.stroke();
  }
}

// Leaves in three layers, each smaller, lighter and nearer to the sun than the one beneath.
function leaves(c, colours, centreY, radius, seed) {
  const roll = dice(seed);
  const [light, mid, dark] = colours;
  const layers = [
    [dark, 1, 0.46, 0, 0],
    [mid, 0.8, 0.4, -0.07, -0.09],
    [light, 0.5, 0.27, -0.2, -0.25],
  ];
  for (const [colour, spread, size, shiftX, shiftY] of layers) {
    c.fillStyle = colour;
    for (let i = 0; i < 16; i += 1) {
      const turn = (i / 16) * Math.PI * 2 + roll();
      const out = radius * spread * (0.35 + 0.35 * roll());
      const x = shiftX * radius + Math.cos(turn) * out;
      const y = centreY + shiftY * radius + Math.sin(turn) * out * 0.86;
      disc(c, x, y, radius * size * (0.7 + roll() * 0.5));
    }
    disc(c, shiftX * radius, centreY + shiftY * radius, radius * spread * 0.6);
  }
  dapple(c, light, centreY, radius, roll);
}

function dapple(c, colour, centreY, radius, roll) {
  c.fillStyle = colour;
  for (let i = 0; i < 26; i += 1) {
    const turn = roll() * Math.PI * 2;
    const out = radius * Math.sqrt(roll()) * 0.9;
    c.globalAlpha = 0.5;
    disc(c, Math.cos(turn) * out - radius * 0.1, centreY + Math.sin(turn) * out * 0.85 - radius * 0.12, radius * 0.055, radius * 0.035, -0.5);
  }
  c.globalAlpha = 1;
}

function treeSprite(sprites, variant) {
  return sprites.get(`tree ${variant}`, 3.2, 3.7, (c) => {
    const bark = c.createLinearGradient(-0.2, 0, 0.2, 0);
    bark.addColorStop(0, "#8a6440");
    bark.addColorStop(1, "#4d3421");
    c.fillStyle = bark;
    c.beginPath();
    c.moveTo(-0.26, -0.02);
    c.quadraticCurveTo(-0.13, -0.35, -0.14, -1);
    c.lineTo(0.14, -1);
    c.quadraticCurveTo(0.13, -0.35, 0.26, -0.02);
    c.quadraticCurveTo(0, 0.06, -0.26, -0.02);
    c.fill();
    leaves(c, CANOPIES[variant], -2.02, 1.2, variant + 1);
  });
}

function bushSprite(sprites, variant) {
  return sprites.get(`bush ${variant}`, 2.2, 1.6, (c) => {
    leaves(c, CANOPIES[variant], -0.62, 0.66, variant + 20);
    const roll = dice(variant + 60);
    c.fillStyle = ["#f7d6e6", "#e8524a", "#fff4c9", "#d9c8ff"][variant];
    for (let i = 0; i < 9; i += 1) disc(c, (roll() - 0.5) * 1.1, -0.3 - roll() * 0.6, 0.045);
  });
}
