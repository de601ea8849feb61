// The meadow behind the sign-in page: the same scene with nobody in it, seen by a camera that strolls. Made up here,
// not told by any server.

import { dice } from "./random.js";

const SIDE_UNITS = 70;

export class Attract {
  constructor() {
    this.zone = { width: SIDE_UNITS, height: SIDE_UNITS, cell_size: 16 };
    const roll = dice(21);
    const kinds = ["apple", "flower", "flower", "coin", "butterfly", "butterfly"];
    this.lying = Array.from({ length: 150 }, (_, i) => ({
      id: i + 1, kindName: kinds[i % kinds.length], x: roll() * SIDE_UNITS, y: roll() * SIDE_UNITS, turn: 0, speed: 0, status: 0,
    }));
  }

  view(timeMs) {
    const t = timeMs / 1000;
    return this.lying.map((each) => {
      if (each.kindName !== "butterfly") return each;
      const x = each.x + Math.sin(t * 0.5 + each.id) * 2.2;
      return { ...each, x, y: each.y + Math.cos(t * 0.37 + each.id * 2) * 1.6 };
    });
  }

  /** Where the camera looks. */
  focus(timeMs) {
    const t = timeMs / 16000;
    return { x: SIDE_UNITS / 2 + Math.sin(t) * 12, y: SIDE_UNITS / 2 + Math.cos(t * 0.8) * 9 };
  }
}
