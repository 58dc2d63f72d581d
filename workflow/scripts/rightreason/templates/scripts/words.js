// Everything the reader sees comes from the page's JSON: words, colours, settings.

const settings = JSON.parse(document.getElementById("viewer-settings").textContent);
const byId = (id) => document.getElementById(id);

/** Fill the places of a sentence: say("title", {case: "c1"}). */
function say(key, values = {}) {
  return settings.words[key].replace(/\{(\w+)\}/g, (place, name) => (name in values ? values[name] : place));
}

/** A number as text: at most three digits that mean something, with a true minus sign. */
function figure(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(size >= 100 ? 5 : 3)));
  return text.replaceAll("-", "\u2212");
}

/** Millimetres with one decimal. */
function millimetres(value) {
  return (Math.round(value * 10) / 10 + 0).toFixed(1).replace("-", "\u2212");
}
