// Everything that is not a player: what lies about, and butterflies. A kind this page does not know becomes a small
// crystal in a colour of its own with its first letter, so that a new game is playable before it has pictures.

import { hashText } from "./random.js";
import { disc, lit, shadow, stand } from "./sprites.js";

const PETALS = [
  ["#ffd7e8", "#f58ab8", "#c9568c"],
  ["#fff0b0", "#f8c63d", "#d28e1c"],
  ["#e2dcff", "#a48bf0", "#6d55c4"],
  ["#ffd9cc", "#ff8a65", "#cc5434"],
  ["#ffffff", "#e4efff", "#a9bfe0"],
];
const WINGS = ["#ff9f43", "#54a0ff", "#f368e0", "#fdf1a2", "#ffffff", "#a29bfe"];

const PICTURES = { apple: paintApple, coin: paintCoin, flower: paintFlower };

/** A still picture of a kind, as wide and high as one unit; used on the ground and in the inventory. */
export function thing(sprites, kindName, variant = 0) {
  const paint = PICTURES[kindName];
  const key = `thing ${kindName} ${variant}`;
  return sprites.get(key, 1, 1, (c) => (paint ? paint(c, variant) : paintCrystal(c, kindName)));
}

export const variantOf = (kindName, id) => (kindName === "flower" ? id % PETALS.length : 0);

/** Draw an entity that is no player standing on (x, y); `timeMs` null keeps it still. */
export function drawThing(context, sprites, entity, x, y, timeMs) {
  if (entity.kindName === "butterfly") return drawButterfly(context, sprites, entity, x, y, timeMs);
  const unit = sprites.unit;
  const phase = timeMs === null ? 0 : timeMs / 700 + entity.id;
  const bob = entity.kindName === "flower" ? 0 : (0.5 + Math.sin(phase) * 0.5) * 0.07 * unit;
  shadow(context, sprites, x, y, 0.85, 0.9);
  const spin = entity.kindName === "coin" && timeMs !== null ? 0.25 + 0.75 * Math.abs(Math.cos(phase * 0.8)) : 1;
  return stand(context, thing(sprites, entity.kindName, variantOf(entity.kindName, entity.id)), x, y - bob, spin);
}

function paintApple(c) {
  c.fillStyle = lit(c, 0, -0.36, 0.3, "#ff9d84", "#e23c36", "#9c1724");
  disc(c, -0.1, -0.34, 0.22, 0.26);
  disc(c, 0.1, -0.34, 0.22, 0.26);
  c.strokeStyle = "#6b4226";
  c.lineWidth = 0.05;
  c.lineCap = "round";
  c.beginPath();
  c.moveTo(0, -0.52);
  c.quadraticCurveTo(0.01, -0.64, 0.06, -0.7);
  c.stroke();
  c.fillStyle = "#6cb944";
  disc(c, 0.18, -0.66, 0.14, 0.065, -0.4);
  c.fillStyle = "rgba(255, 255, 255, 0.65)";
  disc(c, -0.14, -0.44, 0.05, 0.09, 0.5);
}

function paintCoin(c) {
  c.fillStyle = "#a8731a";
  disc(c, 0, -0.34, 0.29);
  c.fillStyle = lit(c, 0, -0.36, 0.28, "#fff3b5", "#f6c834", "#d59a1f");
  disc(c, 0, -0.36, 0.28);
  c.strokeStyle = "rgba(160, 108, 20, 0.8)";
  c.lineWidth = 0.035;
  c.beginPath();
  c.arc(0, -0.36, 0.2, 0, Math.PI * 2);
  c.stroke();
  c.fillStyle = "rgba(150, 98, 16, 0.85)";
  star(c, 0, -0.36, 0.12);
  c.fillStyle = "rgba(255, 255, 255, 0.75)";
  disc(c, -0.12, -0.48, 0.07, 0.035, -0.7);
}

function star(c, x, y, radius) {
  c.beginPath();
  for (let i = 0; i < 10; i += 1) {
    const turn = (i / 10) * Math.PI * 2 - Math.PI / 2;
    const r = i % 2 ? radius * 0.45 : radius;
    c.lineTo(x + Math.cos(turn) * r, y + Math.sin(turn) * r);
  }
  c.fill();
}

function paintFlower(c, variant) {
  const petals = PETALS[variant];
  c.strokeStyle = "#4d8f37";
  c.lineWidth = 0.055;
  c.lineCap = "round";
  c.beginPath();
  c.moveTo(0, -0.03);
  c.quadraticCurveTo(-0.04, -0.28, 0.02, -0.5);
  c.stroke();
  c.fillStyle = "#63ab45";
  disc(c, -0.13, -0.2, 0.14, 0.06, 0.5);
  disc(c, 0.11, -0.27, 0.12, 0.055, -0.6);
  for (let i = 0; i < 6; i += 1) {
    const turn = (i / 6) * Math.PI * 2 + 0.3;
    const x = 0.02 + Math.cos(turn) * 0.17;
    const y = -0.6 + Math.sin(turn) * 0.15;
    c.fillStyle = lit(c, x, y, 0.13, ...petals);
    disc(c, x, y, 0.13, 0.105, turn);
  }
  c.fillStyle = lit(c, 0.02, -0.6, 0.1, "#fff6c2", "#f0b429", "#b97f16");
  disc(c, 0.02, -0.6, 0.1);
}

function paintCrystal(c, kindName) {
  const hue = hashText(kindName) % 360;
  const facets = [
    [`hsl(${hue} 80% 78%)`, [-0.26, -0.5, 0, -0.82, 0, -0.1]],
    [`hsl(${hue} 62% 56%)`, [0.26, -0.5, 0, -0.82, 0, -0.1]],
    [`hsl(${hue} 70% 68%)`, [-0.26, -0.5, 0.26, -0.5, 0, -0.1]],
  ];
  for (const [colour, points] of facets) {
    c.fillStyle = colour;
    c.beginPath();
    for (let i = 0; i < points.length; i += 2) c.lineTo(points[i], points[i + 1]);
    c.fill();
  }
  c.fillStyle = `hsl(${hue} 70% 18%)`;
  c.font = "bold 0.26px system-ui, sans-serif";
  c.textAlign = "center";
  c.fillText((kindName[0] ?? "?").toUpperCase(), 0, -0.42);
}

function wing(sprites, colour) {
  return sprites.get(`wing ${colour}`, 0.5, 0.6, (c) => {
    c.translate(-0.25, -0.3);
    c.fillStyle = colour;
    disc(c, 0.19, -0.09, 0.19, 0.14, -0.5);
    disc(c, 0.14, 0.11, 0.13, 0.1, 0.6);
    c.fillStyle = "rgba(60, 30, 10, 0.35)";
    disc(c, 0.27, -0.13, 0.07, 0.05, -0.5);
    c.fillStyle = "rgba(255, 255, 255, 0.6)";
    disc(c, 0.15, -0.08, 0.06, 0.035, -0.5);
  });
}

function drawButterfly(context, sprites, entity, x, y, timeMs) {
  const unit = sprites.unit;
  const time = timeMs === null ? 300 : timeMs + entity.id * 377;
  const height = (0.95 + Math.sin(time / 520) * 0.16) * unit;
  const open = 0.25 + 0.75 * Math.abs(Math.sin(time / 95));
  shadow(context, sprites, x, y, 0.42, 0.75);
  const half = wing(sprites, WINGS[entity.id % WINGS.length]);
  context.save();
  context.translate(x, y - height);
  context.rotate(Math.sin(time / 800) * 0.25);
  for (const side of [-1, 1]) {
    context.save();
    context.scale(side * open, 1);
    context.drawImage(half, 0, -half.height / 2);
    context.restore();
  }
  context.fillStyle = "#3a2a20";
  disc(context, 0, 0, unit * 0.028, unit * 0.14);
  context.restore();
}
