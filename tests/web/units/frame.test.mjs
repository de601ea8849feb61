import assert from "node:assert/strict";
import test from "node:test";

import { decodeFrame, FrameError, recordReader } from "../../../gameserver/web/frame.js";
import { bufferOf, vectors } from "./vectors.mjs";

const reader = recordReader(vectors.layout);

test("every frame reads as Python reads it", () => {
  for (const { hex, read } of vectors.frames) {
    const { tick, full, sections } = decodeFrame(bufferOf(hex), reader);
    assert.deepEqual({ tick, full, sections: sections.map(({ end, ...section }) => section) }, read);
  }
});

test("a frame cut short anywhere is refused", () => {
  for (const { hex, read } of vectors.frames.filter((frame) => frame.read.sections.length)) {
    for (let bytes = 0; bytes < hex.length / 2; bytes += 1) {
      assert.throws(() => decodeFrame(bufferOf(hex).slice(0, bytes), reader), FrameError, `${bytes} of tick ${read.tick}`);
    }
  }
});

test("a frame of another version is refused", () => {
  const bytes = new Uint8Array(bufferOf(vectors.frames[0].hex));
  bytes[0] = 2;
  assert.throws(() => decodeFrame(bytes.buffer, reader), FrameError);
});

test("the record is read as the layout says, whatever its order and fields", () => {
  const other = recordReader([["status", "u8"], ["x", "f64"], ["id", "u16"], ["depth", "i8"]]);
  assert.equal(other.bytes, 12);
  const view = new DataView(new ArrayBuffer(12));
  view.setUint8(0, 5);
  view.setFloat64(1, -1.25, true);
  view.setUint16(9, 300, true);
  view.setInt8(11, -7);
  assert.deepEqual(other.read(view, 0), { status: 5, x: -1.25, id: 300, depth: -7 });
  assert.throws(() => recordReader([["x", "f16"]]), FrameError);
});
