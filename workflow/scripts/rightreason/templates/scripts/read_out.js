// What lies under the cursor, in numbers.

/** Say what lies at a place: position, slice, HU, saliency, votes. */
function readOut(mm) {
  const { current } = view;
  const { ct, map, marks } = current;
  const letters = [["R", "L"], ["P", "A"], ["I", "S"]];
  const [x, y, z] = mm.map((value, a) => settings.words[letters[a][a === 0 ? Number(value < 0) : Number(value >= 0)]]);
  const [x_mm, y_mm, z_mm] = mm.map((value) => millimetres(Math.abs(value)));
  // RAS: x grows to the right, y to the front, z to the head.
  control("at-position").textContent = say("position", { x, y, z, x_mm, y_mm, z_mm });
  const axis = ct.along(PLANES[planeNow()]);
  const voxel = ct.voxelAt(mm);
  const said = voxel ? numbered(current, axis, voxel[axis]) : null;
  control("at-slice").textContent = said ? `${said.k} / ${said.n}` : say("outside");
  const hu = voxel && Math.round(ct.value(ct.storedAt(mm)));
  control("at-hu").textContent = voxel ? say("hu", { hu: figure(hu), within: within(current, hu) }) : say("outside");
  control("at-saliency").textContent = saliencyAt(map, mm);
  control("at-votes").textContent = votesAt(marks, mm);
}

function saliencyAt(map, mm) {
  if (!map) return say("no_maps");
  const stored = map.volume.storedAt(mm);
  if (stored === null) return say("outside");
  return stored === 0 ? say("unseen") : figure(saliencyOf(map, stored));
}

function votesAt(marks, mm) {
  if (!marks) return say("no_marks");
  const stored = marks.volume.storedAt(mm);
  if (stored === null) return say("outside");
  const names = marks.raters.filter((_name, bit) => (stored >>> bit) & 1);
  const all = marks.raters.length;
  return names.length ? say("voted", { n: names.length, all, names: names.join(", ") }) : say("voted_none", { all });
}
