// Where an entity is between ticks: the server tells places at ticks, the screen wants them at any moment.
// Pure: times are arguments. `TickClock` turns local time into a (fractional) tick, a `Track` turns that into a place.

const SAMPLES_MAX = 12;
const GAP_TICKS_MAX = 3; // a longer silence means it stood still until just before the new record
const TELEPORT_UNITS = 4; // farther than this within a tick is a jump, not a walk
const AHEAD_TICKS_MAX = 1.5; // how far the last movement may be drawn on when nothing newer has come

/** Estimates the server's tick at a local time, from when frames arrive; the earliest arrivals are the truest. */
export class TickClock {
  constructor(tickHz, tick, nowMs) {
    this.tickMs = 1000 / tickHz;
    this.startMs = nowMs - tick * this.tickMs;
  }

  observe(tick, nowMs) {
    const startMs = nowMs - tick * this.tickMs;
    const late = startMs - this.startMs;
    if (Math.abs(late) > 1000) this.startMs = startMs;
    else this.startMs += late * (late < 0 ? 0.5 : 0.03);
  }

  tickAt(nowMs) {
    return (nowMs - this.startMs) / this.tickMs;
  }
}

/** The last places of one entity. Records come only when something changed. */
export class Track {
  constructor() {
    this.samples = [];
  }

  add(tick, x, y, facing) {
    const last = this.samples.at(-1);
    const sample = { tick, x, y, turn: facing / 256 };
    if (last && tick <= last.tick) {
      this.samples[this.samples.length - 1] = { ...sample, tick: last.tick };
      return;
    }
    if (last && Math.hypot(x - last.x, y - last.y) > TELEPORT_UNITS * (tick - last.tick)) this.samples.length = 0;
    else if (last && tick - last.tick > GAP_TICKS_MAX) this.samples.push({ ...last, tick: tick - 1 });
    this.samples.push(sample);
    if (this.samples.length > SAMPLES_MAX) this.samples.splice(0, this.samples.length - SAMPLES_MAX);
  }

  /** { x, y, turn, speed } at a fractional tick; speed in units a tick. */
  at(tick, ahead = false) {
    const samples = this.samples;
    let i = samples.length - 1;
    while (i > 0 && samples[i].tick > tick) i -= 1;
    const from = samples[i];
    const to = samples[i + 1];
    if (to && tick >= from.tick) return between(from, to, (tick - from.tick) / (to.tick - from.tick));
    const before = samples[i - 1];
    if (ahead && before && tick > from.tick && tick - from.tick < AHEAD_TICKS_MAX && from.tick - before.tick <= 2) {
      return between(before, from, 1 + (tick - from.tick) / (from.tick - before.tick));
    }
    return { x: from.x, y: from.y, turn: from.turn, speed: 0 };
  }
}

function between(from, to, part) {
  let swing = to.turn - from.turn;
  swing -= Math.round(swing); // the short way round
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  return {
    x: from.x + dx * part,
    y: from.y + dy * part,
    turn: from.turn + swing * Math.min(part, 1),
    speed: Math.hypot(dx, dy) / (to.tick - from.tick),
  };
}
