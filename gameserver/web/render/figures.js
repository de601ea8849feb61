// Players: a small person in eight directions, walking or standing, painted once per look and pose.
// One unit is 1, the origin is between the feet, y is up the screen when negative.

import { disc, lit } from "./sprites.js";

export const FIGURE_WIDTH = 1.5;
export const FIGURE_HEIGHT = 1.9;
export const STEPS = 6; // pictures in one double step; pose STEPS is standing
const DIRECTIONS = 8;

/** The picture of a player with this look, turned `turn` (in turns, 0 is right, 0.25 towards us). */
export function figure(sprites, look, turn, pose) {
  const direction = ((Math.round(turn * DIRECTIONS) % DIRECTIONS) + DIRECTIONS) % DIRECTIONS;
  const key = `${look.key} ${direction} ${pose}`;
  return sprites.get(key, FIGURE_WIDTH, FIGURE_HEIGHT, (c) => paint(c, look, direction, pose));
}

function paint(c, look, direction, pose) {
  const angle = (direction / DIRECTIONS) * Math.PI * 2;
  const facing = { x: Math.cos(angle), y: Math.sin(angle) };
  const stride = pose === STEPS ? 0 : Math.sin((pose / STEPS) * Math.PI * 2);
  c.translate(0, -0.12);
  paintLegs(c, facing, stride);
  c.translate(0, -Math.abs(stride) * 0.035);
  const armsBehind = facing.y < -0.3;
  if (armsBehind) paintArms(c, look, facing, stride);
  paintBody(c, look, facing);
  if (!armsBehind) paintArms(c, look, facing, stride);
  c.translate(facing.x * 0.045, -0.96);
  paintHead(c, look, facing);
  paintHat(c, look, facing);
}

function paintLegs(c, facing, stride) {
  for (const side of [-1, 1]) {
    const swing = stride * side;
    const x = side * 0.12 * (0.45 + 0.55 * Math.abs(facing.y)) + swing * 0.13 * facing.x;
    const lift = Math.max(0, swing) * 0.08;
    c.fillStyle = "#4a4358";
    c.beginPath();
    c.roundRect(x - 0.085, -0.34 - lift, 0.17, 0.34, 0.07);
    c.fill();
    c.fillStyle = "#5d3d2a";
    c.beginPath();
    c.roundRect(x - 0.1 + facing.x * 0.03, -0.09 - lift, 0.2, 0.115, 0.055);
    c.fill();
  }
}

function paintBody(c, look, facing) {
  const shade = c.createLinearGradient(-0.3, -0.8, 0.32, -0.2);
  shade.addColorStop(0, look.light);
  shade.addColorStop(0.5, look.mid);
  shade.addColorStop(1, look.dark);
  c.fillStyle = shade;
  const half = 0.25 + 0.04 * Math.abs(facing.y);
  c.beginPath();
  c.moveTo(-half * 0.72, -0.76);
  c.quadraticCurveTo(0, -0.86, half * 0.72, -0.76);
  c.quadraticCurveTo(half * 1.05, -0.5, half * 1.18, -0.24);
  c.quadraticCurveTo(0, -0.14, -half * 1.18, -0.24);
  c.quadraticCurveTo(-half * 1.05, -0.5, -half * 0.72, -0.76);
  c.fill();
  c.strokeStyle = "rgba(60, 34, 18, 0.75)";
  c.lineWidth = 0.055;
  c.beginPath();
  c.moveTo(-half * 1.0, -0.41);
  c.quadraticCurveTo(0, -0.34, half * 1.0, -0.41);
  c.stroke();
  if (facing.y > -0.3) {
    c.fillStyle = "#f2cf63";
    disc(c, facing.x * 0.14, -0.375, 0.045);
  }
}

function paintArms(c, look, facing, stride) {
  for (const side of [-1, 1]) {
    const swing = -stride * side;
    const x = side * (0.29 * (0.35 + 0.65 * Math.abs(facing.y))) + swing * 0.12 * facing.x;
    const y = -0.5 - Math.max(0, swing) * 0.05;
    c.fillStyle = look.dark;
    disc(c, x, y - 0.07, 0.085, 0.17, -side * 0.25);
    c.fillStyle = look.skin[1];
    disc(c, x + side * 0.02, y + 0.1, 0.07);
  }
}

function paintHead(c, look, facing) {
  c.fillStyle = lit(c, 0, 0, 0.33, ...look.skin);
  disc(c, 0, 0, 0.33, 0.31);
  if (facing.y > -0.5) paintFace(c, facing);
  c.save();
  c.beginPath();
  c.ellipse(0, -0.01, 0.355, 0.34, 0, 0, Math.PI * 2);
  c.clip();
  c.fillStyle = look.hair;
  const away = facing.y < -0.3 ? 0.06 : -0.15 - Math.max(0, facing.y) * 0.12;
  disc(c, -facing.x * 0.2, away, facing.y < -0.3 ? 0.36 : 0.33, facing.y < -0.3 ? 0.33 : 0.27);
  disc(c, -facing.x * 0.3, 0.02 - Math.max(0, facing.y) * 0.4, 0.16, 0.22);
  c.fillStyle = "rgba(255, 255, 255, 0.18)";
  disc(c, -0.12 - facing.x * 0.08, -0.24, 0.12, 0.05, -0.4);
  c.restore();
}

function paintFace(c, facing) {
  const front = Math.max(0, facing.y);
  const middle = facing.x * 0.16;
  const apart = 0.055 + 0.07 * front;
  const level = 0.045 + front * 0.02;
  const eyes = front < 0.2 ? [Math.sign(facing.x) * 0.04] : [-apart, apart];
  for (const eye of eyes) {
    c.fillStyle = "#2b2230";
    disc(c, middle + eye, level, 0.036, 0.055);
    c.fillStyle = "rgba(255, 255, 255, 0.9)";
    disc(c, middle + eye - 0.012, level - 0.02, 0.014);
    c.fillStyle = "rgba(240, 110, 100, 0.35)";
    disc(c, middle + eye * 1.7, level + 0.09, 0.05, 0.034);
  }
  c.strokeStyle = "rgba(110, 50, 40, 0.8)";
  c.lineWidth = 0.024;
  c.lineCap = "round";
  c.beginPath();
  c.arc(middle, level + 0.085, 0.05, 0.25 * Math.PI, 0.75 * Math.PI);
  c.stroke();
}

const HATS = {
  none() {},
  straw(c, look, facing) {
    c.fillStyle = "#c99a4a";
    disc(c, 0, -0.17, 0.46, 0.14);
    c.fillStyle = lit(c, -facing.x * 0.03, -0.28, 0.26, "#f7dd94", "#e4b95f", "#bd8a3c");
    c.beginPath();
    c.ellipse(-facing.x * 0.03, -0.21, 0.26, 0.24, 0, Math.PI, 0);
    c.fill();
    c.fillStyle = look.mid;
    c.fillRect(-0.26 - facing.x * 0.03, -0.255, 0.52, 0.06);
  },
  leaf(c) {
    c.strokeStyle = "#3f7d32";
    c.lineWidth = 0.04;
    c.beginPath();
    c.moveTo(0, -0.3);
    c.quadraticCurveTo(0.01, -0.4, 0.03, -0.44);
    c.stroke();
    c.fillStyle = "#6fbf4b";
    disc(c, 0.13, -0.45, 0.12, 0.06, -0.5);
    c.fillStyle = "#549f3a";
    disc(c, -0.07, -0.46, 0.1, 0.05, 0.6);
  },
  bow(c, look, facing) {
    const x = -facing.x * 0.18;
    c.fillStyle = look.light;
    disc(c, x - 0.11, -0.3, 0.11, 0.08, 0.5);
    disc(c, x + 0.11, -0.3, 0.11, 0.08, -0.5);
    c.fillStyle = look.dark;
    disc(c, x, -0.29, 0.05);
  },
  cap(c, look, facing) {
    c.fillStyle = look.dark;
    disc(c, facing.x * 0.24, -0.13 + facing.y * 0.1, 0.2, 0.07);
    c.fillStyle = lit(c, 0, -0.22, 0.3, look.light, look.mid, look.dark);
    c.beginPath();
    c.ellipse(0, -0.1, 0.335, 0.27, 0, Math.PI, 0);
    c.fill();
  },
};

function paintHat(c, look, facing) {
  HATS[look.hat](c, look, facing);
}
