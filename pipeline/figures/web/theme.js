// Light or dark: as the system asks, until a button says otherwise; on paper always light.
"use strict";

const systemDark = matchMedia("(prefers-color-scheme: dark)");

// Give what a layout of plotly changes to have the colours of the page: plotly draws with them, and knows no CSS.
function themeOf(layout) {
  const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
  const ink = colour("--ink"), grid = colour("--line"), clear = "rgba(0,0,0,0)";
  const change = { paper_bgcolor: clear, plot_bgcolor: clear, "font.color": ink };
  for (const axis of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key)))
    Object.assign(change, { [`${axis}.color`]: ink, [`${axis}.linecolor`]: ink, [`${axis}.gridcolor`]: grid });
  if (layout.coloraxis) change["coloraxis.colorbar.tickcolor"] = ink;
  return change;
}

// Write changes, as plotly.relayout takes them, into a layout that is not drawn yet.
function written(layout, changes) {
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.replace("[0]", ".0").split("."), last = keys.pop();
    let at = layout;
    for (const key of keys) at = at[key] = at[key] || {};
    at[last] = value;
  }
  return layout;
}

function themed(layout) {
  return written(layout, themeOf(layout));
}

function wear(theme) {
  document.documentElement.dataset.theme = theme;
  for (const plot of document.querySelectorAll(".js-plotly-plot")) Plotly.relayout(plot, themeOf(plot.layout));
}

function startTheme() {
  const button = document.getElementById("theme"), chosen = () => document.documentElement.dataset.theme;
  const system = () => (systemDark.matches ? "dark" : "light");
  document.documentElement.dataset.theme = system();
  button.onclick = () => wear(chosen() === "dark" ? "light" : "dark");
  systemDark.addEventListener("change", () => wear(system()));
  let before = null;
  window.addEventListener("beforeprint", () => { before = chosen(); if (before === "dark") wear("light"); });
  window.addEventListener("afterprint", () => { if (before === "dark") wear("dark"); });
}
