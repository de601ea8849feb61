// Pictures drawn once and then copied. Owns a cache per size of a world unit; a new size starts it afresh.

const SPRITES_MAX = 900;

export class Sprites {
  constructor() {
    this.unit = 0;
    this.cache = new Map();
  }

  resize(unit) {
    if (unit === this.unit) return;
    this.unit = unit;
    this.cache.clear();
  }

  /**
   * The picture `key`, `width` × `height` world units, made by `paint(context)` when it is not there yet.
   * In `paint` one unit is 1 and the origin is the middle of the bottom edge.
   */
  get(key, width, height, paint) {
    const kept = this.cache.get(key);
    if (kept) return kept;
    if (this.cache.size >= SPRITES_MAX) this.cache.clear();
    const canvas = document.createElement("canvas");
    canvas.width = Math.ceil(width * this.unit);
    canvas.height = Math.ceil(height * this.unit);
    const context = canvas.getContext("2d");
    context.translate(canvas.width / 2, canvas.height);
    context.scale(this.unit, this.unit);
    paint(context);
    this.cache.set(key, canvas);
    return canvas;
  }
}

/** Draw a sprite standing on (x, y), stretched about that point. */
export function stand(context, sprite, x, y, stretchX = 1, stretchY = 1) {
  const width = sprite.width * stretchX;
  const height = sprite.height * stretchY;
  context.drawImage(sprite, x - width / 2, y - height, width, height);
}

export function disc(context, x, y, radiusX, radiusY = radiusX, turn = 0) {
  context.beginPath();
  context.ellipse(x, y, radiusX, radiusY, turn, 0, Math.PI * 2);
  context.fill();
}

/** A round gradient lit from the upper left. */
export function lit(context, x, y, radius, light, mid, dark) {
  const gradient = context.createRadialGradient(x - radius * 0.4, y - radius * 0.45, radius * 0.1, x, y, radius * 1.15);
  gradient.addColorStop(0, light);
  gradient.addColorStop(0.55, mid);
  gradient.addColorStop(1, dark);
  return gradient;
}

/** A soft shadow on the ground; (x, y) is where the thing touches it. */
export function shadow(context, sprites, x, y, width, strength = 1) {
  const sprite = sprites.get("shadow", 2, 1, (c) => {
    c.translate(0, -0.5);
    c.scale(1, 0.5);
    const gradient = c.createRadialGradient(0, 0, 0.1, 0, 0, 1);
    gradient.addColorStop(0, "rgba(20, 40, 12, 0.46)");
    gradient.addColorStop(0.55, "rgba(20, 40, 12, 0.26)");
    gradient.addColorStop(1, "rgba(20, 40, 12, 0)");
    c.fillStyle = gradient;
    disc(c, 0, 0, 1);
  });
  const w = width * sprites.unit;
  const h = w * 0.46;
  const alpha = context.globalAlpha;
  context.globalAlpha = alpha * strength;
  context.drawImage(sprite, x - w * 0.46, y - h * 0.48, w, h);
  context.globalAlpha = alpha;
}
