// What this player sees of the zone: entities by id, each in one cell, kept current from decoded frames.
// Law: an entity leaves only if it is still thought to be in the cell that says so, because one that walks from cell
// to cell leaves one and comes in the other within a frame, in either order. So arrivals are applied before departures.

import { DELTA, FORGET, SNAPSHOT } from "./frame.js";
import { TickClock, Track } from "./motion.js";

export const DISCONNECTED = 1; // bit of a player's status
const DELAY_TICKS = 2; // others are drawn this far in the past, so that there are places to draw between
const OWN_DELAY_TICKS = 1;

export class World {
  /** `welcome` as the server sent it; `nowMs` on the clock that later calls use. */
  constructor(welcome, nowMs) {
    this.zone = welcome.zone;
    this.kinds = welcome.kinds;
    this.me = welcome.entity_id;
    this.tick = welcome.tick;
    this.clock = new TickClock(welcome.tick_hz, welcome.tick, nowMs);
    this.entities = new Map();
    this.cells = new Map(); // cell -> ids that were last told of in it
    this.framesSeen = 0;
  }

  apply({ tick, full, sections }, nowMs) {
    this.clock.observe(tick, nowMs);
    this.tick = tick;
    this.framesSeen += 1;
    const present = new Set();
    for (const section of sections) for (const record of section.records) this.#place(record, section.cell, tick, present);
    for (const section of sections) this.#depart(section, present);
    if (full) this.#keepOnly(new Set(sections.map((section) => section.cell)));
  }

  /** Everything in view as it is to be drawn at `nowMs`. */
  view(nowMs) {
    const tick = this.clock.tickAt(nowMs);
    return [...this.entities.values()].map((entity) => this.#shown(entity, tick));
  }

  shown(id, nowMs) {
    const entity = this.entities.get(id);
    return entity && this.#shown(entity, this.clock.tickAt(nowMs));
  }

  kindOf(entity) {
    return this.kinds[entity.kind] ?? `kind ${entity.kind}`;
  }

  #shown(entity, tick) {
    const own = entity.id === this.me;
    const motion = entity.track.at(tick - (own ? OWN_DELAY_TICKS : DELAY_TICKS), own);
    return { ...entity, ...motion, kindName: this.kindOf(entity), own };
  }

  #place(record, cell, tick, present) {
    const known = this.entities.get(record.id);
    const entity = known ?? { id: record.id, track: new Track(), cell: null, sinceTick: tick };
    entity.kind = record.kind;
    entity.status = record.status;
    entity.latest = { x: record.x, y: record.y, facing: record.facing };
    entity.track.add(tick, record.x, record.y, record.facing);
    this.entities.set(record.id, entity);
    this.#move(entity, cell);
    present.add(record.id);
  }

  #move(entity, cell) {
    if (entity.cell === cell) return;
    this.cells.get(entity.cell)?.delete(entity.id);
    entity.cell = cell;
    if (!this.cells.has(cell)) this.cells.set(cell, new Set());
    this.cells.get(cell).add(entity.id);
  }

  #depart(section, present) {
    const gone = section.what === DELTA ? section.left : [...(this.cells.get(section.cell) ?? [])];
    const stays = section.what === SNAPSHOT ? present : new Set();
    for (const id of gone) if (!stays.has(id)) this.#remove(id, section.cell);
    if (section.what === FORGET) this.cells.delete(section.cell);
  }

  #remove(id, cell) {
    if (this.entities.get(id)?.cell !== cell) return;
    this.entities.delete(id);
    this.cells.get(cell).delete(id);
  }

  #keepOnly(cells) {
    for (const [cell, ids] of [...this.cells]) {
      if (cells.has(cell)) continue;
      for (const id of [...ids]) this.#remove(id, cell);
      this.cells.delete(cell);
    }
  }
}
