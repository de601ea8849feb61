// Short-lived things on the ground: sparkles where something was picked up, "+1 apple", a ring where one tapped.

import { dice } from "./random.js";
import { disc } from "./sprites.js";

const LIFE_MS = 900;
const EFFECTS_MAX = 40;

export class Effects {
  constructor() {
    this.list = [];
    this.roll = dice(5);
  }

  sparkle(x, y, nowMs) {
    const rays = Array.from({ length: 9 }, () => ({ turn: this.roll() * Math.PI * 2, reach: 0.4 + this.roll() * 0.5 }));
    this.#add({ kind: "sparkle", x, y, rays, nowMs });
  }

  words(text, x, y, nowMs) {
    this.#add({ kind: "words", text, x, y, nowMs });
  }

  ring(x, y, nowMs) {
    this.#add({ kind: "ring", x, y, nowMs });
  }

  draw(context, camera, nowMs, ratio) {
    this.list = this.list.filter((effect) => nowMs - effect.nowMs < LIFE_MS);
    for (const effect of this.list) {
      const age = (nowMs - effect.nowMs) / LIFE_MS;
      const [x, y] = camera.toScreen(effect.x, effect.y);
      context.globalAlpha = 1 - age * age;
      DRAW[effect.kind](context, effect, x, y, age, camera.unit, ratio);
    }
    context.globalAlpha = 1;
  }

  #add(effect) {
    this.list.push(effect);
    if (this.list.length > EFFECTS_MAX) this.list.shift();
  }
}

const DRAW = {
  sparkle(context, effect, x, y, age, unit) {
    const out = 1 - (1 - age) ** 3;
    context.fillStyle = "#fff3b0";
    for (const ray of effect.rays) {
      const reach = ray.reach * out * unit;
      disc(context, x + Math.cos(ray.turn) * reach, y - 0.3 * unit + Math.sin(ray.turn) * reach * 0.8, unit * 0.06 * (1 - age));
    }
  },
  ring(context, effect, x, y, age, unit) {
    context.strokeStyle = "#fffbe6";
    context.lineWidth = unit * 0.05;
    context.beginPath();
    context.ellipse(x, y, unit * (0.15 + age * 0.4), unit * (0.09 + age * 0.24), 0, 0, Math.PI * 2);
    context.stroke();
  },
  words(context, effect, x, y, age, unit, ratio) {
    context.font = `700 ${Math.round(15 * ratio)}px system-ui, 'DejaVu Sans', sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 3.5 * ratio;
    context.lineJoin = "round";
    context.strokeStyle = "rgba(28, 48, 20, 0.8)";
    context.strokeText(effect.text, x, y - unit * (1 + age * 0.8));
    context.fillStyle = "#fff6c4";
    context.fillText(effect.text, x, y - unit * (1 + age * 0.8));
  },
};
