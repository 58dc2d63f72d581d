// Colour maps and their scales.

const colourMaps = {};

/** A colour map as 256 times red, green, blue. */
function colourMap(name) {
  const text = settings.colours[name];
  colourMaps[name] ??= Uint8Array.from({ length: text.length / 2 }, (_none, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
  return colourMaps[name];
}

/** How opaque the saliency is at a share of its largest value: it fades out towards 0. */
const fading = (share) => Math.min(2 * share, 0.7);
const MARKED = 0.65;

/** The colour of a number of votes: [red, green, blue, opacity]. */
function votesColour(votes, raters) {
  const i = 3 * Math.round((255 * votes) / Math.max(raters, 1));
  return [...colourMap("votes").slice(i, i + 3), votes ? MARKED : 0];
}

// Colours of stored numbers, [red, green, blue, opacity], for the layers of the viewer.

/** Of a map: 0 is not seen, 1 to 255 run from 0 to the largest value. */
function saliencyColours(name) {
  const { fill } = saliencyScale(name, 1);
  return (stored) => (stored ? fill((stored - 1) / 254) : [0, 0, 0, 0]);
}

const votesColours = (raters) => (votes) => (votes ? votesColour(votes, raters) : [0, 0, 0, 0]);
const unseenColours = (kind) => [[0, 0, 0, 0], [20, 40, 60, 0.15], [154, 220, 255, 0.5]][kind];

/**
 * Draw a colour scale: a bar with numbers beneath it and what they are.
 * `fill(share)` gives [red, green, blue, opacity]; `ticks` are [share, text].
 */
function drawScale(context, box, fill, ticks, label) {
  const { x, y, width, unit } = box;
  context.fillStyle = "#595959";
  context.fillRect(x, y, width, 10 * unit);
  for (let i = 0; i < width; i++) {
    const [r, g, b, a] = fill(width > 1 ? i / (width - 1) : 0);
    context.fillStyle = `rgba(${r},${g},${b},${a})`;
    context.fillRect(x + i, y, 1, 10 * unit);
  }
  context.fillStyle = "#1a1a1a";
  context.font = `${12 * unit}px Report, sans-serif`;
  context.textBaseline = "top";
  for (const [share, text] of ticks) {
    context.textAlign = share < 0.1 ? "left" : share > 0.9 ? "right" : "center";
    context.fillRect(Math.min(x + share * width, x + width - unit), y + 10 * unit, unit, 3 * unit);
    context.fillText(text, x + share * width, y + 14 * unit);
  }
  context.textAlign = "center";
  context.fillText(label, x + width / 2, y + 30 * unit);
}

const greys = ([low, high]) => ({
  fill: (share) => [255 * share, 255 * share, 255 * share, 1],
  ticks: [[0, figure(low)], [0.5, figure((low + high) / 2)], [1, figure(high)]],
  label: say("hu_axis"),
});

function saliencyScale(name, largest) {
  const map = colourMap(name);
  return {
    fill: (share) => {
      const i = 3 * Math.round(255 * share);
      return [map[i], map[i + 1], map[i + 2], fading(share)];
    },
    ticks: [[0, "0"], [0.5, figure(largest / 2)], [1, figure(largest)]],
    label: say("saliency_axis"),
  };
}

function votesScale(raters) {
  return {
    fill: (share) => votesColour(Math.min(Math.floor(share * (raters + 1)), raters), raters),
    ticks: Array.from({ length: raters + 1 }, (_none, n) => [(n + 0.5) / (raters + 1), String(n)]),
    label: say("votes_axis"),
  };
}

/** A scale in a canvas of its own, beside the controls. */
function showScale(canvas, scale) {
  const unit = 2;
  canvas.width = 260 * unit;
  canvas.height = 46 * unit;
  drawScale(canvas.getContext("2d"), { x: 4, y: 2, width: canvas.width - 8, unit }, scale.fill, scale.ticks, scale.label);
}
