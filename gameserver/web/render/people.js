// Draws players: shadow, figure in the right step, name, words. Owns what each figure is in the middle of (its step,
// its fading in), which the server does not know.

import { clamp } from "./random.js";
import { figure, FIGURE_HEIGHT, STEPS } from "./figures.js";
import { drawBubble, drawName } from "./labels.js";
import { lookOf } from "./looks.js";
import { shadow, stand } from "./sprites.js";
import { DISCONNECTED } from "../world.js";

const STEP_UNITS = 1.5; // ground covered by one double step
const FADE_IN_MS = 350;
const SPEECH_MS = 5200;
const WALKING = 0.01; // units a tick

export class People {
  constructor() {
    this.poses = new Map(); // entity id -> { x, y, walked, sinceMs }
    this.speech = new Map(); // name -> { text, atMs }
  }

  say(name, text, nowMs) {
    this.speech.set(name, { text, atMs: nowMs });
  }

  /** Forget everybody who is not in view any more. */
  prune(entities, nowMs) {
    const here = new Set(entities.map((entity) => entity.id));
    for (const id of this.poses.keys()) if (!here.has(id)) this.poses.delete(id);
    for (const [name, { atMs }] of this.speech) if (nowMs - atMs > SPEECH_MS) this.speech.delete(name);
  }

  draw(context, sprites, entity, x, y, nowMs, still) {
    const pose = this.#pose(entity, nowMs);
    const away = (entity.status & DISCONNECTED) !== 0;
    context.globalAlpha = clamp((nowMs - pose.sinceMs) / FADE_IN_MS, 0, 1) * (away ? 0.4 : 1);
    if (entity.own) drawOwnRing(context, x, y, sprites.unit);
    shadow(context, sprites, x, y, 1.05);
    const walking = entity.speed > WALKING;
    const step = walking ? Math.floor((pose.walked / STEP_UNITS) * STEPS) % STEPS : STEPS;
    const breath = walking || still ? 1 : 1 + Math.sin(nowMs / 620 + entity.id) * 0.012;
    stand(context, figure(sprites, lookOf(entity.name ?? `#${entity.id}`), entity.turn, step), x, y + sprites.unit * 0.1, 1, breath);
    context.globalAlpha = 1;
  }

  /** Names and words come after all figures, so that none is hidden. */
  drawLabels(context, sprites, entity, x, y, nowMs, ratio) {
    const top = y - sprites.unit * (FIGURE_HEIGHT - 0.22);
    if (entity.name) {
      context.globalAlpha = entity.status & DISCONNECTED ? 0.55 : 1;
      drawName(context, entity.name, x, top, ratio, entity.own);
      context.globalAlpha = 1;
    }
    const words = this.speech.get(entity.name);
    if (words) drawBubble(context, words.text, x, top - 13 * ratio, ratio, clamp((SPEECH_MS - (nowMs - words.atMs)) / 500, 0, 1));
  }

  #pose(entity, nowMs) {
    const pose = this.poses.get(entity.id) ?? { x: entity.x, y: entity.y, walked: 0, sinceMs: nowMs };
    pose.walked += Math.hypot(entity.x - pose.x, entity.y - pose.y);
    pose.x = entity.x;
    pose.y = entity.y;
    this.poses.set(entity.id, pose);
    return pose;
  }
}

function drawOwnRing(context, x, y, unit) {
  context.strokeStyle = "rgba(255, 246, 190, 0.75)";
  context.lineWidth = Math.max(1.5, unit * 0.045);
  context.beginPath();
  context.ellipse(x, y - unit * 0.02, unit * 0.48, unit * 0.25, 0, 0, Math.PI * 2);
  context.stroke();
}
