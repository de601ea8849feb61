// This player's session as the page knows it: the player, the world in view, inventory, names, chat.
// Owns what the server told; changes only by messages and frames. Events: "open", "inventory", "chat", "unreadable".

import { decodeFrame, FrameError, recordReader } from "./frame.js";
import { DESCRIBE_MAX } from "./protocol.js";
import { World } from "./world.js";

const DESCRIBE_EVERY_MS = 250;
const ASK_AGAIN_MS = 3000;
const NAMES_MAX = 2000;
const CHAT_LINES_MAX = 200;

export class Session extends EventTarget {
  constructor(connection) {
    super();
    this.connection = connection;
    this.world = null;
    this.welcome = null;
    this.inventory = {};
    this.names = new Map(); // entity id -> name
    this.chat = [];
    this.asked = new Map(); // entity id -> when its name was asked for
    connection.addEventListener("message", ({ detail }) => this.#hear(detail));
    connection.addEventListener("frame", ({ detail }) => this.#see(detail));
    setInterval(() => this.#askForNames(), DESCRIBE_EVERY_MS);
  }

  get name() {
    return this.welcome?.name ?? "";
  }

  nameOf(id) {
    return id === this.world?.me ? this.name : this.names.get(id);
  }

  /** Where the server last said we are. */
  get place() {
    const me = this.world?.entities.get(this.world.me);
    return me ? me.latest : this.welcome;
  }

  distanceTo(entity) {
    const { x, y } = this.place;
    return Math.hypot(entity.latest.x - x, entity.latest.y - y);
  }

  /** The nearest entity but ourselves for which `fits`, with its distance, or null. */
  nearest(fits) {
    let best = null;
    for (const entity of this.world?.entities.values() ?? []) {
      if (entity.id === this.world.me || !fits(entity)) continue;
      const distance = this.distanceTo(entity);
      if (!best || distance < best.distance) best = { entity, distance };
    }
    return best;
  }

  close() {
    this.world = null;
    this.chat = [];
    this.inventory = {};
  }

  #hear(message) {
    if (message.type === "welcome") this.#open(message);
    else if (message.type === "inventory") this.#hold(message.items);
    else if (message.type === "said") this.#addLine(message.line);
    else if (message.type === "described") this.#learn(message.entities);
  }

  #see(buffer) {
    try {
      this.world?.apply(decodeFrame(buffer, this.reader), performance.now());
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      console.error(error);
      this.#tell("unreadable", error);
    }
  }

  #open(welcome) {
    this.welcome = welcome;
    this.reader = recordReader(welcome.layout);
    this.world = new World(welcome, performance.now());
    this.names.clear();
    this.asked.clear();
    this.inventory = welcome.inventory;
    this.#tell("open", welcome);
    this.#tell("inventory", { items: this.inventory, before: null });
    this.#recall(welcome.chat);
  }

  // After a reconnect the server repeats lines that are here already.
  #recall(lines) {
    const known = new Set(this.chat.map(keyOf));
    for (const line of lines) if (!known.has(keyOf(line))) this.#addLine(line, true);
  }

  #addLine(line, old = false) {
    this.chat.push(line);
    if (this.chat.length > CHAT_LINES_MAX) this.chat.shift();
    this.#tell("chat", { line, old });
  }

  #hold(items) {
    const before = this.inventory;
    this.inventory = items;
    this.#tell("inventory", { items, before });
  }

  #learn(entities) {
    if (this.names.size > NAMES_MAX) this.names.clear();
    for (const { id, name } of entities) this.names.set(id, name);
  }

  #askForNames() {
    if (!this.world || this.connection.phase !== "playing") return;
    const now = performance.now();
    const unknown = [];
    for (const entity of this.world.entities.values()) {
      if (unknown.length < DESCRIBE_MAX && this.#isUnknown(entity, now)) unknown.push(entity.id);
    }
    for (const id of unknown) this.asked.set(id, now);
    if (unknown.length) this.connection.send({ type: "describe", ids: unknown });
  }

  #isUnknown(entity, now) {
    if (this.world.kindOf(entity) !== "player" || this.nameOf(entity.id)) return false;
    return now - (this.asked.get(entity.id) ?? -Infinity) > ASK_AGAIN_MS;
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

const keyOf = (line) => `${line.at_ms} ${line.sender} ${line.text}`;
