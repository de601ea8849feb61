// Binary world frames to plain objects (docs/protocol.md). Pure: bytes in, { tick, full, sections } out.
// Owns the record reader, which is built from the layout the server announces: field names, types and order are its.

export const SNAPSHOT = 1;
export const DELTA = 2;
export const FORGET = 3;

const VERSION = 1;
const FULL = 1; // flag: the snapshots in the frame are all there is in view
const FRAME_BYTES = 8;
const SECTION_BYTES = 12;

const TYPES = {
  u8: { bytes: 1, read: (view, at) => view.getUint8(at) },
  i8: { bytes: 1, read: (view, at) => view.getInt8(at) },
  u16: { bytes: 2, read: (view, at) => view.getUint16(at, true) },
  i16: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  u32: { bytes: 4, read: (view, at) => view.getUint32(at, true) },
  i32: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  f32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  f64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
};

export class FrameError extends Error {}

/** A reader of one record: `layout` is welcome.layout, a list of [field name, type name]. */
export function recordReader(layout) {
  let bytes = 0;
  const fields = layout.map(([name, typeName]) => {
    const type = TYPES[typeName];
    if (!type) throw new FrameError(`record field ${name} has the unknown type ${typeName}`);
    const field = { name, read: type.read, offset: bytes };
    bytes += type.bytes;
    return field;
  });
  const read = (view, at) => {
    const record = {};
    for (const field of fields) record[field.name] = field.read(view, at + field.offset);
    return record;
  };
  return { bytes, read };
}

/** The frame in `buffer` (an ArrayBuffer). Throws FrameError when it is not one. */
export function decodeFrame(buffer, reader) {
  const view = new DataView(buffer);
  try {
    return decode(view, reader);
  } catch (error) {
    if (error instanceof RangeError) throw new FrameError("the frame is cut short");
    throw error;
  }
}

function decode(view, reader) {
  const version = view.getUint8(0);
  if (version !== VERSION) throw new FrameError(`world frame version ${version}, this page knows ${VERSION}`);
  const full = (view.getUint8(1) & FULL) !== 0;
  const count = view.getUint16(2, true);
  const tick = view.getUint32(4, true);
  const sections = [];
  let at = FRAME_BYTES;
  for (let i = 0; i < count; i += 1) {
    const section = decodeSection(view, at, reader);
    if (section.end > view.byteLength) throw new RangeError("beyond the end");
    sections.push(section);
    at = section.end;
  }
  return { tick, full, sections };
}

function decodeSection(view, start, reader) {
  const what = view.getUint8(start);
  if (what < SNAPSHOT || what > FORGET) throw new FrameError(`unknown section ${what}`);
  const records = [];
  const left = [];
  let at = start + SECTION_BYTES;
  for (let i = view.getUint16(start + 2, true); i > 0; i -= 1, at += reader.bytes) records.push(reader.read(view, at));
  for (let i = view.getUint16(start + 4, true); i > 0; i -= 1, at += 4) left.push(view.getUint32(at, true));
  const cell = `${view.getInt16(start + 6, true)},${view.getInt16(start + 8, true)}`;
  return { what, cell, records, left, end: at };
}
