// Which part of the zone is on the screen. All lengths on the screen are device pixels.

import { clamp } from "./random.js";

const UNITS_ACROSS = 15; // world units along the shorter side of the screen
// How much of the wood around the zone may be seen, in units: at the top there is room for names, below for the bag.
const BEYOND = { side: 2, top: 3.4, bottom: 3 };
const FOLLOW_MS = 110; // the camera covers 63 % of its way in this time

export class Camera {
  constructor() {
    this.x = 0;
    this.y = 0;
    this.unit = 48; // device pixels per world unit, whole, so that ground tiles meet exactly
    this.width = 0;
    this.height = 0;
  }

  /** `sightUnits`: how far the server shows at least; more must not fit on the screen. */
  resize(width, height, ratio, sightUnits) {
    this.width = width;
    this.height = height;
    const comfortable = Math.min(width, height) / UNITS_ACROSS;
    const covered = Math.max(width, height) / (1.9 * sightUnits);
    this.unit = Math.round(Math.max(clamp(comfortable, 34 * ratio, 64 * ratio), covered));
  }

  jumpTo(x, y, zone) {
    this.follow(x, y, zone, Infinity);
  }

  follow(x, y, zone, elapsedMs) {
    const part = 1 - Math.exp(-elapsedMs / FOLLOW_MS);
    this.x += (within(x, this.width / this.unit, -BEYOND.side, zone.width + BEYOND.side) - this.x) * part;
    this.y += (within(y, this.height / this.unit, -BEYOND.top, zone.height + BEYOND.bottom) - this.y) * part;
  }

  get left() {
    return Math.round(this.x * this.unit - this.width / 2);
  }

  get top() {
    return Math.round(this.y * this.unit - this.height / 2);
  }

  toScreen(x, y) {
    return [x * this.unit - this.left, y * this.unit - this.top];
  }

  toWorld(screenX, screenY) {
    return [(screenX + this.left) / this.unit, (screenY + this.top) / this.unit];
  }

  shows(x, y, margin) {
    const [sx, sy] = this.toScreen(x, y);
    const m = margin * this.unit;
    return sx > -m && sy > -m && sx < this.width + m && sy < this.height + m;
  }
}

function within(centre, span, low, high) {
  return span >= high - low ? (low + high) / 2 : clamp(centre, low + span / 2, high - span / 2);
}
