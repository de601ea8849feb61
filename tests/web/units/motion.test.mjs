import assert from "node:assert/strict";
import test from "node:test";

import { TickClock, Track } from "../../../gameserver/web/motion.js";

const near = (a, b, within = 1e-9) => assert.ok(Math.abs(a - b) <= within, `${a} is not ${b}`);

function trackOf(...samples) {
  const track = new Track();
  for (const [tick, x, facing = 0] of samples) track.add(tick, x, 0, facing);
  return track;
}

test("between two ticks it is in between", () => {
  near(trackOf([10, 0], [11, 1]).at(10.25).x, 0.25);
});

test("before the first and after the last place it stands still", () => {
  const track = trackOf([10, 0], [11, 1]);
  near(track.at(3).x, 0);
  near(track.at(30).x, 1);
  assert.equal(track.at(30).speed, 0);
});

test("one that stood for long and then walks does not creep there slowly", () => {
  const track = trackOf([10, 0], [60, 1]);
  near(track.at(40).x, 0);
  near(track.at(59.5).x, 0.5);
});

test("a skipped tick or two is bridged", () => {
  near(trackOf([10, 0], [13, 3]).at(11).x, 1);
});

test("a jump is not a walk", () => {
  const track = trackOf([10, 0], [11, 50]);
  near(track.at(10.5).x, 50);
});

test("our own figure runs on for a moment when the next place is late, and not for long", () => {
  const track = trackOf([10, 0], [11, 1]);
  near(track.at(11.5, true).x, 1.5);
  near(track.at(11.5).x, 1);
  near(track.at(14, true).x, 1);
});

test("it turns the short way round", () => {
  const turn = trackOf([10, 0, 250], [11, 0, 6]).at(10.5).turn;
  near(turn - Math.floor(turn), 0, 0.001);
});

test("the clock follows the earliest arrivals and shrugs off late ones", () => {
  const clock = new TickClock(20, 0, 1000);
  for (let tick = 1; tick < 100; tick += 1) clock.observe(tick, 1000 + tick * 50 + (tick % 10 === 0 ? 40 : 0));
  near(clock.tickAt(1000 + 100 * 50), 100, 0.1);
});

test("the clock starts over after a long pause of the server", () => {
  const clock = new TickClock(20, 0, 1000);
  clock.observe(1, 9000);
  near(clock.tickAt(9000), 1);
});
