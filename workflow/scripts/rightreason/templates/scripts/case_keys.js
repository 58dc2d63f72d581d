// Keys and pointer over the planes.

const KEYS = {
  ArrowUp: ({ axis, index, sign }) => goToSlice(axis, index + sign),
  ArrowDown: ({ axis, index, sign }) => goToSlice(axis, index - sign),
  PageUp: ({ axis, index, sign }) => goToSlice(axis, index + 5 * sign),
  PageDown: ({ axis, index, sign }) => goToSlice(axis, index - 5 * sign),
  Home: ({ axis, count, sign }) => goToSlice(axis, sign > 0 ? count - 1 : 0),
  End: ({ axis, count, sign }) => goToSlice(axis, sign > 0 ? 0 : count - 1),
  ArrowLeft: () => shift(PLANES[planeNow()] === 0 ? 1 : 0, 1),
  ArrowRight: () => shift(PLANES[planeNow()] === 0 ? 1 : 0, -1),
};

/** Move the cross by a voxel along a patient axis. */
function shift(patientAxis, by) {
  const { ct, mm } = view.current;
  const axis = ct.along(patientAxis);
  goToSlice(axis, Math.round(ct.toVoxel(mm)[axis]) + by * ct.axes[axis].sign);
}

view.canvas.parentElement.addEventListener("keydown", (event) => {
  // NiiVue has keys of its own, which are not for readers of a report: it sees none but Tab and Esc.
  if (event.key === "Tab" || event.key === "Escape") return;
  event.stopPropagation();
  if (!KEYS[event.key] || !view.current || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  KEYS[event.key](sliceNow());
}, { capture: true });

view.canvas.addEventListener("pointermove", (event) => {
  if (!view.current || !view.viewer) return;
  const mm = view.viewer.under(event);
  if (mm) readOut(mm);
});
// NiiVue tells nobody of a window that was dragged.
view.canvas.addEventListener("mouseup", (event) => {
  if (event.button === 2 && view.current && view.viewer) setWindow(...view.viewer.windowNow());
});
view.canvas.addEventListener("pointerleave", () => view.current && readOut(view.current.mm));

// NiiVue would set a window of its own at a double click, unasked.
view.canvas.parentElement.addEventListener("dblclick", (event) => event.stopPropagation(), { capture: true });
