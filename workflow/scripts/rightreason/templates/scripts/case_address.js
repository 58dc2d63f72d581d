// The address says which case is open, so that a case can be linked to, and "back" closes it.
function followAddress() {
  const id = /^#case=(.+)$/.exec(location.hash)?.[1];
  if (id) {
    if (!view.dialog.open) view.from = document.activeElement;
    openCase(decodeURIComponent(id));
  } else if (view.dialog.open) view.dialog.close();
}
view.dialog.addEventListener("close", () => {
  view.opened++;
  if (/^#case=/.test(location.hash)) history.replaceState(null, "", location.pathname + location.search);
  const back = view.from && view.from !== document.body ? view.from : byId("cases-search");
  back.focus();
});
control("close").addEventListener("click", () => view.dialog.close());
for (const [name, by] of [["previous", -1], ["next", 1]]) {
  control(name).addEventListener("click", () => {
    const ids = shownCases();
    const at = ids.indexOf(byId("case-view-title").dataset.case);
    const id = ids[(at + by + ids.length) % ids.length];
    if (id) location.replace(`#case=${encodeURIComponent(id)}`);
  });
}
addEventListener("hashchange", followAddress);
