// A case's file: loaded from beside the page, or taken from the page itself, and read.

const waiting = { case: null, found: null };

/** What the files beside the page call, with their case. */
window.rightreason = {
  show(data) {
    if (waiting.case !== null && data.case === waiting.case) waiting.found = data;
  },
};

const fileOf = (id) => `cases/${id}.js`;

/** Fetch a case; fails with the key of a sentence: `missing` or `broken`. */
function caseData(id) {
  const inline = [...document.querySelectorAll("script.case-data")].find((block) => block.dataset.case === id);
  if (inline) {
    return Promise.resolve().then(() => JSON.parse(inline.textContent)).catch(() => Promise.reject(new Error("broken")));
  }
  return new Promise((found, failed) => {
    const script = document.createElement("script");
    waiting.case = id;
    waiting.found = null;
    script.onload = () => {
      script.remove();
      if (waiting.case !== id) return;
      if (waiting.found) found(waiting.found);
      else failed(new Error("broken"));
      waiting.found = null;
    };
    script.onerror = () => {
      script.remove();
      failed(new Error("missing"));
    };
    script.src = fileOf(encodeURIComponent(id));
    document.head.append(script);
  });
}

/** Read the images of a case: the CT and the marks now, each map when it is chosen. */
async function readCase(data) {
  const ct = new Volume(await unpack(data.ct.data));
  const marks = data.marks && { raters: data.marks.raters, volume: new Volume(await unpack(data.marks.data)) };
  return { id: data.case, about: data.ct, ct, marks, maps: data.maps.map((map) => ({ ...map })) };
}

async function readMap(map) {
  map.volume ??= new Volume(await unpack(map.data));
  return map;
}

/** A stored number of a map in raw units; a map without evidence has no steps to scale. */
const saliencyOf = (map, stored) => Math.max(0, Math.min(map.largest, map.volume.value(stored)));

const START = 352;

/** A header like an image's, of numbers of another kind, and room for them. */
function blank(volume, kind, bytes) {
  const buffer = new ArrayBuffer(START + bytes * volume.data.length);
  new Uint8Array(buffer).set(new Uint8Array(volume.buffer, 0, 348));
  const head = new DataView(buffer);
  head.setInt16(70, kind, true);
  head.setInt16(72, 8 * bytes, true);
  head.setFloat32(108, START, true);
  head.setFloat32(112, 1, true);
  head.setFloat32(116, 0, true);
  return buffer;
}

/** A copy of an image with other numbers in it, of one byte a voxel. */
function remade(volume, numberOf) {
  const buffer = blank(volume, 2, 1);
  const bytes = new Uint8Array(buffer, START);
  for (let i = 0; i < bytes.length; i++) bytes[i] = numberOf(volume.data[i], i);
  return new Volume(buffer);
}

/** The bytes of an image in colour, for NiiVue; `colourOf` takes a stored number from 0 to 255. */
function coloured(volume, colourOf) {
  const buffer = blank(volume, 2304, 4);
  const table = new Uint8Array(4 * 256);
  for (let stored = 0; stored < 256; stored++) {
    const colour = colourOf(stored);
    if (colour) table.set(colour.map((part, i) => Math.round(i === 3 ? 255 * part : part)), 4 * stored);
  }
  const words = new Uint32Array(table.buffer);
  const pixels = new Uint32Array(buffer, START);
  for (let i = 0; i < pixels.length; i++) pixels[i] = words[volume.data[i]];
  return buffer;
}

/**
 * Which slice of the patient's CT a slice of the view is, from 1, and of how many. The view is a part
 * of the CT, averaged: where the file does not say which part, its own slices are counted.
 */
function numbered({ ct, about }, axis, index) {
  if (!about.first || !about.shape) return { k: index + 1, n: ct.shape[axis] };
  return { k: about.first[axis] + index * about.reduced[axis] + 1, n: about.shape[axis] };
}

/** How far a CT number may be off, for it is stored in steps. */
function within({ about }, hu) {
  const rungs = (about.ladder ?? []).filter(([from]) => from <= hu);
  return Math.ceil((rungs.length ? rungs[rungs.length - 1][1] : about.step_hu) / 2);
}

function bitsOf(value) {
  let count = 0;
  for (let rest = value; rest; rest &= rest - 1) count++;
  return count;
}

/** Votes of all raters, or the marks of one. */
function votesOf({ volume, raters }, chosen) {
  const bit = raters.indexOf(chosen);
  return remade(volume, bit < 0 ? bitsOf : (value) => (value >>> bit) & 1);
}

/** A lattice over what a map's model did not see, so that it is told from what holds no saliency. */
function unseenOf({ volume }) {
  const [width, height] = volume.shape;
  const step = Math.max(4, Math.round(Math.max(...volume.shape) / 24));
  return remade(volume, (value, i) => {
    if (value) return 0;
    const [x, y, z] = [i % width, Math.floor(i / width) % height, Math.floor(i / (width * height))];
    return (x + y + z) % step === 0 ? 2 : 1;
  });
}
