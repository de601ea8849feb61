// The meadow's floor: grass, trails, daisies and the dark wood outside the zone. Painted in square tiles, each once,
// a few a frame, and copied from then on. The same place always looks the same, to everybody.

import { clamp, dice, hash, noise, roughNoise, smoothstep } from "./random.js";
import { disc } from "./sprites.js";

const TILE_UNITS = 6;
const SAMPLES = 24; // colour samples along a tile; blades and flowers come on top
const TILES_MAX = 120;
const PAINT_MS = 6; // a frame; at least one missing tile is painted
const BLADES_PER_UNIT = 16; // per square unit

const DEEP = [88, 152, 60];
const LIGHT = [150, 204, 86];
const DRY = [186, 202, 96];
const TRAIL = [214, 188, 134];
const WOOD = [38, 74, 42];
const BLADE_COLOURS = ["#4c8a33", "#64a53f", "#7cba4c", "#98cd5d", "#b6dc77"];

const mix = (a, b, part) => a.map((value, i) => value + (b[i] - value) * part);

const hills = (x, y) => noise(x * 0.036 + 31, y * 0.036 + 17) * 0.8 + noise(x * 0.1, y * 0.1 + 40) * 0.2;

/** How much of a trail is at a place, 0 to 1. Trails follow one contour of soft hills; the slope makes them even wide. */
function trail(x, y) {
  const height = hills(x, y);
  const slope = Math.hypot(hills(x + 0.5, y) - height, hills(x, y + 0.5) - height) * 2;
  const away = Math.abs(height - 0.47) / Math.max(slope, 0.012);
  return smoothstep(1.15, 0.55, away + (noise(x * 1.7, y * 1.7) - 0.5) * 0.7);
}

function outside(x, y, zone) {
  return Math.max(-x, -y, x - zone.width, y - zone.height);
}

function colourAt(x, y, zone) {
  let colour = mix(DEEP, LIGHT, clamp(roughNoise(x * 0.13, y * 0.13) * 1.5 - 0.25, 0, 1));
  colour = mix(colour, DRY, smoothstep(0.62, 0.85, noise(x * 0.09 + 50, y * 0.09)) * 0.5);
  const grain = (noise(x * 1.9, y * 1.9) - 0.5) * 16;
  colour = mix(colour, TRAIL, trail(x, y) * 0.85).map((value) => value + grain);
  return mix(colour, WOOD, smoothstep(-0.7, 1.1, outside(x, y, zone)));
}

export class Ground {
  constructor() {
    this.tiles = new Map();
    this.key = "";
  }

  /** Draw what the camera sees of `zone`. */
  draw(context, camera, zone) {
    const key = `${camera.unit} ${zone.width} ${zone.height}`;
    if (key !== this.key) this.tiles.clear();
    this.key = key;
    const side = TILE_UNITS * camera.unit;
    this.#paintMissing(camera, zone, side);
    for (const [tx, ty] of tilesIn(camera, side, 0)) {
      const tile = this.tiles.get(`${tx},${ty}`);
      if (tile) context.drawImage(tile, tx * side - camera.left, ty * side - camera.top);
      else this.#plain(context, tx * side - camera.left, ty * side - camera.top, side);
    }
  }

  // What is seen first, then what a few steps will bring into sight.
  #paintMissing(camera, zone, side) {
    const until = performance.now() + PAINT_MS;
    for (const beyond of [0, 1]) {
      for (const [tx, ty] of tilesIn(camera, side, beyond)) {
        if (this.tiles.has(`${tx},${ty}`)) continue;
        this.#paint(tx, ty, camera.unit, zone);
        if (performance.now() > until) return;
      }
    }
  }

  #plain(context, x, y, side) {
    context.fillStyle = "#74ad49";
    context.fillRect(x, y, side, side);
  }

  #paint(tx, ty, unit, zone) {
    if (this.tiles.size >= TILES_MAX) this.tiles.delete(this.tiles.keys().next().value);
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = TILE_UNITS * unit;
    const context = canvas.getContext("2d");
    const left = tx * TILE_UNITS;
    const top = ty * TILE_UNITS;
    paintColours(context, left, top, zone, canvas.width);
    context.scale(unit, unit);
    context.translate(-left, -top);
    const roll = dice(hash(tx, ty, 3));
    paintBlades(context, left, top, zone, roll);
    paintDetails(context, left, top, zone, roll);
    this.tiles.set(`${tx},${ty}`, canvas);
    return canvas;
  }
}

function tilesIn(camera, side, beyond) {
  const tiles = [];
  const [right, bottom] = [camera.left + camera.width, camera.top + camera.height];
  for (let ty = Math.floor(camera.top / side) - beyond; ty * side < bottom + beyond * side; ty += 1) {
    for (let tx = Math.floor(camera.left / side) - beyond; tx * side < right + beyond * side; tx += 1) tiles.push([tx, ty]);
  }
  return tiles;
}

// One sample beyond each edge, so that neighbouring tiles blend into each other.
function paintColours(context, left, top, zone, side) {
  const across = SAMPLES + 2;
  const image = new ImageData(across, across);
  const step = TILE_UNITS / SAMPLES;
  for (let i = 0; i < across * across; i += 1) {
    const x = left + ((i % across) - 0.5) * step;
    const y = top + (Math.floor(i / across) - 0.5) * step;
    image.data.set([...colourAt(x, y, zone), 255], i * 4);
  }
  const small = document.createElement("canvas");
  small.width = small.height = across;
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingQuality = "high";
  const cell = side / SAMPLES;
  context.drawImage(small, -cell, -cell, side + 2 * cell, side + 2 * cell);
}

function paintBlades(context, left, top, zone, roll) {
  const paths = BLADE_COLOURS.map(() => new Path2D());
  for (let i = 0; i < BLADES_PER_UNIT * TILE_UNITS * TILE_UNITS; i += 1) {
    const x = left + roll() * TILE_UNITS;
    const y = top + roll() * TILE_UNITS;
    const shade = clamp(Math.floor(noise(x * 0.13, y * 0.13) * 4 + roll() * 2.4 - 0.6), 0, paths.length - 1);
    const long = 0.09 + roll() * 0.13;
    const lean = (roll() - 0.42) * 0.16;
    if (roll() < trail(x, y) * 1.2 || outside(x, y, zone) > roll()) continue;
    paths[shade].moveTo(x, y);
    paths[shade].quadraticCurveTo(x, y - long * 0.6, x + lean, y - long);
  }
  context.lineCap = "round";
  context.lineWidth = 0.034;
  context.globalAlpha = 0.62;
  paths.forEach((path, i) => {
    context.strokeStyle = BLADE_COLOURS[i];
    context.stroke(path);
  });
  context.globalAlpha = 1;
}

function paintDetails(context, left, top, zone, roll) {
  for (let i = 0; i < 26; i += 1) {
    const x = left + 0.2 + roll() * (TILE_UNITS - 0.4);
    const y = top + 0.2 + roll() * (TILE_UNITS - 0.4);
    const chance = roll();
    if (outside(x, y, zone) > -0.2) continue;
    const onTrail = trail(x, y);
    if (onTrail > 0.5) paintPebble(context, x, y, roll);
    else if (onTrail < 0.05 && noise(x * 0.3, y * 0.3 + 90) > 0.55 && chance < 0.75) paintDaisy(context, x, y, roll);
    else if (chance > 0.8) paintClover(context, x, y, roll);
  }
}

function paintPebble(context, x, y, roll) {
  const size = 0.035 + roll() * 0.06;
  context.fillStyle = "rgba(70, 60, 40, 0.3)";
  disc(context, x + size * 0.3, y + size * 0.35, size * 1.1, size * 0.75);
  context.fillStyle = ["#b7ab95", "#a79b86", "#c6bba6"][Math.floor(roll() * 3)];
  disc(context, x, y, size, size * 0.72);
  context.fillStyle = "rgba(255, 255, 255, 0.35)";
  disc(context, x - size * 0.25, y - size * 0.25, size * 0.4, size * 0.25);
}

function paintDaisy(context, x, y, roll) {
  const size = 0.035 + roll() * 0.02;
  context.fillStyle = "rgba(30, 60, 20, 0.25)";
  disc(context, x + 0.02, y + 0.05, size * 1.8, size);
  context.fillStyle = roll() < 0.8 ? "#fbfbf2" : "#f6e3ef";
  for (let petal = 0; petal < 6; petal += 1) {
    const turn = (petal / 6) * Math.PI * 2;
    disc(context, x + Math.cos(turn) * size, y + Math.sin(turn) * size * 0.85, size * 0.62);
  }
  context.fillStyle = "#f2c53d";
  disc(context, x, y, size * 0.62);
}

function paintClover(context, x, y, roll) {
  const size = 0.05 + roll() * 0.03;
  for (let i = 0; i < 5; i += 1) {
    context.fillStyle = i % 2 ? "rgba(58, 122, 52, 0.7)" : "rgba(80, 150, 62, 0.7)";
    disc(context, x + (roll() - 0.5) * 0.34, y + (roll() - 0.5) * 0.22, size, size * 0.8);
  }
}
