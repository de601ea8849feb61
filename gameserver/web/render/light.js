// Weather over everything: shadows of clouds that drift, motes in the sun, a darker rim. Cheap: three sprites.

import { dice } from "./random.js";

const CLOUDS = 7;
const MOTES = 26;
const FIELD_UNITS = 64; // clouds and motes repeat after this far

const roll = dice(99);
const clouds = Array.from({ length: CLOUDS }, () => ({
  x: roll() * FIELD_UNITS, y: roll() * FIELD_UNITS, width: 11 + roll() * 11, height: 6 + roll() * 5,
}));
const motes = Array.from({ length: MOTES }, () => ({ x: roll() * 24, y: roll() * 24, phase: roll() * 7, size: 0.6 + roll() }));

const wrap = (value, span) => ((value % span) + span) % span;

export class Light {
  constructor() {
    this.cloud = softDisc("24, 52, 40");
    this.mote = softDisc("255, 252, 214");
    this.rim = null;
  }

  drawClouds(context, camera, timeMs) {
    const drift = (timeMs ?? 0) / 1000;
    context.globalAlpha = 0.15;
    for (const cloud of clouds) {
      const x = wrap((cloud.x + drift * 0.55) - camera.x + FIELD_UNITS / 2, FIELD_UNITS) - FIELD_UNITS / 2;
      const y = wrap((cloud.y + drift * 0.2) - camera.y + FIELD_UNITS / 2, FIELD_UNITS) - FIELD_UNITS / 2;
      const width = cloud.width * camera.unit;
      const height = cloud.height * camera.unit;
      context.drawImage(this.cloud, camera.width / 2 + x * camera.unit - width / 2, camera.height / 2 + y * camera.unit - height / 2, width, height);
    }
    context.globalAlpha = 1;
  }

  drawAir(context, camera, timeMs) {
    if (timeMs !== null) this.#drawMotes(context, camera, timeMs / 1000);
    if (this.rim?.width !== camera.width || this.rim?.height !== camera.height) this.rim = paintRim(camera);
    context.drawImage(this.rim, 0, 0);
  }

  #drawMotes(context, camera, seconds) {
    for (const mote of motes) {
      const x = wrap(mote.x + seconds * 0.25 + Math.sin(seconds * 0.6 + mote.phase) * 0.5 - camera.x, 24) - 4;
      const y = wrap(mote.y - seconds * 0.12 + Math.cos(seconds * 0.5 + mote.phase) * 0.4 - camera.y, 24) - 4;
      const size = mote.size * 0.13 * camera.unit;
      context.globalAlpha = 0.28 + 0.28 * Math.sin(seconds * 1.3 + mote.phase);
      context.drawImage(this.mote, (x * camera.width) / 16, (y * camera.height) / 16, size, size);
    }
    context.globalAlpha = 1;
  }
}

function softDisc(rgb) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 128;
  const context = canvas.getContext("2d");
  const gradient = context.createRadialGradient(64, 64, 4, 64, 64, 64);
  gradient.addColorStop(0, `rgba(${rgb}, 1)`);
  gradient.addColorStop(0.45, `rgba(${rgb}, 0.75)`);
  gradient.addColorStop(1, `rgba(${rgb}, 0)`);
  context.fillStyle = gradient;
  context.fillRect(0, 0, 128, 128);
  return canvas;
}

function paintRim({ width, height }) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const sun = context.createLinearGradient(0, 0, width * 0.7, height);
  sun.addColorStop(0, "rgba(255, 240, 180, 0.17)");
  sun.addColorStop(0.5, "rgba(255, 240, 180, 0)");
  sun.addColorStop(1, "rgba(20, 50, 70, 0.13)");
  context.fillStyle = sun;
  context.fillRect(0, 0, width, height);
  const reach = Math.hypot(width, height) / 2;
  const rim = context.createRadialGradient(width / 2, height / 2, reach * 0.55, width / 2, height / 2, reach);
  rim.addColorStop(0, "rgba(16, 36, 24, 0)");
  rim.addColorStop(1, "rgba(16, 36, 24, 0.28)");
  context.fillStyle = rim;
  context.fillRect(0, 0, width, height);
  return canvas;
}
