// A NIfTI image in memory, with its place in the patient. Axes are looked up in the affine; nothing
// relies on the order of the array.

const KINDS = { 2: Uint8Array, 4: Int16Array, 8: Int32Array, 16: Float32Array, 64: Float64Array, 256: Int8Array, 512: Uint16Array, 768: Uint32Array };

async function unpack(base64) {
  const text = atob(base64);
  const packed = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

class Volume {
  /** Read the bytes of a single-file NIfTI-1 image. */
  constructor(buffer) {
    const head = new DataView(buffer);
    if (buffer.byteLength < 352 || head.getInt32(0, true) !== 348) throw new Error("not a NIfTI image");
    this.buffer = buffer;
    this.shape = [0, 1, 2].map((a) => head.getInt16(42 + 2 * a, true));
    const Kind = KINDS[head.getInt16(70, true)];
    const start = head.getFloat32(108, true);
    const count = this.shape[0] * this.shape[1] * this.shape[2];
    this.data = new Kind(buffer.slice(start, start + count * Kind.BYTES_PER_ELEMENT));
    if (this.data.length !== count) throw new Error("the image is cut off");
    this.slope = head.getFloat32(112, true) || 1;
    this.intercept = head.getFloat32(116, true) || 0;
    this.affine = affineOf(head);
    this.inverse = inverted(this.affine);
    this.axes = axesOf(this.affine);
    this.strides = [1, this.shape[0], this.shape[0] * this.shape[1]];
    this.spacing = [0, 1, 2].map((a) => Math.hypot(...[0, 1, 2].map((row) => this.affine[row][a])));
  }

  toMm(voxel) {
    return this.affine.map((row) => row[0] * voxel[0] + row[1] * voxel[1] + row[2] * voxel[2] + row[3]);
  }

  toVoxel(mm) {
    return this.inverse.map((row) => row[0] * mm[0] + row[1] * mm[1] + row[2] * mm[2] + row[3]);
  }

  /** The voxel that holds a place, or null outside the image. */
  voxelAt(mm) {
    const voxel = this.toVoxel(mm).map(Math.round);
    return voxel.every((v, a) => v >= 0 && v < this.shape[a]) ? voxel : null;
  }

  /** The stored number at a place, or null outside. */
  storedAt(mm) {
    const voxel = this.voxelAt(mm);
    return voxel && this.data[voxel[0] + voxel[1] * this.strides[1] + voxel[2] * this.strides[2]];
  }

  value(stored) {
    return stored * this.slope + this.intercept;
  }

  /** The slice across an array axis that is closest to a place. */
  sliceAt(axis, mm) {
    return Math.max(0, Math.min(this.shape[axis] - 1, Math.round(this.toVoxel(mm)[axis])));
  }

  /** The array axis along a patient axis: 0 right-left, 1 front-back, 2 head-feet. */
  along(patientAxis) {
    return this.axes.findIndex((axis) => axis.patient === patientAxis);
  }

  /**
   * One slice across an array axis, turned as radiologists are used to: columns run to the patient's
   * left (in sagittal slices to the back), rows to the back (else to the feet).
   */
  plane(axis, index) {
    const others = [0, 1, 2].filter((a) => a !== axis).sort((a, b) => this.axes[a].patient - this.axes[b].patient);
    const [columns, rows] = others;
    const width = this.shape[columns];
    const height = this.shape[rows];
    const values = new this.data.constructor(width * height);
    const [byColumn, fromColumn] = this.walk(columns);
    const [byRow, fromRow] = this.walk(rows);
    const start = index * this.strides[axis] + fromColumn + fromRow;
    for (let y = 0, to = 0; y < height; y++) {
      for (let x = 0, from = start + y * byRow; x < width; x++, from += byColumn) values[to++] = this.data[from];
    }
    return { values, width, height, columns, rows, axis, index };
  }

  /** Step and start along an axis, against the direction of the RAS axis it lies along. */
  walk(axis) {
    const step = this.strides[axis];
    return this.axes[axis].sign > 0 ? [-step, (this.shape[axis] - 1) * step] : [step, 0];
  }
}

function affineOf(head) {
  const number = (at) => head.getFloat32(at, true);
  if (head.getInt16(254, true) > 0) return [280, 296, 312].map((row) => [0, 4, 8, 12].map((at) => number(row + at)));
  const [b, c, d] = [256, 260, 264].map(number);
  const a = Math.sqrt(Math.max(0, 1 - b * b - c * c - d * d));
  const last = number(76) < 0 ? -1 : 1;
  const [x, y, z] = [number(80), number(84), number(88) * last];
  return [
    [(a * a + b * b - c * c - d * d) * x, 2 * (b * c - a * d) * y, 2 * (b * d + a * c) * z, number(268)],
    [2 * (b * c + a * d) * x, (a * a + c * c - b * b - d * d) * y, 2 * (c * d - a * b) * z, number(272)],
    [2 * (b * d - a * c) * x, 2 * (c * d + a * b) * y, (a * a + d * d - b * b - c * c) * z, number(276)],
  ];
}

function inverted(m) {
  const minor = (r, c) => {
    const [a, b] = [0, 1, 2].filter((i) => i !== r);
    const [d, e] = [0, 1, 2].filter((i) => i !== c);
    return (m[a][d] * m[b][e] - m[a][e] * m[b][d]) * ((r + c) % 2 ? -1 : 1);
  };
  const whole = m[0][0] * minor(0, 0) + m[0][1] * minor(0, 1) + m[0][2] * minor(0, 2);
  return [0, 1, 2].map((r) => {
    const row = [0, 1, 2].map((c) => minor(c, r) / whole);
    return [...row, -(row[0] * m[0][3] + row[1] * m[1][3] + row[2] * m[2][3])];
  });
}

/** Which patient axis each array axis lies along, and whether it runs with it; the closest first. */
function axesOf(affine) {
  const length = (a) => Math.hypot(affine[0][a], affine[1][a], affine[2][a]);
  const pairs = [0, 1, 2].flatMap((a) => [0, 1, 2].map((p) => ({ a, patient: p, cosine: affine[p][a] / length(a) })));
  pairs.sort((one, two) => Math.abs(two.cosine) - Math.abs(one.cosine));
  const found = [];
  const taken = new Set();
  for (const { a, patient, cosine } of pairs) {
    if (found[a] || taken.has(patient)) continue;
    found[a] = { patient, sign: cosine > 0 ? 1 : -1 };
    taken.add(patient);
  }
  return found;
}
