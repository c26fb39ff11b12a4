// Sorts the table of all boards by a click on a heading, and filters its rows. The address keeps what
// was chosen, so that it can be passed on: leaderboard.html#data=Digits&keep=30%20%25
"use strict";
(() => {
  const board = document.querySelector(".leaderboard");
  const body = board.querySelector("tbody");
  const rows = [...body.rows];
  const filters = [...board.querySelectorAll("[data-filter]")];
  const headings = [...board.querySelectorAll("thead th")];

  function filter() {
    const chosen = filters.map((field) => [field.dataset.filter, field.value.trim()]);
    const fits = (row) => chosen.every(([name, value]) => name === "agent"
      ? row.dataset.agent.includes(value) : !value || row.dataset[name] === value);
    for (const row of rows) row.hidden = !fits(row);
    const left = rows.filter((row) => !row.hidden).length;
    board.querySelector("output").textContent = `${left} of ${rows.length} rows`;
    const said = new URLSearchParams(chosen.filter(([, value]) => value));
    history.replaceState(null, "", said.size ? `#${said}` : location.pathname.split("/").pop());
  }

  function sortBy(heading) {
    const column = headings.indexOf(heading);
    const text = isNaN(rows[0].cells[column].dataset.value);
    const other = { ascending: "descending", descending: "ascending" };
    const order = other[heading.ariaSort] || (text ? "ascending" : "descending");
    for (const each of headings) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    rows.sort((a, b) => {
      const [x, y] = [a, b].map((row) => row.cells[column].dataset.value);
      if (x === "" || y === "") return (x === "") - (y === ""); // what is not known goes last
      return sign * (text ? (x > y) - (x < y) : x - y);
    });
    body.append(...rows);
  }

  const said = new URLSearchParams(location.hash.slice(1));
  for (const field of filters) {
    field.value = said.get(field.dataset.filter) || "";
    field.addEventListener("input", filter);
  }
  for (const heading of headings) {
    heading.querySelector("button").addEventListener("click", () => sortBy(heading));
  }
  filter();
})();
