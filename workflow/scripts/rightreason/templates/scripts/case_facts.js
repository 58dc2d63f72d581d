// What the table of cases says of one case.

/** The rows of the table of cases that are this case's, one below the other. */
function factsOf(id) {
  const table = byId("cases-table");
  const heads = [...table.tHead.rows[0].cells].map((cell) => cell.dataset.name ?? cell.textContent);
  const rows = cases.rows.map(({ row }) => row).filter((row) => row.dataset.case === id);
  const facts = byId("view-facts");
  facts.tHead.rows[0].replaceChildren(...rows.length ? [cell("td", ""), ...rows.map((row) => cell("th", row.cells[1].textContent, "col"))] : []);
  facts.tBodies[0].replaceChildren(...heads.map((head, i) => {
    const line = document.createElement("tr");
    line.append(cell("th", head, "row"), ...rows.map((row) => cell("td", row.cells[i].textContent)));
    return line;
  }).slice(2));
}

function cell(kind, text, scope) {
  const made = document.createElement(kind);
  made.textContent = text;
  if (scope) made.scope = scope;
  return made;
}
