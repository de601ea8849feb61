// One picture of the meadow, layer by layer; `draw` is the list. Owns the canvas, the camera and the caches.
// Reads the session, never changes it.

import { Attract } from "./title_screen.js";
import { Camera } from "./camera.js";
import { Effects } from "./effects.js";
import { Ground } from "./ground.js";
import { drawKeycap } from "./labels.js";
import { Light } from "./light.js";
import { People } from "./people.js";
import { drawPlant, plantBorder, tuftsIn } from "./scenery.js";
import { Sprites } from "./sprites.js";
import { drawThing } from "./things.js";
import { isItem, isPlayer, REACH_UNITS } from "../meadow.js";

const RATIO_MAX = 2; // more device pixels than this per CSS pixel cost time and show nothing
const MARGIN_UNITS = 3;
const JUMP_UNITS = 8; // the camera does not travel farther than this, it jumps
const TAP_UNITS = 0.75; // how far beside a thing a tap still means it

export class Scene {
  constructor(canvas, session) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.session = session;
    this.camera = new Camera();
    this.sprites = new Sprites();
    this.ground = new Ground();
    this.light = new Light();
    this.people = new People();
    this.effects = new Effects();
    this.attract = new Attract();
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.coarse = matchMedia("(pointer: coarse)");
    this.planted = { zone: null, plants: [] };
    this.lastMs = 0;
  }

  draw(nowMs) {
    const { zone, entities, focus } = this.#shown(nowMs);
    const moving = this.still.matches ? null : nowMs;
    this.#fit(zone);
    this.#follow(focus, zone, nowMs);
    this.ground.draw(this.context, this.camera, zone);
    const visible = entities.filter((entity) => this.camera.shows(entity.x, entity.y, MARGIN_UNITS));
    this.#drawStanding(visible, zone, nowMs, moving);
    this.light.drawClouds(this.context, this.camera, moving);
    this.light.drawAir(this.context, this.camera, moving);
    this.#drawLabels(visible, nowMs);
    this.effects.draw(this.context, this.camera, nowMs, this.ratio);
    this.people.prune(entities, nowMs);
  }

  get ratio() {
    return Math.min(devicePixelRatio || 1, RATIO_MAX);
  }

  /** The place in the zone under a point of the page, in CSS pixels. */
  placeAt(clientX, clientY) {
    return this.camera.toWorld(clientX * this.ratio, clientY * this.ratio);
  }

  /** The entity a tap there means, or null. What is drawn is taller than where it stands. */
  entityAt(clientX, clientY, nowMs) {
    const [x, y] = this.placeAt(clientX, clientY);
    let best = null;
    for (const entity of this.session.world?.view(nowMs) ?? []) {
      if (entity.own) continue;
      const tall = isPlayer(entity.kindName) ? 0.75 : 0.35;
      const off = Math.hypot(entity.x - x, (entity.y - tall - y) * (isPlayer(entity.kindName) ? 0.7 : 1));
      if (off < TAP_UNITS && (!best || off < best.off)) best = { entity, off };
    }
    return best?.entity ?? null;
  }

  #shown(nowMs) {
    const world = this.session.world;
    if (!world) return { zone: this.attract.zone, entities: this.attract.view(nowMs), focus: this.attract.focus(this.still.matches ? 0 : nowMs) };
    const entities = world.view(nowMs);
    for (const entity of entities) if (isPlayer(entity.kindName)) entity.name = this.session.nameOf(entity.id);
    return { zone: world.zone, entities, focus: entities.find((entity) => entity.own) ?? this.session.place };
  }

  #fit(zone) {
    const width = Math.round(innerWidth * this.ratio);
    const height = Math.round(innerHeight * this.ratio);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.camera.resize(width, height, this.ratio, zone.cell_size);
    this.sprites.resize(this.camera.unit);
  }

  #follow(focus, zone, nowMs) {
    const far = Math.hypot(focus.x - this.camera.x, focus.y - this.camera.y) > JUMP_UNITS + this.camera.width / this.camera.unit;
    if (zone !== this.planted.zone || far) this.camera.jumpTo(focus.x, focus.y, zone);
    else this.camera.follow(focus.x, focus.y, zone, nowMs - this.lastMs);
    if (zone !== this.planted.zone) this.planted = { zone, plants: plantBorder(zone) };
    this.lastMs = nowMs;
  }

  // Whatever stands on the ground, the farthest first.
  #drawStanding(entities, zone, nowMs, moving) {
    const plants = this.planted.plants.filter((plant) => this.camera.shows(plant.x, plant.y, MARGIN_UNITS));
    const standing = [...entities, ...plants, ...tuftsIn(this.camera, zone)].sort((a, b) => a.y - b.y);
    for (const each of standing) {
      const [x, y] = this.camera.toScreen(each.x, each.y);
      if (each.variant !== undefined) drawPlant(this.context, this.sprites, each, x, y, moving);
      else if (isPlayer(each.kindName)) this.people.draw(this.context, this.sprites, each, x, y, nowMs, moving === null);
      else drawThing(this.context, this.sprites, each, x, y, moving);
    }
  }

  #drawLabels(entities, nowMs) {
    for (const entity of entities.filter((each) => isPlayer(each.kindName)).sort((a, b) => a.y - b.y)) {
      this.people.drawLabels(this.context, this.sprites, entity, ...this.camera.toScreen(entity.x, entity.y), nowMs, this.ratio);
    }
    this.#drawHint(entities);
  }

  #drawHint(entities) {
    const nearest = this.session.nearest((entity) => isItem(this.session.world.kindOf(entity)));
    if (!nearest || nearest.distance > REACH_UNITS) return;
    const shown = entities.find((entity) => entity.id === nearest.entity.id);
    if (!shown) return;
    const [x, y] = this.camera.toScreen(shown.x, shown.y);
    this.context.strokeStyle = "rgba(255, 250, 214, 0.9)";
    this.context.lineWidth = 2 * this.ratio;
    this.context.beginPath();
    this.context.ellipse(x, y - 0.02 * this.camera.unit, this.camera.unit * 0.46, this.camera.unit * 0.24, 0, 0, Math.PI * 2);
    this.context.stroke();
    if (!this.coarse.matches) drawKeycap(this.context, "E", x, y - this.camera.unit * 1.05, this.ratio);
  }
}
