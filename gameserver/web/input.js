// Keys, mouse and touch, turned into wishes: walk, pick up, use, chat. Owns which keys are down and the virtual stick.
// A pointer that moves is the stick; one that does not is a tap on what is there. Typing is never walking.

const ARROWS = {
  KeyW: [0, -1], ArrowUp: [0, -1], KeyS: [0, 1], ArrowDown: [0, 1],
  KeyA: [-1, 0], ArrowLeft: [-1, 0], KeyD: [1, 0], ArrowRight: [1, 0],
};
const TAP_PX = 10; // a pointer that strays less than this taps
const STICK_PX = 52; // the stick at full tilt
const STICK_DEAD_PX = 6;

export class Input {
  /** `wishes`: { walk(who, dx, dy), stop(), tap(x, y), pickUp(), useSlot(n), chat() } */
  constructor(canvas, stick, wishes) {
    this.canvas = canvas;
    this.stick = stick;
    this.wishes = wishes;
    this.enabled = false;
    this.down = new Set();
    this.pointer = null; // { id, x, y, dragging }
    addEventListener("keydown", (event) => this.#keyDown(event));
    addEventListener("keyup", (event) => this.#keyUp(event));
    addEventListener("blur", () => this.release());
    document.addEventListener("visibilitychange", () => document.hidden && this.release());
    document.addEventListener("click", (event) => this.#giveBackFocus(event));
    document.addEventListener("focusin", (event) => isTyping(event.target) && this.release());
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#drag(event));
    canvas.addEventListener("pointerup", (event) => this.#lift(event, true));
    canvas.addEventListener("pointercancel", (event) => this.#lift(event, false));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** Nothing is held any more: the page lost the focus, or the session ended. */
  release() {
    this.down.clear();
    this.#endStick();
    this.wishes.stop();
  }

  // A button pressed by mouse or finger must not take the next Enter; one reached by keys keeps its focus.
  #giveBackFocus(event) {
    if (this.enabled && event.detail > 0 && isPressable(event.target.closest("button"))) this.canvas.focus();
  }

  #keyDown(event) {
    if (!this.enabled || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (ARROWS[event.code]) this.#walkKey(event);
    else if (event.repeat) return;
    else if (event.code === "KeyE") this.wishes.pickUp();
    else if (/^Digit[1-9]$/.test(event.code) && !event.shiftKey) this.wishes.useSlot(Number(event.code.at(-1)) - 1);
    else if ((event.key === "Enter" || event.key === "/") && !isPressable(event.target)) {
      event.preventDefault();
      this.wishes.chat(event.key === "/" ? "/" : "");
    }
  }

  #walkKey(event) {
    if (event.code.startsWith("Arrow") && event.target.closest?.("#lines")) return; // scrolls the chat
    event.preventDefault();
    this.down.add(event.code);
    this.#walk();
  }

  #keyUp(event) {
    if (this.down.delete(event.code)) this.#walk();
  }

  #walk() {
    let dx = 0;
    let dy = 0;
    for (const code of this.down) {
      dx += ARROWS[code][0];
      dy += ARROWS[code][1];
    }
    const length = Math.max(1, Math.hypot(Math.sign(dx), Math.sign(dy)));
    this.wishes.walk("keys", Math.sign(dx) / length, Math.sign(dy) / length);
  }

  #press(event) {
    if (!this.enabled || this.pointer || event.button > 0) return;
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = { id: event.pointerId, x: event.clientX, y: event.clientY, dragging: false };
  }

  #drag(event) {
    if (event.pointerId !== this.pointer?.id) return;
    const dx = event.clientX - this.pointer.x;
    const dy = event.clientY - this.pointer.y;
    if (!this.pointer.dragging && Math.hypot(dx, dy) < TAP_PX) return;
    this.pointer.dragging = true;
    this.#tilt(dx, dy);
  }

  #tilt(dx, dy) {
    const far = Math.hypot(dx, dy);
    const part = Math.min(1, far / STICK_PX);
    const [ux, uy] = far > STICK_DEAD_PX ? [dx / far, dy / far] : [0, 0];
    this.stick.hidden = false;
    this.stick.style.setProperty("--x", `${this.pointer.x}px`);
    this.stick.style.setProperty("--y", `${this.pointer.y}px`);
    this.stick.style.setProperty("--dx", `${ux * part * STICK_PX}px`);
    this.stick.style.setProperty("--dy", `${uy * part * STICK_PX}px`);
    this.wishes.walk("stick", round(ux), round(uy));
  }

  #lift(event, meant) {
    if (event.pointerId !== this.pointer?.id) return;
    const tapped = meant && !this.pointer.dragging;
    this.#endStick();
    this.wishes.walk("stick", 0, 0);
    if (tapped) this.wishes.tap(event.clientX, event.clientY);
  }

  #endStick() {
    this.pointer = null;
    this.stick.hidden = true;
  }
}

const round = (value) => Math.round(value * 1000) / 1000;
const isTyping = (target) => target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
const isPressable = (target) => target instanceof HTMLButtonElement;
