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
  // beside long names a phone has less room than a title in the middle, or a legend, takes
  axisX: { titleAnchor: { expr: "width < 200 ? 'end' : 'middle'" } },
  axisYQuantitative: { titlePadding: 10 },
  axisXQuantitative: { tickCount: 6, titlePadding: 8 },
  axisBand: { grid: false, labelOpacity: 1, labelFontSize: 12.5 },
  axisPoint: { grid: true, labelOpacity: 1, labelFontSize: 12.5 },
  legend: { ...text, layout: { top: { anchor: { signal: "width < 200 ? 'end' : 'start'" } } } },
  title: { color: "currentColor" },
};

const specs = JSON.parse(document.getElementById("charts").textContent);
const views = {};
const rowHeights = {};

// Rows of one height, however many are shown. Vega-Lite's own steps would do that, but they warn in
// a chart that is as wide as its container.
async function drawRows(id) {
  const [view, rowHeight] = [views[id], rowHeights[id]];
  await view.runAsync();
  if (rowHeight) await view.height(rowHeight * view.scale("y").domain().length).runAsync();
}

async function draw() {
  for (const [id, spec] of Object.entries(specs)) {
    rowHeights[id] = spec.height.step;
    spec.height = rowHeights[id] || spec.height;
    const options = { renderer: "svg", actions: false, config };
    views[id] = (await vegaEmbed(document.getElementById(id), spec, options)).view;
    await drawRows(id);
  }
  document.body.dataset.drawn = "yes";
}

// Sets a parameter in every chart of a section that has it.
function tell(section, name, value) {
  for (const { id } of section.querySelectorAll(".chart")) {
    const knows = (specs[id].params || []).some((param) => param.name === name);
    if (!knows || !views[id]) continue;
    views[id].signal(name, value);
    drawRows(id);
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

// Lets the legend of a section choose agents, and point at one.
function chooseAgents(section) {
  const chosen = new Set();
  const none = section.querySelector(".none-chosen");
  const buttons = [...section.querySelectorAll(".legend [data-agent]")];
  const show = () => {
    for (const each of buttons) each.ariaPressed = String(chosen.has(each.dataset.agent));
    none.hidden = chosen.size === 0;
    tell(section, "chosen", [...chosen]);
  };
  for (const button of buttons) {
    const { agent } = button.dataset;
    button.addEventListener("mouseenter", () => tell(section, "focus", agent));
    button.addEventListener("mouseleave", () => tell(section, "focus", null));
    button.addEventListener("click", () => {
      if (!chosen.delete(agent)) chosen.add(agent);
      show();
    });
  }
  none.addEventListener("click", () => {
    chosen.clear();
    show();
  });
}

const values = { keep: Number, unit: String, all: Boolean };
for (const section of document.querySelectorAll(".setting")) {
  showRows(section, Number(section.dataset.keep));
  const inputs = [...section.querySelectorAll("input[data-signal]")];
  for (const input of inputs) {
    input.addEventListener("change", () => {
      const { signal } = input.dataset;
      const value = values[signal](input.value);
      tell(section, signal, value);
      if (signal === "keep") showRows(section, value);
      if (signal === "all") section.classList.toggle("all", value);
    });
  }
  const all = inputs.find((input) => input.dataset.signal === "all" && input.value);
  for (const more of section.querySelectorAll(".more")) {
    more.addEventListener("click", () => all.click());
  }
  chooseAgents(section);
}
for (const box of document.querySelectorAll(".scroll")) {
  const look = () => {
    const left = box.scrollWidth - box.clientWidth - box.scrollLeft;
    box.parentNode.classList.toggle("cut", left > 2);
  };
  box.addEventListener("scroll", look, { passive: true });
  new ResizeObserver(look).observe(box);
}
for (const heading of document.querySelectorAll(".sortable thead th")) {
  heading.firstElementChild.addEventListener("click", () => sortBy(heading));
}
draw();
