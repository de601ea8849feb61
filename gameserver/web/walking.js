// From a wish to walk, whoever has it (keys, stick), to move messages: at once when the direction changes, again a few
// times a second while walking, since the server forgets what a lost socket wanted.

import { intents } from "./meadow.js";

const REPEAT_MS = 200;
const SAME = 0.02; // changes of direction smaller than this wait for the next repeat
const CHANGE_MS_MIN = 50; // a stick changes all the time; a tick can use only one

export class Walking {
  #wishes = new Map(); // who -> [dx, dy]
  #sent = [0, 0];
  #sentMs = 0;
  #timer = 0;

  constructor(connection) {
    this.connection = connection;
  }

  /** `who` ("keys", "stick") wants to go in this direction; (0, 0) is to stand. */
  wish(who, dx, dy) {
    this.#wishes.set(who, [dx, dy]);
    this.#update();
  }

  stop() {
    this.#wishes.clear();
    this.#update();
  }

  #direction() {
    for (const [dx, dy] of this.#wishes.values()) if (dx || dy) return [dx, dy];
    return [0, 0];
  }

  #update() {
    const [dx, dy] = this.#direction();
    const standing = !dx && !dy;
    const stood = !this.#sent[0] && !this.#sent[1];
    if (standing && stood) return;
    const little = Math.hypot(dx - this.#sent[0], dy - this.#sent[1]) < SAME;
    const soon = performance.now() - this.#sentMs < CHANGE_MS_MIN && !stood;
    if (standing || !(little || soon)) this.#send(dx, dy);
    this.#repeatWhile(!standing);
  }

  #send(dx, dy) {
    this.#sent = [dx, dy];
    this.#sentMs = performance.now();
    this.connection.send(intents.move(dx, dy));
  }

  #repeatWhile(walking) {
    if (walking && !this.#timer) this.#timer = setInterval(() => this.#send(...this.#direction()), REPEAT_MS);
    if (!walking) {
      clearInterval(this.#timer);
      this.#timer = 0;
    }
  }
}
