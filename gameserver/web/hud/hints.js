// What one may do right now: how to walk until one has walked, and a button for what lies within reach (for fingers).

import { REACH_UNITS } from "../meadow.js";

const byId = (id) => document.getElementById(id);
const REFRESH_MS = 150;
const HINT_AFTER_MS = 900;
const WALKED_ENOUGH = 3;

export class Hints {
  #walks = 0;

  constructor(session, deeds) {
    this.session = session;
    this.deeds = deeds;
    this.touch = matchMedia("(pointer: coarse)");
    byId("take").addEventListener("click", () => deeds.pickUpNearest());
    session.addEventListener("open", () => setTimeout(() => this.#showHint(), HINT_AFTER_MS));
    setInterval(() => this.#showTake(), REFRESH_MS);
  }

  walked() {
    this.#walks += 1;
    if (this.#walks >= WALKED_ENOUGH) byId("hint").hidden = true;
  }

  #showHint() {
    if (this.#walks >= WALKED_ENOUGH) return;
    byId("hint").hidden = false;
    byId("hint").textContent = this.touch.matches
      ? "Drag anywhere to walk · tap things to pick them up"
      : "WASD or arrows to walk · E picks up · Enter to chat";
  }

  #showTake() {
    const found = this.touch.matches && this.session.world ? this.deeds.nearestItem() : null;
    const take = byId("take");
    take.hidden = !found || found.distance > REACH_UNITS;
    const words = found ? `Pick up ${this.session.world.kindOf(found.entity)}` : "";
    if (!take.hidden && take.textContent !== words) take.textContent = words;
  }
}
