// What the player does, from a wish to an action: which entity is meant, is it near enough, what to say when it is not.
// Every refusal ends as a toast in plain words; nothing is shown as done before the server has said so.

import { intents, inWords, isItem, isPlayer, REACH_UNITS, usedInWords } from "./meadow.js";
import { DISCONNECTED } from "./world.js";

export class Deeds {
  constructor({ connection, session, scene, toast }) {
    this.connection = connection;
    this.session = session;
    this.scene = scene;
    this.toast = toast;
  }

  /** Returns whether the server agreed; tells the player when it did not. */
  async #ask(intent) {
    try {
      await this.connection.act(intent);
      return true;
    } catch (refusal) {
      this.toast(inWords(refusal));
      return false;
    }
  }

  nearestItem() {
    return this.session.nearest((entity) => isItem(this.session.world.kindOf(entity)));
  }

  /** The nearest connected player within reach. */
  nearestPlayer() {
    const isThere = (entity) => isPlayer(this.session.world.kindOf(entity)) && !(entity.status & DISCONNECTED);
    const found = this.session.nearest(isThere);
    return found && found.distance <= REACH_UNITS ? found.entity : null;
  }

  pickUpNearest() {
    const found = this.nearestItem();
    if (!found || found.distance > REACH_UNITS) this.toast("There is nothing within reach.");
    else this.#pickUp(found.entity);
  }

  /** Returns the name of the player that was tapped, if it was one. */
  tap(clientX, clientY) {
    const now = performance.now();
    const entity = this.scene.entityAt(clientX, clientY, now);
    if (!entity) {
      this.scene.effects.ring(...this.scene.placeAt(clientX, clientY), now);
      return null;
    }
    if (isPlayer(entity.kindName)) return this.session.nameOf(entity.id) ?? null;
    if (!isItem(entity.kindName)) this.toast("It does not want to be caught.");
    else if (this.session.distanceTo(entity) > REACH_UNITS) this.toast("That is too far away. Walk closer.");
    else this.#pickUp(entity);
    return null;
  }

  async #pickUp(entity) {
    const { x, y } = entity.latest;
    if (await this.#ask(intents.pickUp(entity.id))) this.scene.effects.sparkle(x, y, performance.now());
  }

  async use(item) {
    if (!(await this.#ask(intents.use(item)))) return;
    const { x, y } = this.session.place;
    this.scene.effects.words(usedInWords(item), x, y, performance.now());
  }

  drop(item) {
    return this.#ask(intents.drop(item));
  }

  async give(item) {
    const player = this.nearestPlayer();
    if (!player) return this.toast("Nobody is close enough to give that to.");
    const name = this.session.nameOf(player.id) ?? "them";
    if (await this.#ask(intents.give(player.id, item))) this.toast(`You gave ${name} one ${item}.`, "good");
    return undefined;
  }

  /** A line of chat as typed; `/w name words` whispers. Returns whether the line was sent off. */
  speak(typed) {
    const text = typed.trim();
    if (!text.startsWith("/")) return this.#ask(intents.say(text));
    const [verb, ...rest] = text.split(/\s+/);
    if (verb !== "/w" || rest.length < 2) {
      this.toast("Whisper like this: /w name what to say");
      return false;
    }
    const { to, words } = this.#addressee(text.slice(verb.length).trim());
    return this.#ask(intents.whisper(to, words));
  }

  // Names may hold spaces: the longest name in view that fits wins, else the first word.
  #addressee(text) {
    const fits = [...this.session.names.values()].filter((name) => text.toLowerCase().startsWith(`${name.toLowerCase()} `));
    const to = fits.sort((a, b) => b.length - a.length)[0] ?? text.split(/\s+/)[0];
    return { to, words: text.slice(to.length).trim() };
  }
}
