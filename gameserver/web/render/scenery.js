// What grows and only looks pretty: tall grass inside the zone, trees and bushes around it. Not known to the server,
// so nothing of it stands where it would seem to be in the way.

import { dice, hash, noise } from "./chance.js";
import { disc, lit, shadow, stand } from "./sprites.js";

const TUFT_CELL_UNITS = 4;
const TUFTS_PER_CELL = 3;
const CANOPIES = [
  ["#a5d266", "#5f9c3d", "#2f6330"],
  ["#8fc766", "#4a8c43", "#24542f"],
  ["#c3d56a", "#84a53c", "#4b6f2d"],
  ["#86bb71", "#3f7f4a", "#1f4a33"],
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
  row(zone.height, (at) => plant(roll() < 0.6 ? "tree" : "bush", -1.25 - roll() * 0.5, at));
  row(zone.height, (at) => plant(roll() < 0.6 ? "tree" : "bush", zone.width + 1.25 + roll() * 0.5, at));
  row(zone.width, (at) => plant("bush", at, zone.height + 1.05 + roll() * 0.3));
  row(zone.width, (at) => plant("bush", at, zone.height + 1.8 + roll() * 0.4));
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

function blobs(c, colours, centreY, spread, count, seed) {
  const roll = dice(seed);
  for (let i = 0; i < count; i += 1) {
    const layer = i / count;
    const x = (roll() - 0.5) * spread * (1.5 - layer * 0.6);
    const y = centreY + (0.45 - layer) * spread * 0.8 + (roll() - 0.5) * 0.2;
    const radius = spread * (0.34 - layer * 0.1);
    c.fillStyle = lit(c, x, y, radius, ...colours);
    disc(c, x, y, radius, radius * 0.92);
  }
}

function treeSprite(sprites, variant) {
  return sprites.get(`tree ${variant}`, 3, 3.8, (c) => {
    const bark = c.createLinearGradient(-0.2, 0, 0.2, 0);
    bark.addColorStop(0, "#8a6440");
    bark.addColorStop(1, "#4d3421");
    c.fillStyle = bark;
    c.beginPath();
    c.moveTo(-0.24, -0.02);
    c.quadraticCurveTo(-0.12, -0.4, -0.14, -1.2);
    c.lineTo(0.14, -1.2);
    c.quadraticCurveTo(0.12, -0.4, 0.24, -0.02);
    c.quadraticCurveTo(0, 0.06, -0.24, -0.02);
    c.fill();
    blobs(c, CANOPIES[variant], -2.15, 1.75, 15, variant + 1);
  });
}

function bushSprite(sprites, variant) {
  return sprites.get(`bush ${variant}`, 2.2, 1.6, (c) => {
    blobs(c, CANOPIES[variant], -0.56, 0.98, 10, variant + 20);
    const roll = dice(variant + 60);
    c.fillStyle = ["#f7d6e6", "#e8524a", "#fff4c9", "#d9c8ff"][variant];
    for (let i = 0; i < 9; i += 1) disc(c, (roll() - 0.5) * 1.1, -0.3 - roll() * 0.6, 0.045);
  });
}
