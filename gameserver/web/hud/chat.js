// The chat panel: lines, and a field to type in. All text is put in as text; a line cannot bring markup.

import { lookOf } from "../render/looks.js";

const byId = (id) => document.getElementById(id);
const LINES_MAX = 120; // kept on the page
const NEAR_BOTTOM_PX = 40;

export class ChatPanel {
  /** `leave()` gives the focus back to the meadow. */
  constructor(session, deeds, leave) {
    this.session = session;
    this.deeds = deeds;
    this.leave = leave;
    this.lines = byId("lines");
    this.words = byId("words");
    session.addEventListener("chat", ({ detail: { line } }) => this.#add(line));
    session.addEventListener("open", () => this.session.chat.length || this.lines.replaceChildren());
    if (!matchMedia("(pointer: coarse)").matches) this.words.placeholder = "Enter to chat, /w name to whisper";
    byId("speak").addEventListener("submit", (event) => this.#submit(event));
    this.words.addEventListener("keydown", (event) => event.key === "Escape" && this.leave());
    addEventListener("resize", () => this.#scrollDown());
    byId("chat-toggle").addEventListener("click", () => this.#toggle());
  }

  /** Put the cursor in the field, with `typed` already there. */
  open(typed = "") {
    if (typed) this.words.value = typed;
    this.words.focus();
    this.words.setSelectionRange(this.words.value.length, this.words.value.length);
  }

  async #submit(event) {
    event.preventDefault();
    const typed = this.words.value;
    if (!typed.trim()) return this.leave();
    this.words.value = "";
    if (!(await this.deeds.speak(typed)) && !this.words.value) this.words.value = typed; // refused: to be mended
    return undefined;
  }

  #toggle() {
    const open = byId("chat").classList.toggle("open");
    byId("chat-toggle").setAttribute("aria-expanded", String(open));
    byId("chat-toggle").setAttribute("aria-label", open ? "Show fewer lines" : "Show older lines");
    this.#scrollDown();
  }

  #add(line) {
    const { lines } = this;
    const atBottom = lines.scrollHeight - lines.scrollTop - lines.clientHeight < NEAR_BOTTOM_PX;
    lines.append(this.#item(line));
    while (lines.children.length > LINES_MAX) lines.firstChild.remove();
    if (atBottom) this.#scrollDown();
  }

  #scrollDown() {
    this.lines.scrollTop = this.lines.scrollHeight;
  }

  #item(line) {
    const item = document.createElement("li");
    const own = line.sender === this.session.name;
    item.className = line.channel;
    item.title = new Date(line.at_ms).toLocaleTimeString();
    const sender = document.createElement("b");
    sender.textContent = line.channel === "whisper" ? (own ? `to ${line.to}` : `${line.sender} whispers`) : line.sender;
    sender.style.color = `hsl(${lookOf(line.sender).hue} 90% 80%)`;
    const text = document.createElement("span");
    text.textContent = line.text;
    item.append(sender, " ", text);
    return item;
  }
}
