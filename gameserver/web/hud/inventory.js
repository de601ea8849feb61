// The bag: one slot per kind, in the order it was first held. Press a slot or its number to use one; each slot also
// drops one, and gives one to the nearest player.

import { Sprites } from "../render/sprites.js";
import { thing } from "../render/things.js";

const byId = (id) => document.getElementById(id);
const ICON_PX = 44;
const REFRESH_MS = 300;

export class InventoryBar {
  #order = []; // kinds as the slots show them
  #icons = new Sprites();

  constructor(session, deeds) {
    this.session = session;
    this.deeds = deeds;
    this.#icons.resize(ICON_PX * Math.min(2, devicePixelRatio || 1));
    session.addEventListener("inventory", () => this.#show());
    setInterval(() => this.#showReceiver(), REFRESH_MS);
  }

  use(number) {
    const item = this.#order[number];
    if (item) this.deeds.use(item);
  }

  #show() {
    const items = this.session.inventory;
    this.#order = [...this.#order.filter((item) => items[item]), ...Object.keys(items).filter((item) => !this.#order.includes(item))];
    const slots = new Map([...byId("slots").children].map((slot) => [slot.dataset.item, slot]));
    byId("slots").replaceChildren(...this.#order.map((item) => slots.get(item) ?? this.#slot(item)));
    this.#order.forEach((item, i) => this.#label(byId("slots").children[i], item, i));
    byId("empty").hidden = this.#order.length > 0;
    this.#showReceiver();
  }

  #slot(item) {
    const slot = document.createElement("li");
    slot.dataset.item = item;
    const use = button("use", () => this.deeds.use(item));
    use.append(this.#icon(item), part("quantity"), part("key"));
    const drop = button("drop", () => this.deeds.drop(item));
    drop.textContent = "Drop";
    const give = button("give", () => this.deeds.give(item));
    give.textContent = "Give";
    const more = document.createElement("div");
    more.className = "more";
    more.append(drop, give);
    slot.append(use, more);
    return slot;
  }

  #label(slot, item, index) {
    const quantity = this.session.inventory[item];
    slot.querySelector(".quantity").textContent = quantity > 999 ? "999+" : String(quantity);
    slot.querySelector(".key").textContent = index < 9 ? String(index + 1) : "";
    slot.querySelector(".use").setAttribute("aria-label", `Use ${item}, you have ${quantity}`);
    slot.querySelector(".use").title = `Use ${item}`;
    slot.querySelector(".drop").setAttribute("aria-label", `Drop one ${item}`);
  }

  // The receiver changes as people walk about.
  #showReceiver() {
    if (!this.session.world) return;
    const player = this.deeds.nearestPlayer();
    const name = player && (this.session.nameOf(player.id) ?? "the player near you");
    for (const give of document.querySelectorAll("#slots .give")) {
      const { item } = give.closest("li").dataset;
      const words = name ? `Give one ${item} to ${name}` : `Give one ${item}: nobody is close enough`;
      give.classList.toggle("off", !name);
      if (give.title !== words) {
        give.title = words;
        give.setAttribute("aria-label", words);
      }
    }
  }

  #icon(item) {
    const picture = thing(this.#icons, item);
    const icon = document.createElement("canvas");
    icon.width = picture.width;
    icon.height = picture.height;
    icon.getContext("2d").drawImage(picture, 0, 0);
    icon.setAttribute("aria-hidden", "true");
    return icon;
  }
}

function button(name, press) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = name;
  made.addEventListener("click", press);
  return made;
}

function part(name) {
  const made = document.createElement("span");
  made.className = name;
  made.setAttribute("aria-hidden", "true");
  return made;
}
