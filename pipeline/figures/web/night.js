// The report of a night: its charts, and the header that can be searched.

function charts() {
  for (const element of document.querySelectorAll(".chart")) {
    const { data, layout, config } = JSON.parse(document.getElementById(element.dataset.chart).textContent);
    element.addEventListener("touchstart", (event) => event.stopPropagation(), true);    // a finger scrolls the page
    Plotly.newPlot(element, data, layout, config);
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

search();
started.then(charts);
