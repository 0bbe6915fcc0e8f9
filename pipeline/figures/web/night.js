// The report of a night: its charts, and the header that can be searched.

function charts() {
  for (const element of document.querySelectorAll(".chart")) {
    const { data, layout, config } = JSON.parse(document.getElementById(element.dataset.chart).textContent);
    element.addEventListener("touchstart", (event) => event.stopPropagation(), true);    // a finger scrolls the page
    Plotly.newPlot(element, data, themed(layout), { ...config, responsive: false });
    new ResizeObserver(() => Plotly.Plots.resize(element)).observe(element);
  }
}

function search() {
  const find = document.getElementById("find"), told = document.getElementById("found");
  const rows = [...document.querySelectorAll("#cards tr")];
  find.oninput = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    told.textContent = words.length ? `${rows.filter((row) => !row.hidden).length} of ${rows.length} cards` : "";
  };
}

// Pictures and charts are as wide as the window: on paper they shrink to it, without being drawn anew.
const PAPER = 690;                                               // dots across A4 and Letter, between the margins
function fitPaper() {
  const width = document.querySelector("main").clientWidth;
  document.documentElement.style.setProperty("--on-paper", Math.min(1, PAPER / width));
}

fitPaper();
addEventListener("resize", fitPaper);
search();
started.then(charts);
