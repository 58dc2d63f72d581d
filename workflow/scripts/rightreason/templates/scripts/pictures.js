// The three pictures of a slice: CT, saliency over it, votes over it, each with its scale.

const WIDE = 720;
const SCALE_ROOM = 116;

/** Draw `plane` (from Volume.plane) with colours [red, green, blue, opacity] of its stored numbers. */
function painted(plane, colourOf) {
  const canvas = document.createElement("canvas");
  canvas.width = plane.width;
  canvas.height = plane.height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(plane.width, plane.height);
  const known = new Map();
  for (let i = 0; i < plane.values.length; i++) {
    let colour = known.get(plane.values[i]);
    if (!colour) known.set(plane.values[i], (colour = colourOf(plane.values[i])));
    image.data.set(colour, 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** The letters of the picture's left and top edge. */
function edgeLetters(ct, axis) {
  const [first, second] = [0, 1, 2].filter((p) => p !== ct.axes[axis].patient);
  return [["R", "A", "S"][first], ["R", "A", "S"][second]];
}

class Picture {
  /** Start a picture in a canvas: the CT slice with its letters, and room for a scale below. */
  constructor(canvas, ct, plane, window_) {
    const ratio = (plane.height * ct.spacing[plane.rows]) / (plane.width * ct.spacing[plane.columns]);
    // A few thick slices would be a strip, a long body a column: both stay in view.
    const height = Math.round(WIDE * ratio);
    const shrink = Math.min(1, (1.5 * WIDE) / height);
    canvas.width = WIDE;
    this.box = { x: (WIDE * (1 - shrink)) / 2, y: 0, width: WIDE * shrink, height: height * shrink };
    canvas.height = Math.round(this.box.height) + SCALE_ROOM;
    this.context = canvas.getContext("2d");
    this.context.fillStyle = "#fff";
    this.context.fillRect(0, 0, canvas.width, canvas.height);
    this.ct = ct;
    this.plane = plane;
    const [low, high] = window_;
    const grey = (stored) => {
      const shade = Math.max(0, Math.min(255, (255 * (ct.value(stored) - low)) / (high - low || 1)));
      return [shade, shade, shade, 255];
    };
    this.lay(painted(plane, grey), this.box, true);
  }

  lay(canvas, box, smooth, opacity = 1) {
    this.context.imageSmoothingEnabled = smooth;
    this.context.imageSmoothingQuality = "high";
    this.context.globalAlpha = opacity;
    this.context.drawImage(canvas, box.x, box.y, box.width, box.height);
    this.context.globalAlpha = 1;
  }

  /** Where a slice of another grid lies in the picture: by millimetres, along the axes of the CT. */
  boxOf(volume, plane) {
    const edge = (end) => {
      const voxel = [0, 0, 0];
      voxel[plane.axis] = plane.index;
      for (const axis of [plane.columns, plane.rows]) {
        const first = (volume.axes[axis].sign > 0) !== end ? volume.shape[axis] - 0.5 : -0.5;
        voxel[axis] = first;
      }
      const at = this.ct.toVoxel(volume.toMm(voxel));
      return [this.plane.columns, this.plane.rows].map((axis) =>
        (this.ct.axes[axis].sign > 0 ? this.ct.shape[axis] - 0.5 - at[axis] : at[axis] + 0.5) / this.ct.shape[axis]);
    };
    const [left, top] = edge(false);
    const [right, bottom] = edge(true);
    const { x, y, width, height } = this.box;
    return { x: x + left * width, y: y + top * height, width: (right - left) * width, height: (bottom - top) * height };
  }

  letters() {
    const [left, top] = edgeLetters(this.ct, this.plane.axis);
    const { x, y, width, height } = this.box;
    const opposite = { R: "L", A: "P", S: "I" };
    this.context.font = "bold 26px Report, sans-serif";
    for (const [letter, at, align, base] of [
      [left, [x + 12, y + height / 2], "left", "middle"], [top, [x + width / 2, y + 10], "center", "top"],
      [opposite[left], [x + width - 12, y + height / 2], "right", "middle"],
      [opposite[top], [x + width / 2, y + height - 10], "center", "bottom"],
    ]) {
      this.context.textAlign = align;
      this.context.textBaseline = base;
      this.context.lineWidth = 6;
      this.context.strokeStyle = "#000";
      this.context.strokeText(settings.words[letter], ...at);
      this.context.fillStyle = "#fff";
      this.context.fillText(settings.words[letter], ...at);
    }
  }

  scale({ fill, ticks, label }) {
    const box = { x: WIDE * 0.06, y: this.box.height + 10, width: WIDE * 0.88, unit: 2.3 };
    drawScale(this.context, box, fill, ticks, label);
  }

  lines(mask, size, box, look) {
    drawLines(this.context, outline(mask, size.width, size.height), size, box, { width: 3, ...look });
  }
}

const maskOf = (plane, inside) => Uint8Array.from(plane.values, (value) => (inside(value) ? 1 : 0));

/**
 * Draw the three pictures of the slice at `mm` across a patient axis.
 * `shown` holds ct, window, map (its volume, largest, threshold; or null), colours, marks (or null), raters.
 */
function drawPictures(canvases, shown, patientAxis, mm) {
  const { ct, map, marks } = shown;
  const axis = ct.along(patientAxis);
  const index = ct.sliceAt(axis, mm);
  const plane = ct.plane(axis, index);
  const pictures = canvases.map((canvas) => new Picture(canvas, ct, plane, shown.window));
  const marked = marks && planeOf(marks, ct, plane, mm);
  const seen = map && planeOf(map.volume, ct, plane, mm);
  if (seen) layMap(pictures[1], seen, shown);
  if (marked) layMarks(pictures, marked, shown);
  if (seen) outlineMap(pictures, seen, map);
  pictures.forEach((picture) => picture.letters());
  pictures[0].scale(greys(shown.window));
  if (map) pictures[1].scale(saliencyScale(shown.colours, map.largest));
  if (marks) pictures[2].scale(votesScale(shown.raters));
  return { axis, index, seen: Boolean(seen && seen.values.some((v) => v > 0)) };
}

/** The slice of another image at the place of a slice of the CT: its grid may be finer or coarser. */
function planeOf(volume, ct, plane, mm) {
  const voxel = ct.toVoxel(mm);
  voxel[plane.axis] = plane.index;
  const axis = volume.along(ct.axes[plane.axis].patient);
  const index = Math.round(volume.toVoxel(ct.toMm(voxel))[axis]);
  return index >= 0 && index < volume.shape[axis] ? volume.plane(axis, index) : null;
}

function layMap(picture, seen, { map, colours }) {
  const { fill } = saliencyScale(colours, map.largest);
  const over = painted(seen, (stored) => {
    if (!stored) return [0, 0, 0, 0];
    const [r, g, b, a] = fill(saliencyOf(map, stored) / (map.largest || 1));
    return [r, g, b, 255 * a];
  });
  picture.lay(over, picture.boxOf(map.volume, seen), true);
}

function outlineMap(pictures, seen, map) {
  const box = pictures[1].boxOf(map.volume, seen);
  pictures[1].lines(maskOf(seen, (v) => v > 0), seen, box, { colour: settings.seen, dash: [12, 9] });
  if (map.threshold === null) return;
  const attended = maskOf(seen, (v) => v >= map.attended_from);
  pictures[2].lines(attended, seen, box, { colour: settings.attended });
}

function layMarks(pictures, marked, { marks, raters }) {
  const box = pictures[2].boxOf(marks, marked);
  const over = painted(marked, (votes) => {
    const [r, g, b, a] = votesColour(votes, raters);
    return [r, g, b, 255 * a];
  });
  pictures[2].lay(over, box, false);
  pictures[1].lines(maskOf(marked, (votes) => votes > 0), marked, box, { colour: "#fff" });
}
