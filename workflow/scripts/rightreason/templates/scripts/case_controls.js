// The controls beside the planes: planes, window, map, marks.

/** Fill the lists of models, methods and raters from the case. */
function fillControls({ maps, marks, about }) {
  const before = { model: control("model").value, method: control("method").value, marks: control("marks").value };
  const models = [...new Set(maps.map((map) => map.model))];
  options(control("model"), models.map((name) => [name, name]), before.model || byId("cases-filter-1")?.value);
  listMethods(maps, before.method || settings.method);
  const raters = marks ? marks.raters : [];
  options(control("marks"), [["all", say("all_votes")], ...raters.map((name) => [`rater:${name}`, name])], before.marks);
  control("no-marks").textContent = marks ? "" : say("no_marks");
  control("no-maps").textContent = maps.length ? "" : say("no_maps");
  for (const name of ["model", "method", "colours", "saliency-opacity", "maximum", "unseen"]) control(name).disabled = !maps.length;
  for (const name of ["marks", "votes-opacity"]) control(name).disabled = !marks;
  const mm = about.mm.map((value) => figure(value)).join(" × ");
  control("resolution").textContent = say(about.reduced.some((n) => n > 1) ? "reduced" : "not_reduced", { mm });
}

function listMethods(maps, wanted) {
  const here = maps.filter((map) => map.model === control("model").value);
  options(control("method"), here.map((map) => [map.method, map.method]), wanted);
}

function options(select, pairs, wanted) {
  select.replaceChildren(...pairs.map(([value, text]) => new Option(text, value)));
  if (pairs.some(([value]) => value === wanted)) select.value = wanted;
}

async function chooseMap() {
  const { current, viewer } = view;
  const found = current.maps.find((map) => map.model === control("model").value && map.method === control("method").value);
  current.map = found ? await readMap(found) : null;
  if (current !== view.current) return;
  control("maximum").disabled = !found?.peak_mm;
  control("part").textContent = found ? settings.words[found.part] : "";
  if (found) showScale(control("saliency-scale"), saliencyScale(control("colours").value, found.largest));
  if (viewer) await drawMap(viewer, current.map);
  update();
}

async function drawMap(viewer, map) {
  const opacity = Number(control("saliency-opacity").value) / 100;
  await viewer.layer("saliency", map && coloured(map.volume, saliencyColours(control("colours").value)), opacity);
  await viewer.layer("unseen", map && control("unseen").checked ? coloured(unseenOf(map), unseenColours) : null, 1);
}

async function chooseMarks() {
  const { current, viewer } = view;
  const chosen = control("marks").value;
  const rater = chosen.startsWith("rater:") ? chosen.slice(6) : null;
  current.rater = rater;
  current.votes = current.marks && votesOf(current.marks, rater);
  current.raters = rater === null ? (current.marks?.raters.length ?? 0) : 1;
  if (current.votes) showScale(control("votes-scale"), votesScale(current.raters));
  if (viewer) {
    const opacity = Number(control("votes-opacity").value) / 100;
    await viewer.layer("votes", current.votes && coloured(current.votes, votesColours(current.raters)), opacity);
  }
  update();
}

function choosePlanes() {
  view.dialog.classList.toggle("all", control("plane").value === "all");
  if (view.viewer) view.viewer.planes(control("plane").value);
  update();
}

function windowed(low, high) {
  control("low").value = Math.round(low);
  control("high").value = Math.round(high);
  const name = `${Math.round(low)},${Math.round(high)}`;
  const known = [...control("window").options].some((option) => option.value === name);
  control("window").value = known ? name : "manual";
  update();
}

function setWindow(low, high) {
  control("state").textContent = high > low ? "" : say("bad_window");
  if (!(high > low)) return;
  windowed(low, high);
  if (view.viewer) view.viewer.window(low, high);
}

control("slice").addEventListener("input", () => goToSlice(sliceNow().axis, Number(control("slice").value) - 1));
control("plane").addEventListener("change", choosePlanes);
control("zoom").addEventListener("input", () => view.viewer?.zoom(Number(control("zoom").value)));
control("window").addEventListener("change", () => {
  const chosen = control("window").value;
  if (chosen === "manual") control("low").focus();
  else setWindow(...chosen.split(",").map(Number));
});
for (const end of ["low", "high"]) control(end).addEventListener("change", () => setWindow(...windowNow()));
control("model").addEventListener("change", () => {
  listMethods(view.current.maps, control("method").value);
  chooseMap();
});
for (const name of ["method", "colours", "unseen"]) control(name).addEventListener("change", chooseMap);
control("marks").addEventListener("change", chooseMarks);
for (const name of ["saliency", "votes"]) {
  control(`${name}-opacity`).addEventListener("input", () => view.viewer?.fade(name, Number(control(`${name}-opacity`).value) / 100));
}
control("maximum").addEventListener("click", () => view.current?.map?.peak_mm && goTo(view.current.map.peak_mm));
