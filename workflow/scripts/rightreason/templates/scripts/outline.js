// Outlines of masks along the edges of their pixels, in runs as long as they go, so that they can be dashed.

/** Lines [x1, y1, x2, y2] around the pixels of a mask of width times height; none around the picture. */
function outline(mask, width, height) {
  const lines = [];
  for (let y = 1; y < height; y++) {
    runs(width, (x) => mask[(y - 1) * width + x] !== mask[y * width + x], (from, to) => lines.push([from, y, to, y]));
  }
  for (let x = 1; x < width; x++) {
    runs(height, (y) => mask[y * width + x - 1] !== mask[y * width + x], (from, to) => lines.push([x, from, x, to]));
  }
  return lines;
}

function runs(count, differs, found) {
  let from = -1;
  for (let i = 0; i <= count; i++) {
    const here = i < count && differs(i);
    if (here && from < 0) from = i;
    if (!here && from >= 0) {
      found(from, i);
      from = -1;
    }
  }
}

/** Draw lines of a picture of `width` times `height` into a box of the canvas. */
function drawLines(context, lines, size, box, look) {
  const [sx, sy] = [box.width / size.width, box.height / size.height];
  context.save();
  context.beginPath();
  for (const [x1, y1, x2, y2] of lines) {
    context.moveTo(box.x + x1 * sx, box.y + y1 * sy);
    context.lineTo(box.x + x2 * sx, box.y + y2 * sy);
  }
  context.setLineDash(look.dash ?? []);
  // A dark seam keeps the line apart from bright pixels.
  context.strokeStyle = "rgba(0,0,0,.55)";
  context.lineWidth = look.width * 2;
  context.stroke();
  context.strokeStyle = look.colour;
  context.lineWidth = look.width;
  context.stroke();
  context.restore();
}
