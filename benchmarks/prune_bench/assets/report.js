// Draws the charts, and lets the controls of a section speak to all charts of that section.
"use strict";

const text = { labelColor: "currentColor", titleColor: "currentColor", labelFontSize: 11.5,
  titleFontSize: 12, titleFontWeight: "normal", labelOpacity: 0.75, titleOpacity: 0.75 };
const config = {
  font: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
  background: null,
  view: { stroke: null },
  axis: { ...text, domain: false, ticks: false, labelPadding: 7, gridColor: "currentColor",
    gridOpacity: 0.11 },
  axisYQuantitative: { titlePadding: 10 },
  axisXQuantitative: { tickCount: 6, titlePadding: 8 },
  axisBand: { grid: false, labelOpacity: 1, labelFontSize: 12.5 },
  axisPoint: { grid: true, labelOpacity: 1, labelFontSize: 12.5 },
  legend: text,
  title: { color: "currentColor" },
};

const specs = JSON.parse(document.getElementById("charts").textContent);
const views = {};

async function draw() {
  for (const [id, spec] of Object.entries(specs)) {
    const options = { renderer: "svg", actions: false, config };
    views[id] = (await vegaEmbed(document.getElementById(id), spec, options)).view;
  }
  document.body.dataset.drawn = "yes";
}

// Sets a parameter in every chart of a section that has it.
function tell(section, name, value) {
  for (const chart of section.querySelectorAll(".chart")) {
    const knows = (specs[chart.id].params || []).some((param) => param.name === name);
    if (knows && views[chart.id]) views[chart.id].signal(name, value).runAsync();
  }
}

function showRows(section, keep) {
  for (const row of section.querySelectorAll("tr[data-keep], .note")) {
    row.hidden = Number(row.dataset.keep) !== keep;
  }
}

function sortBy(heading) {
  const table = heading.closest("table");
  const column = [...heading.parentNode.children].indexOf(heading);
  const first = column === 0 ? "ascending" : "descending";
  const other = { ascending: "descending", descending: "ascending" };
  const order = heading.ariaSort ? other[heading.ariaSort] : first;
  for (const each of table.querySelectorAll("thead th")) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
  const value = (row) => row.children[column]?.dataset.value ?? "";
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === "" || y === "") return (x === "") - (y === ""); // what is not known goes last
    const sign = order === "ascending" ? 1 : -1;
    return sign * (column === 0 ? x.localeCompare(y) : Number(x) - Number(y));
  };
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort(compare));
}

for (const section of document.querySelectorAll(".setting")) {
  showRows(section, Number(section.dataset.keep));
  for (const input of section.querySelectorAll("input[data-signal]")) {
    input.addEventListener("change", () => {
      const { signal } = input.dataset;
      const value = signal === "keep" ? Number(input.value) : input.value;
      tell(section, signal, value);
      if (signal === "keep") showRows(section, value);
    });
  }
  let pinned = null;
  const buttons = [...section.querySelectorAll(".legend button")];
  for (const button of buttons) {
    const { agent } = button.dataset;
    button.addEventListener("mouseenter", () => tell(section, "focus", agent));
    button.addEventListener("mouseleave", () => tell(section, "focus", pinned));
    button.addEventListener("click", () => {
      pinned = pinned === agent ? null : agent;
      for (const each of buttons) each.ariaPressed = String(each.dataset.agent === pinned);
      tell(section, "focus", pinned);
    });
  }
}
for (const heading of document.querySelectorAll(".sortable thead th")) {
  heading.firstElementChild.addEventListener("click", () => sortBy(heading));
}
draw();
