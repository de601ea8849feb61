import assert from "node:assert/strict";
import test from "node:test";

import { decodeFrame, DELTA, FORGET, recordReader, SNAPSHOT } from "../../../gameserver/web/frame.js";
import { World } from "../../../gameserver/web/world.js";
import { bufferOf, vectors } from "./vectors.mjs";

const reader = recordReader(vectors.layout);
const newWorld = (me = 1) => new World({ zone: {}, kinds: ["player"], entity_id: me, tick: 0, tick_hz: 20 }, 0);
const record = (id, x = 0, y = 0) => ({ id, x, y, kind: 0, facing: 0, status: 0 });
const section = (what, cell, ids, left = []) => ({ what, cell, records: ids.map((id) => record(id)), left });
const ids = (world) => [...world.entities.keys()].sort((a, b) => a - b);

test("a walk with skipped ticks leaves exactly what is in view, at every tick", () => {
  for (const { me, story } of vectors.walks) {
    const world = newWorld(me);
    for (const { tick, hex, view } of story) {
      for (const frame of hex) world.apply(decodeFrame(bufferOf(frame), reader), tick * 50);
      assert.deepEqual(ids(world), view, `tick ${tick}`);
    }
  }
});

test("one that walks to another cell stays, in whichever order the cells tell it", () => {
  const leaves = section(DELTA, "0,0", [], [5]);
  const comes = section(DELTA, "1,0", [5]);
  for (const sections of [[leaves, comes], [comes, leaves]]) {
    const world = newWorld();
    world.apply({ tick: 1, sections: [section(SNAPSHOT, "0,0", [5, 6]), section(SNAPSHOT, "1,0", [7])] }, 0);
    const before = world.entities.get(5);
    world.apply({ tick: 2, sections }, 50);
    assert.deepEqual(ids(world), [5, 6, 7]);
    assert.equal(world.entities.get(5), before); // and keeps its track
  }
});

test("one that leaves a cell that is forgotten for one in view stays", () => {
  const world = newWorld();
  world.apply({ tick: 1, sections: [section(SNAPSHOT, "0,0", [5, 6]), section(SNAPSHOT, "1,0", [])] }, 0);
  world.apply({ tick: 2, sections: [section(FORGET, "0,0", []), section(DELTA, "1,0", [5])] }, 50);
  assert.deepEqual(ids(world), [5]);
});

test("a full view forgets what it does not name", () => {
  const world = newWorld(1);
  world.apply({ tick: 1, sections: [section(SNAPSHOT, "0,0", [1, 2]), section(SNAPSHOT, "1,0", [3])] }, 0);
  world.apply({ tick: 8, full: false, sections: [section(SNAPSHOT, "2,0", [4])] }, 400);
  assert.deepEqual(ids(world), [1, 2, 3, 4]);
  world.apply({ tick: 9, full: true, sections: [section(SNAPSHOT, "5,5", [1, 4])] }, 450);
  assert.deepEqual(ids(world), [1, 4]);
});

test("a kind the page was not told of still has a name", () => {
  const world = newWorld();
  assert.equal(world.kindOf({ kind: 0 }), "player");
  assert.equal(world.kindOf({ kind: 9 }), "kind 9");
});
