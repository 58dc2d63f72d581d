// The view of one case: dialog, controls, read-out and pictures.

const view = {
  dialog: byId("case-view"), canvas: byId("view-canvas"), viewer: null, current: null, opened: 0, from: null,
  pictures: ["view-ct", "view-saliency", "view-votes"].map(byId),
};
const control = (name) => byId(`view-${name}`);

function problem(key, values = {}) {
  control("problem").textContent = key ? say(key, values) : "";
  control("problem").hidden = !key;
}

/** Open a case: its facts at once, its images as they come. */
async function openCase(id) {
  const ticket = ++view.opened;
  view.current = null;
  view.dialog.classList.remove("ready", "flat");
  byId("case-view-title").textContent = say("title", { case: id });
  byId("case-view-title").dataset.case = id;
  factsOf(id);
  problem("");
  control("state").textContent = say("loading", { case: id });
  if (!view.dialog.open) view.dialog.showModal();
  byId("case-view-title").focus();
  try {
    const found = await readCase(await caseData(id));
    if (ticket !== view.opened) return;
    await showCase(found);
    control("state").textContent = say("ready", { case: id });
  } catch (error) {
    if (ticket !== view.opened) return;
    control("state").textContent = "";
    problem(error.message === "missing" ? "missing" : "broken", { case: id, file: fileOf(id) });
  }
}

async function showCase(found) {
  fillControls(found);
  view.current = { ...found, map: null, votes: null, raters: 0, mm: startOf(found) };
  view.dialog.classList.add("ready");
  try {
    view.viewer ??= await Viewer.on(view.canvas);
    view.viewer.nv.onLocationChange = () => moved(view.viewer.position());
    await view.viewer.open(found.ct, windowNow());
    choosePlanes();
  } catch {
    view.viewer = null;
    view.dialog.classList.add("flat");
    problem("no_webgl");
  }
  await chooseMap();
  await chooseMarks();
  goTo(view.current.map?.peak_mm ?? view.current.mm);
}

const startOf = ({ ct }) => ct.toMm(ct.shape.map((n) => Math.floor(n / 2)));

/** The plane that the slider, the keys and the pictures go through. */
const planeNow = () => (control("plane").value === "all" ? "axial" : control("plane").value);
const windowNow = () => [Number(control("low").value), Number(control("high").value)];

function sliceNow() {
  const { ct, mm } = view.current;
  const axis = ct.along(PLANES[planeNow()]);
  return { axis, index: ct.sliceAt(axis, mm), count: ct.shape[axis], sign: ct.axes[axis].sign };
}

function goTo(mm) {
  view.current.mm = mm;
  if (view.viewer) view.viewer.moveTo(mm);
  update();
}

/** Go to a slice across an array axis, within the image. */
function goToSlice(axis, index) {
  const { ct, mm } = view.current;
  const voxel = ct.toVoxel(mm);
  voxel[axis] = Math.max(0, Math.min(ct.shape[axis] - 1, index));
  goTo(ct.toMm(voxel));
}

function moved(mm) {
  if (!view.current) return;
  view.current.mm = mm;
  update();
}

let due = false;
/** Draw slider, read-out and pictures once before the next frame. */
function update() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    if (view.current) draw();
  });
}

function draw() {
  const { current } = view;
  const { axis, index, count } = sliceNow();
  const voxel = current.ct.toVoxel(current.mm);
  voxel[axis] = index;
  const where = current.ct.toMm(voxel)[PLANES[planeNow()]];
  Object.assign(control("slice"), { min: 1, max: count });
  control("slice").value = index + 1;
  const said = say("slice_of", { plane: settings.words[planeNow()], ...numbered(current, axis, index), mm: millimetres(where) });
  control("slice-said").textContent = said;
  control("slice").setAttribute("aria-valuetext", said);
  readOut(current.mm);
  const shown = { ct: current.ct, map: current.map, marks: current.votes, raters: current.raters,
    window: windowNow(), colours: control("colours").value };
  const drawn = drawPictures(view.pictures, shown, PLANES[planeNow()], current.mm);
  caption(drawn);
}

function caption({ axis, index, seen }) {
  const { map, raters, rater, votes } = view.current;
  const [low, high] = windowNow().map(figure);
  const plane = settings.words[planeNow()].toLowerCase();
  const texts = [
    say("ct_caption", { plane, ...numbered(view.current, axis, index), low, high }),
    map ? say(rater === null ? "saliency_caption" : "saliency_rater_caption", { rater, ...map }) : say("no_maps"),
    !votes ? say("no_marks") : rater === null ? say("votes_caption", { n: raters, ...map }) : say("rater_caption", { rater, ...map }),
  ];
  if (map && !seen) texts[1] += ` ${say("nothing_seen")}`;
  if (map && map.threshold === null) texts[2] += ` ${say("no_threshold")}`;
  view.pictures.forEach((canvas, i) => {
    byId(`${canvas.id}-caption`).textContent = texts[i];
    canvas.setAttribute("aria-label", texts[i]);
  });
}
