// The table of cases: sort, filter, search.

const cases = { table: byId("cases-table"), search: byId("cases-search"), body: null, rows: [] };

/** The cases of the rows that are shown, in their order, each once. */
function shownCases() {
  return [...new Set([...cases.body.rows].map((row) => row.dataset.case))];
}

function readRows() {
  cases.rows = [...cases.body.rows].map((row) => ({
    row, id: row.dataset.case.toLowerCase(),
    cells: [...row.cells].map((cell) => ({
      text: cell.textContent,
      order: "order" in cell.dataset ? (cell.dataset.order === "" ? NaN : Number(cell.dataset.order)) : null,
    })),
  }));
}

const byText = new Intl.Collator(document.documentElement.lang, { numeric: true }).compare;

/** Compare two cells: numbers by size, text as text with numbers in it, undefined last either way. */
function compare(one, two, direction) {
  const [lost, lostToo] = [one, two].map(({ order, text }) => (order === null ? text === "" : Number.isNaN(order)));
  if (lost || lostToo) return lost - lostToo;
  if (one.order !== null && two.order !== null) return direction * (one.order - two.order);
  if (one.order !== null || two.order !== null) return direction * (one.order === null ? 1 : -1);
  return direction * byText(one.text, two.text);
}

function sortBy(column, head) {
  const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of cases.table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
  cases.rows.sort((one, two) => compare(one.cells[column], two.cells[column], direction));
  arrange();
}

/** Show the rows that are chosen, in their order; the others are kept beside the page. */
function arrange() {
  const chosen = [...document.querySelectorAll("[data-filter]")].map((select) => [Number(select.dataset.filter), select.value]);
  const searched = cases.search.value.trim().toLowerCase();
  const shown = cases.rows.filter(({ id, cells }) =>
    id.includes(searched) && chosen.every(([column, value]) => !value || cells[column].text === value));
  cases.body.replaceChildren(...shown.map(({ row }) => row));
  byId("cases-count").textContent = say("shown", { n: shown.length, all: cases.rows.length });
}

function fillFilter(select) {
  const column = Number(select.dataset.filter);
  const values = [...new Set(cases.rows.map(({ cells }) => cells[column].text))].filter((text) => text !== "").sort(byText);
  select.append(...values.map((text) => new Option(text, text)));
  if (values.includes(select.dataset.first)) select.value = select.dataset.first;
  select.addEventListener("change", arrange);
}

function headButton(head, column) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  head.dataset.name = head.textContent;
  button.title = say("sort", { column: head.textContent });
  button.addEventListener("click", () => sortBy(column, head));
  head.replaceChildren(button);
}

if (cases.table) {
  cases.body = cases.table.tBodies[0];
  readRows();
  [...cases.table.tHead.rows[0].cells].forEach(headButton);
  document.querySelectorAll("[data-filter]").forEach(fillFilter);
  cases.search.addEventListener("input", arrange);
  byId("cases-tools").hidden = false;
  arrange();
  followAddress();
}
